// The gate's rules, with arms that are made up: what they would have measured is a function of the test, so
// that no test depends on how quiet the machine is.
#include "gate/gate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "gate/proof.h"
#include "gate/words.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

/// One trial that an arm was asked for.
struct Asked {
  std::string program;
  ArmFlags flags;
  int position = 0;  ///< among all trials, from 0
};

struct Measured {
  double wall = 1e7;
  double wait_p99 = 1e5;
  std::string verdict = "INCONCLUSIVE";  // As without a control.
};

using Machine = std::function<Measured(const Asked&)>;

constexpr const char* kHolds =
    R"({"trials": [{"role": "guard", "verdict": "OK", "trial_seed": 7, "sentence": "held", "invariants": [)"
    R"({"name": "nothing lost", "expected": 9, "observed": 9, "holds": true}]}], )"
    R"("control": {"trials": 1, "broken": 1, "sentence": "1 of 1 broke"}})";
constexpr const char* kBroken =
    R"({"trials": [{"role": "guard", "verdict": "VIOLATION", "trial_seed": 7, "sentence": "nothing lost: 8 instead of 9", )"
    R"("invariants": [{"name": "nothing lost", "expected": 9, "observed": 8, "holds": false}]}], )"
    R"("control": {"trials": 1, "broken": 1, "sentence": "1 of 1 broke"}})";
constexpr const char* kUnseen =
    R"({"trials": [{"role": "guard", "verdict": "INCONCLUSIVE", "trial_seed": 7, "sentence": "held", "invariants": []}], )"
    R"("control": {"trials": 5, "broken": 0, "sentence": "0 of 5 broke without a guard"}})";

class FakeRunner final : public ArmRunner {
 public:
  explicit FakeRunner(Machine machine) : machine_(std::move(machine)) {}

  ArmOutput run(const Arm& arm, const ArmFlags& more, Nanos /*limit*/) override {
    ArmFlags flags = more;
    flags.insert(arm.flags.begin(), arm.flags.end());
    if (flags.contains("dry-run")) {
      return {.exit_code = arm.program == lacks_guard ? kExitUsage : kExitOk,
              .text = {},
              .complaint = "there is no guard 'synchronized'"};
    }
    if (flags.contains("json"))
      return {.exit_code = 0, .text = check_of_program[arm.program], .complaint = {}};
    asked.push_back({.program = arm.program, .flags = flags, .position = static_cast<int>(asked.size())});
    const Measured measured = machine_(asked.back());
    return {.exit_code = 5,
            .text = fmt::format("schema,verdict,wall_ns,wait_p99_ns,latency_p99_ns\n"
                                "ccbench.trials/1,{},{:.0f},{:.0f},{:.0f}\n",
                                measured.verdict, measured.wall, measured.wait_p99, measured.wall / 1e4),
            .complaint = {}};
  }

  std::vector<Asked> asked;
  std::string lacks_guard;  ///< this program knows none
  std::map<std::string, std::string> check_of_program = {{"old", kHolds}, {"new", kHolds}};

 private:
  const Machine machine_;
};

class Silence final : public Progress {
  void trial_begins(std::uint64_t /*number*/, std::uint64_t /*most*/, std::string_view /*guard*/) override {}
};

/// Noise as a shared machine has it: never below 1, now and then far above.
class Noise {
 public:
  double operator()() {
    const double share = static_cast<double>(random_() >> 11) * 0x1p-53;
    return 1 + 0.1 * share + (random_() % 10 == 0 ? 2 * share : 0);
  }

 private:
  StdSync::random random_{11};
};

Machine slower_by(double factor) {
  return [factor, noise = Noise()](const Asked& asked) mutable {
    const double slow = asked.program == "new" ? factor : 1;
    return Measured{.wall = 1e7 * slow * noise(), .wait_p99 = 1e5 * slow * noise()};
  };
}

GatePlan plan_of(std::vector<std::string> guards = {"synchronized"}) {
  GatePlan plan;
  for (const std::string& guard : guards) {
    plan.contests.push_back({.name = guard,
                             .base = {.program = "old", .flags = {{"guard", guard}}},
                             .candidate = {.program = "new", .flags = {{"guard", guard}}}});
  }
  plan.metrics = {find_metric("wall"), find_metric("wait_p99")};
  plan.seed = 5;
  return plan;
}

