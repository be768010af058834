// fan-out: every invariant by name holds on sound counts and breaks on a planted breach, and real trials show
// what the head comment says.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "driver/failing_scenario.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

using Settings = std::map<std::string, std::string>;

const ScenarioPlugin& fan_out() { return *scenarios().find("fan-out"); }

FactId fact(std::string_view name) {
  const auto found = std::ranges::find(fan_out().info.facts, name);
  EXPECT_NE(found, fan_out().info.facts.end()) << name;
  return static_cast<FactId>(found - fan_out().info.facts.begin());
}

// Planted counts

constexpr Promises kCancels = {.cancels = true};
constexpr Promises kIndependent = {.independent = true};

/// Two parents of five children each, of whom the first has failed.
Tally planted(const Promises& promises, std::uint64_t cancelled, std::int64_t ran_on) {
  Tally tally;
  tally.promises = promises;
  tally.requests = 10;
  tally.keys = 2;
  tally.settled = true;
  tally.requests_of_key = {5, 5};
  tally.successes_of_key = {0, 0};
  tally.outcomes.at(index_of(Outcome::refused)) = 2;
  tally.outcomes.at(index_of(Outcome::cancelled)) = cancelled;
  tally.outcomes.at(index_of(Outcome::success)) = 8 - cancelled;
  tally.facts_of_key.assign(fan_out().info.facts.size(), {0, 0});
  tally.facts_of_key[fact("failures")] = {1, 1};
  tally.facts_of_key[fact("ran on")] = {0, ran_on};
  return tally;
}

Invariant only(const Tally& tally) {
  const std::vector<Invariant> invariants = fan_out().check(tally);
  EXPECT_EQ(invariants.size(), 1U);
  return invariants.front();
}

TEST(FanOut, HoldsOnSoundCounts) {
  EXPECT_TRUE(only(planted(kCancels, 8, 0)).holds);
  EXPECT_TRUE(only(planted(kIndependent, 0, 4)).holds);
  EXPECT_EQ(fan_out().expected_success(planted(kIndependent, 0, 4)), 8U);
  EXPECT_FALSE(fan_out().expected_success(planted(kCancels, 8, 0)).has_value());
}

TEST(FanOut, BreaksWhereAChildRanOn) {
  for (const Promises& promises : {kCancels, Promises{}}) {
    const Invariant invariant = only(planted(promises, 6, 2));
    EXPECT_EQ(invariant.name, "nobody ran on after the failure was known");
    EXPECT_FALSE(invariant.holds);
    EXPECT_TRUE(invariant.beyond_repair);
    EXPECT_EQ(invariant.observed, 2);
    EXPECT_EQ(invariant.key, Key{1});
  }
}

TEST(FanOut, BreaksWhereAnIndependentChildWasStopped) {
  const Invariant invariant = only(planted(kIndependent, 1, 0));
  EXPECT_EQ(invariant.name, "every child ran to its own end");
  EXPECT_FALSE(invariant.holds);
  EXPECT_EQ(invariant.observed, 9);
}

TEST(FanOut, ObjectsToAFailureAfterTheEnd) {
  ParameterValues values(fan_out().info.parameters);
  EXPECT_EQ(fan_out().objection(values, 10, 1), "");
  values.set("fail-at", "101ms");
  EXPECT_NE(fan_out().objection(values, 10, 1), "");
}

// Real trials. A child's time is so long that whoever is to be stopped is, however late it is told.

Experiment experiment_of(std::string_view name, const Settings& settings) {
  Experiment experiment = failing_experiment(fan_out(), {&guard(name)}, 20);
  experiment.keys = 2;
  experiment.parameters = ParameterValues(fan_out().info.parameters);
  for (const auto& [parameter, value] : settings)
    EXPECT_EQ(experiment.parameters.set(parameter, value), "") << parameter;
  return experiment;
}

TrialResult trial_of(std::string_view name, const Settings& settings) {
  return run_quietly(experiment_of(name, settings)).trials.back();
}

std::int64_t total(const TrialResult& trial, std::string_view name) { return trial.tally.total(fact(name)); }

