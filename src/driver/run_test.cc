// Plans and runs of several configurations, and of those that stop at a failure.
#include "driver/run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "driver/failing_scenario.h"
#include "driver/plan.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

const GuardPlugin kOpen = guard_by_hand("open", [](Section section) { return section(Entry{}); });
const GuardPlugin kClosed = guard_by_hand("closed", [](Section) { return turned_away("closed"); });
const GuardPlugin kDying = guard_by_hand("dying", [](Section) -> Result { _exit(9); });

const GuardPlugin& none() { return control_guard(); }

Fails always() {
  return [](const TrialContext&) { return true; };
}
Fails never() {
  return [](const TrialContext&) { return false; };
}

std::uint64_t count_of(const RunResult& run, std::string_view guard) {
  return static_cast<std::uint64_t>(std::ranges::count(run.trials, guard, &TrialResult::guard));
}

// Plans

using Named = std::tuple<std::size_t, int, std::string, std::uint64_t>;
std::vector<Named> named(const std::vector<PlannedTrial>& trials) {
  std::vector<Named> names;
  for (const PlannedTrial& trial : trials)
    names.emplace_back(trial.configuration, trial.round, std::string(trial.guard->info.name), trial.seed);
  return names;
}

class Plans : public testing::Test {
 protected:
  Experiment of(std::vector<const GuardPlugin*> guards, std::uint64_t requests = 4) const {
    Experiment experiment = failing_experiment(scenario_, std::move(guards), requests);
    experiment.trials = 6;
    return experiment;
  }

  std::vector<std::uint64_t> seeds_of(std::span<const Experiment> experiments) const {
    std::map<int, std::uint64_t> seeds;
    for (const PlannedTrial& trial : make_plan(experiments).trials) {
      EXPECT_EQ(seeds.emplace(trial.round, trial.seed).first->second, trial.seed)
          << "all trials of a round face the same requests";
    }
    std::vector<std::uint64_t> in_order;
    for (const auto& [round, seed] : seeds) in_order.push_back(seed);
    return in_order;
  }

 private:
  const ScenarioPlugin scenario_ = failing_scenario(never());
};

TEST_F(Plans, GiveTheFirstRoundTheSeedOfTheRunAndEveryOtherOneOfItsOwn) {
  const Experiment experiment = of({&kOpen, &kClosed});
  const std::vector<std::uint64_t> seeds = seeds_of(std::span(&experiment, 1));
  ASSERT_EQ(seeds.size(), 6U);
  EXPECT_EQ(seeds[0], experiment.seed);
  EXPECT_EQ(std::set(seeds.begin(), seeds.end()).size(), 6U);
}

TEST_F(Plans, GiveRoundsTheSameSeedsWhateverElseRuns) {
  const Experiment alone = of({&kOpen});
  const std::vector<std::uint64_t> seeds = seeds_of(std::span(&alone, 1));
  std::vector<Experiment> sweep = {of({&kOpen, &kClosed, &kDying}, 2), of({&kOpen, &kClosed, &kDying}, 8)};
  EXPECT_EQ(seeds_of(sweep), seeds);
  for (const ControlMode mode : {ControlMode::always, ControlMode::never}) {
    for (Experiment& experiment : sweep) experiment.control = mode;
    EXPECT_EQ(seeds_of(sweep), seeds);
  }
}

TEST_F(Plans, HaveEveryGuardOfEveryConfigurationOnceInEachRound) {
  const std::vector<Experiment> sweep = {of({&kOpen, &kClosed}, 2), of({&kOpen, &kClosed}, 8)};
  const Plan plan = make_plan(sweep);
  ASSERT_EQ(plan.trials.size(), 24U);
  std::set<std::vector<std::pair<std::size_t, std::string>>> orders;
  for (std::size_t round = 0; round < 6; ++round) {
    std::vector<std::pair<std::size_t, std::string>> order;
    for (const PlannedTrial& trial : std::span(plan.trials).subspan(4 * round, 4)) {
      EXPECT_EQ(trial.round, static_cast<int>(round));
      order.emplace_back(trial.configuration, trial.guard->info.name);
    }
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 4U);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 2U) << "configurations are shuffled among each other";
  EXPECT_EQ(named(make_plan(sweep).trials), named(plan.trials));
}

TEST_F(Plans, HaveControlsOfEveryConfiguration) {
  const std::vector<Experiment> sweep = {of({&kOpen}, 2), of({&kOpen}, 8)};
  const Plan plan = make_plan(sweep);
  ASSERT_EQ(plan.controls.size(), 2U);
  std::set<std::uint64_t> seeds;
  for (const std::size_t i : {0U, 1U}) {
    ASSERT_EQ(plan.controls[i].size(), 5U);
    for (const PlannedTrial& control : plan.controls[i]) {
      EXPECT_EQ(control.configuration, i);
      EXPECT_EQ(control.role, Role::control);
      EXPECT_EQ(control.guard, &none());
      seeds.insert(control.seed);
    }
  }
  EXPECT_EQ(seeds.size(), 10U);
}

