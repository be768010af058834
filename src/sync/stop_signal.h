// A stop token that can be set off: what guards that cancel grant their sections.
#pragma once

#include <chrono>
#include <mutex>

#include "core/stop_token.h"

namespace ccbench {

/// Asks everybody who holds it as a token to stop, once and for good.
///
/// Who waits: who sleeps on it, until it is asked to stop or has slept its time. Asking waits for nobody.
/// What is ordered: what was done before `request_stop` happens before an answer of true and before the end
/// of a sleep that it cut short. Memory: a mutex, a condition variable and a flag, 112 bytes with std's.
template <class Sync>
class StopSignal final : public StopToken {
 public:
  void request_stop() {
    {
      // Under the mutex, or a sleeper that has just looked could miss both the flag and the notification.
      const std::lock_guard lock(mutex_);
      stopped_.store(1, std::memory_order_release);
    }
    changed_.notify_all();
  }

  bool stop_requested() const override { return stopped_.load(std::memory_order_acquire) != 0; }

  void sleep_for(std::chrono::nanoseconds duration) const override {
    const auto end = Sync::now() + duration;
    std::unique_lock lock(mutex_);
    while (!stop_requested() && Sync::now() < end) changed_.wait_until(lock, end);
  }

 private:
  mutable typename Sync::mutex mutex_;
  mutable typename Sync::condition_variable changed_;
  typename Sync::template atomic<int> stopped_{0};  ///< changes under the mutex
};

}  // namespace ccbench
