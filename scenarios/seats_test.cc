// seat-reservation and point-balance: what their invariants see, and what real trials show.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "driver/failing_scenario.h"
#include "driver/quiet_run.h"
#include "history/histories.h"

namespace ccbench {
namespace {

const ScenarioPlugin& scenario(std::string_view name) { return *scenarios().find(name); }

/// A trial of two keys that ended, every fact 0.
class Planted {
 public:
  Planted(std::string_view name, std::vector<std::uint64_t> requests_of_key) : scenario_(scenario(name)) {
    tally_.settled = true;
    tally_.keys = requests_of_key.size();
    for (const std::uint64_t requests : requests_of_key) tally_.requests += requests;
    tally_.requests_of_key = std::move(requests_of_key);
    tally_.successes_of_key.assign(tally_.keys, 0);
    tally_.facts_of_key.assign(scenario_.info.facts.size(), std::vector<std::int64_t>(tally_.keys, 0));
  }

  Planted& fact(std::string_view name, std::vector<std::int64_t> counts) {
    const auto found = std::ranges::find(scenario_.info.facts, name);
    EXPECT_NE(found, scenario_.info.facts.end()) << name;
    tally_.facts_of_key.at(static_cast<FactId>(found - scenario_.info.facts.begin())) = std::move(counts);
    return *this;
  }
  Planted& not_settled() {
    tally_.settled = false;
    return *this;
  }

  std::set<std::string> broken() const {
    std::set<std::string> names;
    for (const Invariant& invariant : scenario_.check(tally_)) {
      if (!invariant.holds) names.insert(invariant.name);
    }
    return names;
  }
  Invariant invariant(std::string_view name) const {
    for (const Invariant& invariant : scenario_.check(tally_)) {
      if (invariant.name == name) return invariant;
    }
    ADD_FAILURE() << "no invariant " << name;
    return {.name = "", .key = {}};
  }
  std::optional<std::uint64_t> expected_success() const { return scenario_.expected_success(tally_); }

