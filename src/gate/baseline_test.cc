// Files of another day, whole and broken, and what is compared with them.
#include "gate/baseline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace ccbench {
namespace {

constexpr std::string_view kHeader =
    "schema,role,guard,scenario,requests,threads,keys,verdict,success,turned_away,wall_ns,params,round\n";

std::string row(std::string_view guard, std::string_view verdict, int success, long wall, int round,
                std::string_view role = "guard") {
  return fmt::format("ccbench.trials/1,{},{},counter,100,4,1,{},{},{},{},work=1us,{}\n", role, guard, verdict,
                     success, 100 - success, wall, round);
}

/// Ten rounds of two guards, the second of which takes `ratio` times as long.
std::string file_of(double ratio, std::string_view verdict = "OK", int success = 100) {
  std::string text(kHeader);
  for (int round = 0; round < 10; ++round) {
    const long wall = 1'000'000 + 10'000 * round;
    text += row("global", "OK", 100, wall, round);
    text +=
        row("fair", verdict, success, static_cast<long>(static_cast<double>(wall) * ratio) + round, round);
  }
  return text + row("none", "VIOLATION", 100, 1, 0, "control");
}

class Baselines : public testing::Test {
 protected:
  std::vector<BaselineSetting> read(const std::string& text) const {
    std::ofstream(path_) << text;
    return read_baseline(path_);
  }
  std::string complaint_about(const std::string& text) const {
    try {
      read(text);
    } catch (const GateError& error) {
      return error.what();
    }
    return "none";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ = testing::TempDir() + fmt::format("baseline-{}.csv", getpid());
};

TEST_F(Baselines, HaveSettingsAndTheTrialsOfTheirGuards) {
  const auto settings = read(file_of(2));
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(
      settings.front().flags,
      (ArmFlags{
          {"scenario", "counter"}, {"requests", "100"}, {"threads", "4"}, {"keys", "1"}, {"work", "1us"}}));
  ASSERT_EQ(settings.front().cells.size(), 2U) << "a control is none of the guards";
  EXPECT_EQ(settings.front().cells[0].guard, "global");
  EXPECT_EQ(settings.front().cells[1].trials.size(), 10U);
}

TEST_F(Baselines, ThatCannotBeUsedSayWhy) {
  const std::string whole = file_of(1);
  EXPECT_EQ(complaint_about(whole), "none");
  EXPECT_NE(complaint_about("").find("it is empty"), std::string::npos);
  EXPECT_NE(complaint_about(std::string(kHeader)).find("has no trial of a guard"), std::string::npos);
  EXPECT_NE(complaint_about("a,b\n1,2\n").find("no column schema"), std::string::npos);
  EXPECT_NE(complaint_about(whole.substr(0, whole.size() / 2)).find("has no end"), std::string::npos);
  EXPECT_NE(complaint_about(whole + "ccbench.trials/1,guard\n").find("fields instead of"), std::string::npos);
  EXPECT_NE(complaint_about(whole.substr(0, whole.size() - 1)).find("has no end"), std::string::npos);
  std::string newer = whole;
  newer.replace(newer.find("trials/1"), 8, "trials/2");
  EXPECT_NE(complaint_about(newer).find("schema 'ccbench.trials/2'"), std::string::npos);
  EXPECT_THROW(read_baseline("/nowhere/baseline.csv"), GateError);
  EXPECT_THROW(read_baseline("/tmp"), GateError) << "a folder is no file";
}

class Comparing : public Baselines {
 protected:
  ContestResult compared(const std::string& before, const std::string& now) const {
    const auto was = read(before);
    const auto is = read(now);
    return compare_with_baseline(was[0].cells[1], is[0].cells[1], was[0].cells[0], is[0].cells[0], 0.5,
                                 0.005);
  }
  static Judgement judgement_of(const ContestResult& result) {
    return result.metrics.at(0).opinion.judgement;
  }
};

TEST_F(Comparing, PassesWhatCostsAsMuchBesideTheReference) {
  const ContestResult result = compared(file_of(2), file_of(2.1));
  EXPECT_EQ(result.candidate.verdict, Verdict::ok);
  EXPECT_EQ(judgement_of(result), Judgement::pass);
}

TEST_F(Comparing, ShowsWhatItCostBesideTheReferenceThenAndNow) {
  const ContestResult result = compared(file_of(2), file_of(4));
  ASSERT_EQ(result.metrics.front().pairs.size(), 10U);
  EXPECT_NEAR(result.metrics.front().pairs.front().first, 2, 0.01);
  EXPECT_NEAR(result.metrics.front().pairs.front().second, 4, 0.01);
}

TEST_F(Comparing, JudgesRatiosAndNoTimes) {
  // Another machine: everything takes a hundred times as long, and the ratio is what it was.
  std::string slow = file_of(2);
  for (std::size_t at = slow.find(",work="); at != std::string::npos; at = slow.find(",work=", at + 8))
    slow.insert(at, "00");
  EXPECT_EQ(judgement_of(compared(file_of(2), slow)), Judgement::pass);
}

TEST_F(Comparing, IsRedWhereTheRatioHasGrown) {
  EXPECT_EQ(judgement_of(compared(file_of(2), file_of(3.2))), Judgement::regressed);
  EXPECT_EQ(judgement_of(compared(file_of(3.2), file_of(2))), Judgement::improved);
}

TEST_F(Comparing, IsRedWhereAVerdictIsWorse) {
  const ContestResult result = compared(file_of(2), file_of(2, "VIOLATION"));
  EXPECT_EQ(result.candidate.verdict, Verdict::violation);
  EXPECT_TRUE(result.metrics.empty());
  EXPECT_EQ(compared(file_of(2), file_of(2, "HUNG")).candidate.verdict, Verdict::hung);
}

TEST_F(Comparing, IsContentWithWhatWasWrongAndStillIs) {
  EXPECT_EQ(compared(file_of(2, "VIOLATION"), file_of(2, "VIOLATION")).candidate.verdict, Verdict::ok);
  EXPECT_EQ(compared(file_of(2, "VIOLATION"), file_of(2)).candidate.verdict, Verdict::ok);
}

TEST_F(Comparing, JudgesWhatNoControlVouchesForIfItHeldThenAndNow) {
  EXPECT_EQ(judgement_of(compared(file_of(2, "INCONCLUSIVE"), file_of(3.2, "INCONCLUSIVE"))),
            Judgement::regressed);
  EXPECT_EQ(compared(file_of(2), file_of(2, "INCONCLUSIVE")).candidate.verdict, Verdict::inconclusive);
}

TEST_F(Comparing, IsRedWhereACountHasChanged) {
  const ContestResult result = compared(file_of(2), file_of(2, "OK", 1));
  EXPECT_EQ(result.candidate.verdict, Verdict::violation);
  EXPECT_EQ(result.candidate.sentence, "success: 1 instead of 100");
}

TEST_F(Comparing, TakesACountForUnchangedThatOverlapsWhatItWas) {
  std::string now = file_of(2);
  now += row("fair", "OK", 99, 2'000'000, 11);
  EXPECT_EQ(compared(file_of(2), now).candidate.verdict, Verdict::ok);
}

TEST(AgainstBaseline, SaysByWhichRulesItWasJudged) {
  const GateResult result = run_against_baseline({}, 0.5, 0.01, [](const ArmFlags&) { return RunResult{}; });
  EXPECT_EQ(result.rules.threshold, 0.5);
  EXPECT_EQ(result.rules.alpha, 0.01);
  EXPECT_GT(result.elapsed, 0);
}

}  // namespace
}  // namespace ccbench
