// What the purchase leaves when a step of it fails, and that each of its invariants can break.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/quiet_run.h"

namespace ccbench {
namespace {

const ScenarioPlugin& purchase() { return *scenarios().find("lotto-purchase"); }

FactId fact(std::string_view name) {
  const auto facts = purchase().info.facts;
  return static_cast<FactId>(std::ranges::find(facts, name) - facts.begin());
}

using Facts = std::map<std::string_view, std::int64_t>;

/// Four requests for one ticket, of which one succeeded.
Tally sold() {
  Tally tally;
  tally.settled = true;
  tally.requests = 4;
  tally.outcomes.at(index_of(Outcome::success)) = 1;
  tally.outcomes.at(index_of(Outcome::refused)) = 3;
  tally.requests_of_key = {4};
  tally.successes_of_key = {1};
  tally.facts_of_key.assign(purchase().info.facts.size(), {0});
  for (const std::string_view name : {"payments", "purchases", "completions", "bills"})
    tally.facts_of_key[fact(name)] = {1};
  return tally;
}

Tally with(const Facts& facts, std::uint64_t successes = 1) {
  Tally tally = sold();
  tally.successes_of_key = {successes};
  for (const auto& [name, count] : facts) tally.facts_of_key.at(fact(name)) = {count};
  return tally;
}

Tally unsold(Facts facts) {
  for (const std::string_view name : {"payments", "purchases", "completions", "bills"})
    facts.emplace(name, 0);
  return with(facts, 0);
}

std::vector<std::string> broken(const Tally& tally) {
  std::vector<std::string> names;
  for (const Invariant& invariant : purchase().check(tally)) {
    if (!invariant.holds) names.push_back(invariant.name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(LottoPurchase, HoldsWhereOneBuys) {
  EXPECT_EQ(broken(sold()), Names{});
  Tally shared = sold();
  shared.promises.shares = true;
  EXPECT_EQ(broken(shared), Names{});
}

TEST(LottoPurchase, BreaksEachInvariantByName) {
  EXPECT_EQ(broken(with({}, 2)), Names{"one success"});
  EXPECT_EQ(broken(with({}, 0)), Names{"one success"});
  EXPECT_EQ(broken(with({{"payments", 2}, {"completions", 2}})),
            (Names{"one payment sent", "one completion"}));
  EXPECT_EQ(broken(with({{"purchases", 2}})), Names{"one purchase"});
  EXPECT_EQ(broken(with({{"bills", 0}})), Names{"one bill"});
  EXPECT_EQ(broken(with({{"payments", 2}})), (Names{"one payment sent", "no payment without a completion"}));
  EXPECT_EQ(broken(with({{"completions", 2}})), (Names{"one completion", "no completion without a payment"}));
  Tally silent = sold();
  silent.promises.shares = true;
  silent.requests = 5;
  EXPECT_EQ(broken(silent), Names{"every caller answered"});
}

TEST(LottoPurchase, NamesTheTicketThatIsFurthestOff) {
  Tally tally = sold();
  tally.keys = 2;
  tally.requests_of_key = {2, 2};
  tally.successes_of_key = {1, 1};
  for (auto& counts : tally.facts_of_key) counts.push_back(counts[0]);
  tally.facts_of_key[fact("payments")] = {1, 3};
  const auto invariants = purchase().check(tally);
  for (const std::string_view name : {"one payment sent", "no payment without a completion"}) {
    const auto found = std::ranges::find(invariants, name, &Invariant::name);
    ASSERT_NE(found, invariants.end());
    EXPECT_EQ(found->key, Key{1});
  }
}

TEST(LottoPurchase, ExcusesWhatAFailureTookBackAndNothingElse) {
  // The first buyer's completion failed and was paid back; the second bought.
  EXPECT_EQ(broken(with({{"payments", 2}, {"purchases", 2}, {"refunds", 1}, {"failed completions", 1}})),
            Names{});
  EXPECT_EQ(broken(with({{"completions", 2}, {"undone completions", 1}, {"failed payments", 1}})), Names{});
  // A race that was lost is a race that was there, also where the loser gets his money back.
  EXPECT_EQ(broken(with({{"payments", 2}, {"purchases", 2}, {"refunds", 1}})),
            (Names{"one payment sent", "one purchase"}));
  // Nobody bought, because all failed.
  EXPECT_EQ(broken(unsold({{"failed payments", 4}})), Names{});
  EXPECT_EQ(broken(unsold({})),
            (Names{"one success", "one payment sent", "one purchase", "one completion", "one bill"}));
  // A failure excuses no second sale.
  EXPECT_EQ(broken(with({{"failed payments", 1}, {"bills", 2}}, 2)), (Names{"one success", "one bill"}));
  EXPECT_EQ(broken(unsold({{"failed completions", 1}, {"payments", 1}, {"purchases", 1}})),
            Names{"no payment without a completion"});
  EXPECT_EQ(broken(unsold({{"failed payments", 1}, {"completions", 1}})),
            Names{"no completion without a payment"});
}

TEST(LottoPurchase, TakesAnExceptionForAnAnswerWhereAStepFailed) {
  for (const bool failed : {false, true}) {
    Tally tally = failed ? with({{"failed payments", 1}}) : sold();
    tally.promises.shares = true;
    tally.outcomes.at(index_of(Outcome::refused)) = 2;
    tally.outcomes.at(index_of(Outcome::error)) = 1;
    EXPECT_EQ(broken(tally), failed ? Names{} : Names{"every caller answered"});
  }
}

TEST(LottoPurchase, ExpectsOneSuccessOfATicketWhereNothingFails) {
  EXPECT_EQ(purchase().expected_success(sold()), 1U);
  EXPECT_EQ(purchase().expected_success(with({{"failed payments", 1}})), std::nullopt);
}

// ---------------------------------------------------------------- real trials

/// Without delays, every request that gets as far meeting the failure.
Experiment failing(const std::map<std::string, std::string>& settings, std::string_view guard_name) {
  Experiment experiment;
  experiment.scenario = &purchase();
  experiment.parameters = ParameterValues(purchase().info.parameters);
  for (const char* delay : {"payment", "db"}) experiment.parameters.set(delay, "0");
  experiment.parameters.set("failure-rate", "1");
  for (const auto& [name, text] : settings) EXPECT_EQ(experiment.parameters.set(name, text), "") << name;
  experiment.guards = {&guard(guard_name)};
  experiment.requests = experiment.threads = 4;
  experiment.seed = 1;
  experiment.control = ControlMode::never;
  return experiment;
}

/// The facts that are not 0.
Facts facts_of(const TrialResult& trial) {
  Facts facts;
  for (FactId id = 0; id < purchase().info.facts.size(); ++id) {
    if (trial.tally.total(id) != 0) facts[purchase().info.facts[id]] = trial.tally.total(id);
  }
  return facts;
}

struct Cell {
  const char* order;
  const char* step;
  const char* compensation;
  Facts facts;
  std::string left;  ///< the invariant that breaks; empty: none
};

const std::vector<Cell>& cells() {
  static const std::string kPaid = "no payment without a completion";
  static const std::string kCompleted = "no completion without a payment";
  static const std::vector<Cell> kCells = {
      {"payment-first", "payment", "none", {{"failed payments", 4}}, ""},
      {"payment-first", "payment", "undo", {{"failed payments", 4}}, ""},
      {"payment-first",
       "completion",
       "none",
       {{"payments", 1}, {"purchases", 1}, {"failed completions", 1}},
       kPaid},
      {"payment-first",
       "completion",
       "undo",
       {{"payments", 4}, {"purchases", 4}, {"refunds", 4}, {"failed completions", 4}},
       ""},
      {"complete-first", "payment", "none", {{"completions", 1}, {"failed payments", 1}}, kCompleted},
      {"complete-first",
       "payment",
       "undo",
       {{"completions", 4}, {"undone completions", 4}, {"failed payments", 4}},
       ""},
      {"complete-first", "completion", "none", {{"failed completions", 4}}, ""},
      {"complete-first", "completion", "undo", {{"failed completions", 4}}, ""},
  };
  return kCells;
}

TEST(FailingSteps, LeaveWhatTheOrderAndTheCompensationSay) {
  for (const Cell& cell : cells()) {
    for (const auto& [failure, outcome] :
         {std::pair("fails", Outcome::refused), {"throws", Outcome::error}}) {
      const Experiment experiment = failing({{"order", cell.order},
                                             {"failing-step", cell.step},
                                             {"compensation", cell.compensation},
                                             {"failure", failure}},
                                            "synchronized");
      const TrialResult trial = run_quietly(experiment).trials.at(0);
      const std::string about =
          std::string(cell.order) + ", " + cell.step + " " + failure + ", " + cell.compensation;
      EXPECT_EQ(facts_of(trial), cell.facts) << about;
      EXPECT_GE(trial.tally.of(outcome), 1U) << about;
      EXPECT_EQ(trial.verdict, cell.left.empty() ? Verdict::inconclusive : Verdict::violation) << about;
      if (!cell.left.empty()) {
        EXPECT_EQ(trial.sentence, cell.left + ": 1 instead of 0") << about;
      }
    }
  }
}

TEST(FailingSteps, LeaveTheFirstEffectWithoutTheSecondWhereTheProcessDies) {
  for (const char* compensation : {"none", "undo"}) {
    const auto trial_of = [&](const char* order) {
      const Experiment experiment =
          failing({{"order", order}, {"failure", "dies"}, {"compensation", compensation}}, "cas");
      return run_quietly(experiment).trials.at(0);
    };
    const TrialResult paid = trial_of("payment-first");
    EXPECT_EQ(paid.verdict, Verdict::crashed);
    EXPECT_EQ(facts_of(paid), (Facts{{"payments", 1}, {"purchases", 1}}));
    EXPECT_NE(paid.sentence.find("SIGKILL"), std::string::npos) << paid.sentence;
    EXPECT_NE(paid.sentence.find("; no payment without a completion: 1 instead of 0"), std::string::npos)
        << paid.sentence;
    const TrialResult completed = trial_of("complete-first");
    EXPECT_EQ(completed.verdict, Verdict::crashed);
    EXPECT_EQ(facts_of(completed), (Facts{{"completions", 1}}));
    EXPECT_NE(completed.sentence.find("; no completion without a payment: 1 instead of 0"),
              std::string::npos);
  }
}

TEST(FailingSteps, LetASecondBuyerBuyWhereTheFirstOnesEffectIsTakenBack) {
  bool first_one_failed = false;
  for (const char* name : {"synchronized", "cas"}) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Experiment experiment =
          failing({{"failing-step", "completion"}, {"compensation", "undo"}, {"failure-rate", "0.5"}}, name);
      experiment.requests = 20;
      experiment.threads =
          1;  // One after the other, or cas would turn the second buyer away beside the first.
      experiment.seed = seed;
      const TrialResult trial = run_quietly(experiment).trials.at(0);
      Facts facts = facts_of(trial);
      EXPECT_EQ(trial.tally.of(Outcome::success), 1U);
      EXPECT_EQ(facts["payments"], facts["refunds"] + 1);
      EXPECT_EQ(facts["refunds"], facts["failed completions"]);
      EXPECT_EQ(trial.verdict, Verdict::inconclusive) << trial.sentence;
      first_one_failed = first_one_failed || facts["refunds"] > 0;
    }
  }
  EXPECT_TRUE(first_one_failed);
}

TEST(FailingSteps, AnswerAllWhoShare) {
  Experiment experiment = failing({{"payment", "200ms"}}, "single-flight");
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.tally.of(Outcome::refused), 4U);
  EXPECT_EQ(trial.verdict, Verdict::inconclusive) << trial.sentence;
}

TEST(FailingSteps, ExcuseNoGuardThatLetsTwoBuy) {
  Experiment experiment = failing({{"payment", "200ms"},
                                   {"failing-step", "completion"},
                                   {"compensation", "undo"},
                                   {"failure-rate", "0.5"}},
                                  "none");
  experiment.requests = experiment.threads = 20;
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.verdict, Verdict::violation) << trial.sentence;
  EXPECT_NE(trial.sentence.find("one payment sent"), std::string::npos) << trial.sentence;
}

}  // namespace
}  // namespace ccbench
