// Every invariant of every scenario holds on sound counts and breaks on a planted breach, whatever the guard
// promises. A scenario or an invariant that is not in the table below fails these tests.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/failing_scenario.h"
#include "driver/quiet_run.h"
#include "history/histories.h"

namespace ccbench {
namespace {

using Names = std::set<std::string>;

// ---------------------------------------------------------------- counts

constexpr Key kKeys = 2;
constexpr std::uint64_t kOfEach = 5;

/// The counts of a trial of five requests for each of two keys, to be changed by name.
class Counts {
 public:
  explicit Counts(const ScenarioPlugin& scenario) : scenario_(scenario) {
    tally_.settled = true;
    tally_.requests = kKeys * kOfEach;
    tally_.keys = kKeys;
    tally_.requests_of_key.assign(kKeys, kOfEach);
    tally_.facts_of_key.assign(scenario.info.facts.size(), std::vector<std::int64_t>(kKeys, 0));
    ended(Outcome::success, 2);
    ended(Outcome::refused, 8);
    succeeded(1, 1);
  }

  Counts& fact(std::string_view name, std::int64_t first, std::int64_t second) {
    const auto found = std::ranges::find(scenario_.info.facts, name);
    if (found == scenario_.info.facts.end()) throw std::logic_error("no fact " + std::string(name));
    tally_.facts_of_key.at(static_cast<FactId>(found - scenario_.info.facts.begin())) = {first, second};
    return *this;
  }
  Counts& ended(Outcome outcome, std::uint64_t requests) {
    tally_.outcomes.at(index_of(outcome)) = requests;
    return *this;
  }
  Counts& succeeded(std::uint64_t first, std::uint64_t second) {
    tally_.successes_of_key = {first, second};
    return *this;
  }

  std::vector<Invariant> check(const Promises& promises, bool settled) const {
    Tally tally = tally_;
    tally.promises = promises;
    tally.settled = settled;
    return scenario_.check(tally);
  }

