// faulty-blind-retry: a mutex per key, and a section that fails is run once more, whatever it had done by
// then.
//
// What is wrong: it does not promise to retry, so that whoever writes the section takes it for run once. A
// decorator around every call ("the provider has hiccups") runs it again after the payment has gone out, too.
// What ccbench shows: VIOLATION, no section runs twice: every request whose step fails has two calls, and the
// look-up is right all the same. Around a section with an effect, as in lotto-purchase with
// --failing-step=completion, the second call pays again.
//
//   $ ccbench --guard=faulty-blind-retry --scenario=vm-lookup --call=5ms --keys=2 --failure-rate=1
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class BlindRetryGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-blind-retry",
                                   .about = "wrong: a mutex per key, and what fails inside is run once more",
                                   .promises = {.exclusive = true, .waits = true, .per_key = true},
                                   .shown_by = "--scenario=vm-lookup --call=5ms --keys=2 --failure-rate=1"};

  Result run(const Request& request, Section section) {
    const std::lock_guard lock(mutexes_.at(request.key));
    const Result result = section(Entry{});
    return is_failure(result.outcome) ? section(Entry{}) : result;
  }

 private:
  Keyed<Sync, typename Sync::mutex> mutexes_;
};

const RegisterGuard<BlindRetryGuard> registered;

}  // namespace
}  // namespace ccbench
