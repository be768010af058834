// counter: read a cell, work, write cell + 1. For every question about cost: without work it is the
// smallest section that can go wrong.
//
//   $ ccbench --scenario=counter --guard=none,synchronized --requests=20 --work=1ms --work-kind=sleep
//
//   guard         verdict    success  final value    wall
//   none          VIOLATION       20            1    1 ms     19 increments were lost
//   synchronized  OK              20           20   20 ms
//
//   $ ccbench --scenario=counter --guard=all --requests=1000000 --threads=2
//
// With --read-ratio=0.9 nine of ten requests, drawn by the seed, only read: they work and write nothing, so
// that a guard may let them in together. A read looks twice, before its work and after it; whoever is
// answered although the counter changed in between has had a torn read.
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "sync/pause.h"
#include "sync/register.h"

namespace ccbench {
namespace {

enum class WorkKind : std::uint8_t { sleep, spin };

constexpr std::array<std::string_view, 2> kWorkKinds = {"sleep", "spin"};
constexpr std::array<Parameter, 2> kParameters = {{
    {.name = "work", .about = "time between reading and writing the counter", .initial = "0"},
    {.name = "work-kind",
     .about = "how the work passes its time",
     .type = Parameter::Type::choice,
     .initial = "spin",
     .choices = kWorkKinds},
}};

enum Step : StepId { kWork };
constexpr std::array<std::string_view, 1> kSteps = {"work"};

enum Fact : FactId { kFinalValue, kTornReads };
constexpr std::array<std::string_view, 2> kFacts = {"final value", "torn reads"};

constexpr std::string_view kNothingLost = "final value = successes";
constexpr std::string_view kNothingTorn = "no torn read";

/// What a read answers that saw the counter change under it. No counter has this value.
constexpr Value kTorn = -1;

template <class Sync>
class Counter {
 public:
  static constexpr ScenarioInfo kInfo{
      .name = "counter",
      .about = "read a counter, work, write it back plus one; no increment may be lost",
      .key_name = "counter",
      .needs = {.exclusive = true},
      .breakable = kNothingLost,
      .parameters = kParameters,
      .steps = kSteps,
      .facts = kFacts,
      .effect = kFinalValue,
      .facts_at_end = true,
      .reads = true,
      .alike = true,
  };

  explicit Counter(const TrialContext& trial)
      : trial_(trial),
        counters_(trial.keys),
        window_(trial.window, trial.seed),
        work_(trial.delay("work")),
        work_kind_(trial.choice<WorkKind>("work-kind")) {}

  Result handle(const Request& request, const Entry& /*entry*/) {
    auto& counter = counters_[request.key].cell;
    const std::int64_t value = counter.load();
    window_(request);
    if (work_.count() > 0) work(request);
    if (request.kind == Kind::read) return success(counter.load() == value ? value : kTorn);
    counter.store(value + 1);
    return success(value + 1);
  }

  /// Here and not in the section: a guard may throw away what a read saw, and have it read again.
  void answered(const Request& request, const Result& result, Nanos /*asked*/) {
    const bool torn = request.kind == Kind::read && !is_failure(result.outcome) && result.value == kTorn;
    if (torn) trial_.facts.raise(kTornReads, request.key);
  }

  void settle() {
    for (Key key = 0; key < counters_.size(); ++key) {
      trial_.facts.set(kFinalValue, key, counters_[key].cell.load());
    }
  }

  static std::vector<Invariant> check(const Tally& tally) {
    if (!tally.settled) return {nothing_torn(tally)};  // Nobody has read the counters.
    return {nothing_lost(tally), nothing_torn(tally)};
  }

  static std::optional<std::uint64_t> expected_success(const Tally& tally) {
    if (tally.promises.once) return tally.keys_hit();
    if (tally.promises.shares) return std::nullopt;
    return tally.requests;
  }

 private:
  /// Each on a cache line of its own, so that keys do not slow each other down.
  struct alignas(64) Padded {
    typename Sync::template cell<std::int64_t> cell;
  };

  /// Shows the key that is furthest off.
  static Invariant nothing_lost(const Tally& tally) {
    Invariant worst = equal(kNothingLost, 0, 0);
    for (Key key = 0; key < tally.keys; ++key) {
      const auto wanted = static_cast<std::int64_t>(tally.writes_of(key));
      const std::int64_t value = tally.facts_of_key.at(kFinalValue)[key];
      if (key == 0 || std::abs(wanted - value) > std::abs(worst.expected - worst.observed)) {
        worst = equal(kNothingLost, wanted, value);
        if (tally.keys > 1) worst.key = key;
      }
    }
    return worst;
  }

  static Invariant nothing_torn(const Tally& tally) {
    Invariant torn = equal(kNothingTorn, 0, tally.total(kTornReads));
    torn.beyond_repair = !torn.holds;
    return torn;
  }

  void work(const Request& request) {
    trial_.steps.enter_step(request, kWork);
    if (work_kind_ == WorkKind::sleep) {
      Sync::sleep_for(work_);
    } else {
      Sync::spin_for(work_);
    }
  }

  const TrialContext& trial_;
  std::vector<Padded> counters_;
  const Pause<Sync> window_;
  const std::chrono::nanoseconds work_;
  const WorkKind work_kind_;
};

const RegisterScenario<Counter> registered;

}  // namespace
}  // namespace ccbench
