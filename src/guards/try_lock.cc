// try-lock: a lock per key, made on the key's first use, for which nobody waits longer than a limit.
//
// Who waits: every request of a key while another of the same key is inside, but not longer than --patience.
// Who is refused: who has waited so long is `timed_out`; with --patience=0, where nobody waits, who finds the
// key taken is `turned_away`. Neither has been inside, and neither leaves a trace: the holder stays alone,
// and the next request is let in after it. Who is inside is never interrupted, so that the limit is of the
// wait and not of the section.
// Ordered: what one section of a key did happens before the next one of that key enters; who gives up is
// ordered after nothing. Who of several waiters is next is not ordered. Not re-entrant: who enters its own
// key again waits in vain and is refused.
// Memory: 144 bytes for every key ever used, freed with the guard.
//
// Algorithm: a flag for whoever finds the key free, and a mutex with a condition variable to wait on. A
// waiter that is out of time tries once more: it may have been the one that was woken, and to leave a free
// lock then would be to lose the wake-up of all others. Why not std::timed_mutex: ThreadSanitizer of GCC 12
// does not know the function that its try_lock_for calls, and reports races that are none. Why not wait on
// the flag itself: a std::atomic waits without a limit. Where nobody waits, the lock takes 20 ns of CPU time;
// by hand with std::timed_mutex, which reads the clock first, 62 ns.
#include <array>
#include <chrono>
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "patience",
     .about = "how long a request waits to be let in; 0 turns it away at once",
     .type = Parameter::Type::limit,
     .initial = "100ms"},
}};

template <class Sync>
class TryLockGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "try-lock",
                                   .about = "a lock per key with a time limit: who waits too long gives up",
                                   .promises = {.exclusive = true, .gives_up = true, .per_key = true},
                                   .parameters = kParameters,
                                   .bytes_per_key = 144};

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.gives_up = context.parameters.at("patience") > 0;
    return promises;
  }

  explicit TryLockGuard(const GuardContext& context) : patience_(context.parameters.time("patience")) {}

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    if (!lock.try_lock()) {
      if (patience_ == std::chrono::nanoseconds(0)) return turned_away("the key is taken");
      if (!lock.try_lock_until(Sync::now() + patience_)) return timed_out("the key stayed taken");
    }
    const std::lock_guard holder(lock, std::adopt_lock);
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    bool try_lock() {
      int free = 0;
      // Looks before it tries, so that those who wait share the cache line.
      return taken_.load() == free && taken_.compare_exchange_strong(free, 1);
    }

    bool try_lock_until(typename Sync::time_point end) {
      std::unique_lock lock(mutex_);
      // Sequentially consistent, as all of this: a waiter is counted and then looks, who unlocks clears the
      // flag and then looks at the count, so that at least one of them sees the other.
      waiters_.fetch_add(1);
      bool got = try_lock();
      while (!got && Sync::now() < end) {
        freed_.wait_until(lock, end);
        got = try_lock();
      }
      waiters_.fetch_sub(1);
      return got;
    }

    void unlock() {
      taken_.store(0);
      if (waiters_.load() == 0) return;
      {
        // Else a waiter that has just looked would miss the notification: it holds the mutex until it sleeps.
        const std::lock_guard lock(mutex_);
      }
      freed_.notify_one();
    }

   private:
    typename Sync::template atomic<int> taken_{0};
    typename Sync::template atomic<int> waiters_{0};  ///< changes under the mutex
    typename Sync::mutex mutex_;
    typename Sync::condition_variable freed_;
  };

  const std::chrono::nanoseconds patience_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<TryLockGuard> registered;

}  // namespace
}  // namespace ccbench
