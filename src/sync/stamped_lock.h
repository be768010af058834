// A lock of three modes: one writes, or many read, or anybody reads without entering and asks afterwards
// whether somebody has written meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace ccbench {

/// What a stamped lock answers to who enters, and asks from who leaves. 0: not entered.
using Stamp = std::uint64_t;

/// Who waits: a write while anybody is inside, a read while a write is or waits. A waiting write keeps later
/// reads out, and a write that ends lets in all reads that wait by then; so a read waits for one write at
/// most, and no stream of reads keeps a write out. Writes among themselves are not ordered: one that comes
/// while the lock is free goes before those that are still waking up. `try_...` wait for nobody.
/// What is ordered: what a write did happens before every later section in any mode, a validated optimistic
/// read included, and what a read did before every later write. An optimistic read may see a datum change
/// under it until it is validated, so it must read nothing but atomics and have no effects.
/// Not re-entrant. A mode may be left by another thread than the one that entered.
/// Errors: std::logic_error for a stamp that the lock is not held with, in which case nothing changes. Stamps
/// of reads that are inside together are equal, so that one left twice for another goes unseen.
/// Memory: 64 bytes with std's primitives. Nobody may be in it when it ends.
///
/// Modes, stamps and conversions after java.util.concurrent.locks.StampedLock (D. Lea; its documentation).
/// The version is that of C. Lameter, "Effective synchronization on Linux/NUMA systems" (2005), and the
/// fences are those of H.-J. Boehm, "Can seqlocks get along with programming language memory models?" (MSPC
/// 2012). Letting all reads in after a write: B. Brandenburg, J. Anderson, "Spin-based reader-writer
/// synchronization for multiprocessor real-time systems" (2010).
template <class Sync>
class StampedLock {
 public:
  Stamp write_lock() {
    State state = state_.load(std::memory_order_relaxed);
    while (is_free(state)) {
      if (change(state, state + kWriting, std::memory_order_acquire)) return begin_writing(state + kWriting);
    }
    return wait_to_write();
  }

  Stamp read_lock() {
    State state = state_.load(std::memory_order_relaxed);
    while (is_open(state)) {
      if (change(state, state + 1, std::memory_order_acquire)) return read_stamp(state);
    }
    return wait_to_read();
  }

  void unlock_write(Stamp stamp) {
    expect(holds_to_write(stamp));
    end_writing(0);
  }

  void unlock_read(Stamp stamp) {
    expect(holds_to_read(stamp));
    end_reading();
  }

  /// 0 while somebody writes.
  Stamp try_optimistic_read() const {
    const State state = state_.load(std::memory_order_acquire);
    return is_written(state) ? 0 : version_of(state);
  }

  /// Whether nobody has begun to write since the stamp was given, but for who holds it.
  bool validate(Stamp stamp) const {
    // What was read before is read before the version is.
    Sync::acquire_fence();
    return stamp != 0 && is_of(stamp, state_.load(std::memory_order_relaxed));
  }

  /// The stamp to leave with, or 0, which leaves everything as it was. From reading: if nobody else reads.
  /// From an optimistic read: if nobody has written since and nobody is inside.
  Stamp try_convert_to_write(Stamp stamp) {
    if (stamp == 0 || is_written(stamp)) return holds_to_write(stamp) ? stamp : 0;
    const State own = is_read(stamp) ? 1 : 0;
    State state = state_.load(std::memory_order_relaxed);
    while (is_of(stamp, state) && readers_of(state) == own) {
      const State written = state - own + kWriting;
      if (change(state, written, std::memory_order_acquire)) return begin_writing(written);
    }
    return 0;
  }

  /// From writing: always, and no other write comes in between. From an optimistic read: if nobody has
  /// written since and no write waits.
  Stamp try_convert_to_read(Stamp stamp) {
    if (holds_to_write(stamp)) {
      end_writing(1);
      return read_stamp(stamp + kWriting);
    }
    if (is_read(stamp)) return holds_to_read(stamp) ? stamp : 0;
    State state = state_.load(std::memory_order_relaxed);
    while (stamp != 0 && is_of(stamp, state) && is_open(state)) {
      if (change(state, state + 1, std::memory_order_acquire)) return read_stamp(state);
    }
    return 0;
  }

  /// Leaves, and goes on as an optimistic read of what is there now.
  Stamp try_convert_to_optimistic(Stamp stamp) {
    if (holds_to_write(stamp)) {
      end_writing(0);
      return stamp + kWriting;
    }
    if (holds_to_read(stamp)) {
      end_reading();
      return version_of(stamp);
    }
    return !is_read(stamp) && validate(stamp) ? stamp : 0;
  }

 private:
  /// From the low end: how many read, whether anybody waits, and the version, which is odd while somebody
  /// writes. As many can read as Linux has threads. The version comes round after 2^40 writes: an optimistic
  /// read would have to take hours, and to end on that very one, to take it for its own.
  using State = std::uint64_t;

  static constexpr State kWaiting = State{1} << 22;
  static constexpr State kWriting = kWaiting << 1;

