// faulty-loser-clears: the cas guard with its flag cleared by whoever leaves, also by a request that was
// turned away: the clearing stands in a `finally` around the attempt and not around the section.
//
// What is wrong: a loser clears the winner's flag, and the next request enters beside the winner. The guard
// makes the requests of a key look at the flag a millisecond apart, so that there is a next one after the
// first loser. What ccbench shows: VIOLATION with both turned away and too many payments: of each key's
// requests about every second one is turned away, and the one after it enters.
//
//   $ ccbench --guard=faulty-loser-clears --requests=20 --keys=2 --payment=20ms --db=10ms
#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class LoserClearsGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-loser-clears",
                                   .about = "wrong: a flag per key, cleared also by those who did not set it",
                                   .promises = {.exclusive = true, .once = true, .per_key = true},
                                   .parameters = kFaultWindowOnly,
                                   .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit LoserClearsGuard(const GuardContext& context) : step_(context, std::chrono::milliseconds(1)) {}

  Result run(const Request& request, Section section) {
    auto& [flag, arrivals] = states_.at(request.key);
    Sync::sleep_for(step_.length() * (arrivals.fetch_add(1, std::memory_order_relaxed) % kSteps));
    int clear = 0;
    if (!flag.compare_exchange_strong(clear, 1, std::memory_order_acquire)) {
      flag.store(0, std::memory_order_release);
      return turned_away("the flag is set");
    }
    try {
      const Result result = section(Entry{});
      if (result.outcome != Outcome::success) flag.store(0, std::memory_order_release);
      return result;
    } catch (...) {
      flag.store(0, std::memory_order_release);
      throw;
    }
  }

 private:
  /// Few enough steps that the last one still comes while the first one's section runs.
  static constexpr int kSteps = 8;

  struct State {
    typename Sync::template atomic<int> flag{0};
    typename Sync::template atomic<int> arrivals{0};
  };

  const FaultWindow<Sync> step_;
  Keyed<Sync, State> states_;
};

const RegisterGuard<LoserClearsGuard> registered;

}  // namespace
}  // namespace ccbench
