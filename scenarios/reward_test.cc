// reward-request: every invariant by name holds on sound counts and breaks on a planted breach, and real
// trials show what the head comment says.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/failing_scenario.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

using Settings = std::map<std::string, std::string>;

const ScenarioPlugin& rewards() { return *scenarios().find("reward-request"); }

FactId fact(std::string_view name) {
  const auto found = std::ranges::find(rewards().info.facts, name);
  EXPECT_NE(found, rewards().info.facts.end()) << name;
  return static_cast<FactId>(found - rewards().info.facts.begin());
}

// Planted counts

/// Two users of five clicks each; `changed` is what is wrong with the second one.
Tally planted(const std::map<std::string, std::int64_t>& changed) {
  const std::map<std::string, std::int64_t> sound = {
      {"rewards", 1}, {"success rows", 1}, {"failed rows", 4}, {"sections", 5}, {"entitled", 1}};
  Tally tally;
  tally.requests = 10;
  tally.keys = 2;
  tally.settled = true;
  tally.requests_of_key = {5, 5};
  tally.successes_of_key = {1, 1};
  tally.facts_of_key.assign(rewards().info.facts.size(), {0, 0});
  for (const auto& [name, count] : sound) tally.facts_of_key[fact(name)] = {count, count};
  for (const auto& [name, count] : changed) tally.facts_of_key[fact(name)][1] = count;
  return tally;
}

std::set<std::string> broken(const std::vector<Invariant>& invariants) {
  std::set<std::string> names;
  for (const Invariant& invariant : invariants) {
    if (!invariant.holds) names.insert(invariant.name);
  }
  return names;
}

struct Breach {
  std::map<std::string, std::int64_t> changed;
  std::set<std::string> breaks;
  bool beyond_repair;
};

const std::vector<Breach>& breaches() {
  static const std::vector<Breach> kBreaches = {
      {{{"success rows", 2}, {"failed rows", 3}},
       {"at most one success row", "one success row per reward"},
       true},
      {{{"rewards", 2}}, {"at most one reward granted", "one success row per reward"}, true},
      {{{"rewards", 0}, {"success rows", 0}, {"failed rows", 5}}, {"every entitled user rewarded"}, false},
      {{{"rewards", 0}}, {"one success row per reward"}, false},
      {{{"failed rows", 3}}, {"one row per request that got through"}, false},
      {{{"failed rows", 5}}, {"one row per request that got through"}, false},
      {{{"entitled", 0}}, {"nothing for who is not entitled"}, true},
  };
  return kBreaches;
}

TEST(RewardRequest, HoldsOnSoundCounts) {
  EXPECT_EQ(broken(rewards().check(planted({}))), std::set<std::string>{});
  EXPECT_EQ(rewards().expected_success(planted({})), 2U);
  const std::map<std::string, std::int64_t> not_entitled = {
      {"entitled", 0}, {"rewards", 0}, {"success rows", 0}, {"failed rows", 5}};
  EXPECT_EQ(broken(rewards().check(planted(not_entitled))), std::set<std::string>{});
  EXPECT_EQ(rewards().expected_success(planted(not_entitled)), 1U);
}

TEST(RewardRequest, BreaksEachInvariantByName) {
  std::set<std::string> seen;
  for (const Breach& breach : breaches()) {
    const std::vector<Invariant> invariants = rewards().check(planted(breach.changed));
    EXPECT_EQ(broken(invariants), breach.breaks);
    EXPECT_EQ(std::ranges::any_of(invariants, &Invariant::beyond_repair), breach.beyond_repair)
        << *breach.breaks.begin();
    for (const Invariant& invariant : invariants) {
      if (invariant.holds) continue;
      EXPECT_EQ(invariant.key, Key{1}) << invariant.name;
      seen.insert(invariant.name);
    }
  }
  for (const Invariant& invariant : rewards().check(planted({}))) EXPECT_TRUE(seen.contains(invariant.name));
}

TEST(RewardRequest, AsksForNoRewardWhereGrantingFailed) {
  const Tally tally = planted(
      {{"rewards", 0}, {"success rows", 0}, {"failed rows", 1}, {"sections", 1}, {"failed grants", 1}});
  EXPECT_EQ(broken(rewards().check(tally)), std::set<std::string>{});
  EXPECT_FALSE(rewards().expected_success(tally).has_value());
}

TEST(RewardRequest, CountsNoRowForWhatCouldNotCommit) {
  EXPECT_EQ(broken(rewards().check(planted({{"sections", 8}, {"conflicts", 3}}))), std::set<std::string>{});
}

// Real trials

TrialResult trial_of(const GuardPlugin& plugin, const Settings& settings, std::uint64_t requests = 20,
                     Key keys = 4) {
  Experiment experiment = failing_experiment(rewards(), {&plugin}, requests);
  experiment.keys = keys;
  experiment.parameters = ParameterValues(rewards().info.parameters);
  experiment.parameters.set("grant", "100ms");
  experiment.parameters.set("db", "1ms");
  for (const auto& [name, value] : settings) EXPECT_EQ(experiment.parameters.set(name, value), "") << name;
  return run_quietly(experiment).trials.back();
}
TrialResult trial_of(std::string_view name, const Settings& settings = {}) {
  return trial_of(guard(name), settings);
}

std::int64_t total(const TrialResult& trial, std::string_view name) { return trial.tally.total(fact(name)); }

