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

/// The happens-before relation of the C++20 standard ([intro.races]; [atomics.fences]) between the stores of
/// a schedule and its tasks, followed by vector clocks (F. Mattern, "Virtual time and global states of
/// distributed systems", 1989). A release sequence goes on with what others modify, and ends with a store.
/// A task is one of the schedule, or `kNoTask`: who makes the program, before all of them. A cell that a task
/// makes has its first value for all.
///
/// Of memory orders nothing but what they order is followed: atomics have their last value. Cells have it
/// for a load that is ordered after the last store, and may have an older one for any other: of the store
/// that happens before the load with none in between, the oldest that C++ allows, or of a later one.
class HappensBefore {
 public:
  /// From the next schedule on, whether loads that are not ordered after the last store see the oldest value
  /// that they may see. With every one of them doing so, what a step does still follows from the steps before
  /// it that touch the same, as a search needs it; values between the oldest and the last are not seen, nor
  /// both of these in one schedule.
  void see_oldest(bool oldest) { oldest_ = oldest; }

  void begin_schedule() {
    // One load that is not ordered is all that there is to know, unless older values are to be seen.
    follows_ = oldest_ || !unordered_;
  }
  void begin_object(ObjectId object) {
    if (object >= objects_.size()) objects_.resize(object + 1);
    if (!follows_) return;
    Object& its = objects_[object];
    its.released.clear();
    its.released_shared.clear();
    its.last = {};
    its.older.clear();
  }
  /// What its maker has done happens before all that it does.
  void begin_task(Task task, Task maker) {
    if (!follows_) return;
    Known& known = known_[task];
    known.stores = 0;
    known.now.clear();
    known.fenced.clear();
    known.pending.clear();
    if (maker != kNoTask) publish(maker, known.now);
  }
  void join(Task task, Task ended);

  void acquire(Task task, ObjectId object);
  void release(Task task, ObjectId object);
  /// Of a lock that many share: they are not ordered among themselves.
  void acquire_shared(Task task, ObjectId object);
  void release_shared(Task task, ObjectId object);

  // An atomic was read, written, or both as one step.
  void read(Task task, ObjectId atomic, std::memory_order order) {
    if (follows(task)) note_read(task, atomic, order);
  }
  void write(Task task, ObjectId atomic, std::memory_order order) {
    if (follows(task)) note_write(task, atomic, order);
  }
  void modify(Task task, ObjectId atomic, std::memory_order order) {
    if (follows(task)) note_modification(task, atomic, order);
  }
  void acquire_fence(Task task);
  void release_fence(Task task);

  /// A cell was stored to, in place of this value.
  void store(Task task, ObjectId cell, std::uint64_t replaced) {
    if (follows_) note_store(task, cell, replaced);
  }
  /// Whether a load sees the last value; else it sees what `older_value` says then.
  bool sees_last(Task task, ObjectId cell) {
    return !follows(task) || is_before(objects_[cell].last, task) || may_see_last(task, cell);
  }
  std::uint64_t older_value() const { return older_value_; }

  /// Some load of some schedule could have seen an older value than the last one. If none could in any
  /// schedule, what is so with the last values is so with all that release and acquire allow.
  bool saw_unordered_load() const { return unordered_; }

 private:
  /// Of each task, so many of its stores.
  class Clock {
   public:
    void clear() { width_ = 0; }
    std::uint32_t of(Task task) const { return task < width_ ? stores_[task] : 0; }
    void set(Task task, std::uint32_t stores) {
      widen(task + 1);
      stores_[task] = stores;
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
    std::uint32_t stores = 0;  ///< the task's own
    Clock now;                 ///< of the others'
    Clock fenced;   ///< what a relaxed write releases: all that was known at the last releasing fence
    Clock pending;  ///< what relaxed reads have seen released, and the next acquiring fence takes
  };
  /// By who makes the program: number 0, which all know.
  struct Store {
    Task task = kNoTask;
    std::uint32_t number = 0;  ///< of the task's stores, from 1
  };
  struct Replaced {
    Store store;
    std::uint64_t value;
  };
  struct Object {
    Clock released;
    Clock released_shared;
    Store last;                   ///< to a cell
    std::vector<Replaced> older;  ///< and those before it, if they may be seen
  };

  void note_read(Task task, ObjectId atomic, std::memory_order order);
  void note_write(Task task, ObjectId atomic, std::memory_order order);
  void note_modification(Task task, ObjectId atomic, std::memory_order order);
  void note_store(Task task, ObjectId cell, std::uint64_t replaced);
  bool may_see_last(Task task, ObjectId cell);

  static bool acquires(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
  }
  static bool releases(std::memory_order order) {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
  }
  /// Who makes the program knows everything.
  bool follows(Task task) const { return follows_ && task != kNoTask; }
  bool is_before(const Store& store, Task task) const {
    return store.task == task || known_[task].now.of(store.task) >= store.number;
  }
  /// All that the task knows.
  void publish(Task task, Clock& to) const {
    to.join(known_[task].now);
    to.set(task, known_[task].stores);
  }
  void release_to(Task task, Clock& to, std::memory_order order) const {
    if (releases(order)) {
      publish(task, to);
    } else {
      to.join(known_[task].fenced);
    }
  }

  std::array<Known, kMostTasks> known_;
  std::vector<Object> objects_;
  std::uint64_t older_value_ = 0;
  bool oldest_ = false;
  bool unordered_ = false;
  bool follows_ = true;  ///< in this schedule
};

}  // namespace ccbench::explore