 private:
  const ScenarioPlugin& scenario_;
  Tally tally_;
};

using Change = std::function<void(Counts&)>;

// ---------------------------------------------------------------- the table

struct Breach {
  std::string invariant;
  Change plant;
  Names with_it = {};  ///< that cannot but break too
};

struct Table {
  Change sound;  ///< from nothing but the outcomes
  std::vector<Breach> breaches;
};

Table counter() {
  return {.sound =
              [](Counts& counts) {
                counts.ended(Outcome::success, 10)
                    .ended(Outcome::refused, 0)
                    .succeeded(5, 5)
                    .fact("final value", 5, 5);
              },
          .breaches = {{.invariant = "final value = successes",
                        .plant = [](Counts& counts) { counts.fact("final value", 5, 4); }},
                       {.invariant = "no torn read",
                        .plant = [](Counts& counts) { counts.fact("torn reads", 0, 1); }}}};
}

Table fan_out() {
  return {.sound =
              [](Counts& counts) {
                counts.ended(Outcome::success, 8)
                    .ended(Outcome::refused, 2)
                    .succeeded(4, 4)
                    .fact("failures", 1, 1);
              },
          .breaches = {{.invariant = "nobody ran on after the failure was known",
                        .plant = [](Counts& counts) { counts.fact("ran on", 0, 1); }},
                       {.invariant = "every child ran to its own end", .plant = [](Counts& counts) {
                          counts.ended(Outcome::success, 7).ended(Outcome::cancelled, 1);
                        }}}};
}

Table lotto_purchase() {
  return {.sound =
              [](Counts& counts) {
                for (const std::string_view fact : {"payments", "purchases", "completions", "bills"})
                  counts.fact(fact, 1, 1);
              },
          .breaches = {
              {.invariant = "one success", .plant = [](Counts& counts) { counts.succeeded(1, 2); }},
              {.invariant = "one payment sent",
               .plant = [](Counts& counts) { counts.fact("payments", 1, 2).fact("refunds", 0, 1); }},
              {.invariant = "one purchase", .plant = [](Counts& counts) { counts.fact("purchases", 2, 1); }},
              {.invariant = "one completion",
               .plant =
                   [](Counts& counts) { counts.fact("completions", 2, 1).fact("undone completions", 1, 0); }},
              {.invariant = "one bill", .plant = [](Counts& counts) { counts.fact("bills", 1, 0); }},
              // A failure excuses who did not get so far, and not what is left without the other.
              {.invariant = "no payment without a completion",
               .plant =
                   [](Counts& counts) { counts.fact("completions", 1, 0).fact("failed completions", 0, 1); }},
              {.invariant = "no completion without a payment",
               .plant = [](Counts& counts) { counts.fact("payments", 0, 1).fact("failed payments", 1, 0); }},
              {.invariant = "every caller answered",
               .plant = [](Counts& counts) { counts.ended(Outcome::refused, 7); }},
          }};
}

Table point_balance() {
  return {.sound = [](Counts& counts) { counts.fact("final balance", 10, 40).fact("balance due", 10, 40); },
          .breaches = {{.invariant = "points conserved",
                        .plant = [](Counts& counts) { counts.fact("final balance", 10, 41); },
                        .with_it = {"no account out of order"}},
                       {.invariant = "never negative",
                        .plant = [](Counts& counts) { counts.fact("overdrafts", 1, 0); },
                        .with_it = {"no account out of order"}},
                       {.invariant = "no account out of order",
                        .plant = [](Counts& counts) { counts.fact("final balance", 40, 10); },
                        .with_it = {"points conserved"}}}};
}

Table reward_request() {
  return {.sound =
              [](Counts& counts) {
                counts.fact("rewards", 1, 1)
                    .fact("success rows", 1, 1)
                    .fact("failed rows", 4, 4)
                    .fact("sections", 5, 5)
                    .fact("entitled", 1, 1);
              },
          .breaches = {
              {.invariant = "at most one success row",
               .plant = [](Counts& counts) { counts.fact("success rows", 1, 2).fact("failed rows", 4, 3); },
               .with_it = {"one success row per reward"}},
              {.invariant = "at most one reward granted",
               .plant = [](Counts& counts) { counts.fact("rewards", 2, 1); },
               .with_it = {"one success row per reward"}},
              {.invariant = "every entitled user rewarded",
               .plant =
                   [](Counts& counts) {
                     counts.fact("rewards", 1, 0).fact("success rows", 1, 0).fact("failed rows", 4, 5);
                   }},
              {.invariant = "one success row per reward",
               .plant = [](Counts& counts) { counts.fact("rewards", 1, 0); }},
              {.invariant = "one row per request that got through",
               .plant = [](Counts& counts) { counts.fact("failed rows", 4, 3); }},
              {.invariant = "nothing for who is not entitled",
               .plant = [](Counts& counts) { counts.fact("entitled", 0, 1); }},
          }};
}

Table seat_reservation() {
  return {
      .sound =
          [](Counts& counts) {
            counts.fact("reservations", 1, 1).fact("holders", 1, 1).fact("refusals", 4, 4);
          },
      .breaches = {
          {.invariant = "one reservation per seat",
           .plant = [](Counts& counts) { counts.fact("reservations", 2, 0).fact("refusals", 4, 0); }},
          {.invariant = "one holder per seat", .plant = [](Counts& counts) { counts.fact("holders", 0, 2); }},
          {.invariant = "every reservation has its holder",
           .plant = [](Counts& counts) { counts.fact("holders", 1, 0); }},
          {.invariant = "nobody refused a free seat",
           .plant = [](Counts& counts) { counts.fact("reservations", 0, 1).fact("holders", 0, 1); }},
      }};
}

Table vm_lookup() {
  constexpr std::int64_t kDay = 86'400 * kSecond;  // Older than any guard promises.
  return {.sound = [](Counts& counts) { counts.fact("calls", 1, 1).fact("answers", 5, 5); },
          .breaches = {
              {.invariant = "no two calls of a key at once",
               .plant = [](Counts& counts) { counts.fact("overlapping calls", 0, 1); }},
              {.invariant = "every caller answered",
               .plant = [](Counts& counts) { counts.fact("answers", 5, 4); }},
              {.invariant = "every answer of the machine asked for",
               .plant = [](Counts& counts) { counts.fact("wrong answers", 1, 0); }},
              {.invariant = "no stale answer",
               .plant = [](Counts& counts) { counts.fact("stale answers", 0, 1); }},
              {.invariant = "no answer older than promised, in µs",
               .plant = [](Counts& counts) { counts.fact("oldest answer in µs", kDay / kMicrosecond, 0); }},
          }};
}

const std::map<std::string_view, Table>& tables() {
  static const std::map<std::string_view, Table> kTables = {{"counter", counter()},
                                                            {"fan-out", fan_out()},
                                                            {"lotto-purchase", lotto_purchase()},
                                                            {"point-balance", point_balance()},
                                                            {"reward-request", reward_request()},
                                                            {"seat-reservation", seat_reservation()},
                                                            {"vm-lookup", vm_lookup()}};
  return kTables;
}

// ---------------------------------------------------------------- what there is to break

constexpr std::array kPromises = {&Promises::exclusive,   &Promises::once,         &Promises::shares,
                                  &Promises::retries,     &Promises::cancels,      &Promises::waits,
                                  &Promises::per_key,     &Promises::serializable, &Promises::fifo,
                                  &Promises::independent, &Promises::reentrant};

/// Under which an invariant may exist or not: every combination, and those of the guards there are.
const std::vector<Promises>& all_promises() {
  static const std::vector<Promises> kAll = [] {
    std::vector<Promises> all;
    for (unsigned combination = 0; combination < 2U << kPromises.size(); ++combination) {
      Promises promises;
      for (std::size_t bit = 0; bit < kPromises.size(); ++bit)
        promises.*kPromises.at(bit) = (combination >> bit & 1U) != 0;
      promises.stale_for = (combination >> kPromises.size() & 1U) * kMillisecond;
      all.push_back(promises);
    }
    for (const GuardPlugin& guard : guards().all()) all.push_back(guard.promises(GuardContext(guard.info)));
    return all;
  }();
  return kAll;
}

Names names_of(const std::vector<Invariant>& invariants, bool broken_alone) {
  Names names;
  for (const Invariant& invariant : invariants) {
    if (!invariant.holds || !broken_alone) names.insert(invariant.name);
  }
  return names;
}

/// The names that a scenario gives to what it checks.
Names invariants_of(const Counts& counts) {
  Names names;
  for (const Promises& promises : all_promises()) {
    for (const bool settled : {false, true}) names.merge(names_of(counts.check(promises, settled), false));
  }
  return names;
}

/// Those that no breach is planted for.
Names unplanted(Names names, const std::vector<Breach>& breaches) {
  for (const Breach& breach : breaches) names.erase(breach.invariant);
  return names;
}

// ---------------------------------------------------------------- tests

class EveryScenario : public testing::TestWithParam<std::string> {
 protected:
  static const ScenarioPlugin& scenario() { return *scenarios().find(GetParam()); }
  static const Table& table() { return tables().at(GetParam()); }
  static Counts sound() {
    Counts counts(scenario());
    table().sound(counts);
    return counts;
  }
  void SetUp() override { ASSERT_TRUE(tables().contains(GetParam())) << "no table of " << GetParam(); }
};

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const ScenarioPlugin& scenario : scenarios().all()) names.emplace_back(scenario.info.name);
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, EveryScenario, testing::ValuesIn(all_names()), test_name);

