// vm-lookup: each invariant seen to hold and to break, and what guards and their faulty twins do to it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

const ScenarioPlugin& vm_lookup() { return *scenarios().find("vm-lookup"); }

FactId fact(std::string_view name) {
  const auto facts = vm_lookup().info.facts;
  const auto found = std::ranges::find(facts, name);
  if (found == facts.end()) throw std::logic_error("no fact " + std::string(name));
  return static_cast<FactId>(found - facts.begin());
}

// ---------------------------------------------------------------- invariants, on planted tallies

constexpr Key kKeys = 2;

/// Twenty requests for two machines, two calls, everybody answered.
Tally clean_tally() {
  Tally tally;
  tally.settled = true;
  tally.requests = 20;
  tally.keys = kKeys;
  tally.outcomes.at(index_of(Outcome::success)) = 2;
  tally.outcomes.at(index_of(Outcome::shared)) = 18;
  tally.requests_of_key.assign(kKeys, 10);
  tally.successes_of_key.assign(kKeys, 1);
  tally.facts_of_key.assign(vm_lookup().info.facts.size(), std::vector<std::int64_t>(kKeys, 0));
  tally.facts_of_key.at(fact("calls")) = {1, 1};
  tally.facts_of_key.at(fact("answers")) = {10, 10};
  return tally;
}

