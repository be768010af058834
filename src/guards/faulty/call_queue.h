// For faulty guards: the queue of a partition and the calls in it, for consumers to go wrong with.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "core/request.h"

namespace ccbench {

/// A request on its way through a queue, on its caller's stack: it may be gone once it is answered.
template <class Sync>
class Call {
 public:
  explicit Call(Section section) : section_(section) {}

  Result carry() { return section_(Entry{}); }

  void answer(const Result& result) {
    result_ = result;
    wake();
  }
  /// The caller gets the exception, of which the consumer must keep nothing: it may go with its caller.
  void answer(std::exception_ptr error) {
    error_ = std::move(error);
    wake();
  }

  Result wait_for_answer() {
    answered_.wait(0);
    if (error_) std::rethrow_exception(error_);
    return result_;
  }

 private:
  void wake() {
    answered_.store(1);
    answered_.notify_one();
  }

  Section section_;
  Result result_;
  std::exception_ptr error_;
  typename Sync::template atomic<int> answered_{0};
};

/// Calls in the order in which they came.
template <class Sync>
class CallQueue {
 public:
  using Batch = std::deque<Call<Sync>*>;

  /// Sends the section through the queue and waits for what a consumer makes of it.
  Result send(Section section) {
    Call<Sync> call(section);
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(&call);
    }
    changed_.notify_all();
    return call.wait_for_answer();
  }

  /// Waits for a call. Null: the queue has been closed.
  Call<Sync>* take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !calls_.empty(); });
    if (calls_.empty()) return nullptr;
    Call<Sync>* first = calls_.front();
    calls_.pop_front();
    return first;
  }

  /// Waits for a call, and then for so long at most for `enough`; takes all there are. Empty: the queue has
  /// been closed.
  Batch take_all(std::size_t enough, std::chrono::nanoseconds patience) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !calls_.empty(); });
    changed_.wait_for(lock, patience, [&] { return closed_ || calls_.size() >= enough; });
    return std::exchange(calls_, {});
  }

  /// Nobody sends any more.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  typename Sync::mutex mutex_;
  typename Sync::condition_variable changed_;
  Batch calls_;
  bool closed_ = false;
};

}  // namespace ccbench
