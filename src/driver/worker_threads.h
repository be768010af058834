// The threads of a trial.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ccbench {

/// Stack of one worker. Small, because creating and ending 1000 threads with default stacks takes
/// longer than many an experiment; sanitizers need more.
extern const std::size_t kWorkerStackBytes;

/// Threads numbered from 0, their stacks side by side in one mapping, a guard page under each.
class WorkerThreads {
 public:
  /// Starts `count` threads that each call `body(number)`. Thread i < cpus.size() is bound to the CPU
  /// cpus[i], the others run anywhere. Where the system refuses one, those started before it run on
  /// and `refused()` says so. `body` must outlive the threads.
  WorkerThreads(std::uint32_t count, const std::function<void(std::uint32_t)>& body,
                std::span<const int> cpus);
  /// Joins.
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  std::uint32_t started() const { return static_cast<std::uint32_t>(threads_.size()); }
  /// The error number with which the system refused a thread or its stack; 0 if all were started.
  int refused() const { return refused_; }

  /// Returns when all have ended.
  void join();

 private:
  struct Start {
    const std::function<void(std::uint32_t)>* body;
    std::uint32_t number;
  };
  static void* enter(void* start);

  std::byte* stacks_ = nullptr;
  std::size_t stacks_bytes_ = 0;
  std::vector<Start> starts_;
  std::vector<pthread_t> threads_;
  int refused_ = 0;
};

/// The CPUs that this process may run on.
std::vector<int> usable_cpus();

}  // namespace ccbench