 private:
  const ScenarioPlugin& scenario_;
  Tally tally_;
};

using Names = std::set<std::string>;

// ---------------------------------------------------------------- seat-reservation

Planted seats() {
  return Planted("seat-reservation", {5, 5}).fact("reservations", {1, 1}).fact("holders", {1, 1});
}

TEST(SeatReservation, HoldsWhereEverySeatHasOneUserOrNone) {
  EXPECT_EQ(seats().fact("refusals", {4, 4}).broken(), Names{});
  EXPECT_EQ(Planted("seat-reservation", {5, 5}).broken(), Names{}) << "nobody was refused";
}

TEST(SeatReservation, SeesTwoReservationsOfASeat) {
  const Planted planted = seats().fact("reservations", {1, 2}).fact("holders", {1, 2});
  EXPECT_EQ(planted.broken(), (Names{"one reservation per seat", "one holder per seat"}));
  const Invariant invariant = planted.invariant("one reservation per seat");
  EXPECT_TRUE(invariant.beyond_repair);
  EXPECT_EQ(invariant.observed, 2);
  EXPECT_EQ(invariant.key, Key{1});
}

TEST(SeatReservation, SeesTwoWhoWereToldThatASeatIsTheirs) {
  const Planted planted = seats().fact("holders", {2, 0});
  EXPECT_EQ(planted.broken(), Names{"one holder per seat"});
  EXPECT_TRUE(planted.invariant("one holder per seat").beyond_repair);
}

TEST(SeatReservation, SeesAReservationThatNobodyWasToldOf) {
  const Planted planted = seats().fact("holders", {1, 0});
  EXPECT_EQ(planted.broken(), Names{"every reservation has its holder"});
  EXPECT_FALSE(planted.invariant("every reservation has its holder").beyond_repair);
}

TEST(SeatReservation, SeesARefusalOfAFreeSeat) {
  const Planted planted =
      seats().fact("reservations", {1, 0}).fact("holders", {1, 0}).fact("refusals", {4, 3});
  EXPECT_EQ(planted.broken(), Names{"nobody refused a free seat"});
  EXPECT_EQ(planted.invariant("nobody refused a free seat").observed, 3);
}

TEST(SeatReservation, ExpectsASuccessForEverySeatWhereThatIsCertain) {
  EXPECT_EQ(seats().expected_success(), 2U);
  EXPECT_EQ(Planted("seat-reservation", {1, 1, 0}).expected_success(), 2U) << "every user has a seat";
  EXPECT_EQ(Planted("seat-reservation", {9, 0}).expected_success(), std::nullopt)
      << "1 if users choose, 2 if they take any";
  EXPECT_EQ(seats().fact("looks", {0, 3}).expected_success(), std::nullopt) << "reads succeed too";
}

// ---------------------------------------------------------------- point-balance

Planted points() {
  return Planted("point-balance", {5, 5}).fact("final balance", {10, 40}).fact("balance due", {10, 40});
}

constexpr std::string_view kConserved = "points conserved";

TEST(PointBalance, HoldsWhereEveryBalanceIsWhatIsDue) { EXPECT_EQ(points().broken(), Names{}); }

TEST(PointBalance, SeesPointsAppearAndVanish) {
  for (const std::int64_t balance : {20, 70}) {
    const Planted planted = points().fact("final balance", {10, balance});
    EXPECT_EQ(planted.broken(), (Names{std::string(kConserved), "no account out of order"}));
    const Invariant invariant = planted.invariant(kConserved);
    EXPECT_EQ(invariant.expected, 40);
    EXPECT_EQ(invariant.observed, balance);
    EXPECT_EQ(invariant.key, Key{1});
  }
}

TEST(PointBalance, SeesWhatCancelsOutOverTheUsers) {
  EXPECT_EQ(points().fact("final balance", {40, 10}).invariant("no account out of order").observed, 2);
}

TEST(PointBalance, SeesANegativeBalanceEvenIfItIsPositiveAgain) {
  const Planted planted = points().fact("overdrafts", {1, 0});
  EXPECT_EQ(planted.broken(), (Names{"never negative", "no account out of order"}));
  EXPECT_TRUE(planted.invariant("never negative").beyond_repair);
}

TEST(PointBalance, SaysNothingOfBalancesThatNobodyHasRead) {
  EXPECT_EQ(points().fact("final balance", {0, 0}).not_settled().broken(), Names{});
  EXPECT_EQ(points().fact("overdrafts", {1, 0}).not_settled().broken(), Names{"never negative"});
}

// ---------------------------------------------------------------- trials

using Settings = std::map<std::string, std::string>;

Experiment experiment_of(std::string_view name, const std::vector<std::string_view>& guards,
                         const Settings& settings = {}) {
  Experiment experiment;
  experiment.scenario = &scenario(name);
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  for (const auto& [flag, value] : settings) EXPECT_EQ(experiment.parameters.set(flag, value), "");
  for (const std::string_view guard_name : guards) experiment.guards.push_back(&guard(guard_name));
  experiment.keys = 2;
  experiment.seed = 1;
  experiment.trials = 3;
  experiment.timeout = 60 * kSecond;
  return experiment;
}

std::int64_t total(const TrialResult& trial, const Experiment& experiment, std::string_view fact) {
  const auto& facts = experiment.scenario->info.facts;
  return trial.tally.total(static_cast<FactId>(std::ranges::find(facts, fact) - facts.begin()));
}

/// Runs it, and expects every trial of every guard, and none of the controls, to be OK.
RunResult expect_ok(const Experiment& experiment) {
  RunResult result = run_quietly(experiment);
  for (const TrialResult& trial : result.trials) {
    if (trial.role == Role::guard) {
      EXPECT_EQ(trial.verdict, Verdict::ok) << trial.guard << ": " << trial.sentence;
    }
  }
  return result;
}

RunResult expect_violation_in_every_trial(const Experiment& experiment) {
  RunResult result = run_quietly(experiment);
  EXPECT_EQ(std::ranges::count(result.trials, experiment.guards[0]->info.name, &TrialResult::guard), 3);
  for (const TrialResult& trial : result.trials)
    EXPECT_EQ(trial.verdict, Verdict::violation) << trial.guard << ": " << trial.sentence;
  return result;
}

/// Null: the trial does not list it.
const Invariant* histories_of(const TrialResult& trial) {
  const auto found = std::ranges::find(trial.invariants, kLinearizable, &Invariant::name);
  return found == trial.invariants.end() ? nullptr : &*found;
}

/// In every trial but those without a guard, of which there must be some.
void expect_linearizable(const RunResult& result) {
  int trials = 0;
  for (const TrialResult& trial : result.trials) {
    if (trial.role != Role::guard) continue;
    const Invariant* histories = histories_of(trial);
    ASSERT_NE(histories, nullptr) << trial.guard;
    EXPECT_TRUE(histories->holds) << trial.guard << ": " << trial.sentence;
    // Where a look has been the one success of a key, nothing is told of it.
    EXPECT_EQ(histories->expected, trial.tally.promises.once ? histories->observed : 2) << trial.guard;
    ++trials;
  }
  EXPECT_GT(trials, 0);
  for (const std::string& warning : result.warnings)
    EXPECT_EQ(warning.find("linearizable"), std::string::npos);
}

/// How many trials of its guard have a history that fits into no order, and say so.
int trials_without_order(const RunResult& result) {
  const std::string& guard = result.guards.back().guard;
  int trials = 0;
  for (const TrialResult& trial : result.trials) {
    const Invariant* histories = histories_of(trial);
    if (trial.guard != guard || histories == nullptr || histories->holds) continue;
    EXPECT_NE(trial.sentence.find("(no order explains request "), std::string::npos) << trial.sentence;
    ++trials;
  }
  return trials;
}

TEST(SeatTrials, GiveEverySeatToOneUserUnderGuardsThatFit) {
  for (const std::string choice : {"chosen", "any"}) {
    std::vector<std::string_view> guards = {"global", "optimistic"};
    if (choice == "chosen") guards.insert(guards.end(), {"synchronized", "cas"});
    const Experiment experiment =
        experiment_of("seat-reservation", guards, {{"choice", choice}, {"db", "20ms"}});
    for (const TrialResult& trial : expect_ok(experiment).trials) {
      if (trial.role != Role::guard) continue;
      EXPECT_EQ(total(trial, experiment, "reservations"), 2) << trial.guard;
      EXPECT_EQ(trial.tally.of(Outcome::success), 2U) << trial.guard;
      if (trial.guard != "optimistic") {
        EXPECT_EQ(total(trial, experiment, "conflicts"), 0);
      }
    }
  }
}

TEST(SeatTrials, GiveSeatsTwiceWithoutAGuardAndUnderEveryFaultyOne) {
  for (const std::string_view name : {"none", "faulty-unchecked-version", "faulty-early-unlock"}) {
    const RunResult result =
        expect_violation_in_every_trial(experiment_of("seat-reservation", {name}, {{"db", "50ms"}}));
    EXPECT_EQ(trials_without_order(result), 3) << name;
  }
}

TEST(SeatTrials, ShowThatALockPerSeatDoesNotProtectAHall) {
  Experiment experiment =
      experiment_of("seat-reservation", {"synchronized"}, {{"choice", "any"}, {"db", "50ms"}});
  experiment.requests = experiment.threads = 6;
  expect_violation_in_every_trial(experiment);
}

TEST(SeatTrials, ShowThatAGuardThatSharesTellsTwoUsersThatTheSeatIsTheirs) {
  const Experiment experiment = experiment_of("seat-reservation", {"single-flight"}, {{"db", "50ms"}});
  const RunResult result = run_quietly(experiment);
  for (const TrialResult& trial : result.trials) {
    if (trial.guard != "single-flight") continue;
    EXPECT_EQ(trial.verdict, Verdict::violation);
    EXPECT_EQ(total(trial, experiment, "reservations"), 2);
    EXPECT_GT(total(trial, experiment, "holders"), 2);
  }
  EXPECT_FALSE(result.guards.back().lacking.empty()) << "it does not fit, and the report says so";
}

TEST(SeatTrials, CountReadsAsSuccesses) {
  Experiment experiment = experiment_of("seat-reservation", {"rwlock", "optimistic"}, {{"db", "20ms"}});
  experiment.read_ratio = 0.5;
  for (const TrialResult& trial : expect_ok(experiment).trials) {
    if (trial.role != Role::guard) continue;
    const std::int64_t looks = total(trial, experiment, "looks");
    EXPECT_GT(looks, 0);
    EXPECT_EQ(looks + 2, static_cast<std::int64_t>(trial.tally.of(Outcome::success)));
  }
}

TEST(SeatTrials, ShowNothingOfAnEarlyUnlockWhereChangesAreSeenAtOnce) {
  const Experiment experiment =
      experiment_of("seat-reservation", {"faulty-early-unlock"}, {{"visibility", "instant"}, {"db", "20ms"}});
  for (const TrialResult& trial : run_quietly(experiment).trials) {
    if (trial.role == Role::guard) {
      EXPECT_EQ(total(trial, experiment, "reservations"), 2);
    }
  }
}

TEST(PointTrials, KeepEveryPointUnderGuardsThatFit) {
  for (const std::string account : {"balance", "entries"}) {
    const Experiment experiment =
        experiment_of("point-balance", {"global", "synchronized", "optimistic", "cas"},
                      {{"account", account}, {"db", "20ms"}, {"charge-ratio", "0"}});
    for (const TrialResult& trial : expect_ok(experiment).trials) {
      if (trial.role != Role::guard) continue;
      EXPECT_EQ(total(trial, experiment, "points created") + total(trial, experiment, "points lost"), 0);
      // Three spends are covered, of each user.
      EXPECT_EQ(trial.tally.of(Outcome::success), trial.guard == "cas" ? 2U : 6U) << trial.guard;
      EXPECT_EQ(total(trial, experiment, "final balance"), trial.guard == "cas" ? 140 : 20) << trial.guard;
    }
  }
}

TEST(PointTrials, ChargeAsManyAsAreDrawn) {
  Experiment experiment = experiment_of("point-balance", {"synchronized", "optimistic"},
                                        {{"db", "20ms"}, {"start-balance", "600"}});
  std::set<std::int64_t> charges;
  for (const TrialResult& trial : expect_ok(experiment).trials) {
    if (trial.role != Role::guard || trial.round != 0) continue;
    charges.insert(total(trial, experiment, "charges"));
    EXPECT_EQ(total(trial, experiment, "charges") + total(trial, experiment, "spends"), 20);
    EXPECT_EQ(total(trial, experiment, "final balance"),
              1200 + 20 * total(trial, experiment, "charges") - 30 * total(trial, experiment, "spends"));
  }
  EXPECT_EQ(charges.size(), 1U) << "every guard of a round faces the same requests";
  EXPECT_GT(*charges.begin(), 0);
}

TEST(PointTrials, LosePointsWithoutAGuardAndUnderEveryFaultyOne) {
  for (const std::string_view name :
       {"none", "faulty-unchecked-version", "faulty-stale-retry", "faulty-early-unlock"}) {
    // By chance what was told of a wrong balance fits into an order.
    EXPECT_GT(trials_without_order(expect_violation_in_every_trial(experiment_of("point-balance", {name}))),
              0)
        << name;
  }
}

TEST(PointTrials, ShowOverdraftsAndNoLostUpdatesWhereAnAccountIsItsEntries) {
  const Experiment experiment =
      experiment_of("point-balance", {"none"}, {{"account", "entries"}, {"charge-ratio", "0"}});
  for (const TrialResult& trial : run_quietly(experiment).trials) {
    EXPECT_EQ(trial.verdict, Verdict::violation);
    EXPECT_EQ(total(trial, experiment, "points created") + total(trial, experiment, "points lost"), 0);
    EXPECT_GE(total(trial, experiment, "overdrafts"), 4) << "of each user, on a receipt and at the end";
  }
}

TEST(PointTrials, LetReadsSeeNoNegativeBalanceUnderGuardsThatFit) {
  Experiment experiment =
      experiment_of("point-balance", {"rwlock", "optimistic"}, {{"account", "entries"}, {"db", "20ms"}});
  experiment.read_ratio = 0.5;
  for (const TrialResult& trial : expect_ok(experiment).trials) {
    if (trial.role == Role::guard) {
      EXPECT_GT(total(trial, experiment, "looks"), 0);
    }
  }
}

// ---------------------------------------------------------------- histories

/// Of a pool whose workers come back at once.
Experiment rush(std::string_view name, const std::vector<std::string_view>& guards,
                const Settings& settings = {}) {
  Experiment experiment = experiment_of(name, guards, settings);
  experiment.requests = 400;
  experiment.threads = 8;
  experiment.read_ratio = 0.25;
  experiment.control = ControlMode::never;
  return experiment;
}

TEST(TrialHistories, AreLinearizableUnderEveryGuardThatFits) {
  for (const std::string_view name : {"seat-reservation", "point-balance"}) {
    std::vector<std::string_view> fitting;
    for (const GuardPlugin& plugin : guards().all()) {
      if (plugin.info.faulty() || plugin.info.name == "none") continue;
      if (lacking(scenario(name).info, plugin.promises(GuardContext(plugin.info))).empty())
        fitting.push_back(plugin.info.name);
    }
    EXPECT_GT(fitting.size(), 5U);
    expect_linearizable(run_quietly(rush(name, fitting, {{"db", "20us"}})));
  }
}

TEST(TrialHistories, CountConflictsThatWereGivenUpAsNothing) {
  Experiment experiment = rush("point-balance", {"optimistic"}, {{"db", "1ms"}, {"start-balance", "3000"}});
  experiment.guard_settings["retries"] = "0";
  const RunResult result = run_quietly(experiment);
  expect_linearizable(result);
  EXPECT_GT(total(result.trials.at(0), experiment, "conflicts"), 0);
}

TEST(TrialHistories, AreNotJudgedWhereNoKeyHasAStateOfItsOwn) {
  for (const TrialResult& trial :
       run_quietly(rush("seat-reservation", {"global"}, {{"choice", "any"}})).trials)
    EXPECT_EQ(histories_of(trial), nullptr);
}

TEST(TrialHistories, ShowWhatNoCountShows) {
  // Refuses the first user of the free seat, and is right from then on: in the end the seat has one user, and
  // others were refused.
  static std::atomic<int> come;
  come = 0;
  const GuardPlugin wrong = guard_by_hand("refuses-the-first", [](Section section) {
    return come.fetch_add(1) == 0 ? refused("the seat is taken") : section(Entry{});
  });
  Experiment experiment = experiment_of("seat-reservation", {}, {{"db", "0"}});
  experiment.guards = {&wrong};
  experiment.keys = experiment.threads = 1;
  experiment.requests = 5;
  experiment.control = ControlMode::never;
  const RunResult result = run_quietly(experiment);
  ASSERT_EQ(result.trials.size(), 3U);
  for (const TrialResult& trial : result.trials) {
    EXPECT_EQ(trial.verdict, Verdict::violation);
    EXPECT_EQ(trial.sentence,
              "linearizable histories: 0 instead of 1 (no order explains request 0 (refused): after 0 of 5 "
              "requests the state is 0)");
  }
}

}  // namespace
}  // namespace ccbench
