// rwlock: a shared mutex per key, made on the key's first use; requests of kind `read` share it.
//
// Who waits: a write while anybody is inside the key, a read while a write is. Who is refused: nobody.
// Readers go first (the C library's default): a stream of them can keep a write waiting for as long as it
// lasts. Ordered: what a write did happens before every later section of the key; reads are not ordered among
// themselves. Not re-entrant.
// Memory: 112 bytes for every key ever used, freed with the guard; why not before, synchronized.cc says.
#include <shared_mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class ReadWriteGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "rwlock",
      .about = "a shared mutex per key: reads enter together, a write enters alone",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .bytes_per_key = 112};

  Result run(const Request& request, Section section) {
    auto& mutex = mutexes_.at(request.key);
    if (request.kind == Kind::read) {
      const std::shared_lock lock(mutex);
      return section(Entry{});
    }
    const std::lock_guard lock(mutex);
    return section(Entry{});
  }

 private:
  Keyed<Sync, typename Sync::shared_mutex> mutexes_;
};

const RegisterGuard<ReadWriteGuard> registered;

}  // namespace
}  // namespace ccbench
