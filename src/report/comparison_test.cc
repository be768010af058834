#include "report/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ccbench {
namespace {

GuardPlugin named(std::string_view name) {
  return {.info = {.name = name, .about = "", .promises = {}}, .make = nullptr};
}
const GuardPlugin kCas = named("cas");
const GuardPlugin kGlobal = named("global");
const GuardPlugin kAbsent = named("absent");

/// A trial of this length in a round; 0: it did not end.
using Times = std::vector<std::pair<int, Nanos>>;

/// A run without trials, of so many configurations.
RunResult empty_run(std::size_t configurations = 1) {
  RunResult run;
  run.configurations.resize(configurations);
  return run;
}

struct Row {
  std::string guard;
  Times times;
  Verdict verdict = Verdict::ok;
  Role role = Role::guard;
  std::size_t configuration = 0;
};

void add(RunResult& run, const Row& row) {
  GuardResult guard;
  guard.guard = row.guard;
  guard.configuration = row.configuration;
  guard.role = row.role;
  guard.verdict = row.verdict;
  for (const auto& [round, wall] : row.times) {
    TrialResult trial;
    trial.trial = run.trials.size() + 1;
    trial.configuration = row.configuration;
    trial.round = round;
    trial.guard = row.guard;
    trial.role = row.role;
    trial.verdict = row.verdict;
    if (wall > 0) trial.wall = wall;
    guard.trials.push_back(run.trials.size());
    run.trials.push_back(std::move(trial));
  }
  run.guards.push_back(std::move(guard));
}

Times rounds(const std::vector<Nanos>& walls) {
  Times times;
  for (const Nanos wall : walls) times.emplace_back(static_cast<int>(times.size()), wall);
  return times;
}

std::vector<std::string> order_of(const RunResult& run, const Comparison& comparison) {
  std::vector<std::string> names;
  for (const Cost& cost : comparison.costs) names.push_back(run.guards[cost.guard].guard);
  return names;
}

const Cost& cost_of(const RunResult& run, const Comparison& comparison, std::string_view guard) {
  const auto found = std::ranges::find_if(
      comparison.costs, [&](const Cost& cost) { return run.guards[cost.guard].guard == guard; });
  if (found == comparison.costs.end()) throw std::logic_error("no row of " + std::string(guard));
  return *found;
}

/// 40 rounds on a machine that slows down to a third and recovers at random, and `slow` takes 1.2 times as
/// long as `fast` in each, but for one percent. The rounds of the slow half are missing of `slow`.
struct Drift {
  static constexpr int kRounds = 40;

  Times fast;
  Times slow;
  Times slow_without_slow_rounds;

  Drift() {
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> machine(1, 3);
    std::uniform_real_distribution<double> own(0.99, 1.01);
    for (int round = 0; round < kRounds; ++round) {
      const double slowness = machine(random);
      fast.emplace_back(round, std::llround(1e8 * slowness * own(random)));
      slow.emplace_back(round, std::llround(1.2e8 * slowness * own(random)));
      if (slowness < 2) slow_without_slow_rounds.push_back(slow.back());
    }
  }
};

/// Whether it says that there is a fifth between them, and that it is no more and no less.
bool sizes_a_fifth(const std::optional<Estimate>& ratio) {
  return ratio && ratio->interval && ratio->interval->low <= 1.2 && 1.2 <= ratio->interval->high &&
         ratio->interval->high - ratio->interval->low < 0.05;
}

/// What a comparison would say that takes the slow guard's trial of `other_round(round)`.
std::optional<Estimate> ratio_across(const Drift& drift, const std::function<int(int)>& other_round) {
  std::vector<std::pair<double, double>> pairs;
  for (const auto& [round, time] : drift.fast) {
    pairs.emplace_back(drift.slow[static_cast<std::size_t>(other_round(round))].second, time);
  }
  return estimate_ratio(pairs);
}

double median_of(const Times& times) {
  std::vector<double> walls;
  for (const auto& [round, wall] : times) walls.push_back(static_cast<double>(wall));
  return estimate_median(walls)->median;
}

TEST(Comparison, RanksAGuardThatIsAFifthSlowerSecondAndSizesIt) {
  const Drift drift;
  RunResult run = empty_run();
  add(run, {.guard = "slow", .times = drift.slow});
  add(run, {.guard = "fast", .times = drift.fast});
  const GuardPlugin fast = named("fast");
  run.configurations[0].experiment.reference = &fast;
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"fast", "slow"}));
  EXPECT_EQ(comparison.costs[0].rank, 1U);
  EXPECT_EQ(comparison.costs[1].rank, 2U);
  EXPECT_EQ(comparison.metric, "wall");
  EXPECT_TRUE(sizes_a_fifth(comparison.costs[1].ratio));
  EXPECT_EQ(comparison.costs[1].ratio->samples, 40U);
  EXPECT_EQ(comparison.costs[0].ratio->median, 1);

  // The same times, paired across rounds, do not say so.
  EXPECT_TRUE(sizes_a_fifth(ratio_across(drift, [](int round) { return round; })));
  EXPECT_FALSE(sizes_a_fifth(ratio_across(drift, [](int round) { return (round + 1) % Drift::kRounds; })));
  EXPECT_FALSE(sizes_a_fifth(ratio_across(drift, [](int round) { return Drift::kRounds - 1 - round; })));
}

