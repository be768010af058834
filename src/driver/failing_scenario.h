// For tests: a scenario that goes wrong exactly where a test says, and a guard that lets everybody in.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "driver/experiment.h"
#include "driver/run.h"

namespace ccbench {

/// Whether the sections of a trial go wrong. Asked in the trial's process.
using Fails = std::function<bool(const TrialContext&)>;

inline constexpr std::string_view kNoFailure = "no failure";

class FailingScenario final : public AnyScenario {
 public:
  FailingScenario(const TrialContext& trial, bool fails) : trial_(trial), fails_(fails) {}

  Result handle(const Request& request, const Entry& /*entry*/) override {
    if (fails_) trial_.facts.raise(0, request.key);
    return success();
  }

 private:
  const TrialContext& trial_;
  const bool fails_;
};

inline ScenarioPlugin failing_scenario(Fails fails) {
  static constexpr std::array<std::string_view, 1> kFacts = {"failures"};
  return {.info = {.name = "failing",
                   .about = "",
                   .key_name = "key",
                   .needs = {},
                   .breakable = kNoFailure,
                   .parameters = {},
                   .steps = {},
                   .facts = kFacts},
          .make =
              [fails = std::move(fails)](const TrialContext& trial) {
                return std::make_unique<FailingScenario>(trial, fails(trial));
              },
          .check =
              [](const Tally& tally) {
                Invariant invariant = equal(kNoFailure, 0, tally.total(0));
                invariant.beyond_repair = !invariant.holds;
                return std::vector<Invariant>{invariant};
              },
          .expected_success = [](const Tally&) -> std::optional<std::uint64_t> { return std::nullopt; }};
}

/// What a guard made by hand does with a request.
using RunSection = Result (*)(Section);

class GuardByHand final : public AnyGuard {
 public:
  explicit GuardByHand(RunSection run_section) : run_section_(run_section) {}
  Result run(const Request& /*request*/, Section section) override { return run_section_(section); }

 private:
  const RunSection run_section_;
};

inline GuardPlugin guard_by_hand(std::string_view name, RunSection run_section) {
  return {.info = {.name = name, .about = "", .promises = {}},
          .make = [run_section](const GuardContext&) { return std::make_unique<GuardByHand>(run_section); }};
}

/// Of as many threads as requests.
inline Experiment failing_experiment(const ScenarioPlugin& scenario, std::vector<const GuardPlugin*> guards,
                                     std::uint64_t requests) {
  Experiment experiment;
  experiment.scenario = &scenario;
  experiment.guards = std::move(guards);
  experiment.requests = requests;
  experiment.threads = static_cast<std::uint32_t>(requests);
  experiment.seed = 1;
  experiment.start = StartMode::latch;
  return experiment;
}

/// Told of every trial; says nothing, and calls what a test wants to happen then.
class Listening final : public Progress {
 public:
  explicit Listening(std::function<void(std::uint64_t)> begins = {}) : begins_(std::move(begins)) {}
  void trial_begins(std::uint64_t /*number*/, std::uint64_t /*most*/, std::string_view /*guard*/) override {
    ++trials_;
    if (begins_) begins_(trials_);
  }
  std::uint64_t trials() const { return trials_; }

 private:
  std::function<void(std::uint64_t)> begins_;  ///< with how many trials there were by then, this one included
  std::uint64_t trials_ = 0;
};

}  // namespace ccbench
