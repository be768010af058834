// faulty-forgets-sleepers: the lock of three states of `spin`, whose waiters take it after their sleep as one
// who never slept.
//
// What is wrong: an unlock wakes one sleeper, and that one marks the lock as taken, where it would have to
// mark it as taken with perhaps somebody asleep: it cannot know that nobody else is. Its own unlock then
// calls nobody, and all others sleep on beside a lock that is free. With two threads, one holder and one
// sleeper, it looks right. The guard holds the window open: the first one inside waits until all others of
// its key sleep, for a second at most. What ccbench shows: HUNG. The first request of each key succeeds, the
// one that it wakes finds the order paid, and the rest sleep for ever: 2 successes, 2 refused, 16 unfinished.
//
//   $ ccbench --guard=faulty-forgets-sleepers --requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class ForgetsSleepersGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-forgets-sleepers",
      .about = "wrong: a lock per key, taken after a sleep as if nobody else still slept",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms"};

  explicit ForgetsSleepersGuard(const GuardContext& context)
      : window_(context, std::chrono::seconds(1)),
        company_(std::max<std::uint64_t>(3, context.requests / context.keys) - 1) {}

  Result run(const Request& request, Section section) {
    auto& lock = locks_.at(request.key);
    const std::lock_guard holder(lock);
    window_.hold_until([&] { return lock.has_put_to_sleep() >= company_; });
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    void lock() {
      while (!try_lock()) {
        int taken = kTaken;
        // Changes nothing where somebody sleeps already.
        state_.compare_exchange_strong(taken, kContended);
        slept_.fetch_add(1);
        state_.wait(kContended);
      }
    }

    void unlock() {
      if (state_.exchange(kFree) == kContended) state_.notify_one();
    }

    /// How often somebody went to sleep.
    std::uint64_t has_put_to_sleep() const { return slept_.load(); }

   private:
    enum : int { kFree, kTaken, kContended };

    bool try_lock() {
      int free = kFree;
      return state_.compare_exchange_strong(free, kTaken);
    }

    typename Sync::template atomic<int> state_{kFree};
    typename Sync::template atomic<std::uint64_t> slept_{0};
  };

  const FaultWindow<Sync> window_;
  const std::uint64_t company_;  ///< so many wait for the first one of a key
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<ForgetsSleepersGuard> registered;

}  // namespace
}  // namespace ccbench
