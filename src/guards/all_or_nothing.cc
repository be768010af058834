// all-or-nothing: the requests of a key are children of one whole, and the first that fails ends it: its
// siblings are asked to stop, and who comes later does not start.
//
// Who waits: nobody. Who is refused: every request of a key after a failure of that key, for good: it is
// cancelled without its section. A section that is inside then is asked to stop through its token, and
// answers what it will; one that ignores the token runs on. An exception is a failure too, and passes to its
// caller.
// Ordered: what the failing section did happens before a sibling sees the request to stop, and the request is
// made before the failing request returns.
// Memory: 160 bytes for every key ever used, freed with the guard. They cannot go with the last child inside:
// whether more children are to come nobody tells the guard, and one that comes after the failure must find
// it.
//
// The design is that of structured concurrency: a scope whose first failure cancels the rest (Java's
// StructuredTaskScope.ShutdownOnFailure, JEP 453; Kotlin's coroutineScope).
#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stop_signal.h"

namespace ccbench {
namespace {

template <class Sync>
class AllOrNothingGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "all-or-nothing",
      .about = "the first failure of a key stops its siblings, and those to come",
      .promises = {.cancels = true, .per_key = true},
      .bytes_per_key = 160};

  Result run(const Request& request, Section section) {
    auto& whole = wholes_.at(request.key);
    if (whole.stop_requested()) return {.outcome = Outcome::cancelled, .reason = "a sibling has failed"};
    try {
      const Result result = section(Entry{.stop = &whole});
      if (is_failure(result.outcome)) whole.request_stop();
      return result;
    } catch (...) {
      whole.request_stop();
      throw;
    }
  }

 private:
  Keyed<Sync, StopSignal<Sync>> wholes_;
};

const RegisterGuard<AllOrNothingGuard> registered;

}  // namespace
}  // namespace ccbench
