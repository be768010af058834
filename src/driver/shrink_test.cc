// The trials are real ones; whether they fail is decided by the test, so that it knows the smallest that
// does.
#include "driver/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "driver/failing_scenario.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

const GuardPlugin kOpen = guard_by_hand("open", [](Section section) { return section(Entry{}); });

Shrunk shrunk(const Experiment& experiment, Listening& progress) {
  const Interruption interruption;
  return shrink(experiment, {.seed = experiment.seed}, interruption, progress);
}

Shrunk shrunk(const Experiment& experiment) {
  Listening silent;
  return shrunk(experiment, silent);
}

/// Where trials fail that have so many requests and so long a window, or more.
Fails from(std::uint64_t requests, Nanos window) {
  return
      [=](const TrialContext& trial) { return trial.requests >= requests && trial.window.length >= window; };
}

Experiment experiment_of(const ScenarioPlugin& scenario, std::uint64_t requests, Nanos window) {
  Experiment experiment = failing_experiment(scenario, {&kOpen}, requests);
  experiment.window.length = window;
  experiment.config["window"] = experiment.params["window"] = to_text(window);
  return experiment;
}

TEST(Shrink, FindsTheFewestRequestsAndTheShortestWindow) {
  const ScenarioPlugin scenario = failing_scenario(from(6, 5));
  const Shrunk found = shrunk(experiment_of(scenario, 13, 16));
  EXPECT_EQ(found.smallest.requests, 6U);
  EXPECT_EQ(found.smallest.threads, 6U);
  EXPECT_EQ(found.smallest.window.length, 5);
  EXPECT_EQ(found.smallest.config.at("requests"), "6");
  EXPECT_EQ(found.smallest.config.at("threads"), "6");
  EXPECT_EQ(found.smallest.config.at("window"), "5ns");
  EXPECT_EQ(found.smallest.params.at("window"), "5ns");
}

TEST(Shrink, TellsWhatItTried) {
  const ScenarioPlugin scenario = failing_scenario(from(2, 0));
  Listening progress;
  const Shrunk found = shrunk(experiment_of(scenario, 4, 0), progress);
  ASSERT_EQ(found.steps.size(), 2U);
  EXPECT_EQ(found.steps[0].requests, 1U);
  EXPECT_FALSE(found.steps[0].failed);
  EXPECT_EQ(found.steps[0].trials, static_cast<std::uint64_t>(kTrialsToShrink));
  EXPECT_EQ(found.steps[1].requests, 2U);
  EXPECT_TRUE(found.steps[1].failed);
  EXPECT_EQ(found.steps[1].trials, 1U);
  ASSERT_EQ(found.confirmations.size(), 1U);
  EXPECT_EQ(found.confirmations[0].requests, 2U);
  EXPECT_EQ(found.confirmations[0].trials, static_cast<std::uint64_t>(kTrialsToConfirm));
  EXPECT_EQ(found.confirmations[0].failed, static_cast<std::uint64_t>(kTrialsToConfirm));
  EXPECT_FALSE(found.cut_short);
  EXPECT_EQ(progress.trials(), kTrialsToShrink + 1U + kTrialsToConfirm) << "and no controls";
}

TEST(Shrink, TriesAsOftenAsARareFailureNeeds) {
  const ScenarioPlugin scenario = failing_scenario(from(2, 0));
  const Interruption interruption;
  Listening silent;
  const Shrunk found = shrink(experiment_of(scenario, 2, 0), {.seed = 1, .trials = 51}, interruption, silent);
  ASSERT_EQ(found.steps.size(), 1U);
  EXPECT_EQ(found.steps[0].trials, 152U) << "one in 51 fails in 152 trials with 95 %";
  ASSERT_EQ(found.confirmations.size(), 1U);
  EXPECT_EQ(found.confirmations[0].trials, 152U);
  EXPECT_EQ(found.trials_at_first, 51U);
}

TEST(Shrink, DoesNotTakeAChanceForTheSmallest) {
  bool unlucky = false;
  const ScenarioPlugin scenario =
      failing_scenario([&unlucky](const TrialContext& trial) { return trial.requests >= 8 || unlucky; });
  Listening progress([&unlucky](std::uint64_t trials) { unlucky = trials == 1; });
  const Shrunk found = shrunk(experiment_of(scenario, 8, 0), progress);
  ASSERT_EQ(found.steps.size(), 1U);
  EXPECT_TRUE(found.steps[0].failed) << "one request did, once";
  ASSERT_EQ(found.confirmations.size(), 2U);
  EXPECT_EQ(found.confirmations[0].requests, 1U);
  EXPECT_EQ(found.confirmations[0].failed, 0U);
  EXPECT_EQ(found.smallest.requests, 8U);
  EXPECT_EQ(found.seed, 1U);
  EXPECT_GT(found.confirmations[1].failed, 0U);
}