TEST_F(Plans, HaveAControlOfEveryConfigurationInEveryRoundIfAlwaysAskedFor) {
  std::vector<Experiment> sweep = {of({&kOpen}, 2), of({&kOpen}, 8)};
  for (Experiment& experiment : sweep) experiment.control = ControlMode::always;
  const Plan plan = make_plan(sweep);
  ASSERT_EQ(plan.trials.size(), 24U);
  for (std::size_t round = 0; round < 6; ++round) {
    for (const std::size_t i : {0U, 1U}) {
      EXPECT_EQ(plan.trials[4 * round + i].guard, &none());
      EXPECT_EQ(plan.trials[4 * round + i].configuration, i);
      EXPECT_EQ(plan.trials[4 * round + 2 + i].guard, &kOpen);
    }
  }
}

// Runs of several configurations

TEST(Sweeps, JudgeEveryConfigurationByItsOwnControls) {
  const ScenarioPlugin scenario =
      failing_scenario([](const TrialContext& trial) { return trial.requests >= 2; });
  const std::vector<Experiment> sweep = {failing_experiment(scenario, {&kClosed}, 1),
                                         failing_experiment(scenario, {&kClosed}, 2)};
  const RunResult result = run_quietly(sweep);
  ASSERT_EQ(result.configurations.size(), 2U);
  EXPECT_EQ(result.configurations[0].control.trials, 5U);
  EXPECT_EQ(result.configurations[0].control.broken, 0U);
  EXPECT_EQ(result.configurations[1].control.trials, 1U);
  EXPECT_EQ(result.configurations[1].control.broken, 1U);
  std::vector<std::tuple<std::size_t, std::string, Verdict>> rows;
  for (const GuardResult& row : result.guards) rows.emplace_back(row.configuration, row.guard, row.verdict);
  const std::vector<std::tuple<std::size_t, std::string, Verdict>> wanted = {
      {0, "none", Verdict::inconclusive},
      {0, "closed", Verdict::inconclusive},
      {1, "none", Verdict::violation},
      {1, "closed", Verdict::ok}};
  EXPECT_EQ(rows, wanted);
  for (const TrialResult& trial : result.trials) {
    EXPECT_EQ(trial.tally.requests, trial.configuration + 1);
  }
  EXPECT_EQ(result.exit_code(), kExitInconclusive);
  EXPECT_EQ(result.planned_trials, 8U);
}

// Stopping at the first failure

/// Fails in the round that has this seed.
Fails in_round_of(std::uint64_t seed) {
  return [seed](const TrialContext& trial) { return trial.seed == seed; };
}

/// The seed of a round of a run with seed 1.
std::uint64_t seed_of_round(int round) {
  const ScenarioPlugin scenario = failing_scenario(never());
  Experiment experiment = failing_experiment(scenario, {&kOpen}, 1);
  experiment.trials = round + 1;
  return make_plan(std::span(&experiment, 1)).trials.back().seed;
}

TEST(UntilFail, StopsAtTheFirstTrialThatFails) {
  const ScenarioPlugin scenario = failing_scenario(in_round_of(seed_of_round(3)));
  Experiment experiment = failing_experiment(scenario, {&kOpen}, 2);
  experiment.trials = 8;
  EXPECT_EQ(count_of(run_quietly(experiment), "open"), 8U);
  experiment.until_fail = true;
  const RunResult result = run_quietly(experiment);
  EXPECT_EQ(count_of(result, "open"), 4U) << "rounds 0 to 3";
  EXPECT_EQ(result.trials.back().verdict, Verdict::violation);
  EXPECT_EQ(result.trials.back().round, 3);
  EXPECT_EQ(result.guards.back().verdict, Verdict::violation);
  EXPECT_EQ(result.planned_trials, 5U + 8U);
}

TEST(UntilFail, RunsToTheEndWhereNothingFails) {
  const ScenarioPlugin scenario = failing_scenario(never());
  Experiment experiment = failing_experiment(scenario, {&kOpen}, 2);
  experiment.trials = 5;
  experiment.until_fail = true;
  experiment.control = ControlMode::never;
  EXPECT_EQ(run_quietly(experiment).trials.size(), 5U);
}

TEST(UntilFail, IsNotStoppedByAControl) {
  const ScenarioPlugin scenario = failing_scenario(always());
  Experiment experiment = failing_experiment(scenario, {&none(), &kClosed}, 2);
  experiment.trials = 3;
  experiment.until_fail = true;
  const RunResult beside = run_quietly(experiment);
  EXPECT_EQ(count_of(beside, "none"), 3U);
  EXPECT_EQ(count_of(beside, "closed"), 3U);
  experiment.guards = {&kClosed};
  experiment.control = ControlMode::always;
  EXPECT_EQ(run_quietly(experiment).trials.size(), 6U);
  experiment.guards = {&none()};
  EXPECT_EQ(run_quietly(experiment).trials.size(), 1U) << "alone it is the guard";
}

