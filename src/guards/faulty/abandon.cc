// faulty-abandon: a mutex per key that one way out of the guard does not unlock.
//
// What is wrong: lock() and unlock() stand there by hand, and a success returns before the unlock(); an
// exception would too. A lock_guard unlocks on every way out. What ccbench shows: HUNG. The first request of
// each key succeeds and ends, and the rest wait for a thread that is gone: 2 successes, 18 unfinished.
//
//   $ ccbench --guard=faulty-abandon --requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class AbandonGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-abandon",
      .about = "wrong: a mutex per key, not unlocked after a success",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms"};

  Result run(const Request& request, Section section) {
    auto& mutex = mutexes_.at(request.key);
    mutex.lock();
    const Result result = section(Entry{});
    if (result.outcome == Outcome::success) return result;
    mutex.unlock();
    return result;
  }

 private:
  Keyed<Sync, typename Sync::mutex> mutexes_;
};

const RegisterGuard<AbandonGuard> registered;

}  // namespace
}  // namespace ccbench