  static constexpr State version_of(State state) { return state & ~(kWriting - 1); }
  static constexpr State readers_of(State state) { return state & (kWaiting - 1); }
  static constexpr bool is_written(State state) { return (state & kWriting) != 0; }
  static constexpr bool is_free(State state) { return !is_written(state) && readers_of(state) == 0; }
  /// For who has not waited to read.
  static constexpr bool is_open(State state) { return (state & (kWriting | kWaiting)) == 0; }
  static constexpr State with_waiting(State state, bool anybody) {
    return anybody ? state | kWaiting : state & ~kWaiting;
  }

  /// A stamp is a version; of a read it is marked.
  static constexpr Stamp read_stamp(State state) { return version_of(state) | 1; }
  static constexpr bool is_read(Stamp stamp) { return (stamp & 1) != 0; }
  static constexpr bool is_of(Stamp stamp, State state) { return version_of(stamp) == version_of(state); }

  bool holds_to_write(Stamp stamp) const {
    return is_written(stamp) && !is_read(stamp) && is_of(stamp, state_.load(std::memory_order_relaxed));
  }
  bool holds_to_read(Stamp stamp) const {
    const State state = state_.load(std::memory_order_relaxed);
    return is_read(stamp) && is_of(stamp, state) && readers_of(state) > 0;
  }
  static void expect(bool held) {
    if (!held) throw std::logic_error("illegal state: the stamp is not the one that locked");
  }

  /// If false, `state` is what is there instead.
  bool change(State& state, State next, std::memory_order order) {
    return state_.compare_exchange_weak(state, next, order, std::memory_order_relaxed);
  }

  /// What the section writes is seen by nobody who does not see that somebody writes.
  static Stamp begin_writing(State state) {
    Sync::release_fence();
    return version_of(state);
  }

  Stamp wait_to_write() {
    std::unique_lock lock(mutex_);
    ++waiting_writes_;
    State state = state_.load(std::memory_order_relaxed);
    for (;;) {
      if (is_free(state)) {
        const State written = with_waiting(state + kWriting, waiting_writes_ > 1 || waiting_reads_ > 0);
        if (!change(state, written, std::memory_order_acquire)) continue;
        --waiting_writes_;
        return begin_writing(written);
      }
      if (!change(state, state | kWaiting, std::memory_order_relaxed)) continue;
      const int turn = write_turn_.load(std::memory_order_relaxed);
      lock.unlock();
      write_turn_.wait(turn, std::memory_order_relaxed);
      lock.lock();
      state = state_.load(std::memory_order_relaxed);
    }
  }

  Stamp wait_to_read() {
    std::unique_lock lock(mutex_);
    State state = state_.load(std::memory_order_relaxed);
    for (;;) {
      if (is_open(state)) {
        if (change(state, state + 1, std::memory_order_acquire)) return read_stamp(state);
      } else if (change(state, state | kWaiting, std::memory_order_relaxed)) {
        break;
      }
    }
    ++waiting_reads_;
    const int turn = read_turn_.load(std::memory_order_relaxed);
    lock.unlock();
    read_turn_.wait(turn, std::memory_order_acquire);
    // Let in: counted by the write that left. The version stays until the last read has left.
    return read_stamp(state_.load(std::memory_order_relaxed));
  }

  /// `stays`: 1 if the caller goes on reading.
  void end_writing(State stays) {
    State state = state_.load(std::memory_order_relaxed);
    while ((state & kWaiting) == 0) {
      if (change(state, state + kWriting + stays, std::memory_order_release)) return;
    }
    std::unique_lock lock(mutex_);
    // Of a lock that is held to write and has waiters, only who has the mutex changes anything.
    const State let_in = std::exchange(waiting_reads_, 0U);
    state = with_waiting(state_.load(std::memory_order_relaxed) + kWriting, waiting_writes_ > 0);
    state_.store(state + let_in + stays, std::memory_order_release);
    if (let_in > 0) {
      read_turn_.fetch_add(1, std::memory_order_release);
      lock.unlock();
      read_turn_.notify_all();
    } else if (stays == 0) {
      wake_a_write(std::move(lock));
    }
  }

  void end_reading() {
    State state = state_.load(std::memory_order_relaxed);
    while (readers_of(state) > 1 || (state & kWaiting) == 0) {
      if (change(state, state - 1, std::memory_order_release)) return;
    }
    // Where somebody waits and nobody writes, a write waits.
    std::unique_lock lock(mutex_);
    state_.fetch_sub(1, std::memory_order_release);
    wake_a_write(std::move(lock));
  }

  void wake_a_write(std::unique_lock<typename Sync::mutex> lock) {
    write_turn_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    write_turn_.notify_one();
  }

  using Word = typename Sync::template atomic<int>;

  typename Sync::template atomic<State> state_{2 * kWriting};
  Word read_turn_{0};   ///< changes when those who wait to read are let in; all of them sleep on it
  Word write_turn_{0};  ///< changes when one who waits to write is to look again
  typename Sync::mutex mutex_;
  std::uint32_t waiting_writes_ = 0;  ///< under the mutex, as is kWaiting
  std::uint32_t waiting_reads_ = 0;   ///< likewise
};

}  // namespace ccbench
