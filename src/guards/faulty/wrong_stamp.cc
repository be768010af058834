// faulty-wrong-stamp: a stamped lock per key, released with a stamp that is not its own.
//
// What is wrong: one variable for two stamps. After its section the guard asks which version that has left,
// as an optimistic reader would, and keeps the answer where the stamp of its lock was. While a write holds
// the lock the answer is 0: no version. The lock refuses to be released with it and stays locked. What
// ccbench shows: HUNG. The first request of each key is an error although its purchase went through, and the
// rest wait for ever, for a lock without an owner: 2 errors, 18 unfinished, 2 payments.
//
//   $ ccbench --guard=faulty-wrong-stamp --requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms
//
// java.util.concurrent.locks.StampedLock answers a wrong stamp likewise, with an
// IllegalMonitorStateException.
#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stamped_lock.h"

namespace ccbench {
namespace {

template <class Sync>
class WrongStampGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-wrong-stamp",
      .about = "wrong: a stamped lock per key, released with another stamp than its own",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms"};

  Result run(const Request& request, Section section) {
    auto& [lock, version] = states_.at(request.key);
    Stamp stamp = lock.write_lock();
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
  struct State {
    StampedLock<Sync> lock;
    typename Sync::template atomic<Stamp> version{0};  ///< what readers compare theirs with
  };

  Keyed<Sync, State> states_;
};

const RegisterGuard<WrongStampGuard> registered;

}  // namespace
}  // namespace ccbench
