// recursive: a recursive mutex per key, made on the key's first use.
//
// Who waits: every request of a key while another thread is inside the same key; the thread that is inside
// may enter again and leaves the key with its outermost section. Who is refused: nobody.
// Ordered: what one section of a key did happens before another thread's next one of that key enters.
// Memory: 96 bytes for every key ever used, freed with the guard; why not before, synchronized.cc says.
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class RecursiveGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "recursive",
      .about = "a recursive mutex per key: its holder may enter again",
      .promises = {.exclusive = true, .waits = true, .reentrant = true, .per_key = true}};

  Result run(const Request& request, Section section) {
    const std::lock_guard lock(mutexes_.at(request.key));
    return section(Entry{});
  }

 private:
  Keyed<Sync, typename Sync::recursive_mutex> mutexes_;
};

const RegisterGuard<RecursiveGuard> registered;

}  // namespace
}  // namespace ccbench
