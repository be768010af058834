// faulty-impatient: a mutex per key that its callers wait for no longer than 5 ms.
//
// What is wrong: it promises to wait, and gives up: `tryLock(timeout)` behind an interface that says "blocks
// until it is your turn". As long as sections are shorter nobody notices; on the day on which the provider is
// slow, requests fail that had nothing to fear but to wait. What ccbench shows: VIOLATION, nobody turned
// away: 9 instead of 0 on each ticket. Nothing else is broken: one ticket of each is sold, once.
//
//   $ ccbench --guard=faulty-impatient --requests=20 --keys=2 --payment=20ms --db=10ms
#include <chrono>
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class ImpatientGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-impatient",
                                   .about = "wrong: a mutex per key that is given up after 5 ms",
                                   .promises = {.exclusive = true, .waits = true, .per_key = true},
                                   .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  Result run(const Request& request, Section section) {
    const std::unique_lock lock(mutexes_.at(request.key), kPatience);
    if (!lock) return {.outcome = Outcome::timed_out, .reason = "not free within 5 ms"};
    return section(Entry{});
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{5};

  Keyed<Sync, typename Sync::timed_mutex> mutexes_;
};

const RegisterGuard<ImpatientGuard> registered;

}  // namespace
}  // namespace ccbench