TEST(Comparison, PairsTheRoundsThatBothHave) {
  const Drift drift;
  ASSERT_LT(drift.slow_without_slow_rounds.size(), 30U);
  RunResult run = empty_run();
  add(run, {.guard = "fast", .times = drift.fast});
  add(run, {.guard = "slow", .times = drift.slow_without_slow_rounds});
  const Comparison comparison = compare(run).at(0);
  const Cost& slow = cost_of(run, comparison, "slow");
  EXPECT_TRUE(sizes_a_fifth(slow.ratio));
  EXPECT_EQ(slow.ratio->samples, drift.slow_without_slow_rounds.size());
  // Its median is that of the better rounds: beside the other's it makes the slow guard the faster one.
  EXPECT_LT(median_of(drift.slow_without_slow_rounds) / median_of(drift.fast), 1.1);
}

TEST(Comparison, DoesNotDependOnTheOrderOfTrials) {
  RunResult run = empty_run();
  add(run, {.guard = "cas", .times = {{0, 10}, {1, 20}, {2, 40}}});
  add(run, {.guard = "global", .times = {{2, 80}, {0, 30}, {1, 20}}});
  const Comparison comparison = compare(run).at(0);
  // 3, 1 and 2: by place in the list it would be 8, 1.5 and 0.5.
  EXPECT_EQ(cost_of(run, comparison, "global").ratio->median, 2);
}

TEST(Comparison, LeavesOutRoundsThatDidNotEnd) {
  RunResult run = empty_run();
  add(run, {.guard = "cas", .times = rounds({10, 0, 30, 40, 50})});
  add(run, {.guard = "global", .times = rounds({20, 40, 0, 80, 0})});
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(cost_of(run, comparison, "cas").time->samples, 4U);
  EXPECT_EQ(cost_of(run, comparison, "global").time->samples, 3U);
  EXPECT_EQ(cost_of(run, comparison, "global").ratio->samples, 2U) << "rounds 0 and 3";
  EXPECT_EQ(cost_of(run, comparison, "global").ratio->median, 2);
}

TEST(Comparison, SaysNothingOfWhatHasNoCommonRound) {
  RunResult run = empty_run();
  add(run, {.guard = "cas", .times = {{0, 10}}});
  add(run, {.guard = "global", .times = {{1, 20}}});
  add(run, {.guard = "rwlock", .times = {{0, 0}}});
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"cas", "global", "rwlock"}));
  EXPECT_FALSE(cost_of(run, comparison, "global").ratio);
  EXPECT_EQ(cost_of(run, comparison, "global").rank, 2U);
  EXPECT_FALSE(cost_of(run, comparison, "rwlock").time) << "none of its trials has a time";
  EXPECT_EQ(cost_of(run, comparison, "rwlock").rank, 0U);
}

class NotOk : public testing::TestWithParam<Verdict> {};

TEST_P(NotOk, IsNeverRankedHoweverFast) {
  RunResult run = empty_run();
  add(run,
      {.guard = "none", .times = rounds({1, 1, 1}), .verdict = Verdict::violation, .role = Role::control});
  add(run, {.guard = "wrong", .times = rounds({2, 2, 2}), .verdict = GetParam()});
  add(run, {.guard = "global", .times = rounds({300, 300, 300})});
  add(run, {.guard = "cas", .times = rounds({100, 100, 100})});
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"cas", "global", "wrong", "none"}));
  std::vector<std::size_t> ranks;
  for (const Cost& cost : comparison.costs) ranks.push_back(cost.rank);
  EXPECT_EQ(ranks, (std::vector<std::size_t>{1, 2, 0, 0}));
  EXPECT_EQ(comparison.reference, 2U) << "global: the first asked for that is OK, not the fastest";
  for (const std::string_view name : {"wrong", "none"}) {
    EXPECT_FALSE(cost_of(run, comparison, name).ratio) << name;
    EXPECT_TRUE(cost_of(run, comparison, name).time) << "told, but not compared: " << name;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryVerdict, NotOk,
                         testing::Values(Verdict::violation, Verdict::hung, Verdict::crashed,
                                         Verdict::inconclusive, Verdict::error));

