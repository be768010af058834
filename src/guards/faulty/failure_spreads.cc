// faulty-failure-spreads: a supervisor that gives all children of a key one stop token and sets it off when
// one of them fails: the supervised guard written over a scope that cancels.
//
// What is wrong: a child's failure stops siblings that have nothing to do with it. What ccbench shows:
// VIOLATION, every child ran to its own end: 2 instead of 20; each parent's first child fails and the 9
// others are cancelled.
//
//   $ ccbench --guard=faulty-failure-spreads --scenario=fan-out --requests=20 --keys=2
#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stop_signal.h"

namespace ccbench {
namespace {

template <class Sync>
class FailureSpreadsGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-failure-spreads",
                                   .about = "wrong: a supervisor whose children stop when one of them fails",
                                   .promises = {.per_key = true, .independent = true},
                                   .shown_by = "--scenario=fan-out --requests=20 --keys=2"};

  Result run(const Request& request, Section section) {
    auto& scope = scopes_.at(request.key);
    try {
      const Result result = section(Entry{.stop = &scope});
      if (is_failure(result.outcome)) scope.request_stop();
      return result;
    } catch (...) {
      scope.request_stop();
      throw;
    }
  }

 private:
  Keyed<Sync, StopSignal<Sync>> scopes_;
};

const RegisterGuard<FailureSpreadsGuard> registered;

}  // namespace
}  // namespace ccbench
