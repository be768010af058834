// faulty-unchecked-version: optimistic without the comparison: the record has a version, and the update does
// not ask for it.
//
// What is wrong: `UPDATE seat SET user = ?, version = version + 1 WHERE id = ?`, without `AND version = ?`.
// No commit ever fails, so whoever read the old state overwrites what came since. The guard holds every
// commit back for 2 ms. What ccbench shows: VIOLATION. Every request that looks before the first commit gets
// the seat: 10 reservations of each, all 20 requests succeed, and there is no conflict.
//
//   $ ccbench --guard=faulty-unchecked-version --scenario=seat-reservation --requests=20 --keys=2
#include "guards/faulty/slow_commit.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class UncheckedVersionGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-unchecked-version",
                                   .about = "wrong: versions are counted, and no commit compares them",
                                   .promises = {.retries = true, .per_key = true, .serializable = true},
                                   .parameters = kFaultWindowOnly,
                                   .shown_by = "--scenario=seat-reservation --requests=20 --keys=2"};

  explicit UncheckedVersionGuard(const GuardContext& context) : window_(context, SlowCommit<Sync>::kOwn) {}

  Result run(const Request& /*request*/, Section section) {
    SlowCommit<Sync> slow(window_);
    return section(Entry{.policy = {.listener = &slow}});
  }

 private:
  const FaultWindow<Sync> window_;
};

const RegisterGuard<UncheckedVersionGuard> registered;

}  // namespace
}  // namespace ccbench