TEST(FanOut, RunsOnWithoutAGuard) {
  const TrialResult trial = trial_of("none", {{"child", "500ms"}});
  EXPECT_EQ(trial.verdict, Verdict::violation);
  EXPECT_EQ(trial.tally.of(Outcome::success), 18U);
  EXPECT_EQ(total(trial, "failures"), 2);
  EXPECT_EQ(total(trial, "ran on"), 18);
  EXPECT_EQ(total(trial, "cancelled"), 0);
}

TEST(FanOut, EndsWithTheFirstFailureUnderAllOrNothing) {
  Experiment experiment = experiment_of("all-or-nothing", {{"child", "10s"}});
  experiment.control = ControlMode::never;
  const TrialResult trial = run_quietly(experiment).trials.back();
  EXPECT_EQ(trial.verdict, Verdict::inconclusive) << trial.sentence;
  EXPECT_EQ(trial.tally.of(Outcome::cancelled), 18U);
  EXPECT_EQ(total(trial, "failures"), 2);
  EXPECT_EQ(total(trial, "cancelled"), 18);
  EXPECT_EQ(total(trial, "ran on"), 0);
  EXPECT_LT(total(trial, "to end µs"), 10'000'000) << "half of what two children take to their end";
}

TEST(FanOut, IsShownToHoldBesideItsControl) {
  const RunResult run = run_quietly(experiment_of("all-or-nothing", {{"child", "500ms"}}));
  EXPECT_EQ(run.guards.back().verdict, Verdict::ok) << run.guards.back().sentence;
  const TrialResult& control = run.trials.front();
  const TrialResult& trial = run.trials.back();
  ASSERT_EQ(control.role, Role::control);
  for (const std::string_view less : {"ran on", "worked on µs", "to end µs"})
    EXPECT_LT(total(trial, less), total(control, less)) << less;
}

TEST(FanOut, LeavesEveryChildToItselfUnderSupervised) {
  const TrialResult trial = trial_of("supervised", {{"child", "200ms"}, {"failing", "3"}});
  EXPECT_EQ(trial.verdict, Verdict::ok) << trial.sentence;
  EXPECT_EQ(trial.tally.of(Outcome::success), 14U);
  EXPECT_EQ(trial.tally.of(Outcome::refused), 6U);
  EXPECT_EQ(total(trial, "cancelled"), 0);
  EXPECT_EQ(trial.expected_success, 14U);
}

TEST(FanOut, CancelsChildrenThatComeAfterTheFailure) {
  Experiment experiment = experiment_of("all-or-nothing", {{"child", "10s"}});
  experiment.threads = 4;
  experiment.control = ControlMode::never;
  const TrialResult trial = run_quietly(experiment).trials.back();
  EXPECT_EQ(total(trial, "cancelled"), 18);
  EXPECT_EQ(total(trial, "ran on"), 0);
}

TEST(FanOut, CatchesAGuardThatForgetsThem) {
  for (int trial = 0; trial < 3; ++trial) {
    Experiment experiment = experiment_of("faulty-forgets-children", {{"child", "100ms"}});
    experiment.threads = 4;
    experiment.control = ControlMode::never;
    EXPECT_EQ(run_quietly(experiment).guards.back().verdict, Verdict::violation);
  }
}

TEST(FanOut, CatchesASupervisorWhoseFailuresSpread) {
  for (int trial = 0; trial < 3; ++trial) {
    Experiment experiment = experiment_of("faulty-failure-spreads", {{"child", "2s"}});
    experiment.control = ControlMode::never;
    const TrialResult result = run_quietly(experiment).trials.back();
    EXPECT_EQ(result.verdict, Verdict::violation);
    EXPECT_EQ(result.tally.of(Outcome::cancelled), 18U);
  }
}

TEST(FanOut, FailsWhomTheRateDraws) {
  const Settings settings = {{"child", "20ms"}, {"fail-at", "1ms"}, {"failing", "0"}, {"failure-rate", "1"}};
  EXPECT_EQ(total(trial_of("supervised", settings), "failures"), 20);
  Settings throwing = settings;
  throwing["failure"] = "throws";
  const TrialResult trial = trial_of("supervised", throwing);
  EXPECT_EQ(total(trial, "failures"), 20);
  EXPECT_EQ(trial.tally.of(Outcome::error), 20U);
  EXPECT_EQ(trial_of("supervised", {{"failing", "0"}, {"child", "20ms"}, {"fail-at", "0"}})
                .tally.of(Outcome::success),
            20U);
}

}  // namespace
}  // namespace ccbench
