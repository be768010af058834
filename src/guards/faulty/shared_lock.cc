// faulty-shared-lock: a lock per key, and all of them are one.
//
// What is wrong: it promises that requests of different keys never wait for each other, and they all wait for
// one mutex: a table of locks where a table of one was left from a test, a hash that says the same of every
// key, `static` where a member was meant. The results are right, and under load every user waits for every
// other. What ccbench shows: VIOLATION, nobody waits for another key: in a snapshot somebody sleeps on a
// mutex whose holder is inside another key. Without snapshots nothing shows.
//
//   $ ccbench --guard=faulty-shared-lock --requests=20 --keys=2 --payment=20ms --db=10ms --snapshot-every=5ms
#include <mutex>

#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class SharedLockGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-shared-lock",
      .about = "wrong: a lock per key, and all of them are one mutex",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --snapshot-every=5ms"};

  Result run(const Request& request, Section section) {
    const std::lock_guard lock(mutex_of(request.key));
    return section(Entry{});
  }

 private:
  typename Sync::mutex& mutex_of(Key /*key*/) { return mutex_; }

  typename Sync::mutex mutex_;
};

const RegisterGuard<SharedLockGuard> registered;

}  // namespace
}  // namespace ccbench
