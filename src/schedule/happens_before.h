// Which values of a cell a load may see: what happens before what, by vector clocks.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "schedule/operation.h"

namespace ccbench::explore {

/// Which value a load of a cell sees. Atomics have their last one in both: of their memory orders nothing but
/// what they order is followed.
enum class MemoryModel : std::uint8_t {
  /// The last one that was stored.
  sequential,
  /// The oldest one that C++ allows: of the store that happens before the load with none in between, or of
  /// any later one, as nothing orders those before it.
  release_acquire,
};

/// The happens-before relation of the C++20 standard ([intro.races]; [atomics.fences]) between the stores of
/// a schedule and its tasks, followed by vector clocks (F. Mattern, "Virtual time and global states of
/// distributed systems", 1989). A release sequence goes on with what others modify, and ends with a store.
/// A task is one of the schedule, or `kNoTask`: who makes the program, before all of them.
class HappensBefore {
 public:
  void choose(MemoryModel model) { model_ = model; }
  MemoryModel model() const { return model_; }

  void begin_schedule() { old_loads_ = 0; }
  void begin_object(ObjectId object);
  /// What its maker has done happens before all that it does.
  void begin_task(Task task, Task maker);
  void join(Task task, Task ended);

  void acquire(Task task, ObjectId object);
  void release(Task task, ObjectId object);
  /// Of a lock that many share: they are not ordered among themselves.
  void acquire_shared(Task task, ObjectId object);
  void release_shared(Task task, ObjectId object);

  // Of an atomic that was read, written, or both as one step.
  void read(Task task, ObjectId atomic, std::memory_order order);
  void write(Task task, ObjectId atomic, std::memory_order order);
  void modify(Task task, ObjectId atomic, std::memory_order order);
  void fence(Task task, std::memory_order order);

  void store(Task task, ObjectId cell, std::uint64_t value);
  std::uint64_t load(Task task, ObjectId cell);

  /// Loads of this schedule that did not see the last value.
  std::uint64_t old_loads() const { return old_loads_; }
  /// Some load of some schedule could have seen an older value than the last one. If none could in any
  /// schedule, what is so under `sequential` is so under `release_acquire`.
  bool saw_unordered_load() const { return unordered_; }

 private:
  /// Of each task, so many of its stores.
  class Clock {
   public:
    void clear() { width_ = 0; }
    std::uint32_t of(Task task) const { return task < width_ ? stores_[task] : 0; }
    /// Answers the number of the store.
    std::uint32_t count(Task task) {
      widen(task + 1);
      return ++stores_[task];
    }
    void join(const Clock& other) {
      widen(other.width_);
      for (Task task = 0; task < other.width_; ++task)
        stores_[task] = std::max(stores_[task], other.stores_[task]);
    }

   private:
    void widen(Task width) {
      for (; width_ < width; ++width_) stores_[width_] = 0;
    }

    Task width_ = 0;
    std::array<std::uint32_t, kMostTasks> stores_{};  ///< from `width_` on, anything
  };
  struct Known {
    Clock now;
    Clock fenced;   ///< what a relaxed write releases: all that was known at the last releasing fence
    Clock pending;  ///< what relaxed reads have seen released, and the next acquiring fence takes
  };
  struct Store {
    Task task;
    std::uint32_t number;
    std::uint64_t value;
  };
  struct Object {
    Clock released;
    Clock released_shared;
    std::vector<Store> stores;  ///< of a cell, in the order in which they were made
  };

  static bool acquires(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
  }
  static bool releases(std::memory_order order) {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
  }
  bool is_before(const Store& store, Task task) const {
    return store.task == kNoTask || known_[task].now.of(store.task) >= store.number;
  }

  MemoryModel model_ = MemoryModel::sequential;
  std::array<Known, kMostTasks> known_;
  std::vector<Object> objects_;
  std::uint64_t old_loads_ = 0;
  bool unordered_ = false;
};

}  // namespace ccbench::explore