TEST(Shrink, GoesDownToOneRequestAndNoWindow) {
  const ScenarioPlugin scenario = failing_scenario(from(1, 0));
  const Shrunk found = shrunk(experiment_of(scenario, 1'000, kSecond));
  EXPECT_EQ(found.smallest.requests, 1U);
  EXPECT_EQ(found.smallest.window.length, 0);
  EXPECT_FALSE(found.smallest.params.contains("window")) << "no window is the default";
  EXPECT_EQ(found.smallest.config.at("window"), "0");
  EXPECT_EQ(found.steps.size(), 2U);
}

TEST(Shrink, KeepsWhatCannotBeSmaller) {
  const ScenarioPlugin scenario = failing_scenario(from(3, 2));
  const Shrunk found = shrunk(experiment_of(scenario, 3, 2));
  EXPECT_EQ(found.smallest.requests, 3U);
  EXPECT_EQ(found.smallest.window.length, 2);
  EXPECT_EQ(found.seed, 1U);
  EXPECT_TRUE(std::ranges::none_of(found.steps, &ShrinkStep::failed));
}

TEST(Shrink, OfLargeNumbersComesWithinAnEighth) {
  const ScenarioPlugin scenario = failing_scenario(from(1, 700));
  const Shrunk found = shrunk(experiment_of(scenario, 1, 1600));
  EXPECT_GE(found.smallest.window.length, 700);
  EXPECT_LE(found.smallest.window.length, 700 * 9 / 8);
  const auto longest_that_held =
      std::ranges::max(found.steps, {}, [](const ShrinkStep& step) { return step.failed ? 0 : step.window; });
  EXPECT_GE(longest_that_held.window + longest_that_held.window / 8, found.smallest.window.length);
}

TEST(Shrink, KeepsThePoolWhileItHasMoreRequestsThanThreads) {
  const ScenarioPlugin scenario = failing_scenario(from(5, 0));
  Experiment experiment = experiment_of(scenario, 12, 0);
  experiment.threads = 3;
  const Shrunk found = shrunk(experiment);
  EXPECT_EQ(found.smallest.requests, 5U);
  EXPECT_EQ(found.smallest.threads, 3U);
  const ScenarioPlugin few = failing_scenario(from(2, 0));
  experiment.scenario = &few;
  EXPECT_EQ(shrunk(experiment).smallest.threads, 2U);
}

/// Fails in a quarter of all seeds.
bool unlucky(std::uint64_t seed) { return StdSync::random(seed)() % 4 == 0; }

TEST(Shrink, OfAGuardThatFailsSometimesNamesASeedThatDoes) {
  const ScenarioPlugin scenario =
      failing_scenario([](const TrialContext& trial) { return trial.requests >= 3 && unlucky(trial.seed); });
  Experiment experiment = experiment_of(scenario, 9, 0);
  ASSERT_FALSE(unlucky(experiment.seed)) << "or the first trial of each setting would fail";
  const Shrunk found = shrunk(experiment);
  EXPECT_EQ(found.smallest.requests, 3U);
  EXPECT_NE(found.seed, experiment.seed);
  EXPECT_TRUE(std::ranges::any_of(found.steps,
                                  [](const ShrinkStep& step) { return step.failed && step.trials > 1; }));
  // Run with that seed, its first trial fails.
  Experiment again = found.smallest;
  again.seed = found.seed;
  const Interruption interruption;
  Listening silent;
  const RunResult result = run(again, {}, interruption, silent);
  EXPECT_EQ(result.trials.size(), 1U);
  EXPECT_EQ(result.guards.at(0).verdict, Verdict::violation);
}

TEST(Shrink, KeepsWhatItHasFoundWhenInterrupted) {
  const ScenarioPlugin scenario = failing_scenario(from(2, 0));
  // The 20 trials of one request, one of 8, and then one of 4, of which nothing is known.
  Listening progress([](std::uint64_t trials) {
    if (trials == kTrialsToShrink + 2U) raise(SIGINT);
  });
  const Shrunk found = shrunk(experiment_of(scenario, 16, 100), progress);
  EXPECT_EQ(progress.trials(), kTrialsToShrink + 2U);
  EXPECT_EQ(found.smallest.requests, 8U);
  EXPECT_EQ(found.smallest.window.length, 100);
  ASSERT_EQ(found.steps.size(), 2U) << "that of 4 requests was not seen to hold";
  EXPECT_EQ(found.steps.back().requests, 8U);
  EXPECT_TRUE(found.cut_short);
  EXPECT_TRUE(found.confirmations.empty());
}

TEST(Shrink, TriesNothingAfterAnInterruption) {
  const ScenarioPlugin scenario = failing_scenario(from(1, 0));
  const Interruption interruption;
  raise(SIGTERM);
  Listening progress;
  const Shrunk found = shrink(experiment_of(scenario, 16, 100), {.seed = 5}, interruption, progress);
  EXPECT_EQ(progress.trials(), 0U);
  EXPECT_TRUE(found.steps.empty());
  EXPECT_EQ(found.smallest.requests, 16U);
  EXPECT_EQ(found.seed, 5U);
}

}  // namespace
}  // namespace ccbench
