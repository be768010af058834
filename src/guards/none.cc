// none: everybody enters. Nobody waits, nobody is refused, nothing is ordered.
//
// The control: what it breaks shows that the race was there to be lost.
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class NoGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "none",
                                   .about = "no guard: every request enters at once (the control)",
                                   .promises = {.per_key = true},
                                   .bytes_per_key = 0};

  Result run(const Request& /*request*/, Section section) { return section(Entry{}); }
};

const RegisterGuard<NoGuard> registered;

}  // namespace
}  // namespace ccbench
