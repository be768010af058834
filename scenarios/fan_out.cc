// fan-out: a request is answered by several children at once, and one of them fails. Is the whole to fail
// with it, and at once, or is every child to succeed or fail by itself? Both are right, for different
// callers; wrong is a guard that promises one and does the other.
//
// A key is a parent, its requests are the children. Each child works until it calls something outside
// (--fail-at); there the first --failing children of each parent fail, and those that --failure-rate draws.
// The others work on until --child is over, and look whether they are asked to stop while they do.
//
//   $ ccbench --scenario=fan-out --guard=all --requests=20 --keys=2
//
//   guard           verdict    success  refused  cancelled  ran on    wall
//   none            VIOLATION       18        2          0      18  100 ms   they work on for a failed whole
//   all-or-nothing  OK               0        2         18       0   20 ms
//   supervised      OK              18        2          0      18  100 ms   as they are to
//
// Facts: children that failed, were cancelled, and ran on after the failure was known; `wasted`, what
// children worked that did not succeed; `worked on`, what children worked after their parent's first
// failure: wasted too where the whole is to fail; `to end`, from the first failure of each parent until its
// last child was out of its section. Times are sums over all parents.
//
// A failure is known once the child's caller has its answer. Of an exception (--failure=throws) the scenario
// is not told when that is, so that nobody can be seen to run on after one.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sync/failures.h"
#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 5> kParameters = {{
    {.name = "child", .about = "time that a child works", .initial = "100ms"},
    {.name = "fail-at",
     .about = "when a child calls what may fail, from its start",
     .type = Parameter::Type::period,
     .initial = "20ms"},
    {.name = "failing",
     .about = "so many children of each parent fail, the first that start",
     .type = Parameter::Type::count,
     .initial = "1",
     .least = 0,
     .most = 1'000'000},
    kFailureRate,
    kFailure,
}};

enum Step : StepId { kUntilCall, kAfterCall };
constexpr std::array<std::string_view, 2> kSteps = {"work until the call", "work after the call"};

enum Fact : FactId { kFailures, kCancelled, kRanOn, kWasted, kWorkedOn, kToEnd };
constexpr std::array<std::string_view, 6> kFacts = {"failures",  "cancelled",    "ran on",
                                                    "wasted µs", "worked on µs", "to end µs"};

constexpr std::string_view kNobodyRanOn = "nobody ran on after the failure was known";
constexpr std::string_view kEveryChildRan = "every child ran to its own end";

template <class Sync>
class FanOut {
 public:
  static constexpr ScenarioInfo kInfo{
      .name = "fan-out",
      .about = "children of one parent work at once, and some fail: all or nothing, or each by itself",
      .key_name = "parent",
      .needs = {.cancels = true},
      .or_needs = Promises{.independent = true},
      .breakable = kNobodyRanOn,
      .parameters = kParameters,
      .steps = kSteps,
      .facts = kFacts,
      .effect = kRanOn,
  };

  explicit FanOut(const TrialContext& trial)
      : trial_(trial),
        parents_(trial.keys),
        failures_(trial),
        until_call_(trial.delay("fail-at")),
        after_call_(trial.delay("child") - trial.delay("fail-at")),
        failing_(trial.count("failing")) {}

  static std::string objection(const ParameterValues& values, std::uint64_t /*requests*/, Key /*keys*/) {
    if (values.at("fail-at") <= values.at("child")) return {};
    return "a child that takes --child is over before it fails (--fail-at)";
  }

  Result handle(const Request& request, const Entry& entry) {
    Parent& parent = parents_[request.key];
    Child child{.parent = parent, .entry = entry, .begun = Sync::now()};
    try {
      const Result result = work(request, child);
      account(request, child, result.outcome != Outcome::success);
      return result;
    } catch (...) {
      note_failure(request);
      account(request, child, true);
      throw;
    }
  }

  void answered(const Request& request, const Result& result, Nanos /*asked*/) {
    if (result.outcome == Outcome::cancelled) trial_.facts.raise(kCancelled, request.key);
    // By now a guard that cancels has asked the siblings to stop: whoever is not told later never will be.
    if (result.outcome == Outcome::refused) parents_[request.key].known.store(1, std::memory_order_release);
  }

  void settle() {
    for (Key key = 0; key < parents_.size(); ++key) {
      const Parent& parent = parents_[key];
      const Nanos failed = parent.failed_at.load(std::memory_order_relaxed);
      trial_.facts.set(kWasted, key, parent.wasted.load(std::memory_order_relaxed) / kMicrosecond);
      trial_.facts.set(kWorkedOn, key, parent.worked_on.load(std::memory_order_relaxed) / kMicrosecond);
      if (failed == 0) continue;
      const Nanos to_end = parent.ended_at.load(std::memory_order_relaxed) - failed;
      trial_.facts.set(kToEnd, key, std::max<Nanos>(0, to_end) / kMicrosecond);
    }
  }