TEST(Comparison, NeverRanksAControlEvenIfItHeld) {
  RunResult run = empty_run();
  add(run, {.guard = "none", .times = rounds({1}), .verdict = Verdict::ok, .role = Role::control});
  add(run, {.guard = "cas", .times = rounds({100})});
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"cas", "none"}));
  EXPECT_EQ(comparison.costs[1].rank, 0U);
  EXPECT_EQ(comparison.reference, 1U);
}

TEST(Comparison, OfGuardsOfWhichNoneIsOkHasNoReference) {
  RunResult run = empty_run();
  add(run, {.guard = "cas", .times = rounds({1}), .verdict = Verdict::inconclusive});
  add(run, {.guard = "global", .times = rounds({2}), .verdict = Verdict::violation});
  const Comparison comparison = compare(run).at(0);
  EXPECT_FALSE(comparison.reference);
  for (const Cost& cost : comparison.costs) EXPECT_FALSE(cost.ratio);
}

RunResult against(const GuardPlugin& reference, Verdict of_global) {
  RunResult run = empty_run();
  run.configurations[0].experiment.reference = &reference;
  add(run, {.guard = "cas", .times = rounds({100})});
  add(run, {.guard = "global", .times = rounds({200}), .verdict = of_global});
  return run;
}

TEST(Comparison, IsAgainstTheReferenceAskedFor) {
  RunResult run = against(kGlobal, Verdict::ok);
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(comparison.reference, 1U);
  EXPECT_EQ(cost_of(run, comparison, "cas").ratio->median, 0.5);
  EXPECT_EQ(cost_of(run, comparison, "global").ratio->median, 1);
  EXPECT_EQ(cost_of(run, comparison, "cas").rank, 1U);
  run = against(kCas, Verdict::ok);
  EXPECT_EQ(cost_of(run, compare(run).at(0), "global").ratio->median, 2);
}

TEST(Comparison, HasNoRatiosWhereTheReferenceAskedForIsNotOk) {
  for (const Verdict verdict : {Verdict::violation, Verdict::inconclusive, Verdict::hung}) {
    const RunResult run = against(kGlobal, verdict);
    const Comparison comparison = compare(run).at(0);
    EXPECT_FALSE(comparison.reference);
    for (const Cost& cost : comparison.costs) EXPECT_FALSE(cost.ratio);
    EXPECT_EQ(cost_of(run, comparison, "cas").rank, 1U);
  }
  EXPECT_FALSE(compare(against(kAbsent, Verdict::ok)).at(0).reference) << "it never had a trial";
}

TEST(Comparison, TakesOffTheSectionAndItsWindow) {
  RunResult run = empty_run();
  run.configurations[0].experiment.window.length = 40;
  add(run, {.guard = "cas", .times = rounds({100, 130, 30})});
  const Cost cost = compare(run).at(0).costs.at(0);
  EXPECT_EQ(cost.time->median, 100);
  EXPECT_EQ(cost.beyond->median, 60);
  EXPECT_FALSE(cost.time->interval) << "three trials have none";
}

/// Of every trial of the guard.
void set_requests(RunResult& run, std::size_t guard, std::uint64_t successes, std::uint64_t turned_away) {
  for (const std::size_t trial : run.guards[guard].trials) {
    run.trials[trial].tally.outcomes.at(index_of(Outcome::success)) = successes;
    run.trials[trial].tally.outcomes.at(index_of(Outcome::turned_away)) = turned_away;
  }
}

TEST(Comparison, OfADurationIsByTimePerRequest) {
  RunResult run = empty_run();
  run.configurations[0].experiment.duration = 1000;
  // Who carries more in the same time is the faster one.
  add(run, {.guard = "few", .times = rounds({1000, 1000})});
  add(run, {.guard = "many", .times = rounds({1004, 1004})});
  add(run, {.guard = "nobody", .times = rounds({1000, 1000})});
  set_requests(run, 0, 100, 100);
  set_requests(run, 1, 300, 102);
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(comparison.metric, "time per request");
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"many", "few", "nobody"}));
  EXPECT_EQ(cost_of(run, comparison, "few").time->median, 5);
  EXPECT_EQ(cost_of(run, comparison, "many").time->median, 1004.0 / 402);
  EXPECT_FALSE(cost_of(run, comparison, "few").beyond);
  EXPECT_FALSE(cost_of(run, comparison, "nobody").time) << "no request ended";
}

