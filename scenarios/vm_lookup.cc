// vm-lookup: a dashboard asks for the same virtual machine several times at once, and each look-up is a slow
// external call. Wanted: who asks for a machine while somebody's call for it is under way shares that call;
// calls for different machines run side by side; nothing is kept after the call, so that a later look-up
// sees fresh data; and a call that fails fails for everybody who shared it, and for nobody later.
//
// What a caller gets is the number of a call. A call is wrong for who asked for another machine, and stale
// for who asked after somebody had already been given it.
//
//   $ ccbench --scenario=vm-lookup --guard=none,global,synchronized,single-flight,coalesce,ttl-cache
//
//   guard          verdict    success  shared  calls    wall
//   none           VIOLATION       20       0     20   0.5 s
//   ttl-cache      VIOLATION       20       0     20   0.5 s   cold: nobody finds anything kept
//   global         OK              20       0     20  10.0 s
//   synchronized   OK              20       0     20  10.0 s
//   single-flight  OK               1      19      1   0.5 s
//   coalesce       OK               1      19      1   0.5 s
//
// With --requests=1000 --keys=10, single-flight and coalesce make 10 calls in 0.51 s. With --requests=10
// --keys=10, global takes 5 s and the others half a second; nothing can go wrong there, so all are
// INCONCLUSIVE. With --requests=10000 --call=100ms, who starts last does so some 0.2 s after the first, and
// there are at most 1 + (that / 100 ms) calls: two or three.
//
// What is kept is seen where requests arrive over time: --guard=none,single-flight,ttl-cache --call=50ms
// --ttl=200ms --rate=40 --requests=80 --threads=20
//
//   guard          verdict    success  shared  calls  stale answers  latency p50
//   none           VIOLATION       80       0     80              0        50 ms
//   single-flight  OK              27      53     27              0        25 ms
//   ttl-cache      VIOLATION       20      60     20             60        44 µs   up to 3 calls at once
//
// With --failure-rate=1 all who share a call share its failure, whether it fails or throws; where the process
// dies (--failure=dies), a call was made and nobody is answered. --key-parts=two makes a key a prefix and a
// type, --key-parts=none is a look-up of everything.
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/failures.h"
#include "sync/pause.h"
#include "sync/register.h"
#include "sync/slots.h"

namespace ccbench {
namespace {

enum class KeyShape : std::uint8_t { one, two, none };

constexpr std::array<std::string_view, 3> kKeyShapes = {"one", "two", "none"};
constexpr std::array<Parameter, 4> kParameters = {{
    {.name = "call", .about = "time that the call outside takes", .initial = "500ms"},
    {.name = "key-parts",
     .about = "what a look-up names: a machine, a prefix and a type, or nothing (find all)",
     .type = Parameter::Type::choice,
     .initial = "one",
     .choices = kKeyShapes},
    kFailureRate,
    kFailure,
}};

enum Step : StepId { kCall };
constexpr std::array<std::string_view, 1> kSteps = {"call"};

enum Fact : FactId { kCalls, kOverlappingCalls, kAnswers, kWrongAnswers, kStaleAnswers, kOldestAnswer };
constexpr std::array<std::string_view, 6> kFacts = {
    "calls", "overlapping calls", "answers", "wrong answers", "stale answers", "oldest answer in µs"};

constexpr std::string_view kOneAtATime = "no two calls of a key at once";
constexpr Reason kCallFailed = "the call failed";
/// What `Failures` throws says so.
constexpr const char* kStepFailed = "the external step did not answer";

template <class Sync>
class VmLookup {
 public:
  static constexpr ScenarioInfo kInfo{
      .name = "vm-lookup",
      .about = "each request looks a machine up by a slow call; who asks at once is to share one",
      .key_name = "vm",
      .needs = {.exclusive = true, .waits = true},
      .breakable = kOneAtATime,
      .parameters = kParameters,
      .steps = kSteps,
      .facts = kFacts,
      .effect = kCalls,
      .alike = true,
      .judges_age = true,
  };

  explicit VmLookup(const TrialContext& trial)
      : trial_(trial),
        calls_in_flight_(trial.keys),
        first_answers_(ring_size(trial.requests)),
        failures_(trial),
        window_(trial.window, trial.seed),
        call_(trial.delay("call")),
        shape_(trial.choice<KeyShape>("key-parts")) {}

  static std::string objection(const ParameterValues& values, std::uint64_t /*requests*/, Key keys) {
    if (values.choice<KeyShape>("key-parts") != KeyShape::none || keys == 1) return {};
    return "--key-parts=none names no machine, so there is only one key";
  }

  KeyParts parts_of(Key key) const {
    if (shape_ == KeyShape::none) return {.count = 0};
    if (shape_ == KeyShape::one) return {.first = key};
    return {.count = 2, .first = key / kTypes, .second = key % kTypes};
  }

  Result handle(const Request& request, const Entry& /*entry*/) {
    trial_.steps.enter_step(request, kCall);
    const InFlight in_flight(calls_in_flight_[request.key]);
    if (!in_flight.alone()) trial_.facts.raise(kOverlappingCalls, request.key);
    const Value call = begin_call(request.key);
    window_(request);
    if (call_.count() > 0) Sync::sleep_for(call_);
    failures_.may_die(request);
    Result result = failures_.fails(request) ? refused(kCallFailed) : success();
    result.value = call;  // Also of a failure: it too can be kept for too long.
    return result;
  }