  static std::vector<Invariant> check(const Tally& tally) {
    if (tally.promises.independent) {
      const std::uint64_t ran =
          tally.of(Outcome::success) + tally.of(Outcome::refused) + tally.of(Outcome::error);
      return {
          equal(kEveryChildRan, static_cast<std::int64_t>(tally.requests), static_cast<std::int64_t>(ran))};
    }
    Invariant nobody = equal(kNobodyRanOn, 0, 0);
    for (Key key = 0; key < tally.keys; ++key) {
      const std::int64_t ran_on = tally.facts_of_key.at(kRanOn)[key];
      if (ran_on <= nobody.observed) continue;
      nobody = {.name = std::string(kNobodyRanOn),
                .expected = 0,
                .observed = ran_on,
                .holds = false,
                .beyond_repair = true,
                .key = tally.keys > 1 ? std::optional(key) : std::nullopt};
    }
    return {nobody};
  }

  static std::optional<std::uint64_t> expected_success(const Tally& tally) {
    if (!tally.promises.independent || tally.promises.retries) return std::nullopt;
    const auto failures = static_cast<std::uint64_t>(tally.total(kFailures));
    return tally.requests - std::min(tally.requests, failures);
  }

 private:
  template <class T>
  using Atomic = typename Sync::template atomic<T>;

  /// On cache lines of its own, so that parents do not slow each other down.
  struct alignas(64) Parent {
    Atomic<std::int64_t> started{0};
    Atomic<int> known{0};        ///< 1 once the caller of a child that failed has its answer
    Atomic<Nanos> failed_at{0};  ///< of the first failure; 0: none
    Atomic<Nanos> ended_at{0};   ///< of the last child that was inside
    Atomic<Nanos> wasted{0};
    Atomic<Nanos> worked_on{0};
  };

  /// One run of a child.
  struct Child {
    Parent& parent;
    const Entry& entry;
    const typename Sync::time_point begun;
    bool ran_on = false;
  };

  static constexpr Reason kStopped = "asked to stop: a sibling has failed";

  Result work(const Request& request, Child& child) {
    const bool fails = child.parent.started.fetch_add(1, std::memory_order_relaxed) < failing_;
    trial_.steps.enter_step(request, kUntilCall);
    if (!worked(child, until_call_)) return {.outcome = Outcome::cancelled, .reason = kStopped};
    failures_.may_die(request);
    if (fails || failures_.fails(request)) {
      note_failure(request);
      return refused("the child's call failed");
    }
    trial_.steps.enter_step(request, kAfterCall);
    if (!worked(child, after_call_)) return {.outcome = Outcome::cancelled, .reason = kStopped};
    return success(static_cast<Value>(request.index));
  }

  /// Answers whether the child may go on.
  bool worked(Child& child, std::chrono::nanoseconds length) {
    if (child.entry.stop != nullptr) {
      child.entry.stop->sleep_for(length);
    } else if (length.count() > 0) {
      Sync::sleep_for(length);
    }
    // In this order: a failure that was known before nobody asked the child to stop has been kept from it.
    const bool known = child.parent.known.load(std::memory_order_acquire) != 0;
    if (child.entry.stop_requested()) return false;
    child.ran_on = child.ran_on || known;
    return true;
  }

  static Nanos since_epoch(typename Sync::time_point time) { return Nanos{time.time_since_epoch().count()}; }

  void note_failure(const Request& request) {
    trial_.facts.raise(kFailures, request.key);
    Nanos none = 0;
    parents_[request.key].failed_at.compare_exchange_strong(none, since_epoch(Sync::now()),
                                                            std::memory_order_relaxed);
  }

  void account(const Request& request, const Child& child, bool in_vain) {
    Parent& parent = child.parent;
    const Nanos begun = since_epoch(child.begun);
    const Nanos ended = since_epoch(Sync::now());
    if (child.ran_on) trial_.facts.raise(kRanOn, request.key);
    if (in_vain) parent.wasted.fetch_add(ended - begun, std::memory_order_relaxed);
    const Nanos failed = parent.failed_at.load(std::memory_order_relaxed);
    if (failed != 0) {
      const Nanos after = ended - std::max(begun, failed);
      parent.worked_on.fetch_add(std::max<Nanos>(0, after), std::memory_order_relaxed);
    }
    Nanos last = parent.ended_at.load(std::memory_order_relaxed);
    while (last < ended && !parent.ended_at.compare_exchange_weak(last, ended, std::memory_order_relaxed)) {
    }
  }

  const TrialContext& trial_;
  std::vector<Parent> parents_;
  const Failures<Sync> failures_;
  const std::chrono::nanoseconds until_call_;
  const std::chrono::nanoseconds after_call_;
  const std::int64_t failing_;
};

const RegisterScenario<FanOut> registered;

}  // namespace
}  // namespace ccbench
