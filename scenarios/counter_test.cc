// Requests that only read do not count as increments, recorded or counted, and are not answered what they saw
// change.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "driver/quiet_run.h"

namespace ccbench {
namespace {

const ScenarioPlugin& counter() { return *scenarios().find("counter"); }

/// Eight successes on each of two keys, of which so many only read, and one torn where `torn`.
Tally tally_of(std::vector<std::uint64_t> reads, std::int64_t first, std::int64_t second,
               std::int64_t torn = 0) {
  Tally tally;
  tally.settled = true;
  tally.keys = 2;
  tally.requests = 16;
  tally.outcomes.at(index_of(Outcome::success)) = 16;
  tally.requests_of_key = {8, 8};
  tally.successes_of_key = {8, 8};
  tally.reads_of_key = std::move(reads);
  tally.facts_of_key = {{first, second}, {0, torn}};
  return tally;
}

TEST(Counter, LosesNothingWhereEveryWriteIsCounted) {
  EXPECT_TRUE(counter().check(tally_of({}, 8, 8)).at(0).holds);
  EXPECT_TRUE(counter().check(tally_of({3, 0}, 5, 8)).at(0).holds);
}

TEST(Counter, LosesAnIncrementOfAWriteAndMakesNoneOfARead) {
  const Invariant lost = counter().check(tally_of({3, 0}, 4, 8)).at(0);
  EXPECT_FALSE(lost.holds);
  EXPECT_EQ(lost.name, "final value = successes");
  EXPECT_EQ(lost.key, Key{0});
  EXPECT_FALSE(counter().check(tally_of({3, 0}, 8, 8)).at(0).holds) << "a read has written";
}

TEST(Counter, CountsTornReadsAlsoWhereTheTrialDidNotEnd) {
  const Invariant torn = counter().check(tally_of({3, 0}, 5, 8, 2)).at(1);
  EXPECT_FALSE(torn.holds);
  EXPECT_TRUE(torn.beyond_repair);
  EXPECT_EQ(torn.name, "no torn read");
  EXPECT_EQ(torn.observed, 2);
  EXPECT_TRUE(counter().check(tally_of({3, 0}, 5, 8)).at(1).holds);
  Tally hung = tally_of({3, 0}, 0, 0, 2);
  hung.settled = false;
  ASSERT_EQ(counter().check(hung).size(), 1U);
  EXPECT_FALSE(counter().check(hung).at(0).holds);
}

/// 400 requests, of which about a quarter read.
TrialResult trial_with(std::string_view guard_name, std::uint64_t most_records) {
  Experiment experiment;
  experiment.scenario = &counter();
  experiment.parameters = ParameterValues(counter().info.parameters);
  experiment.guards = {&guard(guard_name)};
  experiment.requests = 400;
  experiment.most_records = most_records;
  experiment.threads = 8;
  experiment.keys = 3;
  experiment.read_ratio = 0.25;
  experiment.window = {.length = 200 * kMicrosecond};
  experiment.control = ControlMode::never;
  experiment.seed = 5;
  return run_quietly(experiment).trials.at(0);
}

TEST(CounterTrials, CountWhatOnlyReads) {
  const auto held = [](const TrialResult& trial) { return trial.invariants.at(0).holds; };
  for (const std::uint64_t most_records : {kMostRecords, std::uint64_t{1}}) {
    const TrialResult trial = trial_with("rwlock", most_records);
    EXPECT_TRUE(held(trial)) << trial.sentence;
    const std::int64_t writes = trial.tally.total(0);
    EXPECT_NEAR(static_cast<double>(writes), 300, 60) << "seven standard deviations";
    EXPECT_EQ(trial.tally.of(Outcome::success), 400U);
    EXPECT_FALSE(held(trial_with("none", most_records)));
  }
}

TEST(CounterTrials, SeeATornReadWhereAndOnlyWhereNobodyKeepsReadsAndWritesApart) {
  const auto torn = [](const TrialResult& trial) { return trial.tally.total(1); };
  for (const std::uint64_t most_records : {kMostRecords, std::uint64_t{1}}) {
    for (const char* name : {"rwlock", "synchronized", "stamped"}) {
      const TrialResult trial = trial_with(name, most_records);
      EXPECT_EQ(torn(trial), 0) << name;
      for (const Invariant& invariant : trial.invariants) EXPECT_TRUE(invariant.holds) << invariant.name;
    }
    EXPECT_GT(torn(trial_with("none", most_records)), 0);
  }
}

/// What a read under `stamped` saw change is thrown away and read again, which no other guard here does.
TEST(CounterTrials, ReadAgainWhatChangedUnderAnOptimisticRead) {
  for (const std::uint64_t most_records : {kMostRecords, std::uint64_t{1}}) {
    const TrialResult trial = trial_with("stamped", most_records);
    ASSERT_TRUE(trial.waste);
    EXPECT_GT(trial.waste->sections, 0U);
    EXPECT_EQ(trial_with("rwlock", most_records).waste->sections, 0U);
  }
}

}  // namespace
}  // namespace ccbench