TEST(RewardRequest, RewardsEveryClickWithoutAGuard) {
  const TrialResult trial = trial_of("none");
  EXPECT_EQ(trial.verdict, Verdict::violation);
  EXPECT_TRUE(broken(trial.invariants).contains("at most one success row"));
  EXPECT_GT(total(trial, "success rows"), 4);
}

TEST(RewardRequest, RewardsEveryUserOnceAndWritesARowForEveryClickThatWaits) {
  const TrialResult trial = trial_of("synchronized");
  EXPECT_EQ(trial.verdict, Verdict::ok) << trial.sentence;
  EXPECT_EQ(total(trial, "rewards"), 4);
  EXPECT_EQ(total(trial, "success rows"), 4);
  EXPECT_EQ(total(trial, "failed rows"), 16);
  EXPECT_EQ(trial.expected_success, 4U);
}

TEST(RewardRequest, HasNoRowOfWhoWasTurnedAway) {
  const TrialResult trial = trial_of("idempotency-key");
  EXPECT_EQ(trial.verdict, Verdict::ok) << trial.sentence;
  EXPECT_EQ(trial.tally.of(Outcome::turned_away), 16U);
  EXPECT_EQ(total(trial, "success rows"), 4);
  EXPECT_EQ(total(trial, "failed rows"), 0);
}

TEST(RewardRequest, RefusesForEachConditionByName) {
  const std::map<std::string, std::string> reasons = {{"missing", "there is no such event"},
                                                      {"not-started", "the event has not started"},
                                                      {"ended", "the event has ended"},
                                                      {"inactive", "the event is not active"}};
  for (const auto& [event, reason] : reasons) {
    const TrialResult trial = trial_of("none", {{"event", event}});
    EXPECT_EQ(trial.tally.reasons.at({Outcome::refused, reason}), 20U) << event;
    EXPECT_EQ(total(trial, "rewards"), 0) << event;
    EXPECT_EQ(total(trial, "failed rows"), 20) << event;
    EXPECT_EQ(broken(trial.invariants), std::set<std::string>{}) << event;
  }
}

TEST(RewardRequest, RefusesUsersWhoDoNotMeetTheConditionTheSameOnesUnderEveryGuard) {
  const Settings half = {{"ineligible", "0.5"}};
  const TrialResult trial = trial_of(guard("synchronized"), half, 40, 40);
  const std::int64_t entitled = total(trial, "entitled");
  EXPECT_GT(entitled, 0);
  EXPECT_LT(entitled, 40);
  EXPECT_EQ(total(trial, "rewards"), entitled);
  EXPECT_EQ(trial.tally.reasons.at({Outcome::refused, "the user does not meet the condition"}),
            static_cast<std::uint64_t>(40 - entitled));
  EXPECT_EQ(broken(trial.invariants), std::set<std::string>{});
  EXPECT_EQ(trial_of(guard("cas"), half, 40, 40).tally.facts_of_key.at(fact("entitled")),
            trial.tally.facts_of_key.at(fact("entitled")));
  EXPECT_EQ(total(trial_of("synchronized", {{"ineligible", "1"}}), "entitled"), 0);
}

TEST(RewardRequest, LeavesARowOfEveryGrantThatFailed) {
  for (const auto& [failure, outcome] :
       {std::pair("fails", Outcome::refused), std::pair("throws", Outcome::error)}) {
    const TrialResult trial = trial_of("synchronized", {{"failure-rate", "1"}, {"failure", failure}});
    EXPECT_EQ(trial.tally.of(outcome), 20U) << failure;
    EXPECT_EQ(total(trial, "rewards"), 0) << failure;
    EXPECT_EQ(total(trial, "failed grants"), 20) << failure;
    EXPECT_EQ(total(trial, "failed rows"), 20) << failure;
    EXPECT_EQ(broken(trial.invariants), std::set<std::string>{}) << failure;
  }
}

TEST(RewardRequest, ShowsARewardWithoutARowWhereTheProcessDies) {
  const TrialResult trial =
      trial_of(guard("synchronized"), {{"failure-rate", "1"}, {"failure", "dies"}}, 5, 1);
  EXPECT_EQ(trial.verdict, Verdict::crashed);
  EXPECT_EQ(total(trial, "rewards"), 1);
  EXPECT_EQ(total(trial, "success rows"), 0);
  EXPECT_TRUE(broken(trial.invariants).contains("one success row per reward"));
}

TEST(RewardRequest, GrantsTooOftenWhereOnlyVersionsAreChecked) {
  const GuardPlugin checks_versions = guard_by_hand("checks-versions", [](Section section) {
    Result result = section(Entry{.policy = {.check_versions = true}});
    while (result.conflict) result = section(Entry{.policy = {.check_versions = true}});
    return result;
  });
  const TrialResult trial = trial_of(checks_versions, {});
  EXPECT_EQ(total(trial, "success rows"), 4);
  EXPECT_GT(total(trial, "conflicts"), 0);
  EXPECT_GT(total(trial, "rewards"), 4);
  const std::set<std::string> names = broken(trial.invariants);
  EXPECT_TRUE(names.contains("at most one reward granted"));
  EXPECT_FALSE(names.contains("at most one success row"));
  EXPECT_FALSE(names.contains("one row per request that got through"));
}

}  // namespace
}  // namespace ccbench
