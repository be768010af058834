// faulty-barging: a lock made by hand per key that calls itself fair, because a condition variable wakes
// those who wait in the order in which they came.
//
// What is wrong: whom it wakes does not have the lock yet, but must get a CPU, take the mutex and look. Who
// comes meanwhile finds the lock free and takes it, and the one that was woken goes back to sleep, behind
// everybody. A fair lock is handed over: it stays held, for the one that is woken. No window needs to be held
// open: a worker of a pool that leaves is back with its next request long before a sleeper is awake. What
// ccbench shows: VIOLATION, nobody overtaken: requests that a snapshot has seen waiting enter after some that
// started later. Nothing else is broken.
//
//   $ ccbench --guard=faulty-barging --scenario=counter --requests=20 --threads=4 --work=30ms
//         --work-kind=sleep --snapshot-every=2ms
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class BargingGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-barging",
      .about = "wrong: a lock that wakes in order, and lets in who comes first then",
      .promises = {.exclusive = true, .waits = true, .per_key = true, .fifo = true},
      .shown_by =
          "--scenario=counter --requests=20 --threads=4 --work=30ms --work-kind=sleep "
          "--snapshot-every=2ms"};

  Result run(const Request& request, Section section) {
    const std::lock_guard holder(locks_.at(request.key));
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    void lock() {
      std::unique_lock lock(mutex_);
      while (held_) left_.wait(lock);
      held_ = true;
    }

    void unlock() {
      {
        const std::lock_guard lock(mutex_);
        held_ = false;
      }
      left_.notify_one();
    }

   private:
    typename Sync::mutex mutex_;
    typename Sync::condition_variable left_;
    bool held_ = false;
  };

  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<BargingGuard> registered;

}  // namespace
}  // namespace ccbench
