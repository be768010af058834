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
  explicit Threads(Body body) : body_(std::move(body)) {}
  ~Threads() override {
    ending_ = true;
    for (auto& thread : threads_) {
      if (!thread) continue;
      thread->turn.release();
      thread->self.join();
    }
  }

  void resume(Task task) override {
    if (!threads_[task]) {
      threads_[task] = std::make_shared<Thread>();
      threads_[task]->self = std::thread([this, task, own = threads_[task]] { work(task, *own); });
    }
    threads_[task]->turn.release();
    main_.acquire();
  }

  void suspend(Task task) override { hand_back(*threads_[task]); }

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
  std::array<std::shared_ptr<Thread>, kMostTasks> threads_;
};

}  // namespace

std::unique_ptr<Contexts> threads(Contexts::Body body) { return std::make_unique<Threads>(std::move(body)); }

}  // namespace ccbench::explore