GateResult gated(const GatePlan& plan, FakeRunner& runner) {
  const Interruption interruption;
  Silence silence;
  return run_gate(plan, runner, interruption, silence);
}

Judgement judgement_of(const GateResult& result, std::size_t metric = 0) {
  return result.contests.front().metrics.at(metric).opinion.judgement;
}

TEST(Gate, PassesWhatIsNoSlower) {
  FakeRunner runner(slower_by(1));
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(judgement_of(result, 0), Judgement::pass);
  EXPECT_EQ(judgement_of(result, 1), Judgement::pass);
  EXPECT_EQ(exit_code_of(result, true), kExitOk);
}

TEST(Gate, IsRedForASlowDownBeyondItsThreshold) {
  FakeRunner runner(slower_by(1.2));
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(judgement_of(result), Judgement::regressed);
  EXPECT_EQ(exit_code_of(result, false), kExitRegression);
  EXPECT_NEAR(result.contests.front().metrics.front().opinion.ratio->median, 1.2, 0.05);
}

TEST(Gate, IsNotRedForASlowDownBelowItsThreshold) {
  FakeRunner runner(slower_by(1.05));
  EXPECT_NE(judgement_of(gated(plan_of(), runner)), Judgement::regressed);
}

TEST(Gate, SaysThatTheCandidateIsFaster) {
  FakeRunner runner(slower_by(1 / 1.3));
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(judgement_of(result), Judgement::improved);
  EXPECT_EQ(exit_code_of(result, true), kExitOk);
}

TEST(Gate, TurnsAMetricRoundOfWhichMoreIsBetter) {
  MetricResult throughput{.metric = find_metric("throughput")};
  for (int i = 0; i < 30; ++i) throughput.pairs.emplace_back(1000 + i, 700 + i);
  throughput.alpha = 0.005;
  EXPECT_EQ(opinion_of(throughput, 0.1).judgement, Judgement::regressed);
}

TEST(Gate, IsNotFooledByWhoComesSecond) {
  // Whatever comes second of two is a third slower, whichever arm it is.
  FakeRunner runner(
      [](const Asked& asked) { return Measured{.wall = asked.position % 2 == 1 ? 1.33e7 : 1e7}; });
  EXPECT_NE(judgement_of(gated(plan_of(), runner)), Judgement::regressed);
  // A gate that always ran the base first would be: the same machine, every pair in one order.
  std::vector<std::pair<double, double>> always_base_first(20, {1e7, 1.33e7});
  EXPECT_EQ(judge(always_base_first, 0.1, 0.005).judgement, Judgement::regressed);
}

TEST(Gate, LetsDriftPassThatBothArmsShare) {
  // The machine becomes ten times slower while the gate runs.
  FakeRunner runner([noise = Noise()](const Asked& asked) mutable {
    return Measured{.wall = 1e7 * (1 + asked.position / 25.0) * noise()};
  });
  EXPECT_NE(judgement_of(gated(plan_of(), runner)), Judgement::regressed);
}

TEST(Gate, SeesATailThatTheWallTimeHides) {
  FakeRunner runner([noise = Noise()](const Asked& asked) mutable {
    return Measured{.wall = 1e7 * noise(), .wait_p99 = asked.program == "new" ? 1e6 : 1e5};
  });
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(judgement_of(result, 0), Judgement::pass);
  EXPECT_EQ(judgement_of(result, 1), Judgement::regressed);
}

TEST(Gate, KeepsTheLeastOfTimesAndTheMedianOfTails) {
  const std::vector<double> repetitions = {3, 1, 2};
  EXPECT_EQ(reduced(*find_metric("wall"), repetitions), 1);
  EXPECT_EQ(reduced(*find_metric("wait_p99"), repetitions), 2);
  EXPECT_EQ(reduced(*find_metric("throughput"), repetitions), 3);
}

