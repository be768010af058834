// spin: a lock per key, made on the key's first use, whose waiters look again and again for a while before
// they sleep.
//
// Who waits: every request of a key while another of the same key is inside. Who is refused: nobody.
// Ordered: what one section of a key did happens before the next one of that key enters. Who of several
// waiters is next is not ordered, and who comes just then may be first. Not re-entrant: who enters its own
// key again waits for ever.
// Memory: 64 bytes for every key ever used, freed with the guard.
//
// Algorithm: the lock of three states of U. Drepper, "Futexes are tricky" (2011): free, taken, and taken with
// perhaps somebody asleep, so that only an unlock of the third calls the kernel. Before it sleeps, a waiter
// looks --spins times, and tries only where it saw the lock free (L. Rudolph and Z. Segall, "Dynamic
// decentralized cache schemes", 1984). Spinning for as long as sleeping would cost, and then sleeping, costs
// at most twice as much as the better of the two (A. Karlin, K. Li, M. Manasse and S. Owicki, "Empirical
// studies of competitive spinning", 1991); 100 looks, some 1.5 µs here, are also the most of glibc's adaptive
// mutex. Nobody spins without an end: where threads outnumber CPUs, the one that is waited for may need the
// CPU that its waiter burns.
//
// What that gives and costs, beside `synchronized` on two CPUs that had other work too (`--scenario=counter
// --work=1us`, medians of 80 trials): a lock that is waited for changes hands after 0.18 µs instead of 0.9
// with two threads, and after 0.17 instead of 1.9 with 16, whose longest waits but one in a hundred are 1.2
// µs instead of 32. A request takes 2.2 µs of CPU time instead of 1.6 with 16 threads, and no less wall time
// (1.7 µs to 1.6), because beside a waiter that sleeps the holder of a mutex enters again and again. Where
// sections are longer than the spinning it is for nothing: 8.6 µs of CPU time instead of 5.6 with --work=5us.
#include <array>
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "spins",
     .about = "so often a waiter looks whether it can enter before it sleeps",
     .type = Parameter::Type::count,
     .initial = "100",
     .least = 0,
     .most = 1'000'000,
     .explored = "1"},
}};

template <class Sync>
class SpinGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "spin",
                                   .about = "a lock per key whose waiters spin for a while before they sleep",
                                   .promises = {.exclusive = true, .waits = true, .per_key = true},
                                   .parameters = kParameters};

  explicit SpinGuard(const GuardContext& context)
      : spins_(static_cast<int>(context.parameters.at("spins"))) {}

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    lock.lock(spins_);
    const std::lock_guard holder(lock, std::adopt_lock);
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    void lock(int spins) {
      if (try_lock()) return;
      for (int spin = 0; spin < spins; ++spin) {
        Sync::relax();
        if (state_.load(std::memory_order_relaxed) == kFree && try_lock()) return;
      }
      // Who has slept takes the lock as if others still slept: it cannot know, and a call of the kernel for
      // nobody is cheaper than a sleeper that nobody wakes.
      while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
        state_.wait(kContended, std::memory_order_relaxed);
      }
    }

    void unlock() {
      // Sequentially consistent, because notify_one looks for sleepers next: were the exchange still on its
      // way then, both could miss each other.
      if (state_.exchange(kFree) == kContended) state_.notify_one();
    }

   private:
    enum : int { kFree, kTaken, kContended };

    bool try_lock() {
      int free = kFree;
      return state_.compare_exchange_strong(free, kTaken, std::memory_order_acquire,
                                            std::memory_order_relaxed);
    }

    typename Sync::template atomic<int> state_{kFree};
  };

  const int spins_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<SpinGuard> registered;

}  // namespace
}  // namespace ccbench