std::vector<std::string> broken(const Tally& tally) {
  std::vector<std::string> names;
  for (const Invariant& invariant : vm_lookup().check(tally)) {
    if (!invariant.holds) names.push_back(invariant.name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(VmLookupInvariants, HoldWhereTwoCallsAnswerEverybody) { EXPECT_EQ(broken(clean_tally()), Names{}); }

TEST(VmLookupInvariants, BreakWhereTwoCallsOfAKeyOverlap) {
  Tally tally = clean_tally();
  tally.facts_of_key.at(fact("overlapping calls")) = {0, 1};
  EXPECT_EQ(broken(tally), Names{"no two calls of a key at once"});
  EXPECT_EQ(vm_lookup().info.breakable, "no two calls of a key at once");
}

TEST(VmLookupInvariants, BreakWhereACallerGetsNoAnswer) {
  Tally tally = clean_tally();
  tally.facts_of_key.at(fact("answers")) = {10, 9};
  EXPECT_EQ(broken(tally), Names{"every caller answered"});
  tally.reasons[{Outcome::error, "something else"}] = 1;
  EXPECT_EQ(broken(tally), Names{"every caller answered"});
  tally.reasons[{Outcome::error, "the external step did not answer"}] = 1;
  EXPECT_EQ(broken(tally), Names{}) << "the failure of a call is an answer";
}

TEST(VmLookupInvariants, BreakWhereACallerGetsTheAnswerForAnother) {
  Tally tally = clean_tally();
  tally.facts_of_key.at(fact("wrong answers")) = {1, 0};
  EXPECT_EQ(broken(tally), Names{"every answer of the machine asked for"});
}

TEST(VmLookupInvariants, BreakWhereAnAnswerIsStaleThatMustNotBe) {
  Tally tally = clean_tally();
  tally.facts_of_key.at(fact("stale answers")) = {0, 3};
  tally.facts_of_key.at(fact("oldest answer in µs")) = {1000, 0};
  EXPECT_EQ(broken(tally), Names{"no stale answer"});
  tally.promises.stale_for = kMillisecond;
  EXPECT_EQ(broken(tally), Names{}) << "it may be a millisecond old";
}

TEST(VmLookupInvariants, BreakWhereAnAnswerIsOlderThanPromised) {
  Tally tally = clean_tally();
  tally.promises.stale_for = kMillisecond;
  tally.facts_of_key.at(fact("oldest answer in µs")) = {1001, 0};
  EXPECT_EQ(broken(tally), Names{"no answer older than promised, in µs"});
}

TEST(VmLookupInvariants, BreakBeyondRepairWhereACountIsTooHigh) {
  for (const std::string_view name : {"overlapping calls", "wrong answers", "stale answers"}) {
    Tally tally = clean_tally();
    tally.facts_of_key.at(fact(name)) = {1, 0};
    const auto invariants = vm_lookup().check(tally);
    EXPECT_EQ(std::ranges::count_if(invariants, &Invariant::beyond_repair), 1) << name;
  }
}

// ---------------------------------------------------------------- trials

using Settings = std::map<std::string, std::string>;

Experiment lookup_under(std::string_view guard_name, const Settings& settings = {}) {
  Experiment experiment;
  experiment.scenario = &vm_lookup();
  experiment.parameters = ParameterValues(vm_lookup().info.parameters);
  // Long enough that all who are released together come while the first call is under way.
  experiment.parameters.set("call", "200ms");
  for (const auto& [name, value] : settings) EXPECT_EQ(experiment.parameters.set(name, value), "");
  experiment.guards = {&guard(guard_name)};
  experiment.keys = kKeys;
  experiment.seed = 1;
  experiment.control = ControlMode::never;
  return experiment;
}

/// The run's only trial.
TrialResult trial_of(const Experiment& experiment) { return run_quietly(experiment).trials.at(0); }

std::int64_t total(const TrialResult& trial, std::string_view name) { return trial.tally.total(fact(name)); }

TEST(VmLookup, WithoutAGuardMakesACallForEveryRequest) {
  const TrialResult trial = trial_of(lookup_under("none"));
  EXPECT_EQ(total(trial, "calls"), 20);
  EXPECT_GT(total(trial, "overlapping calls"), 0);
  EXPECT_EQ(total(trial, "answers"), 20);
  EXPECT_EQ(broken(trial.tally), Names{"no two calls of a key at once"});
}

std::string test_name(const testing::TestParamInfo<std::string_view>& info) {
  std::string name(info.param);
  std::ranges::replace(name, '-', '_');
  return name;
}

class WhoCoalesces : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(, WhoCoalesces, testing::Values("single-flight", "coalesce"), test_name);

TEST_P(WhoCoalesces, MakesACallForAllWhoComeMeanwhile) {
  const TrialResult trial = trial_of(lookup_under(GetParam()));
  // On a busy machine somebody may come only after the first call.
  EXPECT_EQ(total(trial, "calls"), static_cast<std::int64_t>(trial.tally.of(Outcome::success)));
  EXPECT_LT(total(trial, "calls"), 20);
  EXPECT_EQ(total(trial, "answers"), 20);
  EXPECT_EQ(broken(trial.tally), Names{});
}

TEST_P(WhoCoalesces, TellsEverybodyOfACallThatFails) {
  const TrialResult trial = trial_of(lookup_under(GetParam(), {{"failure-rate", "1"}}));
  EXPECT_EQ(trial.tally.of(Outcome::refused), 20U);
  EXPECT_LT(total(trial, "calls"), 20);
  EXPECT_EQ(broken(trial.tally), Names{});
}

TEST_P(WhoCoalesces, TellsEverybodyOfACallThatThrows) {
  const TrialResult trial =
      trial_of(lookup_under(GetParam(), {{"failure-rate", "1"}, {"failure", "throws"}}));
  EXPECT_EQ(trial.tally.of(Outcome::error), 20U);
  EXPECT_LT(total(trial, "calls"), 20);
  EXPECT_EQ(broken(trial.tally), Names{});
}

TEST_P(WhoCoalesces, LeavesNobodyAnsweredWhereTheProcessDies) {
  const TrialResult trial = trial_of(lookup_under(GetParam(), {{"failure-rate", "1"}, {"failure", "dies"}}));
  EXPECT_EQ(trial.verdict, Verdict::crashed);
  EXPECT_GT(total(trial, "calls"), 0) << "a call that was made stays made";
  EXPECT_EQ(total(trial, "answers"), 0);
}

TEST_P(WhoCoalesces, AnswersLookUpsOfTwoPartsAndOfNone) {
  Experiment two = lookup_under(GetParam(), {{"key-parts", "two"}});
  two.keys = 4;
  EXPECT_EQ(broken(trial_of(two).tally), Names{});
  Experiment none = lookup_under(GetParam(), {{"key-parts", "none"}, {"call", "10ms"}});
  none.keys = 1;
  none.threads = 2;
  EXPECT_EQ(broken(trial_of(none).tally), Names{});
}

TEST(VmLookup, UnderALockMakesACallForEveryRequest) {
  for (const std::string_view lock : {"global", "synchronized"}) {
    const TrialResult trial = trial_of(lookup_under(lock, {{"call", "5ms"}}));
    EXPECT_EQ(total(trial, "calls"), 20) << lock;
    EXPECT_EQ(broken(trial.tally), Names{}) << lock;
  }
}

TEST(VmLookup, UnderAGuardThatTurnsAwayLeavesCallersWithoutAnAnswer) {
  EXPECT_EQ(broken(trial_of(lookup_under("cas")).tally), Names{"every caller answered"});
}

TEST(VmLookup, UnderACacheThatIsColdMakesACallForEveryRequest) {
  const TrialResult trial = trial_of(lookup_under("ttl-cache"));
  EXPECT_EQ(broken(trial.tally), Names{"no two calls of a key at once"});
}

TEST(VmLookup, UnderACacheThatIsWarmGetsStaleAnswersWithinTheTimeToLive) {
  Experiment experiment = lookup_under("ttl-cache", {{"call", "5ms"}});
  experiment.keys = 1;
  experiment.threads = 1;
  const TrialResult trial = trial_of(experiment);
  EXPECT_EQ(total(trial, "calls"), 1);
  EXPECT_EQ(total(trial, "stale answers"), 19);
  EXPECT_EQ(broken(trial.tally), Names{});
}

TEST(VmLookup, RefusesSeveralKeysThatNameNothing) {
  ParameterValues parameters(vm_lookup().info.parameters);
  EXPECT_EQ(vm_lookup().objection(parameters, 20, 2), "");
  parameters.set("key-parts", "none");
  EXPECT_EQ(vm_lookup().objection(parameters, 20, 1), "");
  EXPECT_NE(vm_lookup().objection(parameters, 20, 2), "");
}

// ---------------------------------------------------------------- faulty twins, each beside who is right

TEST(VmLookupTwins, WhoKeepsItsFirstResultGivesStaleAnswers) {
  for (const bool faulty : {false, true}) {
    Experiment experiment =
        lookup_under(faulty ? "faulty-find-all" : "coalesce", {{"key-parts", "none"}, {"call", "5ms"}});
    experiment.keys = 1;
    experiment.threads = 2;
    EXPECT_EQ(broken(trial_of(experiment).tally), faulty ? Names{"no stale answer"} : Names{});
  }
}

TEST(VmLookupTwins, WhoSharesByTheFirstPartGivesWrongAnswers) {
  for (const bool faulty : {false, true}) {
    Experiment experiment = lookup_under(faulty ? "faulty-first-part" : "coalesce", {{"key-parts", "two"}});
    experiment.keys = 4;
    EXPECT_EQ(broken(trial_of(experiment).tally),
              faulty ? Names{"every answer of the machine asked for"} : Names{});
  }
}

TEST(VmLookupTwins, WhoRemovesACallLateGivesStaleAnswers) {
  for (const bool faulty : {false, true}) {
    Experiment experiment = lookup_under(faulty ? "faulty-erase-late" : "coalesce", {{"call", "20ms"}});
    experiment.keys = 1;
    experiment.threads = 4;
    EXPECT_EQ(broken(trial_of(experiment).tally), faulty ? Names{"no stale answer"} : Names{});
  }
}

TEST(VmLookupTwins, WhoNeverExpiresGivesOlderAnswersThanPromised) {
  for (const bool faulty : {false, true}) {
    Experiment experiment = lookup_under(faulty ? "faulty-no-expiry" : "ttl-cache", {{"call", "0"}});
    experiment.guard_settings["ttl"] = "20ms";
    experiment.keys = 1;
    experiment.threads = 1;  // One after the other, so that no two calls overlap.
    experiment.rate = 100;
    EXPECT_EQ(broken(trial_of(experiment).tally),
              faulty ? Names{"no answer older than promised, in µs"} : Names{});
  }
}

}  // namespace
}  // namespace ccbench
