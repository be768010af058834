// The explorer's synchronization policy: every operation is a step that the scheduler chooses.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "core/request.h"
#include "schedule/scheduler.h"
#include "sync/keyed.h"
#include "sync/slots.h"
#include "sync/std_sync.h"

namespace ccbench {

// Names and forms are those of std, whose place these types take.
// NOLINTBEGIN(readability-identifier-naming,readability-make-member-function-const,google-explicit-constructor)

/// What `StdSync` offers, for the tasks of the scheduler that runs. All see the steps in one order: an atomic
/// has the last value whatever the memory order, and the order says what is known of the cells. Objects must
/// be made and used while a schedule runs.
struct ExploreSync {
 private:
  using Scheduler = explore::Scheduler;
  using Id = explore::ObjectId;
  using Kind = explore::ObjectKind;
  using Op = explore::OperationKind;
  using Mode = explore::Mode;
  using Order = std::memory_order;
  static Scheduler& scheduler() { return Scheduler::current(); }

 public:
  /// Of the explored time. A time that is computed from another is one that something will be compared with:
  /// that it comes is an event of its own (`Scheduler::set_alarm`), so that what expires does so at any step.
  class time_point {
   public:
    using duration = std::chrono::nanoseconds;

    constexpr time_point() = default;
    constexpr duration time_since_epoch() const { return since_; }
    friend time_point operator+(time_point time, duration after) {
      explore::Scheduler::current().set_alarm((time.since_ + after).count());
      return time_point(time.since_ + after);
    }
    friend constexpr duration operator-(time_point a, time_point b) { return a.since_ - b.since_; }
    friend constexpr auto operator<=>(time_point, time_point) = default;

   private:
    friend ExploreSync;
    constexpr explicit time_point(duration since) : since_(since) {}
    duration since_{};
  };
  static time_point now() { return time_point(std::chrono::nanoseconds(scheduler().now())); }
  static void sleep_for(std::chrono::nanoseconds duration) { scheduler().sleep_until(after(duration)); }
  /// Nothing but the clock can end it.
  static void spin_for(std::chrono::nanoseconds duration) { sleep_for(duration); }
  static void yield() { scheduler().yield(); }
  static void relax() { scheduler().yield(); }
  // No steps of their own that another could come before or after.
  static void acquire_fence() { scheduler().acquire_fence(); }
  static void release_fence() { scheduler().release_fence(); }
  /// Only the order of steps is explored, no deaths.
  [[noreturn]] static void end_process() { throw std::logic_error("the explorer ends no process"); }

  using random = StdSync::random;

 private:
  static std::int64_t after(std::chrono::nanoseconds duration) {
    return scheduler().now() + std::max<std::int64_t>(0, duration.count());
  }

  /// Of a comparison that fails, where one order is given for both.
  static constexpr Order without_release(Order order) {
    if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
    return order == std::memory_order_release ? std::memory_order_relaxed : order;
  }

  template <bool kRecursive>
  class basic_mutex {
   public:
    basic_mutex() : id_(scheduler().make(Kind::mutex)) {}
    basic_mutex(const basic_mutex&) = delete;
    basic_mutex& operator=(const basic_mutex&) = delete;
    ~basic_mutex() = default;

    void lock() { scheduler().lock(id_, kRecursive); }
    bool try_lock() { return scheduler().try_lock(id_, kRecursive); }
    void unlock() { scheduler().unlock(id_); }
    Id id() const { return id_; }

   private:
    const Id id_;
  };

 public:
  using mutex = basic_mutex<false>;
  using recursive_mutex = basic_mutex<true>;

  class timed_mutex : public basic_mutex<false> {
   public:
    bool try_lock_for(std::chrono::nanoseconds duration) {
      return scheduler().lock_until(id(), after(duration));
    }
    bool try_lock_until(time_point time) {
      return scheduler().lock_until(id(), time.time_since_epoch().count());
    }
  };

  class shared_mutex {
   public:
    shared_mutex() : id_(scheduler().make(Kind::shared_mutex)) {}
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;
    ~shared_mutex() = default;

