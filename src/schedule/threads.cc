// Tasks as threads that pass a baton: a hundred times slower than fibers, and understood by sanitizers.
#include <array>
#include <semaphore>
#include <thread>
#include <utility>

#include "schedule/contexts.h"

namespace ccbench::explore {
namespace {

class Threads final : public Contexts {
 public:
  explicit Threads(Body body) : body_(std::move(body)) { threads_[kNoTask] = std::make_shared<Thread>(); }
  ~Threads() override {
    ending_ = true;
    for (auto& thread : threads_) {
      if (!thread || !thread->self.joinable()) continue;
      thread->turn.release();
      thread->self.join();
    }
  }

  void switch_to(Task other) override {
    const auto own = threads_[running_];
    running_ = other;
    std::shared_ptr<Thread>& next = threads_[other];
    if (!next) {
      next = std::make_shared<Thread>();
      next->self = std::thread([this, other, its = next] { work(other, *its); });
    }
    next->turn.release();
    own->turn.acquire();
  }

  void abandon(Task task) override {
    // It sleeps until the process ends, and has what it sleeps on with it.
    threads_[task]->self.detach();
    threads_[task].reset();
  }

 private:
  struct Thread {
    std::binary_semaphore turn{0};
    std::thread self;
  };

  void work(Task task, Thread& own) {
    own.turn.acquire();
    while (!ending_) switch_to(body_(task));
  }

  const Body body_;
  // Written by who has the turn, while all others wait for theirs.
  bool ending_ = false;
  Task running_ = kNoTask;
  std::array<std::shared_ptr<Thread>, kMostTasks + 1>
      threads_;  ///< and the main one, which has no thread of ours
};

}  // namespace

std::unique_ptr<Contexts> threads(Contexts::Body body) { return std::make_unique<Threads>(std::move(body)); }

}  // namespace ccbench::explore