  void answered(const Request& request, const Result& result, Nanos asked) {
    if (!is_answer(result)) return;
    trial_.facts.raise(kAnswers, request.key);
    const Key key_of_call = static_cast<Key>(result.value) % trial_.keys;
    const auto call = result.value / static_cast<Value>(trial_.keys);
    if (call == 0 || key_of_call != request.key) trial_.facts.raise(kWrongAnswers, request.key);
    if (call != 0) judge_age(request, call, asked);
  }

  void settle() { trial_.facts.set(kOldestAnswer, 0, oldest_.load() / kMicrosecond); }

  static std::vector<Invariant> check(const Tally& tally) {
    std::vector<Invariant> invariants = {
        none_of(kOneAtATime, tally.total(kOverlappingCalls)),
        equal("every caller answered", static_cast<std::int64_t>(tally.requests),
              tally.total(kAnswers) + failed_by_exception(tally)),
        none_of("every answer of the machine asked for", tally.total(kWrongAnswers)),
    };
    if (tally.promises.stale_for == 0) {
      invariants.push_back(none_of("no stale answer", tally.total(kStaleAnswers)));
    } else if (tally.settled) {
      Invariant kept = equal("no answer older than promised, in µs", tally.promises.stale_for / kMicrosecond,
                             tally.total(kOldestAnswer));
      kept.holds = kept.observed <= kept.expected;
      kept.beyond_repair = !kept.holds;
      invariants.push_back(kept);
    }
    return invariants;
  }

  static std::optional<std::uint64_t> expected_success(const Tally& tally) {
    if (tally.promises.once) return tally.keys_hit();
    const bool failed = tally.of(Outcome::refused) + tally.of(Outcome::error) > 0;
    if (tally.promises.shares || failed) return std::nullopt;
    return tally.requests;
  }

 private:
  static constexpr Key kTypes = 2;  ///< of machines under one prefix

  /// A call that is under way, as others of its key see it.
  class InFlight {
   public:
    using Count = typename Sync::template atomic<int>;
    explicit InFlight(Count& count) : count_(count), alone_(count.fetch_add(1) == 0) {}
    ~InFlight() { count_.fetch_sub(1); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    bool alone() const { return alone_; }

   private:
    Count& count_;
    const bool alone_;
  };

  /// When somebody was first given a call's answer.
  struct FirstAnswer {
    typename Sync::template atomic<Value> call{0};
    typename Sync::template atomic<Nanos> at{0};  ///< 0: nobody was yet
  };

  /// An entry for each of the last calls: of every one, unless there are more than a million.
  static std::size_t ring_size(std::uint64_t requests) {
    constexpr std::uint64_t kLeast = 1 << 10;
    constexpr std::uint64_t kMost = 1 << 20;
    return std::bit_ceil(requests == 0 ? kMost : std::clamp(requests, kLeast, kMost));
  }

  FirstAnswer& first_answer_of(Value call) {
    return first_answers_[static_cast<std::size_t>(call) & (first_answers_.size() - 1)];
  }

  /// Answers its number, from 1, and its key as one value.
  Value begin_call(Key key) {
    trial_.facts.raise(kCalls, key);
    const Value call = last_call_.fetch_add(1) + 1;
    FirstAnswer& first = first_answer_of(call);
    first.at.store(0);
    first.call.store(call);
    return call * static_cast<Value>(trial_.keys) + static_cast<Value>(key);
  }

  /// Counts from when the answer was first given to somebody and not from the end of the call: between the
  /// two the guard is still handing the answer out, and who joins then is not late.
  void judge_age(const Request& request, Value call, Nanos asked) {
    FirstAnswer& first = first_answer_of(call);
    if (first.call.load() != call) {  // More than a million calls ago.
      trial_.facts.raise(kStaleAnswers, request.key);
      return;
    }
    Nanos at = 0;
    if (first.at.compare_exchange_strong(at, now()) || at >= asked) return;
    trial_.facts.raise(kStaleAnswers, request.key);
    Nanos oldest = oldest_.load();
    while (oldest < asked - at && !oldest_.compare_exchange_weak(oldest, asked - at)) {
    }
  }

  static Nanos now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Sync::now().time_since_epoch()).count();
  }

  static bool is_answer(const Result& result) {
    return !is_failure(result.outcome) || result.reason.text() == kCallFailed.text();
  }

  /// The failure of a call that throws is an answer too.
  static std::int64_t failed_by_exception(const Tally& tally) {
    const auto found = tally.reasons.find({Outcome::error, kStepFailed});
    return found == tally.reasons.end() ? 0 : static_cast<std::int64_t>(found->second);
  }

  /// A count that must stay 0 and never goes down.
  static Invariant none_of(std::string_view name, std::int64_t count) {
    Invariant invariant = equal(name, 0, count);
    invariant.beyond_repair = !invariant.holds;
    return invariant;
  }

  const TrialContext& trial_;
  std::vector<typename InFlight::Count> calls_in_flight_;  ///< by key
  Slots<Sync, FirstAnswer> first_answers_;
  typename Sync::template atomic<Value> last_call_{0};
  typename Sync::template atomic<Nanos> oldest_{0};
  const Failures<Sync> failures_;
  const Pause<Sync> window_;
  const std::chrono::nanoseconds call_;
  const KeyShape shape_;
};

const RegisterScenario<VmLookup> registered;

}  // namespace
}  // namespace ccbench