    void lock() { scheduler().lock(id_, false); }
    bool try_lock() { return scheduler().try_lock(id_, false); }
    void unlock() { scheduler().unlock(id_); }
    void lock_shared() { scheduler().lock_shared(id_); }
    bool try_lock_shared() { return scheduler().try_lock_shared(id_); }
    void unlock_shared() { scheduler().unlock_shared(id_); }

   private:
    const Id id_;
  };

  /// Wakes who was notified, whose time is over, or whom the scheduler's `spurious` lets go.
  class condition_variable {
   public:
    condition_variable() : id_(scheduler().make(Kind::condition)) {}
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;
    ~condition_variable() = default;

    void notify_one() { scheduler().notify_one(id_); }
    void notify_all() { scheduler().notify_all(id_); }

    template <class Lock>
    void wait(Lock& lock) {
      scheduler().wait(id_, lock.mutex()->id(), explore::Operation::kNever);
    }
    template <class Lock, class Predicate>
    void wait(Lock& lock, Predicate predicate) {
      while (!predicate()) wait(lock);
    }
    template <class Lock>
    std::cv_status wait_until(Lock& lock, time_point time) {
      return wait_to(lock, time.time_since_epoch().count());
    }
    template <class Lock, class Predicate>
    bool wait_until(Lock& lock, time_point time, Predicate predicate) {
      return wait_to(lock, time.time_since_epoch().count(), predicate);
    }
    template <class Lock>
    std::cv_status wait_for(Lock& lock, std::chrono::nanoseconds duration) {
      return wait_to(lock, after(duration));
    }
    template <class Lock, class Predicate>
    bool wait_for(Lock& lock, std::chrono::nanoseconds duration, Predicate predicate) {
      return wait_to(lock, after(duration), predicate);
    }

   private:
    template <class Lock>
    std::cv_status wait_to(Lock& lock, std::int64_t deadline) {
      return scheduler().wait(id_, lock.mutex()->id(), deadline) ? std::cv_status::no_timeout
                                                                 : std::cv_status::timeout;
    }
    template <class Lock, class Predicate>
    bool wait_to(Lock& lock, std::int64_t deadline, Predicate predicate) {
      while (!predicate()) {
        if (wait_to(lock, deadline) == std::cv_status::timeout) return predicate();
      }
      return true;
    }

    const Id id_;
  };

  template <class T>
  class atomic {
   public:
    atomic() : atomic(T{}) {}
    atomic(T value)
        : id_(scheduler().make(Kind::atomic)), value_(value) {}  // NOLINT(google-explicit-constructor)
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;
    ~atomic() = default;

    T load(Order order = std::memory_order_seq_cst) const {
      scheduler().touch(Op::load, id_, Mode::read);
      scheduler().was_read(id_, order);
      return value_;
    }
    void store(T value, Order order = std::memory_order_seq_cst) {
      scheduler().touch(Op::store, id_, Mode::write);
      scheduler().was_written(id_, order);
      value_ = value;
    }
    operator T() const { return load(); }  // NOLINT(google-explicit-constructor)
    T operator=(T value) {                 // NOLINT(misc-unconventional-assign-operator): like std's
      store(value);
      return value;
    }

    T exchange(T value, Order order = std::memory_order_seq_cst) {
      return modify([&](T) { return value; }, order);
    }
    bool compare_exchange_strong(T& expected, T desired, Order success, Order failure) {
      scheduler().touch(Op::modify, id_, Mode::write);
      if (value_ == expected) {
        scheduler().was_modified(id_, success);
        value_ = desired;
        return true;
      }
      scheduler().was_read(id_, failure);
      expected = value_;
      return false;
    }
    bool compare_exchange_strong(T& expected, T desired, Order order = std::memory_order_seq_cst) {
      return compare_exchange_strong(expected, desired, order, without_release(order));
    }
    /// Never fails without a reason.
    bool compare_exchange_weak(T& expected, T desired, Order success, Order failure) {
      return compare_exchange_strong(expected, desired, success, failure);
    }
    bool compare_exchange_weak(T& expected, T desired, Order order = std::memory_order_seq_cst) {
      return compare_exchange_strong(expected, desired, order);
    }
    T fetch_add(T by, Order order = std::memory_order_seq_cst) {
      return modify([&](T value) { return static_cast<T>(value + by); }, order);
    }
    T fetch_sub(T by, Order order = std::memory_order_seq_cst) {
      return modify([&](T value) { return static_cast<T>(value - by); }, order);
    }
    T fetch_or(T with, Order order = std::memory_order_seq_cst) {
      return modify([&](T value) { return static_cast<T>(value | with); }, order);
    }
    T fetch_and(T with, Order order = std::memory_order_seq_cst) {
      return modify([&](T value) { return static_cast<T>(value & with); }, order);
    }
    T operator++() { return static_cast<T>(fetch_add(1) + 1); }
    T operator--() { return static_cast<T>(fetch_sub(1) - 1); }