TEST(Gate, LooksAgainUntilItKnows) {
  FakeRunner clear(slower_by(1));
  gated(plan_of(), clear);
  EXPECT_EQ(clear.asked.size(), 20U * 6);
  // Half of the pairs say nothing, the others a third: no number of pairs decides that.
  FakeRunner unclear([](const Asked& asked) {
    const bool slow = asked.program == "new" && (asked.position / 6) % 2 == 0;
    return Measured{.wall = slow ? 1.33e7 : 1e7};
  });
  const GateResult result = gated(plan_of(), unclear);
  EXPECT_EQ(unclear.asked.size(), 80U * 6);
  EXPECT_EQ(judgement_of(result), Judgement::inconclusive);
  EXPECT_EQ(exit_code_of(result, false), kExitOk);
  EXPECT_EQ(exit_code_of(result, true), kExitInconclusive);
}

TEST(Gate, BeginsNoLookThatTakesLongerThanItsBudget) {
  FakeRunner runner([](const Asked& asked) { return Measured{.wall = asked.position % 3 == 0 ? 2e7 : 1e7}; });
  GatePlan plan = plan_of();
  plan.rules.budget = 1;
  const GateResult result = gated(plan, runner);
  EXPECT_LE(runner.asked.size(), 20U * 6);
  ASSERT_EQ(result.warnings.size(), judgement_of(result) == Judgement::inconclusive ? 1U : 0U);
}

TEST(Gate, MeasuresEveryContestInEveryRound) {
  FakeRunner runner(slower_by(1));
  const GateResult result = gated(plan_of({"cas", "synchronized"}), runner);
  ASSERT_EQ(result.contests.size(), 2U);
  for (const ContestResult& contest : result.contests) {
    for (const MetricResult& metric : contest.metrics) {
      EXPECT_EQ(metric.pairs.size(), 20U);
      EXPECT_DOUBLE_EQ(metric.alpha, 0.005 / 4) << "two guards by two metrics share it";
    }
  }
}

TEST(Gate, GivesBothArmsOfAPairTheSameRequests) {
  FakeRunner runner(slower_by(1));
  gated(plan_of(), runner);
  std::map<std::string, int> of_seed;
  for (const Asked& asked : runner.asked) ++of_seed[asked.flags.at("seed")];
  EXPECT_EQ(of_seed.size(), 20U);
  for (const auto& [seed, trials] : of_seed) EXPECT_EQ(trials, 6) << seed;
}

TEST(Gate, MeasuresSomeMetricsWithOneThreadAlone) {
  FakeRunner runner(slower_by(1.5));
  GatePlan plan = plan_of();
  plan.contests.front().base.flags["threads"] = plan.contests.front().candidate.flags["threads"] = "4";
  plan.metrics = {find_metric("wall"), find_metric("lone_p99")};
  const GateResult result = gated(plan, runner);
  std::map<std::string, int> of_threads;
  for (const Asked& asked : runner.asked) ++of_threads[asked.flags.at("threads")];
  EXPECT_EQ(of_threads, (std::map<std::string, int>{{"1", 120}, {"4", 120}}));
  const MetricResult& lone = result.contests.front().metrics.at(1);
  EXPECT_EQ(lone.pairs.size(), 20U);
  EXPECT_NEAR(lone.pairs.front().first, 1e3, 400) << "what four threads take is another figure";
  EXPECT_EQ(lone.opinion.judgement, Judgement::regressed);
  EXPECT_EQ(std::ranges::count(result.trials, true, &PairedTrial::alone), 120);
}

TEST(Gate, NeverComparesTheTimesOfACandidateThatDoesNotHold) {
  FakeRunner runner(slower_by(1));
  runner.check_of_program["new"] = kBroken;
  const GateResult result = gated(plan_of(), runner);
  const ContestResult& contest = result.contests.front();
  EXPECT_TRUE(contest.metrics.empty());
  EXPECT_TRUE(runner.asked.empty());
  EXPECT_EQ(contest.not_judged, "the candidate does not hold");
  EXPECT_EQ(contest.candidate.sentence, "nothing lost: 8 instead of 9");
  EXPECT_EQ(contest.candidate.repeated_by, "new --guard=synchronized --seed=7");
  EXPECT_FALSE(contest.candidate.claims.front().holds);
  EXPECT_EQ(exit_code_of(result, false), kExitViolation);
}

TEST(Gate, BlamesNobodyForABaseThatDoesNotHold) {
  FakeRunner runner(slower_by(1));
  runner.check_of_program["old"] = kBroken;
  const GateResult result = gated(plan_of(), runner);
  EXPECT_TRUE(result.contests.front().metrics.empty());
  EXPECT_EQ(exit_code_of(result, true), kExitOk);
}