TEST(Comparison, OfARateIsByLatency) {
  RunResult run = empty_run();
  run.configurations[0].experiment.rate = 1000;
  // All take as long as arrivals do; what differs is how long a request takes.
  add(run, {.guard = "late", .times = rounds({1000, 1000, 1000})});
  add(run, {.guard = "prompt", .times = rounds({1001, 1001, 1001})});
  for (const std::size_t guard : {0U, 1U}) {
    for (const std::size_t trial : run.guards[guard].trials) {
      run.trials[trial].latency = {
          .samples = 9, .p50 = guard == 0 ? 50 : 20, .p99 = {}, .max = guard == 0 ? 60 : 9999};
    }
  }
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(comparison.metric, "latency p50");
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"prompt", "late"}));
  EXPECT_EQ(cost_of(run, comparison, "prompt").time->median, 20);
  EXPECT_EQ(cost_of(run, comparison, "prompt").ratio->median, 0.4);
  EXPECT_FALSE(cost_of(run, comparison, "prompt").beyond);
}

TEST(Comparison, RanksNobodyWhoFailedUnderOtherSettings) {
  RunResult run = empty_run(2);
  add(run, {.guard = "lucky", .times = rounds({100, 100}), .configuration = 0});
  add(run, {.guard = "global", .times = rounds({300, 300}), .configuration = 0});
  add(run, {.guard = "lucky", .times = rounds({90, 90}), .verdict = Verdict::hung, .configuration = 1});
  const Comparison comparison = compare(run).at(0);
  EXPECT_EQ(order_of(run, comparison), (std::vector<std::string>{"global", "lucky"}));
  EXPECT_EQ(cost_of(run, comparison, "lucky").rank, 0U);
  EXPECT_EQ(comparison.reference, 1U);
  run.guards[2].verdict = Verdict::inconclusive;  // Not shown to fail: what it showed before stands.
  EXPECT_EQ(cost_of(run, compare(run).at(0), "lucky").rank, 1U);
}

TEST(Comparison, TakesEveryConfigurationByItself) {
  RunResult run = empty_run(3);
  run.configurations[2].experiment.rate = 5;
  add(run, {.guard = "cas", .times = rounds({100, 100}), .configuration = 0});
  add(run, {.guard = "global", .times = rounds({300, 300}), .configuration = 0});
  add(run,
      {.guard = "rogue", .times = rounds({700, 700}), .verdict = Verdict::violation, .configuration = 1});
  add(run, {.guard = "global", .times = rounds({600, 600}), .configuration = 1});
  add(run, {.guard = "rwlock", .times = rounds({900, 900}), .configuration = 1});
  const std::vector<Comparison> comparisons = compare(run);
  ASSERT_EQ(comparisons.size(), 3U);
  EXPECT_EQ(order_of(run, comparisons[0]), (std::vector<std::string>{"cas", "global"}));
  EXPECT_EQ(comparisons[0].reference, 0U);
  EXPECT_EQ(cost_of(run, comparisons[0], "global").ratio->median, 3);
  EXPECT_EQ(order_of(run, comparisons[1]), (std::vector<std::string>{"global", "rwlock", "rogue"}));
  EXPECT_EQ(comparisons[1].reference, 3U);
  EXPECT_EQ(cost_of(run, comparisons[1], "rwlock").ratio->median, 1.5);
  EXPECT_EQ(comparisons[1].configuration, 1U);
  EXPECT_TRUE(comparisons[2].costs.empty()) << "the run ended before it";
  EXPECT_EQ(comparisons[2].metric, "latency p50");
}

TEST(Spread, FoldsAColumnOfTrialsCsvByItsName) {
  ScenarioPlugin scenario;
  RunResult run = empty_run();
  run.configurations[0].experiment.scenario = &scenario;
  add(run, {.guard = "cas", .times = rounds({30, 0, 10, 20, 70})});
  EXPECT_EQ(spread_of(run, run.guards[0], "wall_ns"), (Spread{.least = 10, .median = 20, .most = 70}));
  EXPECT_FALSE(spread_of(run, run.guards[0], "overtakes"));
  EXPECT_THROW(spread_of(run, run.guards[0], "walls"), std::logic_error);
}

}  // namespace
}  // namespace ccbench
