// Tasks as threads that pass a baton: a hundred times slower than fibers, and understood by sanitizers.
#include <array>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "schedule/contexts.h"

namespace ccbench::explore {
namespace {

class Threads final : public Contexts {
 public:
  explicit Threads(Body body) : body_(std::move(body)) {}
  ~Threads() override {
    ending_ = true;
    static_cast<void>(new auto(std::move(lost_)));
    for (auto& thread : threads_) {
      if (!thread) continue;
      thread->turn.release();
      thread->self.join();
    }
  }

  void resume(Task task) override {
    if (!threads_[task]) {
      threads_[task] = std::make_unique<Thread>();
      Thread& made = *threads_[task];
      made.self = std::thread([this, task, &made] { work(task, made); });
    }
    threads_[task]->turn.release();
    main_.acquire();
  }

  void suspend(Task task) override { hand_back(*threads_[task]); }

  void abandon(Task task) override {
    // It sleeps until the process ends, and what it sleeps on must be there.
    threads_[task]->self.detach();
    lost_.push_back(std::move(threads_[task]));
  }

 private:
  struct Thread {
    std::binary_semaphore turn{0};
    std::thread self;
  };

  void work(Task task, Thread& own) {
    own.turn.acquire();
    while (!ending_) {
      body_(task);
      hand_back(own);
    }
  }

  void hand_back(Thread& own) {
    main_.release();
    own.turn.acquire();
  }

  const Body body_;
  bool ending_ = false;  ///< written while all others wait for their turn
  std::binary_semaphore main_{0};
  std::array<std::unique_ptr<Thread>, kMostTasks> threads_;
  std::vector<std::unique_ptr<Thread>> lost_;
};

}  // namespace

std::unique_ptr<Contexts> threads(Contexts::Body body) { return std::make_unique<Threads>(std::move(body)); }

}  // namespace ccbench::explore
