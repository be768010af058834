// faulty-relaxed: a flag per key, set and cleared with relaxed memory order.
//
// What is wrong: no two are inside together, but nothing orders what one section wrote before what the next
// one reads. C++ lets the next one see a datum as it was before, and processors that reorder (Arm, POWER) or
// an optimising compiler make use of that; on x86, where every change of an atomic orders all else, a run may
// never show it. It takes acquire to set the flag and release to clear it. What ccbench explore shows:
// VIOLATION. A counter loses an increment, because the second section loads the old value.
//
//   $ ccbench explore --guard=faulty-relaxed --scenario=counter --requests=8
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class RelaxedGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-relaxed",
      .about = "wrong: a flag per key, set and cleared with relaxed memory order",
      .promises = {.exclusive = true, .per_key = true},
      .shown_by = "explore --scenario=counter --requests=8"};

  Result run(const Request& request, Section section) {
    auto& flag = flags_.at(request.key);
    if (flag.exchange(1, std::memory_order_relaxed) != 0) return turned_away("the flag is set");
    const Clear clear{flag};
    return section(Entry{});
  }

 private:
  using Flag = typename Sync::template atomic<int>;

  struct Clear {
    Flag& flag;
    ~Clear() { flag.store(0, std::memory_order_relaxed); }
  };

  Keyed<Sync, Flag> flags_;
};

const RegisterGuard<RelaxedGuard> registered;

}  // namespace
}  // namespace ccbench
