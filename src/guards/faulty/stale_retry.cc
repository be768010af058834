// faulty-stale-retry: optimistic whose retry saves what it has, whatever the version is by then.
//
// What is wrong: the first attempt is checked; the handler of its conflict writes "the same again" without
// `WHERE version = ?`. Two handlers that work at once overwrite each other. Where the first loser already
// finds the seat taken this looks right, so only what may be changed more than once shows it. The guard holds
// such a commit back for 2 ms. What ccbench shows: VIOLATION. Of the spends of one user, all that lost the
// first round read the same balance and write it back less their own: points are created.
//
//   $ ccbench --guard=faulty-stale-retry --scenario=point-balance --requests=20 --keys=2
#include "guards/faulty/slow_commit.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class StaleRetryGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-stale-retry",
                                   .about = "wrong: a commit checks versions, and its retry does not",
                                   .promises = {.retries = true, .per_key = true, .serializable = true},
                                   .parameters = kFaultWindowOnly,
                                   .shown_by = "--scenario=point-balance --requests=20 --keys=2"};

  explicit StaleRetryGuard(const GuardContext& context) : window_(context, SlowCommit<Sync>::kOwn) {}

  Result run(const Request& /*request*/, Section section) {
    const Result result = section(Entry{.policy = {.check_versions = true}});
    if (!result.conflict) return result;
    SlowCommit<Sync> slow(window_);
    return section(Entry{.policy = {.listener = &slow}});
  }

 private:
  const FaultWindow<Sync> window_;
};

const RegisterGuard<StaleRetryGuard> registered;

}  // namespace
}  // namespace ccbench