    /// Looks; and while it finds the old value, waits to be notified and looks again.
    void wait(T old, Order order = std::memory_order_seq_cst) const {
      for (;;) {
        scheduler().touch(Op::watch, id_, Mode::write);
        scheduler().was_read(id_, order);
        if (value_ != old) return;
        scheduler().begin_to_wait(id_);
        scheduler().wake(id_);
      }
    }
    void notify_one() { scheduler().notify_one(id_); }
    void notify_all() { scheduler().notify_all(id_); }

   private:
    template <class Change>
    T modify(Change change, Order order) {
      scheduler().touch(Op::modify, id_, Mode::write);
      scheduler().was_modified(id_, order);
      return std::exchange(value_, change(value_));
    }

    const Id id_;
    T value_;
  };

  /// A load sees the last value, or what `HappensBefore` says.
  template <class T>
    requires(std::is_trivially_copyable_v<T> && sizeof(T) <= 8)
  class cell {
   public:
    cell(T value = T{})
        : id_(scheduler().make(Kind::cell)), value_(value) {}  // NOLINT(google-explicit-constructor)
    T load() const {
      scheduler().touch(Op::load, id_, Mode::read);
      return scheduler().sees_last(id_) ? value_ : value_of(scheduler().older_value());
    }
    void store(T value) {
      scheduler().touch(Op::store, id_, Mode::write);
      scheduler().was_stored_to(id_, bits_of(value_));
      value_ = value;
    }

   private:
    static std::uint64_t bits_of(T value) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof(T));
      return bits;
    }
    static T value_of(std::uint64_t bits) {
      T value;
      std::memcpy(&value, &bits, sizeof(T));
      return value;
    }

    const Id id_;
    T value_;
  };

  /// One of the scheduler's tasks.
  class thread {
   public:
    thread() = default;
    template <class Callable, class... Arguments>
      requires(!std::is_same_v<std::remove_cvref_t<Callable>, thread>)
    explicit thread(Callable&& callable, Arguments&&... arguments)
        : joinable_(true),
          id_(scheduler().spawn(std::function<void()>(
              std::bind_front(std::forward<Callable>(callable), std::forward<Arguments>(arguments)...)))) {}
    thread(thread&& other) noexcept : joinable_(std::exchange(other.joinable_, false)), id_(other.id_) {}
    thread& operator=(thread&& other) noexcept {
      joinable_ = std::exchange(other.joinable_, false);
      id_ = other.id_;
      return *this;
    }
    ~thread() = default;

    bool joinable() const { return joinable_; }
    void join() {
      scheduler().join(id_);
      joinable_ = false;
    }

   private:
    bool joinable_ = false;
    Id id_ = 0;
  };
};

// NOLINTEND(readability-identifier-naming,readability-make-member-function-const,google-explicit-constructor)

/// The map itself is not what is explored: looking a key up is no step.
template <class T>
class Keyed<ExploreSync, T> {
 public:
  T& at(Key key) {
    std::unique_ptr<T>& its = entries_[key];
    if (!its) its = std::make_unique<T>();
    return *its;
  }

 private:
  std::unordered_map<Key, std::unique_ptr<T>> entries_;
};

/// Made when they are first asked for: to make all of them takes longer than most schedules.
template <class T>
class Slots<ExploreSync, T> {
 public:
  explicit Slots(std::size_t count) : count_(count) {}

  std::size_t size() const { return count_; }
  T& operator[](std::size_t slot) { return slots_.at(slot); }
  T& of(Key key) { return slots_.at(slot_of(key, count_)); }

 private:
  const std::size_t count_;
  Keyed<ExploreSync, T> slots_;
};

}  // namespace ccbench
