// global: one mutex for everything.
//
// Who waits: every request while any other is inside, whatever its key. Who is refused: nobody.
// Ordered: what one section did happens before the next one enters. Not re-entrant.
// Memory: 40 bytes, whatever the number of keys.
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class GlobalGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "global",
                                   .about = "one mutex for everything: all keys queue behind each other",
                                   .promises = {.exclusive = true, .waits = true},
                                   .bytes_per_key = 0};

  Result run(const Request& /*request*/, Section section) {
    const std::lock_guard lock(mutex_);
    return section(Entry{});
  }

 private:
  typename Sync::mutex mutex_;
};

const RegisterGuard<GlobalGuard> registered;

}  // namespace
}  // namespace ccbench
