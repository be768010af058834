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

namespace ccbench {

/// Which of a scenario's steps, by its place in `ScenarioInfo::steps`.
using StepId = std::size_t;

struct ScenarioInfo {
  std::string_view name;      ///< the file's name with dashes
  std::string_view about;     ///< one line for `ccbench list`
  std::string_view key_name;  ///< what a key is for people: key 0 of `ticket` is `ticket-1`
  Promises needs;             ///< a guard that makes all of these fits
  /// The invariant that an unguarded trial must break to show that the race was there to be lost.
  /// Empty: none can be broken, and verdicts are `OK (no control possible)`.
  std::string_view breakable;
  std::span<const Parameter> parameters;
  std::span<const std::string_view> steps;  ///< where a request can be inside the section
  std::span<const std::string_view> facts;
  FactId effect = 0;          ///< the fact that is the scenario's main effect
  bool facts_at_end = false;  ///< facts exist only once `settle` has run

  std::string name_of(Key key) const { return std::string(key_name) + '-' + std::to_string(key + 1); }
};

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
  const ParameterValues& parameters;
  Facts& facts;
  StepListener& steps;

  std::chrono::nanoseconds delay(std::string_view name) const {
    return std::chrono::nanoseconds(parameters.at(name));
  }
  template <class Enum>
  Enum choice(std::string_view name) const {
    return static_cast<Enum>(parameters.at(name));
  }
  std::int64_t count(std::string_view name) const { return parameters.at(name); }
};

/// A scenario: what one request does, and what must be true when all have ended.
///
/// `handle` is the section: many threads are in it at once if the guard lets them. `check` is pure and
/// runs in the parent, also on the counts of a trial that crashed or hung. `expected_success` is how
/// many requests must succeed under the guard's promises, and nothing where they do not fix it.
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
  virtual void settle() = 0;
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

 private:
  S scenario_;
};

}  // namespace ccbench
