// The program whose schedules were counted before ccbench was written (class counts of several search
// algorithms): one ticket, which is looked at, paid for and marked as sold, under guards without keys. For
// tests and the benchmark.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <vector>

#include "core/function_ref.h"
#include "sync/explore_sync.h"

namespace ccbench::explore::fixture {

using Sync = ExploreSync;
/// Answers whether the caller bought the ticket.
using Purchase = FunctionRef<bool()>;

class Guard {
 public:
  Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  virtual ~Guard() = default;
  virtual bool run(Task task, const Purchase& purchase) = 0;
};

class None final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override { return purchase(); }
};

class Mutex final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    const std::lock_guard lock(mutex_);
    return purchase();
  }

 private:
  Sync::mutex mutex_;
};

class ReadWrite final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    const std::lock_guard lock(mutex_);
    return purchase();
  }

 private:
  Sync::shared_mutex mutex_;
};

/// Wrong: a read lock around what writes.
class ReadLock final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    const std::shared_lock lock(mutex_);
    return purchase();
  }

 private:
  Sync::shared_mutex mutex_;
};

class Cas final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    bool expected = false;
    if (!busy_.compare_exchange_strong(expected, true)) return false;
    const bool bought = purchase();
    busy_.store(false);
    return bought;
  }

 private:
  Sync::atomic<bool> busy_{false};
};

/// Wrong: looks, and then sets.
class LoadStore final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    if (busy_.load()) return false;
    busy_.store(true);
    const bool bought = purchase();
    busy_.store(false);
    return bought;
  }

 private:
  Sync::atomic<bool> busy_{false};
};

/// Wrong: who is turned away clears the flag, too.
class CasFinally final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    bool expected = false;
    const bool entered = busy_.compare_exchange_strong(expected, true);
    const bool bought = entered && purchase();
    busy_.store(false);
    return bought;
  }

 private:
  Sync::atomic<bool> busy_{false};
};

/// Wrong: two locks, which every second task takes in the other order.
class LockInversion final : public Guard {
 public:
  bool run(Task task, const Purchase& purchase) override {
    const std::lock_guard outer(task % 2 == 0 ? first_ : second_);
    const std::lock_guard inner(task % 2 == 0 ? second_ : first_);
    return purchase();
  }

 private:
  Sync::mutex first_;
  Sync::mutex second_;
};

/// The first one buys, and everybody else waits for its end and shares its result.
class SingleFlight final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    {
      std::unique_lock lock(mutex_);
      if (led_) {
        while (!done_) ended_.wait(lock);
        return false;
      }
      led_ = true;
    }
    const bool bought = purchase();
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    ended_.notify_all();
    return bought;
  }

 private:
  Sync::mutex mutex_;
  Sync::condition_variable ended_;
  bool led_ = false;
  bool done_ = false;
};

/// Wrong: asks outside the lock whether it must wait, and may begin to when nobody will wake it any more.
class LostWakeup final : public Guard {
 public:
  bool run(Task /*task*/, const Purchase& purchase) override {
    if (!leads()) {
      if (done_.load() == 0) {
        std::unique_lock lock(mutex_);
        ended_.wait(lock);
      }
      return false;
    }
    const bool bought = purchase();
    done_.store(1);
    ended_.notify_all();
    return bought;
  }

 private:
  bool leads() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(led_, true);
  }

  Sync::mutex mutex_;
  Sync::condition_variable ended_;
  bool led_ = false;
  Sync::atomic<int> done_{0};
};

/// `tasks` buy the ticket under a `G`.
template <class G>
class Lotto final : public Program {
 public:
  explicit Lotto(Task tasks) : tasks_(tasks) {}

  Task tasks() const override { return tasks_; }
  void begin() override {
    sold_ = 0;
    sold_cell_.emplace(0);
    guard_.emplace();
  }
  void run(Task task) override {
    const auto purchase = [this] {
      if (sold_cell_->load() != 0) return false;
      Sync::sleep_for(std::chrono::nanoseconds(0));
      sold_cell_->store(1);
      return true;
    };
    if (guard_->run(task, purchase)) ++sold_;
  }
  void end() override {
    guard_.reset();
    sold_cell_.reset();
  }

  int sold() const { return sold_; }

 private:
  const Task tasks_;
  int sold_ = 0;
  std::optional<Sync::cell<int>> sold_cell_;
  std::optional<G> guard_;
};

}  // namespace ccbench::explore::fixture
