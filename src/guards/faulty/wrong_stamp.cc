// faulty-wrong-stamp: a stamped lock per key, released with a stamp that is not its own.
//
// What is wrong: one variable for two stamps. After its section the guard asks which version that has left,
// as an optimistic reader would, and keeps the answer where the stamp of its lock was. While a write holds
// the lock the answer is 0: no version. The lock refuses to be released with it and stays locked. What
// ccbench shows: HUNG. The first request of each key is an error although its purchase went through, and the
// rest wait for ever, for a lock without an owner: 2 errors, 18 unfinished, 2 payments.
//
//   $ ccbench --guard=faulty-wrong-stamp --requests=20 --keys=2
//
// Algorithm: the writing half of java.util.concurrent.locks.StampedLock (D. Lea, JSR 166), whose answer to a
// wrong stamp is an IllegalMonitorStateException.
#include <stdexcept>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class WrongStampGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-wrong-stamp",
      .about = "wrong: a stamped lock per key, released with another stamp than its own",
      .promises = {.exclusive = true, .waits = true, .per_key = true}};

  Result run(const Request& request, Section section) {
    auto& [lock, version] = states_.at(request.key);
    int stamp = lock.lock_write();
    Result result;
    try {
      result = section(Entry{});
    } catch (...) {
      lock.unlock_write(stamp);
      throw;
    }
    stamp = lock.try_optimistic_read();
    version.store(stamp, std::memory_order_release);
    lock.unlock_write(stamp);
    return result;
  }

 private:
  using Word = typename Sync::template atomic<int>;

  /// Its state is a version while nobody holds it, which is even, and the holder's stamp otherwise.
  class StampedLock {
   public:
    /// Waits while somebody else holds the lock. Answers the stamp that `unlock_write` asks for.
    int lock_write() {
      for (;;) {
        int state = state_.load(std::memory_order_relaxed);
        if (is_held(state)) {
          state_.wait(state, std::memory_order_relaxed);
        } else if (state_.compare_exchange_strong(state, state + 1, std::memory_order_acquire,
                                                  std::memory_order_relaxed)) {
          return state + 1;
        }
      }
    }

    /// The version, or 0 while somebody writes.
    int try_optimistic_read() const {
      const int state = state_.load(std::memory_order_acquire);
      return is_held(state) ? 0 : state;
    }

    /// Throws and changes nothing unless the stamp is the one that locked.
    void unlock_write(int stamp) {
      if (!is_held(stamp) || stamp != state_.load(std::memory_order_relaxed)) {
        throw std::logic_error("illegal state: the stamp is not the one that locked");
      }
      // Sequentially consistent, because notify_one looks for sleepers next: were the store still on its way
      // then, both could miss each other.
      state_.store(stamp + 1);
      state_.notify_one();
    }

   private:
    static constexpr bool is_held(int state) { return state % 2 != 0; }

    Word state_{2};
  };

  struct State {
    StampedLock lock;
    Word version{0};  ///< what readers compare theirs with
  };

  Keyed<Sync, State> states_;
};

const RegisterGuard<WrongStampGuard> registered;

}  // namespace
}  // namespace ccbench