TEST(Gate, OnlyChecksWhatABaseDoesNotKnow) {
  FakeRunner runner(slower_by(1));
  runner.lacks_guard = "old";
  GatePlan plan = plan_of();
  plan.sizes_requests = true;
  const GateResult result = gated(plan, runner);
  const ContestResult& contest = result.contests.front();
  EXPECT_TRUE(contest.no_base);
  EXPECT_EQ(contest.not_judged, "the base cannot run it: there is no guard 'synchronized'");
  EXPECT_EQ(contest.candidate.verdict, Verdict::ok) << "whether it holds is known";
  EXPECT_TRUE(std::ranges::all_of(runner.asked, [](const Asked& one) { return one.program == "new"; }));
  EXPECT_EQ(verdict_word(result), "not judged");
  EXPECT_EQ(exit_code_of(result, true), kExitOk);
  runner.check_of_program["new"] = kBroken;
  EXPECT_EQ(exit_code_of(gated(plan, runner), true), kExitViolation);
}

TEST(Gate, SaysSoWhereTheControlNeverBreaks) {
  FakeRunner runner(slower_by(1));
  runner.check_of_program["new"] = kUnseen;
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(exit_code_of(result, false), kExitInconclusive);
  EXPECT_EQ(result.contests.front().candidate.sentence, "0 of 5 broke without a guard");
}

TEST(Gate, EndsAContestWhoseCandidateBreaksMeanwhile) {
  FakeRunner runner([](const Asked& asked) {
    return Measured{.verdict = asked.position >= 30 && asked.program == "new" ? "HUNG" : "INCONCLUSIVE"};
  });
  const GateResult result = gated(plan_of(), runner);
  EXPECT_LE(runner.asked.size(), 33U) << "what was wrong once is not asked again";
  EXPECT_TRUE(result.contests.front().metrics.empty());
  EXPECT_EQ(exit_code_of(result, false), kExitHung);
  EXPECT_NE(result.contests.front().candidate.repeated_by, "");
  EXPECT_EQ(result.trials.back().fields.at("verdict"), "HUNG") << "it is among the trials";
}

TEST(Gate, HoldsWhatWasMeasuredUntilASignal) {
  FakeRunner runner([](const Asked& asked) {
    if (asked.position == 40) std::raise(SIGTERM);
    return Measured{};
  });
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(result.interrupted_by, SIGTERM);
  EXPECT_EQ(result.trials.size(), 40U);
  EXPECT_EQ(exit_code_of(result, false), kExitTerminated);
}

TEST(Gate, FindsHowManyRequestsTakeAsLongAsATrialShall) {
  FakeRunner runner([](const Asked& asked) {
    return Measured{.wall = 400 * std::stod(asked.flags.at("requests"))};  // 400 ns each
  });
  GatePlan plan = plan_of();
  plan.sizes_requests = true;
  const GateResult result = gated(plan, runner);
  EXPECT_EQ(result.contests.front().contest.candidate.flags.at("requests"), "50000");
}

TEST(Gate, RefusesWhatIsNoTrial) {
  FakeRunner runner(slower_by(1));
  runner.check_of_program["old"] = "hello";
  const GateResult result = gated(plan_of(), runner);
  EXPECT_EQ(result.trouble, "old ended with 0 and printed no run.json that can be understood");
  EXPECT_EQ(exit_code_of(result, false), kExitError);
}

TEST(Orders, MirrorEachOther) {
  int base_first = 0;
  for (int pair = 0; pair < 200; pair += 2) {
    const std::vector<ArmRole> order = order_of_pair(pair, 3, 9);
    const std::vector<ArmRole> next = order_of_pair(pair + 1, 3, 9);
    ASSERT_EQ(std::ranges::count(order, ArmRole::base), 3);
    ASSERT_EQ(order.size(), 6U);
    for (std::size_t i = 0; i < order.size(); ++i) EXPECT_NE(order[i], next[i]);
    if (order.front() == ArmRole::base) ++base_first;
  }
  EXPECT_GT(base_first, 20);
  EXPECT_LT(base_first, 80) << "which comes first is drawn";
}

