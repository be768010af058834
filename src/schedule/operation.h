// What a task is about to do, as the explorer sees it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ccbench::explore {

/// One of the program's threads of control: 0 … tasks-1, in order of their making.
using Task = std::uint32_t;
inline constexpr Task kMostTasks = 64;
inline constexpr Task kNoTask = kMostTasks;

/// A set of tasks.
class TaskSet {
 public:
  constexpr TaskSet() = default;
  static constexpr TaskSet of(Task task) { return TaskSet(std::uint64_t{1} << task); }
  /// 0 … count-1.
  static constexpr TaskSet first(Task count) {
    return TaskSet(count == kMostTasks ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1);
  }

  constexpr bool contains(Task task) const { return (bits_ >> task & 1) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr Task size() const {
    return bits_ < kSmall.size() ? kSmall[bits_].size : static_cast<Task>(std::popcount(bits_));
  }
  /// Of one that is not empty.
  constexpr Task lowest() const { return static_cast<Task>(std::countr_zero(bits_)); }
  /// The `n`-th from 0 of one that has more.
  constexpr Task nth(Task n) const {
    if (bits_ < kSmall.size()) return kSmall[bits_].tasks[n];
    std::uint64_t rest = bits_;
    for (Task i = 0; i < n; ++i) rest &= rest - 1;
    return TaskSet(rest).lowest();
  }

  constexpr void add(Task task) { bits_ |= std::uint64_t{1} << task; }
  constexpr void remove(Task task) { bits_ &= ~(std::uint64_t{1} << task); }
  constexpr TaskSet operator|(TaskSet other) const { return TaskSet(bits_ | other.bits_); }
  constexpr TaskSet operator&(TaskSet other) const { return TaskSet(bits_ & other.bits_); }
  constexpr TaskSet operator-(TaskSet other) const { return TaskSet(bits_ & ~other.bits_); }
  constexpr bool operator==(const TaskSet&) const = default;

  /// Calls `visit(task)` for each, from the lowest.
  template <class Visit>
  constexpr void each(Visit visit) const {
    for (TaskSet rest = *this; !rest.empty(); rest.remove(rest.lowest())) visit(rest.lowest());
  }

 private:
  /// Looked up: to count them takes as long as a step's other work where the processor has no instruction
  /// for it, or may not be asked to.
  struct Small {
    std::uint8_t size = 0;
    std::array<std::uint8_t, 8> tasks = {};
  };
  static constexpr auto small() {
    std::array<Small, 256> all{};
    for (std::size_t bits = 0; bits < all.size(); ++bits) {
      for (std::uint8_t task = 0; task < 8; ++task) {
        if ((bits >> task & 1) != 0) all[bits].tasks[all[bits].size++] = task;
      }
    }
    return all;
  }
  static const std::array<Small, 256> kSmall;

  constexpr explicit TaskSet(std::uint64_t bits) : bits_(bits) {}
  std::uint64_t bits_ = 0;
};

inline constexpr std::array<TaskSet::Small, 256> TaskSet::kSmall = small();

enum class ObjectKind : std::uint8_t { clock, mutex, shared_mutex, condition, atomic, cell, thread };

/// In order of their making within a schedule; 0 is the clock.
using ObjectId = std::uint32_t;
inline constexpr ObjectId kClock = 0;

enum class OperationKind : std::uint8_t {
  lock,
  try_lock,
  lock_until,
  unlock,
  lock_shared,
  try_lock_shared,
  unlock_shared,
  wait,  ///< gives the mutex back and begins to wait, as one step
  wake,  ///< ends a wait: notified, or its time is over
  notify_one,
  notify_all,
  load,
  store,
  modify,  ///< reads and writes as one step
  watch,   ///< `atomic::wait` looks, and begins to wait if the value is the old one
  sleep,
  yield,
  spawn,
  join,
  arrive,  ///< a request comes to its guard, and sees what time it is
  expire,  ///< the clock goes on to a time that somebody will compare with it
};

std::string_view to_text(OperationKind kind);
/// Nothing for a word that `to_text` does not give.
bool parse(std::string_view text, OperationKind& kind);

/// Whether there are states in which it is not possible, or only when nothing else is.
constexpr bool may_have_to_wait(OperationKind kind) {
  switch (kind) {
    case OperationKind::lock:
    case OperationKind::lock_until:
    case OperationKind::lock_shared:
    case OperationKind::wake:
    case OperationKind::sleep:
    case OperationKind::yield:
    case OperationKind::join:
    case OperationKind::expire: return true;
    default: return false;
  }
}

/// How a step touches an object.
enum class Mode : std::uint8_t {
  none,
  read,
  write,
  acquire,  ///< waits until it can; so do the shared ones
  acquire_shared,
  release,
  release_shared,
};

/// Whether the order of two touches of one object can make a difference.
constexpr bool conflict(Mode a, Mode b) {
  const auto only_reads = [](Mode mode) { return mode == Mode::read || mode == Mode::none; };
  const auto shares = [](Mode mode) { return mode == Mode::acquire_shared || mode == Mode::release_shared; };
  if (a == Mode::none || b == Mode::none) return false;
  return !(only_reads(a) && only_reads(b)) && !(shares(a) && shares(b));
}

/// An object, and how it is touched. A single word: one that is written in parts and read whole just after
/// keeps the processor waiting.
class Access {
 public:
  constexpr Access() = default;
  constexpr Access(ObjectId object, Mode mode)
      : bits_(std::uint64_t{static_cast<std::uint8_t>(mode)} << 32 | object) {}
  constexpr ObjectId object() const { return static_cast<ObjectId>(bits_); }
  constexpr Mode mode() const { return static_cast<Mode>(bits_ >> 32); }

 private:
  std::uint64_t bits_ = 0;
};

struct Operation {
  OperationKind kind = OperationKind::yield;
  bool recursive = false;  ///< a lock that its owner may take again
  Access first = {};
  Access second = {};              ///< of a wait, the mutex
  std::int64_t deadline = kNever;  ///< until when it waits, in ns of the explored time

  static constexpr std::int64_t kNever = INT64_MAX;
  bool timed() const { return deadline != kNever; }
};

/// All that a step has touched. What it did to the clock, and that its task has ended, is known only after
/// it.
struct Accesses {
  std::array<Access, 4> all = {};

  bool conflicts_with(const Accesses& other) const {
    for (const Access& mine : all) {
      if (mine.mode() == Mode::none) continue;
      for (const Access& its : other.all) {
        if (mine.object() == its.object() && conflict(mine.mode(), its.mode())) return true;
      }
    }
    return false;
  }
};

}  // namespace ccbench::explore