TEST(UntilFail, StopsAtACrashAndInAnyConfiguration) {
  const ScenarioPlugin scenario = failing_scenario(never());
  std::vector<Experiment> sweep = {failing_experiment(scenario, {&kDying}, 1),
                                   failing_experiment(scenario, {&kDying}, 2)};
  for (Experiment& experiment : sweep) {
    experiment.trials = 3;
    experiment.until_fail = true;
    experiment.control = ControlMode::never;
  }
  const RunResult result = run_quietly(sweep);
  EXPECT_EQ(result.trials.size(), 1U);
  EXPECT_EQ(result.exit_code(), kExitCrashed);
}

TEST(UntilFail, StopsWhereTrialsCannotBeCarriedOut) {
  // Its scenario cannot be made.
  const ScenarioPlugin scenario =
      failing_scenario([](const TrialContext&) -> bool { throw std::runtime_error("no such thing"); });
  Experiment experiment = failing_experiment(scenario, {&kOpen}, 2);
  experiment.trials = 3;
  experiment.until_fail = true;
  experiment.control = ControlMode::never;
  const RunResult result = run_quietly(experiment);
  EXPECT_EQ(result.trials.size(), 1U);
  EXPECT_EQ(result.exit_code(), kExitError);
}

// Repeating a round

TEST(Seeds, OfATrialRepeatItsRequests) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.guards = {guards().find("synchronized"), guards().find("cas")};
  experiment.requests = 200;
  experiment.threads = 2;
  experiment.keys = 50;
  experiment.zipf = 1;
  experiment.seed = 11;
  experiment.trials = 3;
  experiment.keep_requests = true;
  experiment.control = ControlMode::never;
  const auto keys_of = [](const TrialResult& trial) {
    std::vector<Key> keys;
    for (const RequestRow& row : trial.requests) keys.push_back(row.key);
    return keys;
  };
  const RunResult result = run_quietly(experiment);
  std::map<int, std::set<std::vector<Key>>> by_round;
  for (const TrialResult& trial : result.trials) {
    ASSERT_EQ(trial.requests.size(), 200U);
    by_round[trial.round].insert(keys_of(trial));
    Experiment again = experiment;
    again.seed = trial.seed;
    again.trials = 1;
    for (const TrialResult& repeated : run_quietly(again).trials)
      EXPECT_EQ(keys_of(repeated), keys_of(trial)) << trial.trial;
  }
  std::set<std::vector<Key>> different;
  for (const auto& [round, keys] : by_round) {
    EXPECT_EQ(keys.size(), 1U) << "guards of a round face the same requests";
    different.insert(keys.begin(), keys.end());
  }
  EXPECT_EQ(different.size(), 3U);
}

// Timelines

Experiment purchase_with_timeline() {
  Experiment experiment;
  experiment.scenario = scenarios().find("lotto-purchase");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("payment", "2ms");
  experiment.parameters.set("db", "1ms");
  experiment.guards = {guards().find("synchronized"), guards().find("global")};
  experiment.requests = experiment.threads = 3;
  experiment.seed = 1;
  experiment.trials = 2;
  experiment.control = ControlMode::never;
  experiment.keep_timeline = true;
  return experiment;
}

TEST(Timelines, AreKeptOfEveryGuardsLastTrial) {
  for (const bool keep_requests : {false, true}) {
    Experiment experiment = purchase_with_timeline();
    experiment.keep_requests = keep_requests;
    const RunResult result = run_quietly(experiment);
    ASSERT_EQ(result.trials.size(), 4U);
    for (const TrialResult& trial : result.trials) {
      const bool last = trial.round == 1;
      EXPECT_EQ(trial.requests.size(), last || keep_requests ? 3U : 0U);
      EXPECT_EQ(trial.steps.empty(), !last);
      EXPECT_TRUE(last || trial.steps.capacity() == 0) << "forgotten and still in memory";
      EXPECT_TRUE(last || keep_requests || trial.requests.capacity() == 0) << "forgotten and still in memory";
      for (const RequestRow& row : trial.requests) {
        EXPECT_TRUE(last || row.step_count == 0);
      }
    }
  }
}

TEST(Timelines, HaveTheStepsOfEachRequestInOrderAndInsideItsSection) {
  const RunResult result = run_quietly(purchase_with_timeline());
  const TrialResult& trial = result.trials.back();
  const auto steps = result.experiment().scenario->info.steps;
  std::size_t all = 0;
  for (const RequestRow& row : trial.requests) {
    ASSERT_LE(row.first_step + row.step_count, trial.steps.size());
    EXPECT_EQ(row.first_step, all);
    all += row.step_count;
    Nanos before = row.enter.value();
    std::vector<std::string_view> names;
    for (std::size_t i = row.first_step; i < row.first_step + row.step_count; ++i) {
      EXPECT_GE(trial.steps[i].at, before);
      before = trial.steps[i].at;
      names.push_back(steps[trial.steps[i].step]);
    }
    EXPECT_LE(before, row.leave);
    // Who is refused goes no further than the check; who buys goes through all, in the scenario's order.
    EXPECT_TRUE(std::ranges::equal(names, steps.first(names.size())));
    EXPECT_EQ(names.size() == steps.size(), row.outcome == Outcome::success);
  }
  EXPECT_EQ(all, trial.steps.size());
}

}  // namespace
}  // namespace ccbench
