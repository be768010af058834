// synchronized: a mutex per key, made on the key's first use.
//
// Who waits: every request of a key while another of the same key is inside. Who is refused: nobody.
// Ordered: what one section of a key did happens before the next one of that key enters. Who of several
// waiters is next is not ordered. Not re-entrant: who enters its own key again waits for ever.
// Memory: 96 bytes for every key ever used, freed with the guard. Not before: to know that nobody is about to
// lock a mutex, every request would have to be counted, under a lock or on one more shared cache line.
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class SynchronizedGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "synchronized",
                                   .about = "a mutex per key: requests of a key queue behind each other",
                                   .promises = {.exclusive = true, .waits = true, .per_key = true}};

  Result run(const Request& request, Section section) {
    const std::lock_guard lock(mutexes_.at(request.key));
    return section(Entry{});
  }

 private:
  Keyed<Sync, typename Sync::mutex> mutexes_;
};

const RegisterGuard<SynchronizedGuard> registered;

}  // namespace
}  // namespace ccbench
