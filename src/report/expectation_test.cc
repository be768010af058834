// Every relation, suffix and selector on figures that just fulfil it and on such that just do not.
#include "report/expectation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "driver/quiet_run.h"
#include "report/command.h"
#include "report/remarks.h"
#include "report/sink.h"

namespace ccbench {
namespace {

const ScenarioPlugin& scenario() {
  static const ScenarioPlugin kPlugin = [] {
    ScenarioPlugin made;
    made.info.name = "lotto-purchase";
    made.info.key_name = "ticket";
    return made;
  }();
  return kPlugin;
}

void add_trial(RunResult& run, std::size_t row, std::uint64_t successes, std::optional<Nanos> wall) {
  GuardResult& guard = run.guards[row];
  guard.trials.push_back(run.trials.size());
  TrialResult& trial = run.trials.emplace_back();
  trial.trial = run.trials.size();
  trial.guard = guard.guard;
  trial.role = guard.role;
  trial.verdict = guard.verdict;
  trial.configuration = guard.configuration;
  trial.tally.outcomes = {successes};
  trial.tally.requests = 20;
  trial.wall = wall;
}

GuardResult row_of(std::string name, Role role, Verdict verdict) {
  return {.guard = std::move(name),
          .role = role,
          .verdict = verdict,
          .sentence = {},
          .trials = {},
          .lacking = {},
          .noisy = {}};
}

/// Trial 1 is the control's, with 20 successes. Then cas has 3, 1 and 2 successes in 10, 30 and 20 ms, and
/// synchronized 1 success in 40 ms, and one in a trial that did not end.
RunResult run_expecting(std::vector<std::string> expectations) {
  RunResult run;
  run.configurations = {{.experiment = {}}};
  run.configurations[0].experiment.scenario = &scenario();
  run.configurations[0].experiment.expectations = std::move(expectations);
  run.guards = {row_of("none", Role::control, Verdict::violation), row_of("cas", Role::guard, Verdict::ok),
                row_of("synchronized", Role::guard, Verdict::hung)};
  add_trial(run, 0, 20, 5 * kMillisecond);
  add_trial(run, 1, 3, 10 * kMillisecond);
  add_trial(run, 2, 1, 40 * kMillisecond);
  add_trial(run, 1, 1, 30 * kMillisecond);
  add_trial(run, 1, 2, 20 * kMillisecond);
  add_trial(run, 2, 1, {});
  return run;
}

Fulfilment fulfilment_of(std::string_view text) {
  return fulfilment_of(run_expecting({}), parse_expectation(text));
}

std::string sentence_of(std::string_view text) {
  const RunResult run = run_expecting({});
  const Expectation expectation = parse_expectation(text);
  return sentence_of(run, expectation, fulfilment_of(run, expectation));
}

/// The sentence; empty if the text is an expectation.
std::string refused(std::string_view text) {
  try {
    parse_expectation(text);
  } catch (const BadExpectation& bad) {
    return bad.what();
  }
  return "";
}

void expect_met(std::string_view text) { EXPECT_TRUE(fulfilment_of(text).met) << sentence_of(text); }
void expect_not_met(std::string_view text) { EXPECT_FALSE(fulfilment_of(text).met) << sentence_of(text); }

struct Compared {
  std::string_view relation;
  bool (*holds)(int value, int bound);
};
constexpr auto kRelations =
    std::to_array<Compared>({{"<", [](int value, int bound) { return value < bound; }},
                             {"<=", [](int value, int bound) { return value <= bound; }},
                             {">", [](int value, int bound) { return value > bound; }},
                             {">=", [](int value, int bound) { return value >= bound; }},
                             {"==", [](int value, int bound) { return value == bound; }},
                             {"!=", [](int value, int bound) { return value != bound; }}});

void expect_compared(const Compared& compared, std::string_view figure, int value) {
  for (const int bound : {value - 1, value, value + 1}) {
    const std::string text = fmt::format("success{}{{guard=cas}} {} {}", figure, compared.relation, bound);
    EXPECT_EQ(fulfilment_of(text).met, compared.holds(value, bound)) << text;
  }
}

TEST(Expectation, ComparesByEveryRelation) {
  // The least, the middle and the most of 1, 2 and 3.
  for (const Compared& compared : kRelations) {
    expect_compared(compared, "_min", 1);
    expect_compared(compared, "_p50", 2);
    expect_compared(compared, "_max", 3);
  }
}

TEST(Expectation, WithoutASuffixMustHoldInEveryTrial) {
  expect_met("success{guard=cas} <= 3");
  expect_not_met("success{guard=cas} < 3");
  expect_met("success >= 1");
  expect_not_met("success > 1");
  expect_met("success != 4");
  expect_not_met("success != 2");
  expect_not_met("success == 2");
  const Fulfilment once = fulfilment_of("success{guard=cas} != 1");
  EXPECT_EQ(once.failed, 1U);
  EXPECT_EQ(once.trials, 3U);
  EXPECT_EQ(once.trial, 3U);
  EXPECT_EQ(once.row, 1U);
}

TEST(Expectation, NamesTheFirstTrialInOrderOfExecution) {
  // Of synchronized, though cas is the row before it.
  EXPECT_EQ(sentence_of("success > 1"), "not met in 3 of 5 trials: 1 in trial 3 (synchronized)");
}

TEST(Expectation, OverTrialsMustHoldForEveryGuard) {
  expect_met("wall_p50{guard=cas} == 20ms");
  expect_met("wall_min{guard=cas} == 10ms");
  expect_met("wall_max{guard=cas} == 30ms");
  // In each, and not over the trials of all guards together, of which the median is 20 ms.
  expect_not_met("wall_p50 < 40ms");
  expect_met("wall_p50 <= 40ms");
  EXPECT_EQ(sentence_of("wall_p50 < 40ms"),
            "not met by 1 of 2 guards: 40.0 ms (synchronized) over 5 trials; not measured in 1 of 5");
  EXPECT_EQ(sentence_of("wall_p50 <= 40ms"),
            "met by 2 guards (20.0 ms to 40.0 ms) over 5 trials; not measured in 1 of 5");
  EXPECT_EQ(sentence_of("wall_max{guard=cas} < 30ms"), "not met: 30.0 ms (cas) over 3 trials");
  EXPECT_EQ(sentence_of("wall_max{guard=cas} < 31ms"), "met: 30.0 ms over 3 trials");
}

TEST(Expectation, TakesAnExactNameBeforeASuffix) {
  RunResult run = run_expecting({});
  for (TrialResult& trial : run.trials) trial.wait.p50 = 4 * kMillisecond;
  run.trials[3].wait.p50 = 6 * kMillisecond;  // One of three: no median sees it.
  const auto is_met = [&](std::string_view text) {
    return ccbench::fulfilment_of(run, parse_expectation(text)).met;
  };
  EXPECT_FALSE(is_met("wait_p50{guard=cas} < 5ms"));
  EXPECT_TRUE(is_met("wait_p50_p50{guard=cas} < 5ms"));
  EXPECT_FALSE(is_met("wait_p50_max{guard=cas} < 5ms"));
}

TEST(Expectation, IsOfTheTrialsThatItSelects) {
  expect_met("success{guard=synchronized} == 1");
  expect_not_met("success{guard=cas} == 1");
  expect_met("success{guard=cas,trial=4} == 1");
  expect_not_met("success{guard=cas,trial=5} == 1");
  expect_met("success{scenario=lotto-purchase} >= 1");
  expect_met("verdict{verdict=HUNG} == HUNG");
  expect_met("wall{wall=0.01s} == 10ms");
  EXPECT_EQ(fulfilment_of("success{guard=cas} >= 0").trials, 3U);
  EXPECT_EQ(fulfilment_of("success{role=guard} >= 0").trials, 5U);
  EXPECT_EQ(sentence_of("success{guard=cas,verdict=HUNG} == 1"),
            "not met: no samples: there is no such trial");
}

TEST(Expectation, LeavesControlsOutUnlessItAsksForThem) {
  expect_met("success <= 3");
  expect_not_met("success{role=control} <= 3");
  expect_met("success{role=control} == 20");
  expect_met("success{guard=none} == 20");
  EXPECT_EQ(fulfilment_of("success{guard=none} == 20").trials, 1U);
  // Asked for alone it is the guard under test.
  RunResult run = run_expecting({});
  run.guards[0].role = run.trials[0].role = Role::guard;
  EXPECT_FALSE(ccbench::fulfilment_of(run, parse_expectation("success <= 3")).met);
}

TEST(Expectation, IsNeverMetByNoSamples) {
  for (const std::string relation : {"<", "<=", ">", ">=", "==", "!="}) {
    for (const std::string figure : {"wait_p99", "wait_p99_min", "wait_p99_p50", "wait_p99_max"})
      expect_not_met(fmt::format("{} {} 5ms", figure, relation));
  }
  EXPECT_EQ(sentence_of("wait_p99 < 5ms"), "not met: no samples in 5 trials; a p99 takes 100 samples");
  EXPECT_EQ(sentence_of("wait_p50_max < 5ms"), "not met: no samples in 5 trials");
  // Nor by those of other trials.
  EXPECT_EQ(sentence_of("wall < 1s"), "not met in 1 of 5 trials: not measured in trial 6 (synchronized)");
  // Nor of other guards.
  RunResult run = run_expecting({});
  run.trials[2].wall = {};
  const Expectation expectation = parse_expectation("wall_p50 < 1s");
  EXPECT_EQ(ccbench::sentence_of(run, expectation, ccbench::fulfilment_of(run, expectation)),
            "not met by 1 of 2 guards: not measured (synchronized) over 5 trials");
  run.guards.clear();
  EXPECT_FALSE(ccbench::fulfilment_of(run, expectation).met);
}

TEST(Expectation, ComparesFiguresAsTheFileHasThem) {
  RunResult run = run_expecting({});
  for (TrialResult& trial : run.trials) trial.load1 = 0.30499;  // `0.30` in the file.
  run.trials[1].seed = 18'446'744'073'709'551'615U;
  const auto is_met = [&](std::string_view text) {
    return ccbench::fulfilment_of(run, parse_expectation(text)).met;
  };
  EXPECT_TRUE(is_met("load1 == 0.3"));
  EXPECT_FALSE(is_met("load1 > 0.3"));
  EXPECT_TRUE(is_met("trial_seed{trial=2} == 18446744073709551615"));
  EXPECT_FALSE(is_met("trial_seed{trial=2} == 18446744073709551614"));
}

TEST(Expectation, ComparesWords) {
  expect_met("verdict{guard=cas} == OK");
  expect_not_met("verdict == OK");
  expect_met("verdict != VIOLATION");
  expect_not_met("verdict{role=control} != VIOLATION");
  EXPECT_EQ(sentence_of("verdict == OK"), "not met in 2 of 5 trials: HUNG in trial 3 (synchronized)");
  EXPECT_EQ(sentence_of("verdict{guard=cas} == OK"), "met in 3 trials");
}

TEST(Expectation, ShowsWhatTellsATimeFromItsBound) {
  RunResult run = run_expecting({});
  run.trials[3].wall = 30'000'001;
  const Expectation expectation = parse_expectation("wall_max{guard=cas} <= 30ms");
  EXPECT_EQ(ccbench::sentence_of(run, expectation, ccbench::fulfilment_of(run, expectation)),
            "not met: 30000.001us (cas) over 3 trials");
}

TEST(ParseExpectation, WritesWhatItReadsWithOneSpace) {
  for (const auto& [typed, written] : {
           std::pair("success==1", "success == 1"),
           std::pair("  success   ==\t1 ", "success == 1"),
           std::pair("wait_p99{guard=cas}<5ms", "wait_p99{guard=cas} < 5ms"),
           std::pair("wait_p99 { guard = cas , role=guard } >= 0", "wait_p99{guard=cas,role=guard} >= 0"),
           std::pair("wall_p50 != 1.5s", "wall_p50 != 1.5s"),
           std::pair("wasted_effects > -1", "wasted_effects > -1"),
           std::pair("compiler == g++ 12.2.0", "compiler == g++ 12.2.0"),
       }) {
    EXPECT_EQ(parse_expectation(typed).text, written);
    EXPECT_EQ(parse_expectation(written).text, written);
  }
}

TEST(ParseExpectation, RefusesWhatIsNoComparison) {
  for (const char* text :
       {"", " ", "success", "success ==", "== 1", "success = 1", "success => 1", "success{ == 1",
        "success{guard} == 1", "success{guard=} == 1", "success{} == 1", "success{guard=cas},x == 1",
        "host == a'b", "host == a\"b", "host == {a}", "host{host=a\nb} == c"}) {
    EXPECT_NE(refused(text).find("is not METRIC OP VALUE, OP one of < <= > >= == !="), std::string::npos)
        << text << ": " << refused(text);
  }
}

TEST(ParseExpectation, RefusesValuesThatTheColumnCannotHave) {
  const auto says = [](std::string_view text, std::string_view why) {
    EXPECT_NE(refused(text).find(why), std::string::npos) << text << ": " << refused(text);
  };
  for (const char* value : {"5", "5sec", "-5ms", "fast"})
    says(fmt::format("wall < {}", value), "a duration with its unit (500ms, 1s, 50us) nor 0");
  EXPECT_EQ(refused("wall > 0"), "");
  for (const char* value : {"5ms", "one", "inf", "nan", "1 2", "1e9999"})
    says(fmt::format("success < {}", value), "compared with a number");
  says("success{wall=5} == 1", "wall is a time");
  says("success{keys=x} == 1", "keys is compared with a number");
  for (const char* relation : {"<", "<=", ">", ">="})
    says(fmt::format("verdict {} OK", relation), "compared with == and != alone");
  for (const char* suffix : {"_min", "_p50", "_max"})
    says(fmt::format("verdict{} == OK", suffix), "neither minimum nor median");
  says("verdict != VIOLATON", "there is no verdict 'VIOLATON'");
  says("success{role=candidat} == 1", "there is no role 'candidat'");
}

TEST(ParseExpectation, TellsWhichNamesThereAre) {
  try {
    parse_expectation("wal_p50 < 5ms");
    FAIL() << "there is a column wal";
  } catch (const BadExpectation& bad) {
    EXPECT_EQ(std::string(bad.what()), "'wal_p50 < 5ms': trials.csv has no column 'wal_p50'");
    EXPECT_EQ(bad.unknown(), (std::vector<std::string>{"wal_p50", "wal"}));
    EXPECT_EQ(bad.known().size(), trial_columns().size());
    EXPECT_EQ(std::ranges::count(bad.known(), "wall"), 1);
    EXPECT_EQ(std::ranges::count(bad.known(), "wall_ns"), 0);
  }
}

TEST(SplitExpectations, SeparatesAtCommasOutsideOfBraces) {
  EXPECT_EQ(split_expectations("a{b=1,c=2} < 3, d == 4,e{f=5,g=6}!=7"),
            (std::vector<std::string>{"a{b=1,c=2} < 3", " d == 4", "e{f=5,g=6}!=7"}));
  EXPECT_EQ(split_expectations("a,"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(split_expectations(""), (std::vector<std::string>{""}));
}

std::string written(const std::unique_ptr<Sink>& sink, const RunResult& run) {
  std::ostringstream out;
  sink->write(run, out);
  return out.str();
}

TEST(Expectations, StandBelowTheTableAndInEveryReport) {
  const RunResult run = run_expecting({"success <= 3", "wall_p50{guard=cas} < 20ms"});
  EXPECT_FALSE(meets_expectations(run));
  EXPECT_TRUE(meets_expectations(run_expecting({"success <= 3"})));
  EXPECT_TRUE(meets_expectations(run_expecting({})));
  const std::string text = written(text_sink({}), run);
  EXPECT_NE(text.find("expect     success <= 3                met in 5 trials (1 to 3)\n"
                      "           wall_p50{guard=cas} < 20ms  not met: 20.0 ms (cas) over 3 trials\n"),
            std::string::npos)
      << text;
  EXPECT_NE(written(html_sink(), run).find("not met: 20.0 ms (cas) over 3 trials"), std::string::npos);
  const auto json = nlohmann::json::parse(written(json_sink(), run)).at("expectations");
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0].at("expectation"), "success <= 3");
  EXPECT_EQ(json[0].at("met"), true);
  EXPECT_EQ(json[0].at("trials"), 5);
  EXPECT_TRUE(json[0].at("trial").is_null() && json[0].at("guard").is_null() &&
              json[0].at("value").is_null());
  EXPECT_EQ(json[1].at("met"), false);
  EXPECT_EQ(json[1].at("samples"), 3);
  EXPECT_EQ(json[1].at("failed"), 1);
  EXPECT_EQ(json[1].at("guard"), "cas");
  EXPECT_EQ(json[1].at("configuration"), 0);
  EXPECT_EQ(json[1].at("trial"), 5);
  EXPECT_EQ(json[1].at("value"), 20'000'000);
  EXPECT_EQ(json[1].at("sentence"), "not met: 20.0 ms (cas) over 3 trials");
}

TEST(Expectations, StandInTheCommandThatRepeatsTheRun) {
  RunResult run = run_expecting({"success == 1"});
  run.configurations[0].experiment.config = {{"guard", "cas"}, {"expect", "success == 1, wall < 2s"}};
  EXPECT_EQ(command_of(run), "ccbench --expect='success == 1, wall < 2s' --guard=cas");
}

TEST(Expectations, OfASweepNameTheConfiguration) {
  RunResult run = run_expecting({"success == 1"});
  run.configurations.push_back(run.configurations.front());
  run.configurations[0].experiment.config = {{"keys", "1"}};
  run.configurations[1].experiment.config = {{"keys", "2"}};
  run.guards[1].configuration = 1;
  for (TrialResult& trial : run.trials) trial.configuration = trial.guard == "cas" ? 1 : 0;
  run.configurations[1].experiment.keys = 2;
  const auto said = [&](std::string_view text) {
    const Expectation expectation = parse_expectation(text);
    return ccbench::sentence_of(run, expectation, ccbench::fulfilment_of(run, expectation));
  };
  EXPECT_EQ(said("success == 1"), "not met in 2 of 5 trials: 3 in trial 2 (cas keys=2)");
  EXPECT_EQ(said("success_max == 1"), "not met by 1 of 2 rows: 3 (cas keys=2) over 5 trials");
  EXPECT_EQ(said("success{keys=1} == 1"), "met in 2 trials (1)");
}

/// Of trials and threads that a real run has.
TEST(Columns, HoldWhatTheySay) {
  Experiment experiment;
  experiment.scenario = scenarios().find("lotto-purchase");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  for (const char* delay : {"payment", "db"}) experiment.parameters.set(delay, "20ms");
  experiment.guards = {&guard("none"), &guard("synchronized")};
  experiment.snapshots = {5 * kMillisecond};
  experiment.params = {{"db", "20ms"}};
  const RunResult run = run_quietly(experiment);
  ASSERT_EQ(run.trials.size(), 2U);
  const auto agrees = [](const auto& column, const auto& row) {
    const Cell value = column.value(row);
    const bool is_text =
        std::holds_alternative<std::string_view>(value) || std::holds_alternative<std::string>(value);
    if (std::holds_alternative<std::monostate>(value)) return;
    EXPECT_EQ(is_text, column.holds == Holds::text) << column.name;
  };
  for (const TrialResult& trial : run.trials) {
    for (const auto& column : trial_columns()) agrees(column, TrialRow{run, trial});
    for (const Snapshot& snapshot : trial.snapshots) {
      for (const ThreadRow& thread : snapshot.threads) {
        for (const auto& column : snapshot_columns())
          agrees(column, SnapshotRow{run, trial, 1, snapshot, thread});
      }
    }
  }
}

}  // namespace
}  // namespace ccbench