TEST(Judging, NeedsAnInterval) {
  const std::vector<std::pair<double, double>> few(5, {1, 2});
  EXPECT_EQ(judge(few, 0.1, 0.005).judgement, Judgement::inconclusive);
  EXPECT_EQ(judge({}, 0.1, 0.005).judgement, Judgement::inconclusive);
}

TEST(Judging, TakesNoChangeForARegressionThatTwoLooksAtTheClockCouldMake) {
  const JudgeRules rules{.threshold = 0.1, .clock_look = 25};
  MetricResult tail{.metric = find_metric("lone_p99"), .alpha = 0.005};
  EXPECT_EQ(threshold_of(tail, rules), 0.1);
  tail.pairs.assign(20, {200, 240});
  EXPECT_DOUBLE_EQ(threshold_of(tail, rules), 0.25);
  EXPECT_EQ(opinion_of(tail, threshold_of(tail, rules)).judgement, Judgement::pass);
  tail.pairs.assign(20, {200, 260});
  EXPECT_EQ(opinion_of(tail, threshold_of(tail, rules)).judgement, Judgement::regressed);
  // Of long requests it is no matter, nor of a whole trial.
  tail.pairs.assign(20, {5000, 6000});
  EXPECT_EQ(threshold_of(tail, rules), 0.1);
  MetricResult wall{.metric = find_metric("wall"), .pairs = {{200, 240}}, .alpha = 0.005};
  EXPECT_EQ(threshold_of(wall, rules), 0.1);
}

TEST(Judging, KnowsTheSmallestChangeThatItCouldHaveSeen) {
  std::vector<std::pair<double, double>> quiet(20, {100, 100});
  EXPECT_DOUBLE_EQ(judge(quiet, 0.1, 0.005).smallest_seen, 1.1);
  std::vector<std::pair<double, double>> loud;
  for (int i = 0; i < 20; ++i) loud.emplace_back(100, 80 + 2 * i);
  const Opinion opinion = judge(loud, 0.1, 0.005);
  // Slowed down by so much, or a bit more, the same pairs are red; by a bit less they are not.
  const auto slowed = [&](double factor) {
    std::vector<std::pair<double, double>> pairs = loud;
    for (auto& pair : pairs) pair.second *= factor / opinion.ratio->median;
    return judge(pairs, 0.1, 0.005).judgement;
  };
  EXPECT_EQ(slowed(opinion.smallest_seen * 1.001), Judgement::regressed);
  EXPECT_NE(slowed(opinion.smallest_seen * 0.999), Judgement::regressed);
}

/// `--plant` makes the candidate as slow as it says; a guard that is none is found out.
class PlantingRunner final : public ArmRunner {
 public:
  explicit PlantingRunner(bool blind) : blind_(blind) {}
  ArmOutput run(const Arm& arm, const ArmFlags& more, Nanos limit) override {
    inner_.check_of_program[arm.program] = arm.flags.at("guard") == "none" && !blind_ ? kBroken : kHolds;
    return inner_.run(arm, more, limit);
  }

 private:
  const bool blind_;
  FakeRunner inner_{[blind = blind_, noise = Noise()](const Asked& asked) mutable {
    const double slow = blind ? 1 : std::stod(asked.flags.at("plant"));
    return Measured{.wall = 1e7 * slow * noise(), .wait_p99 = 1e5 * slow * noise()};
  }};
};

GateResult self_tested(bool blind) {
  PlantingRunner runner(blind);
  const Interruption interruption;
  Silence silence;
  return run_self_test(plan_of(), runner, interruption, silence);
}

TEST(SelfTest, PassesAGateThatSees) {
  const GateResult result = self_tested(false);
  EXPECT_EQ(exit_code_of(result, false), kExitOk);
  ASSERT_EQ(result.contests.front().candidate.claims.size(), 3U);
}

TEST(SelfTest, FailsAGateThatCannotGoRed) {
  const GateResult result = self_tested(true);
  const Check& check = result.contests.front().candidate;
  EXPECT_EQ(exit_code_of(result, false), kExitError);
  ASSERT_EQ(check.claims.size(), 3U);
  EXPECT_TRUE(check.claims[0].holds);
  EXPECT_FALSE(check.claims[1].holds);
  EXPECT_FALSE(check.claims[2].holds);
}

}  // namespace
}  // namespace ccbench