TEST_P(EveryScenario, HasABreachPlantedForEachInvariant) {
  const Names names = invariants_of(sound());
  EXPECT_EQ(unplanted(names, table().breaches), Names{});
  for (const Breach& breach : table().breaches)
    EXPECT_TRUE(names.contains(breach.invariant)) << breach.invariant << " is no longer checked";
  EXPECT_TRUE(names.contains(std::string(scenario().info.breakable)) || scenario().info.breakable.empty());
}

TEST_P(EveryScenario, HoldsOnSoundCounts) {
  const Counts counts = sound();
  for (const Promises& promises : all_promises()) {
    for (const bool settled : {false, true})
      ASSERT_EQ(names_of(counts.check(promises, settled), true), Names{});
  }
}

TEST_P(EveryScenario, BreaksByEachBreachWhatItIsPlantedForAndNothingElse) {
  for (const Breach& breach : table().breaches) {
    Counts counts = sound();
    breach.plant(counts);
    int seen = 0;
    for (const Promises& promises : all_promises()) {
      const std::vector<Invariant> invariants = counts.check(promises, true);
      const Names names = names_of(invariants, false);
      if (!names.contains(breach.invariant)) continue;
      ++seen;
      Names expected = {breach.invariant};
      std::ranges::set_intersection(breach.with_it, names, std::inserter(expected, expected.end()));
      ASSERT_EQ(names_of(invariants, true), expected) << breach.invariant;
    }
    EXPECT_GT(seen, 0) << breach.invariant;
  }
}

/// What the driver proves of a guard's promises (driver/proof.h) and of histories (history/), which have
/// tests beside them.
bool is_of_the_harness(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {
      "nobody enters after a success", "nobody turned away", "no section runs twice",
      "nobody waits for another key",  "nobody overtaken",   kLinearizable};
  const bool bound = name.starts_with("at most ") && name.ends_with(" inside");
  return bound || std::ranges::find(kNames, name) != kNames.end();
}

TEST_P(EveryScenario, ChecksNothingInARealTrialThatHasNoBreach) {
  Experiment experiment;
  experiment.scenario = &scenario();
  experiment.parameters = ParameterValues(scenario().info.parameters);
  EXPECT_EQ(experiment.parameters.scale_delays(0.001), "");
  for (const GuardPlugin& guard : guards().all()) {
    if (!guard.info.faulty()) experiment.guards.push_back(&guard);
  }
  experiment.requests = experiment.threads = 6;
  experiment.keys = 2;
  experiment.seed = 1;
  experiment.control = ControlMode::never;
  const RunResult result = run_quietly(experiment);
  ASSERT_EQ(result.trials.size(), experiment.guards.size());
  for (const TrialResult& trial : result.trials) {
    Names names = names_of(trial.invariants, false);
    EXPECT_FALSE(names.empty()) << trial.guard << ": " << trial.sentence;
    std::erase_if(names, is_of_the_harness);
    EXPECT_EQ(unplanted(names, table().breaches), Names{}) << trial.guard;
  }
}

TEST(TheTables, AreOfScenariosThatThereAre) {
  for (const auto& [name, table] : tables()) EXPECT_NE(scenarios().find(name), nullptr) << name;
}

TEST(TheTables, AreMissedWhereTheyLackAnInvariant) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  const Names names = invariants_of(Counts(scenario));
  EXPECT_EQ(unplanted(names, {}), Names{std::string(kNoFailure)});
  EXPECT_EQ(unplanted(names, {{.invariant = std::string(kNoFailure), .plant = {}}}), Names{});
}

}  // namespace
}  // namespace ccbench
