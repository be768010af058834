// What a scenario is, for its author and for the driver.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/facts.h"
#include "core/parameter.h"
#include "core/promises.h"
#include "core/request.h"
#include "core/tally.h"
#include "core/window.h"

namespace ccbench {

/// Which of a scenario's steps, by its place in `ScenarioInfo::steps`.
using StepId = std::size_t;

struct ScenarioInfo {
  std::string_view name;                  ///< the file's name with dashes
  std::string_view about;                 ///< one line for `ccbench list`
  std::string_view key_name;              ///< what a key is for people: key 0 of `ticket` is `ticket-1`
  Promises needs;                         ///< a guard that makes all of these fits
  std::optional<Promises> or_needs = {};  ///< and so does one that makes all of these
  bool unshared = false;                  ///< nobody may get another's result: a guard that shares is unfit
  /// The invariant that an unguarded trial must break to show that the race was there to be lost.
  /// Empty: none can be broken, and verdicts are `OK (no control possible)`.
  std::string_view breakable;
  std::span<const Parameter> parameters;
  std::span<const std::string_view> steps;  ///< where a request can be inside the section
  std::span<const std::string_view> facts;
  FactId effect = 0;          ///< the fact that is the scenario's main effect
  bool facts_at_end = false;  ///< facts exist only once `settle` has run
  bool reads = false;         ///< knows requests of kind `read`, so that `--read-ratio` has a meaning
  /// Requests of one key do the same, whatever number they have, where none of them is to fail: which of them
  /// comes first makes no difference but to the value that they get.
  bool alike = false;
  /// Judges how old an answer is: by what time it was when the request came (`answered`).
  bool judges_age = false;

  std::string name_of(Key key) const { return std::string(key_name) + '-' + std::to_string(key + 1); }
};

/// What the guard lacks that the scenario needs, by name; empty: it fits.
inline std::vector<std::string> lacking(const ScenarioInfo& scenario, const Promises& promises) {
  if (scenario.unshared && promises.shares) return {"a result of its own for every request"};
  if (scenario.or_needs && missing(*scenario.or_needs, promises).empty()) return {};
  return missing(scenario.needs, promises);
}

/// Told where every request is; implemented by the driver.
class StepListener {
 public:
  StepListener() = default;
  StepListener(const StepListener&) = delete;
  StepListener& operator=(const StepListener&) = delete;
  virtual ~StepListener() = default;
  virtual void enter_step(const Request& request, StepId step) = 0;
};

/// What a scenario gets to know about the trial it is made for. Outlives the scenario.
struct TrialContext {
  std::uint64_t requests = 1;
  Key keys = 1;
  std::uint64_t seed = 0;
  Window window = {};
  const ParameterValues& parameters;
  Facts& facts;
  StepListener& steps;

  std::chrono::nanoseconds delay(std::string_view name) const { return parameters.time(name); }
  template <class Enum>
  Enum choice(std::string_view name) const {
    return parameters.choice<Enum>(name);
  }
  std::int64_t count(std::string_view name) const { return parameters.at(name); }
  double ratio(std::string_view name) const { return parameters.ratio(name); }
};

/// A scenario: what one request does, and what must be true when all have ended.
///
/// `handle` is the section: many threads are in it at once if the guard lets them. `check` is pure and
/// runs in the parent, also on the counts of a trial that crashed or hung; the explorer does not ask again
/// for counts that held. `expected_success` is how many requests must succeed under the guard's promises, and
/// nothing where they do not fix it.
///
/// A scenario may also have
/// - `void settle()`: turns its final state into facts, after the last request has ended;
/// - `void answered(const Request&, const Result&, Nanos asked)`: told what each request got, by the thread
///   that asked and outside the section; `asked` is when it came to the guard, by the steady clock. Not part
///   of what is measured, and not called for a request that ended with an exception;
/// - `KeyParts parts_of(Key) const`: what a key stands for;
/// - `static std::optional<SequentialModel> model(const ModelContext&)`: what the requests of a key do if one
///   comes after the other, so that the histories of trials and of explored schedules are held against it;
///   nothing: under these settings no key has a state of its own;
/// - `static std::string objection(const ParameterValues&, std::uint64_t requests, Key keys)`: why these
///   settings do not go together, as one clause for the user; empty: they do. 0 requests: as many as come.
template <class S>
concept Scenario = std::constructible_from<S, const TrialContext&> &&
                   requires(S& scenario, const Request& request, const Entry& entry, const Tally& tally) {
                     { S::kInfo } -> std::convertible_to<ScenarioInfo>;
                     { scenario.handle(request, entry) } -> std::same_as<Result>;
                     { S::check(tally) } -> std::same_as<std::vector<Invariant>>;
                     { S::expected_success(tally) } -> std::same_as<std::optional<std::uint64_t>>;
                   };

/// A scenario with its type erased.
class AnyScenario {
 public:
  AnyScenario() = default;
  AnyScenario(const AnyScenario&) = delete;
  AnyScenario& operator=(const AnyScenario&) = delete;
  virtual ~AnyScenario() = default;
  virtual Result handle(const Request& request, const Entry& entry) = 0;
  /// After the last request has ended: turns final state into facts. Never called after a crash.
  virtual void settle() {}
  virtual void answered(const Request& /*request*/, const Result& /*result*/, Nanos /*asked*/) {}
  virtual KeyParts parts_of(Key key) const { return {.first = key}; }
};

template <Scenario S>
class ErasedScenario final : public AnyScenario {
 public:
  explicit ErasedScenario(const TrialContext& context) : scenario_(context) {}
  Result handle(const Request& request, const Entry& entry) override {
    return scenario_.handle(request, entry);
  }
  void settle() override {
    if constexpr (requires(S& scenario) { scenario.settle(); }) scenario_.settle();
  }
  void answered(const Request& request, const Result& result, Nanos asked) override {
    if constexpr (requires(S& scenario) { scenario.answered(request, result, asked); })
      scenario_.answered(request, result, asked);
  }
  KeyParts parts_of(Key key) const override {
    if constexpr (requires(const S& scenario) { scenario.parts_of(key); }) return scenario_.parts_of(key);
    return {.first = key};
  }

 private:
  S scenario_;
};

}  // namespace ccbench
