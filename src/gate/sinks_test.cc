// The bytes that every sink of the gate makes of results put together by hand.
#include "gate/sinks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/build.h"
#include "gate/sinks_fixture.h"
#include "gate/words.h"
#include "report/columns.h"
#include "report/layout.h"
#include "report/read_csv.h"

namespace ccbench {
namespace {

using Json = nlohmann::ordered_json;

/// What the command would exit with where nothing is accepted or forbidden.
GateExit exit_of(const GateResult& result) { return {.code = exit_code_of(result, false)}; }

std::string text(const GateResult& result, const TextStyle& style = {}) {
  std::ostringstream out;
  write_gate_text(result, style, out);
  return out.str();
}

std::string json(const GateResult& result, const GateExit& exit) {
  std::ostringstream out;
  write_gate_json(result, exit, out);
  return out.str();
}
std::string json(const GateResult& result) { return json(result, exit_of(result)); }

std::string junit(const GateResult& result, const GateExit& exit) {
  std::ostringstream out;
  write_gate_junit(result, exit, out);
  return out.str();
}
std::string junit(const GateResult& result) { return junit(result, exit_of(result)); }

std::string markdown(const GateResult& result) {
  std::ostringstream out;
  write_gate_markdown(result, out);
  return out.str();
}

std::string annotations(const GateResult& result, const GateExit& exit) {
  std::ostringstream out;
  write_gate_annotations(result, exit, out);
  return out.str();
}
std::string annotations(const GateResult& result) { return annotations(result, exit_of(result)); }

std::string csv(const GateResult& result) {
  std::ostringstream out;
  write_gate_csv(result, out);
  return out.str();
}

std::string bencher(const GateResult& result) {
  std::ostringstream out;
  write_bencher(result, out);
  return out.str();
}

std::string benchmark_action(const GateResult& result) {
  std::ostringstream out;
  write_benchmark_action(result, out);
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t count_of(std::string_view part, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

bool has(std::string_view part, std::string_view text) { return text.find(part) != std::string_view::npos; }

std::string last_line(const std::string& text) { return lines_of(text).back(); }

// Text

const std::string kTitle =
    "ccbench " + this_build().version +
    " · gate · 1 guard · threshold 10 % · 3 trials of each arm in a pair · 12.3 s · seed\n"
    "18446744073709551615\n"
    "base /old/ccbench (0.0.9), candidate /new/ccbench (0.1.0)\n"
    "with requests=400 scenario=counter threads=4\n\n";

TEST(GateText, SaysThatAllIsWellAndWhatThatRestsOn) {
  EXPECT_EQ(text(passed_gate()),
            kTitle +
                "                               ratio to        99.5 %  could   median     median\n"
                "guard         metric  verdict      base      interval    see     base  candidate  pairs\n"
                "synchronized  wall    pass        1.005  0.995..1.010   10 %  20.0 ms    20.2 ms      3\n"
                "\n"
                "correctness  synchronized  OK in 5 trials; the control broke in 1 of 2 trials\n"
                "verdict      pass: the candidate holds, and no metric is slower by more than 10 %\n");
}

TEST(GateText, ShowsEveryMetricOfEveryContest) {
  EXPECT_EQ(
      text(regressed_gate(), {.quiet = true}),
      "                                        ratio to        99.5 %  could   median     median\n"
      "guard         metric      verdict           base      interval    see     base  candidate  pairs\n"
      "synchronized  wall        regressed        1.230  1.200..1.250   10 %  20.0 ms    24.6 ms      3\n"
      "synchronized  wait_p99    inconclusive     1.050  0.818..2.600   28 %   100 µs     130 µs      3\n"
      "rwlock        wall        pass             1.005  0.995..1.010   10 %  20.0 ms    20.2 ms      3\n"
      "rwlock        throughput  improved         0.800  0.792..0.808   10 %     1000       1250      3\n");
  const std::string whole = text(regressed_gate());
  EXPECT_TRUE(
      has("inconclusive  synchronized  wait_p99: may be slower by up to 160 % (at 99.5 %), and 10 % is "
          "allowed; from 28 %\n                            on it would have been seen\n",
          whole))
      << whole;
  EXPECT_TRUE(
      has("ratio         of throughput: base over candidate, so that above 1 is worse everywhere\n", whole));
  EXPECT_TRUE(
      whole.ends_with("verdict       regressed: the candidate is slower by more than 10 %: synchronized: "
                      "wall is 1.230 times that of\n"
                      "              the base (1.200..1.250 at 99.5 %)\n"))
      << whole;
}

TEST(GateText, SaysWhyAGuardDoesNotHoldAndHowToRepeatIt) {
  const std::string whole = text(violated_gate());
  EXPECT_EQ(whole.substr(whole.find("mine   ")),
            "mine          -       not judged         -             -      -        -          -      -\n"
            "synchronized  wall    pass           1.005  0.995..1.010   10 %  20.0 ms    20.2 ms      3\n"
            "\n"
            "correctness  mine          VIOLATION in 2 of 5 trials: final value = successes: 399 instead of "
            "400; the\n"
            "                           control broke in 1 of 1 trial\n"
            "             synchronized  OK in 5 trials; the control broke in 1 of 2 trials\n"
            "not judged   mine  the candidate does not hold\n"
            "repeat       mine  ccbench --guard=mine --requests=400 --scenario=counter --seed=77\n"
            "verdict      violation: the candidate does not hold: mine: final value = successes: 399 instead "
            "of 400; its\n"
            "             times are not judged\n");
}

TEST(GateText, NamesEveryEndingInItsLastLines) {
  EXPECT_TRUE(
      text(improved_gate())
          .ends_with("verdict      improved: the candidate holds, and no metric is slower by more than 10 "
                     "%; faster: synchronized:\n             throughput of the base is 0.800 times that of "
                     "the candidate (0.792..0.808 at 99.5 %)\n"));
  EXPECT_TRUE(
      text(inconclusive_gate())
          .ends_with("verdict       inconclusive: no regression was shown, and none ruled out: wait_p99 of "
                     "synchronized\n"));
  EXPECT_TRUE(
      text(uncontrolled_gate())
          .ends_with("correctness  synchronized  INCONCLUSIVE in 5 trials: no control broke in 5 trials\n"
                     "verdict      inconclusive: whether the candidate holds is not known: synchronized (no "
                     "control broke in 5\n             trials)\n"));
  EXPECT_TRUE(
      text(interrupted_gate())
          .ends_with("              global        interrupted\n"
                     "inconclusive  rwlock  wall: no pair was judged\n"
                     "verdict       interrupted: ended by SIGINT before there was a verdict; the figures are "
                     "those of until then\n"));
  EXPECT_EQ(last_line(text(troubled_gate())),
            "verdict    error: --base: /old/ccbench cannot be used: No such file or directory");
}

TEST(GateText, SaysThatAComparisonIsOneWithItself) {
  const std::string whole = text(self_gate());
  EXPECT_TRUE(has("\n/new/ccbench (0.1.0)\n", whole)) << whole;
  EXPECT_TRUE(has(
      "identical    base and candidate are the same file: a comparison with itself, and any difference is "
      "noise\nverdict      pass: ",
      whole))
      << whole;
  EXPECT_FALSE(has("identical", text(passed_gate())));
}

TEST(GateText, LeavesOutColumnsUntilItFits) {
  const std::string narrow = text(regressed_gate(), {.width = 80});
  for (const std::string& line : lines_of(narrow)) EXPECT_LE(width_of(line), 80U) << line;
  EXPECT_TRUE(has("guard         metric      verdict           base      interval    see  pairs\n", narrow))
      << narrow;
  EXPECT_TRUE(has("width         median base and median candidate are left out to fit 80 columns;\n", narrow))
      << narrow;
  EXPECT_FALSE(has("width  ", text(regressed_gate(), {.width = 110})));
}

TEST(GateText, SaysNothingOfArmsWhereThereAreNone) {
  GateResult result = passed_gate();
  result.contests[0].contest.base = result.contests[0].contest.candidate = {};
  result.seed = 0;
  EXPECT_TRUE(text(result).starts_with("ccbench " + this_build().version +
                                       " · gate · 1 guard · threshold 10 % · 12.3 s\n\n"))
      << text(result);
}

TEST(GateText, ColorsTheVerdictsAlone) {
  const std::string colored = text(regressed_gate(), {.color = true});
  EXPECT_TRUE(has("\x1b[31mregressed\x1b[0m", colored));
  EXPECT_TRUE(has("\x1b[33minconclusive\x1b[0m", colored));
  EXPECT_TRUE(has("\x1b[32mpass\x1b[0m", colored));
  EXPECT_TRUE(has("\x1b[32mimproved\x1b[0m", colored));
  EXPECT_EQ(count_of("\x1b[0m", colored), 4U);
  EXPECT_TRUE(has("\x1b[31mnot judged\x1b[0m", text(violated_gate(), {.color = true})));
  EXPECT_EQ(std::regex_replace(colored, std::regex("\x1b\\[[0-9]+m"), ""), text(regressed_gate()));
}

TEST(GateText, SaysOfABaseThatFailsThatItIsTheBase) {
  GateResult result = violated_gate();
  std::swap(result.contests[0].base, result.contests[0].candidate);
  result.contests[0].not_judged = "the base does not hold";
  const std::string whole = text(result);
  EXPECT_TRUE(
      has("OK in 5 trials; the control broke in 1 of 2 trials; the base: VIOLATION in 2 of 5\n", whole))
      << whole;
  EXPECT_TRUE(has("repeat       mine (base)  ccbench --guard=mine", whole)) << whole;
  EXPECT_TRUE(whole.ends_with(
      "verdict      not judged: the base does not hold, so that there is nothing to compare with: mine; "
      "the others\n             hold and are no slower\n"))
      << whole;
}

// Words

TEST(GateWords, NeverRoundAConfidenceUp) {
  EXPECT_EQ(confidence_text(0.005), "99 %");
  EXPECT_EQ(confidence_text(0.0025), "99.5 %");
  EXPECT_EQ(confidence_text(0.005 / 3), "99.66 %");
  EXPECT_EQ(confidence_text(0.005 / 400), "99.9975 %");
  EXPECT_EQ(confidence_text(0.025), "95 %");
  EXPECT_EQ(confidence_text(0.2), "60 %");
  EXPECT_EQ(confidence_text(0), "-");
}

TEST(GateWords, WriteSharesAndRatiosShortly) {
  EXPECT_EQ(share_text(0.1), "10 %");
  EXPECT_EQ(share_text(0.005), "0.5 %");
  EXPECT_EQ(share_text(0.0951), "9.5 %");
  EXPECT_EQ(share_text(0.0999), "10 %");
  EXPECT_EQ(share_text(1.6), "160 %");
  EXPECT_EQ(share_text(20), ">999 %");
  EXPECT_EQ(ratio_text(1.0126), "1.013");
  EXPECT_EQ(ratio_text(12.345), "12.3");
  EXPECT_EQ(ratio_text(12345), "12345");
}

TEST(GateWords, HaveOneTitleForIntervalsOfOneConfidence) {
  GateResult result = regressed_gate();
  EXPECT_EQ(interval_title(result), "99.5 % interval");
  result.contests[1].metrics[0].alpha = 0.001;
  EXPECT_EQ(interval_title(result), "interval");
  EXPECT_EQ(interval_title(troubled_gate()), "interval");
}

TEST(GateWords, NameTheGravestOfAll) {
  GateResult result = regressed_gate();
  const auto word = [&] { return verdict_word(result); };
  EXPECT_EQ(word(), "regressed");
  result.contests[0].metrics[0].opinion.judgement = Judgement::pass;
  EXPECT_EQ(word(), "inconclusive");
  result.contests[0].metrics[1].opinion.judgement = Judgement::pass;
  EXPECT_EQ(word(), "improved");
  result.contests[1].metrics[1].opinion.judgement = Judgement::pass;
  EXPECT_EQ(word(), "pass");
  result.contests[1].base.verdict = Verdict::hung;
  EXPECT_EQ(word(), "not judged");
  result.contests[0].metrics[0].opinion.judgement = Judgement::regressed;
  result.contests[1].candidate.verdict = Verdict::hung;
  EXPECT_EQ(word(), "hung");
  result.contests[0].candidate.verdict = Verdict::crashed;
  EXPECT_EQ(word(), "crashed");
  result.contests[1].candidate.verdict = Verdict::violation;
  EXPECT_EQ(word(), "violation");
  result.contests[0].base.verdict = Verdict::error;
  EXPECT_EQ(word(), "error");
  result.interrupted_by = SIGTERM;
  EXPECT_EQ(word(), "interrupted");
  EXPECT_EQ(verdict_sentence(result),
            "ended by SIGTERM before there was a verdict; the figures are those of until then");
}

TEST(GateWords, CountWhatElseIsSlowerOrNotKnown) {
  GateResult result = regressed_gate();
  result.contests[1].metrics[0] = regressed_wall();
  result.contests[1].metrics[0].opinion.ratio->median = 1.5;
  EXPECT_TRUE(has("rwlock: wall is 1.500 times that of the base (1.200..1.250 at 99.5 %), and 1 other metric",
                  verdict_sentence(result)))
      << verdict_sentence(result);
  result = inconclusive_gate();
  result.contests[0].metrics.push_back(unmeasured_wall());
  EXPECT_TRUE(verdict_sentence(result).ends_with("wait_p99 of synchronized, and 1 other metric"));
}

TEST(GateWords, SpeakOfNoiseOnlyWhereTimesAreTheVerdict) {
  EXPECT_TRUE(verdict_sentence(self_gate())
                  .ends_with("; base and candidate are the same program, so that any "
                             "difference is noise"));
  for (GateResult result : {violated_gate(), interrupted_gate(), troubled_gate()}) {
    result.same_program = true;
    EXPECT_FALSE(has("noise", verdict_sentence(result))) << verdict_sentence(result);
  }
}

TEST(GateWords, SayWhenNothingAtAllWouldHaveBeenSeen) {
  MetricResult metric = open_wait();
  metric.opinion.smallest_seen = std::numeric_limits<double>::infinity();
  EXPECT_EQ(could_see_text(metric.opinion), "-");
  EXPECT_TRUE(why_inconclusive(metric, 0.1).ends_with("10 % is allowed; none would have been seen"));
  metric.opinion.ratio->interval.reset();
  EXPECT_EQ(why_inconclusive(metric, 0.1), "3 pairs are too few for an interval");
}

TEST(GateText, SaysWhereTheClockIsTooCoarseForTheThreshold) {
  GateResult result = passed_gate();
  MetricResult tail = result.contests[0].metrics[0];
  tail.metric = find_metric("lone_p99");
  tail.pairs.assign(20, {200, 201});
  result.contests[0].metrics.push_back(tail);
  EXPECT_FALSE(has("looks at the clock", text(result)));
  result.rules.clock_look = 25;
  EXPECT_TRUE(has("of lone_p99: changes below 25 % are no regression: two looks at the clock take as long",
                  text(result)))
      << text(result);
}

// JSON

TEST(GateJson, HasEverything) {
  const Json found = Json::parse(json(violated_gate()));
  const std::string flags =
      R"(","flags":{"guard":"mine","requests":"400","scenario":"counter","threads":"4"}})";
  EXPECT_EQ(
      found["contests"][0].dump(),
      R"({"name":"mine","base":{"verdict":"OK","trials":5,"failed":0,"controls":2,"broken":1,"invariants":)"
      R"([{"name":"final value = successes","expected":400,"observed":400,"holds":true}],"sentence":"",)"
      R"("repeated_by":null,"flags":{"guard":"mine","requests":"400","scenario":"counter","threads":"4"}},)"
      R"("candidate":{"verdict":"VIOLATION","trials":5,"failed":2,"controls":1,"broken":1,"invariants":)"
      R"([{"name":"final value = successes","expected":400,"observed":399,"holds":false},)"
      R"({"name":"at most 1 inside","expected":1,"observed":1,"holds":true}],)"
      R"("sentence":"final value = successes: 399 instead of 400","repeated_by":)"
      R"("ccbench --guard=mine --requests=400 --scenario=counter --seed=77)" +
          flags + R"(,"not_judged":"the candidate does not hold","metrics":[]})");
  EXPECT_EQ(
      found["contests"][1]["metrics"].dump(),
      R"([{"name":"wall","unit":"ns","direction":"less_is_better","pairs":3,"values":[[20000000,20200000],)"
      R"([19000000,19100000],[21000000,20900000]],"ratio":1.005,"low":0.995,"high":1.01,"confidence":0.995,)"
      R"("smallest_seen":1.1,"alpha":0.0025,"threshold":0.1,"verdict":"pass","base_median":20000000,)"
      R"("candidate_median":20200000}])");
  Json rest = found;
  rest.erase("contests");
  EXPECT_EQ(
      rest.dump(),
      R"({"schema":"ccbench.gate/1","version":")" + this_build().version +
          R"(","seed":18446744073709551615,"config":{"threshold":0.1,"alpha":0.005,"looks":[20,40,80],)"
          R"("repetitions":3,"budget_ns":360000000000,"correctness_trials":5,"trial_target_ns":20000000},)"
          R"("base":{"program":"/old/ccbench","version":"0.0.9","compiler":"g++ 12.2.0","build_type":)"
          R"("Release"},"candidate":{"program":"/new/ccbench","version":"0.1.0","compiler":"g++ 12.2.0",)"
          R"("build_type":"Release"},"same_program":false,"elapsed_ns":12345000000,"warnings":[],)"
          R"("interrupted_by":0,"trouble":null,"verdict":"violation","sentence":"the candidate does not hold: )"
          R"(mine: final value = successes: 399 instead of 400; its times are not judged","exit_code":3})");
}

TEST(GateJson, KeepsTheOrderOfTheContract) {
  const Json found = Json::parse(json(passed_gate()));
  std::vector<std::string> names;
  for (const auto& member : found.items()) names.push_back(member.key());
  EXPECT_EQ(names,
            (std::vector<std::string>{"schema", "version", "seed", "config", "base", "candidate",
                                      "same_program", "contests", "elapsed_ns", "warnings", "interrupted_by",
                                      "trouble", "verdict", "sentence", "exit_code"}));
}

TEST(GateJson, WritesWhatIsNotThereAndWhatIsInfiniteAsNull) {
  GateResult result = interrupted_gate();
  MetricResult& wall = result.contests[0].metrics[0];
  wall.opinion.smallest_seen = std::numeric_limits<double>::infinity();
  wall.opinion.ratio->interval->high = std::numeric_limits<double>::infinity();
  result.trials.clear();
  const Json found = Json::parse(json(result));
  const Json& infinite = found["contests"][0]["metrics"][0];
  EXPECT_TRUE(infinite["smallest_seen"].is_null());
  EXPECT_TRUE(infinite["high"].is_null());
  EXPECT_EQ(infinite["low"], 0.995);
  const Json& none = found["contests"][1]["metrics"][0];
  for (const char* member : {"ratio", "low", "high", "smallest_seen", "base_median", "candidate_median"})
    EXPECT_TRUE(none[member].is_null()) << member;
  EXPECT_EQ(none["values"].dump(), "[]");
  EXPECT_TRUE(found["base"]["version"].is_null());
  EXPECT_EQ(found["interrupted_by"], SIGINT);
  EXPECT_EQ(found["exit_code"], kExitInterrupted);
}

TEST(GateJson, HasNoContestWhereTheGateCouldNotBegin) {
  const Json found = Json::parse(json(troubled_gate()));
  EXPECT_EQ(found["trouble"], "--base: /old/ccbench cannot be used: No such file or directory");
  EXPECT_EQ(found["verdict"], "error");
  EXPECT_EQ(found["exit_code"], kExitError);
  EXPECT_TRUE(found["base"]["program"].is_null());
}

// JUnit

/// What Python's strict parser says of it, and whether every count is that of the cases; empty if all is
/// well.
std::string faults_of_junit(const std::string& xml) {
  const ShellAnswer answer = run_in_shell(R"(/usr/bin/python3 -c '
import sys
from xml.etree import ElementTree
root = ElementTree.fromstring(sys.stdin.buffer.read())
def check(suite, cases):
    for name, kind in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        found = len(cases) if kind is None else sum(case.find(kind) is not None for case in cases)
        if suite.get(name) != str(found):
            print(suite.get("name"), name, suite.get(name), "instead of", found)
check(root, root.findall("testsuite/testcase"))
for suite in root:
    check(suite, suite.findall("testcase"))
    names = [case.get("name") for case in suite]
    if len(names) != len(set(names)):
        print("a name twice in", suite.get("name"))
    for case in suite:
        if case.get("classname") != suite.get("name"):
            print("another class name:", case.get("classname"))
        float(case.get("time"))
')",
                                          xml);
  return answer.output;
}

TEST(GateJUnit, IsWellFormedAndCountsRight) {
  for (const auto& [name, result] : all_gates()) EXPECT_EQ(faults_of_junit(junit(result)), "") << name;
}

TEST(GateJUnit, IsFoundToBeFaultyWhereItIs) {
  const std::string good = junit(violated_gate());
  const auto with = [&](const std::string& part, const std::string& instead) {
    std::string bad = good;
    bad.replace(bad.find(part), part.size(), instead);
    return faults_of_junit(bad);
  };
  EXPECT_EQ(with("failures=\"1\"", "failures=\"2\""), "ccbench gate failures 2 instead of 1\n");
  EXPECT_EQ(with("tests=\"7\"", "tests=\"6\""), "ccbench.correctness tests 6 instead of 7\n");
  EXPECT_EQ(with("<skipped ", "<ignored "),
            "ccbench gate skipped 1 instead of 0\n"
            "ccbench.performance skipped 1 instead of 0\n");
  EXPECT_TRUE(has("ParseError", with("</failure>", "</fail>")));
  EXPECT_TRUE(has("ParseError", with("399 instead", "\x01 instead")));
  EXPECT_TRUE(has("ParseError", with("399 instead", "\xff instead")));
  EXPECT_TRUE(has("ParseError", with("399 instead", "<399 instead")));
  EXPECT_TRUE(has("a name twice", with("mine: at most 1 inside", "mine: the control breaks")));
}

TEST(GateJUnit, HasACaseForEveryInvariantAndMetric) {
  EXPECT_EQ(junit(violated_gate()),
            R"xml(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ccbench gate" tests="10" failures="1" errors="0" skipped="1" time="12.345000">
  <testsuite name="ccbench.correctness" tests="7" failures="1" errors="0" skipped="0" time="0.000000">
    <testcase classname="ccbench.correctness" name="mine: every trial ends" time="0.000000"></testcase>
    <testcase classname="ccbench.correctness" name="mine: final value = successes" time="0.000000">
      <failure type="VIOLATION" message="final value = successes: expected 400, observed 399">final value = successes: 399 instead of 400
repeat: ccbench --guard=mine --requests=400 --scenario=counter --seed=77</failure>
    </testcase>
    <testcase classname="ccbench.correctness" name="mine: at most 1 inside" time="0.000000"></testcase>
    <testcase classname="ccbench.correctness" name="mine: the control breaks" time="0.000000"></testcase>
    <testcase classname="ccbench.correctness" name="synchronized: every trial ends" time="0.000000"></testcase>
    <testcase classname="ccbench.correctness" name="synchronized: final value = successes" time="0.000000"></testcase>
    <testcase classname="ccbench.correctness" name="synchronized: the control breaks" time="0.000000"></testcase>
  </testsuite>
  <testsuite name="ccbench.performance" tests="2" failures="0" errors="0" skipped="1" time="0.020200">
    <testcase classname="ccbench.performance" name="mine: times" time="0.000000">
      <skipped message="not judged: the candidate does not hold" />
    </testcase>
    <testcase classname="ccbench.performance" name="synchronized: wall" time="0.020200">
      <system-out>pass: wall is 1.005 times that of the base (0.995..1.010 at 99.5 %); medians 20.0 ms and 20.2 ms of 3 pairs</system-out>
    </testcase>
  </testsuite>
  <testsuite name="ccbench.gate" tests="1" failures="0" errors="0" skipped="0" time="0.000000">
    <testcase classname="ccbench.gate" name="the gate runs to its end" time="0.000000">
      <system-out>the candidate does not hold: mine: final value = successes: 399 instead of 400; its times are not judged</system-out>
    </testcase>
  </testsuite>
</testsuites>
)xml");
}

TEST(GateJUnit, FailsForARegressionAndSkipsWhatIsInconclusive) {
  const std::string xml = junit(regressed_gate());
  EXPECT_TRUE(has(R"(name="synchronized: wall" time="0.024600">
      <failure type="regressed" message="regressed: wall is 1.230 times that of the base (1.200..1.250 at 99.5 %); )"
                  R"(medians 20.0 ms and 24.6 ms of 3 pairs"></failure>)",
                  xml))
      << xml;
  EXPECT_TRUE(has(R"(name="synchronized: wait_p99" time="0.000130">
      <skipped message="inconclusive: may be slower by up to 160 % (at 99.5 %), and 10 % is allowed; from 28 % on it )"
                  R"(would have been seen; medians 100 µs and 130 µs of 3 pairs" />)",
                  xml))
      << xml;
  EXPECT_TRUE(has(R"(name="rwlock: throughput" time="0.000000">)", xml)) << xml;
}

/// Whether a CI server shows it as red.
bool is_red(const std::string& xml) { return has("<failure", xml) || has("<error", xml); }

TEST(GateJUnit, IsRedExactlyIfTheCommandFails) {
  for (const auto& [name, result] : all_gates()) {
    EXPECT_EQ(is_red(junit(result)), exit_of(result).code != 0) << name;
  }
  const GateExit strict = {.code = kExitInconclusive, .inconclusive_fails = true};
  EXPECT_FALSE(is_red(junit(inconclusive_gate())));
  EXPECT_TRUE(has(R"(<failure type="inconclusive")", junit(inconclusive_gate(), strict)));
  EXPECT_TRUE(has(R"(<failure type="INCONCLUSIVE" message="no control broke in 5 trials">)",
                  junit(uncontrolled_gate())));
  const std::string accepted = junit(uncontrolled_gate(), {.code = 0, .inconclusive_ok = true});
  EXPECT_FALSE(is_red(accepted));
  EXPECT_TRUE(has(R"(<skipped message="no control broke in 5 trials" />)", accepted));
  // Whatever else makes the command fail.
  EXPECT_TRUE(
      has(R"(<error type="pass" message="the command exits with 7">)", junit(passed_gate(), {.code = 7})));
}

TEST(GateJUnit, FailsForEveryWayInWhichACandidateFails) {
  const auto with = [](Verdict verdict) {
    GateResult result = violated_gate();
    Check& check = result.contests[0].candidate;
    check.verdict = verdict;
    check.claims.front().holds = true;
    return junit(result);
  };
  EXPECT_TRUE(has("name=\"mine: every trial ends\" time=\"0.000000\">\n      <failure type=\"HUNG\"",
                  with(Verdict::hung)));
  EXPECT_TRUE(has("<failure type=\"CRASHED\"", with(Verdict::crashed)));
  EXPECT_TRUE(has("name=\"mine: every trial ends\" time=\"0.000000\">\n      <error type=\"ERROR\"",
                  with(Verdict::error)));
  // In a trial of the comparison, which does not say what was broken.
  EXPECT_TRUE(
      has("name=\"mine: every invariant holds\" time=\"0.000000\">\n      <failure type=\"VIOLATION\"",
          with(Verdict::violation)));
  GateResult result = passed_gate();
  result.contests[0].base.verdict = Verdict::error;
  EXPECT_TRUE(has("name=\"synchronized: every trial of the base ends\" time=\"0.000000\">\n      <error",
                  junit(result)));
}

TEST(GateJUnit, IsAnErrorWhereTheGateDidNotGetToItsEnd) {
  EXPECT_TRUE(has(R"(<error type="interrupted" message="ended by SIGINT before there was a verdict;)",
                  junit(interrupted_gate())));
  EXPECT_TRUE(has(R"(<skipped message="interrupted" />)", junit(interrupted_gate())));
  EXPECT_TRUE(
      has(R"(<error type="error" message="--base: /old/ccbench cannot be used: No such file or directory">)",
          junit(troubled_gate())));
}

// Markdown

TEST(GateMarkdown, HasATableAndTheCommandsThatRepeat) {
  EXPECT_EQ(markdown(violated_gate()),
            "**ccbench gate: violation**: the candidate does not hold: mine: final value = successes: 399 "
            "instead of "
            "400; its times are not judged.\n"
            "\n"
            "| guard | metric | verdict | ratio to base | 99.5 % interval | could see | median base | median "
            "candidate | pairs |\n"
            "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            "| mine | - | **VIOLATION** | - | - | - | - | - | - |\n"
            "| synchronized | wall | pass | 1.005 | 0.995..1.010 | 10 % | 20.0 ms | 20.2 ms | 3 |\n"
            "\n"
            "**mine**, candidate: VIOLATION in 2 of 5 trials: final value = successes: 399 instead of 400\n"
            "\n"
            "```sh\n"
            "ccbench --guard=mine --requests=400 --scenario=counter --seed=77\n"
            "```\n");
}

TEST(GateMarkdown, MarksRegressionsAndExplainsTheRest) {
  const std::string page = markdown(regressed_gate());
  EXPECT_TRUE(
      has("| synchronized | wall | **regressed** | 1.230 | 1.200..1.250 | 10 % | 20.0 ms | 24.6 ms | 3 |\n",
          page))
      << page;
  EXPECT_TRUE(
      has("\n- synchronized, wait\\_p99: inconclusive: may be slower by up to 160 % (at 99.5 %), and 10 % is "
          "allowed; from 28 % on it would have been seen; medians 100 µs and 130 µs of 3 pairs\n",
          page))
      << page;
  EXPECT_TRUE(has("\nWhere more is better, the ratio is base over candidate", page));
  EXPECT_FALSE(has("Where more is better", markdown(passed_gate())));
}

TEST(GateMarkdown, SaysThatAComparisonIsOneWithItself) {
  EXPECT_TRUE(
      has("\nBase and candidate are the same file: a comparison with itself, and any difference is noise.\n",
          markdown(self_gate())));
  EXPECT_FALSE(has("same file", markdown(passed_gate())));
}

TEST(GateMarkdown, SaysWhyThereIsNoTable) {
  EXPECT_EQ(markdown(troubled_gate()),
            "**ccbench gate: error**: --base: /old/ccbench cannot be used: No such file or directory.\n");
  EXPECT_TRUE(markdown(interrupted_gate()).starts_with("**ccbench gate: interrupted**: ended by SIGINT"));
}

// Annotations

TEST(GateAnnotations, PutTheVerdictFirst) {
  EXPECT_EQ(
      annotations(violated_gate()),
      "::error title=ccbench gate%3A violation::the candidate does not hold: mine: final value = successes: "
      "399 "
      "instead of 400; its times are not judged\n"
      "::error title=mine does not hold::VIOLATION in 2 of 5 trials: final value = successes: 399 instead of "
      "400%0Accbench --guard=mine --requests=400 --scenario=counter --seed=77\n");
  EXPECT_EQ(annotations(passed_gate()),
            "::notice title=ccbench gate%3A pass::the candidate holds, and no metric is "
            "slower by more than 10 %25\n");
}

TEST(GateAnnotations, TellErrorsFromWarningsAndNotices) {
  const std::vector<std::string> lines = lines_of(annotations(regressed_gate()));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(lines[0].starts_with("::error title=ccbench gate%3A regressed::"));
  EXPECT_TRUE(
      lines[1].starts_with("::error title=synchronized%3A wall regressed::regressed: wall is 1.230 times"));
  EXPECT_TRUE(
      lines[2].starts_with("::warning title=synchronized%3A wait_p99 inconclusive::inconclusive: may be"));
  EXPECT_TRUE(
      lines[3].starts_with("::notice title=rwlock%3A throughput improved::improved: throughput of the base"));
  EXPECT_TRUE(annotations(uncontrolled_gate()).starts_with("::error"));
  EXPECT_TRUE(has("::warning title=whether synchronized holds is not known::",
                  annotations(uncontrolled_gate(), {.code = 0, .inconclusive_ok = true})));
  EXPECT_TRUE(has("::error title=synchronized%3A wait_p99 inconclusive::",
                  annotations(inconclusive_gate(), {.code = 5, .inconclusive_fails = true})));
  EXPECT_EQ(annotations(troubled_gate()),
            "::error title=ccbench gate%3A error::--base: /old/ccbench cannot be used: "
            "No such file or directory\n");
}

TEST(GateAnnotations, AreAsManyAsAreShownAndCountTheOthers) {
  const auto with_warnings = [](std::size_t count) {
    GateResult result = passed_gate();
    for (std::size_t i = 0; i < count; ++i) result.warnings.push_back(fmt::format("warning {}", i));
    return lines_of(annotations(result));
  };
  EXPECT_EQ(with_warnings(10).size(), 11U);
  EXPECT_EQ(with_warnings(10)[9], "::warning title=ccbench gate::warning 9");
  const std::vector<std::string> many = with_warnings(12);
  ASSERT_EQ(many.size(), 11U);
  EXPECT_EQ(many[8], "::warning title=ccbench gate::warning 8");
  EXPECT_EQ(many[9], "::warning title=ccbench gate::3 more are left out here");
  EXPECT_TRUE(many[10].starts_with("::notice title=ccbench gate%3A pass::"));
}

// trials.csv

std::vector<TrialFields> rows_of(const std::string& csv) {
  std::istringstream in(csv);
  CsvReader reader(in, "ccbench.trials/1");
  std::vector<TrialFields> rows;
  while (reader.next()) rows.push_back(reader.fields());
  return rows;
}

TEST(GateCsv, HasTheContractsColumnsAndTheGatesOwnFields) {
  const std::string file = csv(passed_gate());
  std::ostringstream header;
  write_csv_header(trial_columns(), header);
  EXPECT_TRUE(file.starts_with(header.str()));
  const std::vector<std::string> lines = lines_of(file);
  ASSERT_EQ(lines.size(), 3U);
  const std::string empty_end(trial_columns().size() - 53, ',');
  EXPECT_EQ(lines[1],
            "ccbench.trials/1,run-20000000,1,base,synchronized,,,,,,,,,OK,,,,,,,,,,,20000000,,,,,,,,,,,,,,,,,"
            ",,,g++ 12.2.0,Release,,0.0.9,,,1,1,1" +
                empty_end);
  EXPECT_EQ(
      lines[2],
      "ccbench.trials/1,run-20000000,2,candidate,synchronized,,,,,,,,,OK,,,,,,,,,,,20200000,,,,,,,,,,,,,"
      ",,,,,,,g++ 12.2.0,Release,,0.1.0,,,1,1,2" +
          empty_end);
}

TEST(GateCsv, CountsPairsRepetitionsAndPlaces) {
  GateResult result = passed_gate();
  constexpr auto kBase = ArmRole::base;
  constexpr auto kCandidate = ArmRole::candidate;
  result.trials.clear();
  const auto add = [&](std::size_t contest, int pair, ArmRole role, int repetition) {
    result.trials.push_back(trial_of(role, pair, repetition, "1"));
    result.trials.back().contest = contest;
  };
  add(0, 0, kCandidate, 0);
  add(0, 0, kBase, 0);
  add(0, 0, kBase, 1);
  add(0, 0, kCandidate, 1);
  add(1, 0, kBase, 0);  // The pair of another contest, of which a trial failed.
  add(0, 1, kBase, 0);
  add(0, 1, kCandidate, 0);
  std::vector<std::string> found;
  for (const TrialFields& row : rows_of(csv(result))) {
    found.push_back(fmt::format("{} {} {} {} {}", row.at("trial"), row.at("role"), row.at("pair"),
                                row.at("rep"), row.at("order")));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"1 candidate 1 1 1", "2 base 1 1 2", "3 base 1 2 3",
                                             "4 candidate 1 2 4", "5 base 1 1 1", "6 base 2 1 1",
                                             "7 candidate 2 1 2"}));
}

TEST(GateCsv, LeavesOutWhatOnlyANewerProgramKnows) {
  GateResult result = passed_gate();
  result.trials[1].fields["invented_later"] = "7";
  EXPECT_EQ(csv(result), csv(passed_gate()));
  EXPECT_EQ(rows_of(csv(troubled_gate())).size(), 0U);
}

// Exports

/// A pair more than an interval needs.
MetricResult with_interval(std::string_view name, double unit) {
  std::vector<MetricPair> pairs;
  for (int i = 1; i <= 7; ++i) pairs.emplace_back(unit * i, 2 * unit * i);
  return metric_of(name, std::move(pairs), Judgement::regressed, 2, {.low = 2, .high = 2});
}

TEST(GateBencher, HasTheCandidatesMediansOfWhatWasJudged) {
  GateResult result = violated_gate();
  result.contests[1].metrics.push_back(with_interval("throughput", 1000));
  result.contests[1].metrics.push_back(unmeasured_wall());
  EXPECT_EQ(Json::parse(bencher(result)).dump(),
            R"({"synchronized":{"wall":{"value":20200000.0},)"
            R"("throughput":{"value":8000.0,"lower_value":2000.0,"upper_value":14000.0}}})");
  EXPECT_EQ(bencher(troubled_gate()), "{}\n");
}

TEST(GateBenchmarkAction, TurnsEverythingSoThatSmallerIsBetter) {
  GateResult result = violated_gate();
  result.contests[1].metrics.push_back(with_interval("throughput", 1000));
  result.contests[1].metrics.push_back(unmeasured_wall());
  EXPECT_EQ(
      Json::parse(benchmark_action(result)).dump(),
      R"json([{"name":"synchronized: wall","unit":"ns","value":20200000.0,"extra":"pass: wall is 1.005 )json"
      R"json(times that of the base (0.995..1.010 at 99.5 %)\nbase: 20.0 ms\npairs: 3"},)json"
      R"json({"name":"synchronized: throughput (time per request)","unit":"ns","value":125000.0,)json"
      R"json("range":"71.4 µs..500 µs","extra":"regressed: throughput of the base is 2.000 times that of )json"
      R"json(the candidate (2.000..2.000 at 99.5 %)\nbase: 4000\npairs: 7"}])json");
  EXPECT_EQ(benchmark_action(troubled_gate()), "[]\n");
}

TEST(GateBenchmarkAction, HasNoRowForWhatCannotBeTurned) {
  static constexpr Metric kScore = {
      .name = "score", .column = "score", .more_is_better = true, .is_time = false};
  static constexpr Metric kRatio = {.name = "ratio", .column = "wall_ns", .is_time = false};
  GateResult result = passed_gate();
  result.contests[0].metrics = {with_interval("wall", 1), with_interval("wall", 1)};
  result.contests[0].metrics[0].metric = &kScore;
  result.contests[0].metrics[1].metric = &kRatio;
  const Json rows = Json::parse(benchmark_action(result));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["name"], "synchronized: ratio");
  EXPECT_EQ(rows[0]["unit"], "");
  EXPECT_EQ(rows[0]["range"], "2.00..14.0");
  result.contests[0].metrics = {with_interval("throughput", 0)};
  EXPECT_EQ(benchmark_action(result), "[]\n");
}

// Whatever stands in it

/// How GitHub reads a line of a table: a bar that is not escaped ends a cell.
std::size_t cells_of(const std::string& row) {
  std::size_t bars = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] == '\\') {
      ++i;
    } else if (row[i] == '|') {
      ++bars;
    }
  }
  return bars - 1;
}

TEST(Hostile, JsonGivesItBack) {
  const Json found = Json::parse(json(hostile_gate()));
  std::string wanted(kHostile);
  wanted.replace(wanted.find('\xff'), 1, "\xef\xbf\xbd");
  EXPECT_EQ(found["contests"][2]["candidate"]["sentence"], wanted);
  EXPECT_EQ(found["warnings"][0], wanted);
  EXPECT_EQ(found["contests"][2]["name"], wanted);
  EXPECT_TRUE(Json::parse(bencher(hostile_gate())).contains("open" + wanted));
  EXPECT_EQ(Json::parse(benchmark_action(hostile_gate()))[4]["name"], "open" + wanted + ": wall");
}

TEST(Hostile, CsvGivesItBack) {
  const std::vector<TrialFields> rows = rows_of(csv(hostile_gate()));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].at("guard"), kHostile);
  EXPECT_EQ(rows[1].at("order"), "2");
}

TEST(Hostile, TextSteersNoTerminal) {
  for (const bool quiet : {false, true}) {
    const std::string whole = text(hostile_gate(), {.quiet = quiet, .width = 80});
    EXPECT_TRUE(
        std::ranges::none_of(whole, [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 0x7f; }));
  }
  const std::string known = text(regressed_gate());
  EXPECT_TRUE(has("\x1b", text(regressed_gate(), {.color = true})));  // The check can fail.
  EXPECT_FALSE(has("\x1b", known));
}

TEST(Hostile, MarkdownStaysATableAndText) {
  const std::string page = markdown(hostile_gate());
  std::size_t rows = 0;
  std::string fence;
  for (const std::string& line : lines_of(page)) {
    if (fence.empty() && line.starts_with("| ")) {
      ++rows;
      EXPECT_EQ(cells_of(line), 9U) << line;
    }
    if (fence.empty() && line.starts_with("```")) {
      fence = line.substr(0, line.find("sh"));
    } else if (!fence.empty() && line == fence) {
      fence.clear();
    } else if (fence.empty()) {
      for (const char* forbidden : {"<", "@", "-->", "a\"b", "\r", "\x1b", "[z]", " *x*"})
        EXPECT_FALSE(has(forbidden, line)) << forbidden << " in " << line;
    }
  }
  EXPECT_EQ(fence, "");
  EXPECT_EQ(rows, 8U);
  EXPECT_EQ(count_of("````sh\nccbench --store=a\"b", page), 2U) << page;
  EXPECT_EQ(cells_of("| a | b\\|c |"), 2U);
  EXPECT_EQ(cells_of("| a | b|c |"), 3U);
}

TEST(Hostile, AnnotationsAreALineEach) {
  static const std::regex kCommand("::(error|warning|notice) title=[^:,\\r\\n]+::[^\\r\\n]*");
  const std::vector<std::string> lines = lines_of(annotations(hostile_gate()));
  EXPECT_EQ(lines.size(), 9U);
  for (const std::string& line : lines) {
    EXPECT_TRUE(std::regex_match(line, kCommand)) << line;
    EXPECT_FALSE(std::regex_search(line, std::regex("%(?!25|0A|0D|3A|2C)"))) << line;
  }
  EXPECT_FALSE(std::regex_match("::error title=a:b::c", kCommand));
  EXPECT_FALSE(std::regex_match("::error title=a,line=1::c", kCommand));
}

// Every value is shown: a change of one changes what is written.

struct Plant {
  std::string what;
  std::function<void(GateResult&)> change;
  std::vector<std::string> shown_by;
};

const std::vector<std::string> kPeople = {"text", "json", "markdown"};
const std::vector<std::string> kPeopleAndCi = {"text", "json", "markdown", "junit"};
const std::vector<std::string> kNames = {"text", "json", "markdown", "junit", "bencher", "benchmark action"};
const std::vector<std::string> kSentences = {"text", "json", "markdown", "junit", "annotations"};

std::vector<Plant> plants_in_a_metric() {
  const auto metric = [](GateResult& result) -> MetricResult& { return result.contests[1].metrics[0]; };
  return {
      {"ratio", [=](GateResult& r) { metric(r).opinion.ratio->median = 1.02; }, kPeopleAndCi},
      {"low", [=](GateResult& r) { metric(r).opinion.ratio->interval->low = 0.9; }, kPeopleAndCi},
      {"high", [=](GateResult& r) { metric(r).opinion.ratio->interval->high = 1.05; }, kPeopleAndCi},
      {"judgement", [=](GateResult& r) { metric(r).opinion.judgement = Judgement::improved; }, kPeopleAndCi},
      {"smallest seen", [=](GateResult& r) { metric(r).opinion.smallest_seen = 1.5; }, kPeople},
      {"alpha", [=](GateResult& r) { metric(r).alpha = 0.01; }, kPeopleAndCi},
      {"pairs", [=](GateResult& r) { metric(r).pairs.emplace_back(20e6, 20.2e6); }, kPeopleAndCi},
      {"candidate's median", [=](GateResult& r) { metric(r).pairs[0].second = 20.3e6; }, kNames},
      {"base's median", [=](GateResult& r) { metric(r).pairs[0].first = 20.3e6; }, kPeopleAndCi},
      {"metric", [=](GateResult& r) { metric(r).metric = find_metric("wait_max"); }, kNames},
      {"name", [](GateResult& r) { r.contests[1].contest.name = "other"; }, kNames}};
}

std::vector<Plant> plants_in_a_check() {
  const auto check = [](GateResult& result) -> Check& { return result.contests[0].candidate; };
  return {
      {"verdict", [=](GateResult& r) { check(r).verdict = Verdict::hung; }, kSentences},
      {"trials", [=](GateResult& r) { check(r).trials = 6; }, {"text", "json", "markdown", "annotations"}},
      {"failed", [=](GateResult& r) { check(r).failed = 3; }, {"text", "json", "markdown", "annotations"}},
      {"controls", [=](GateResult& r) { check(r).controls = 3; }, {"text", "json"}},
      {"broken", [=](GateResult& r) { check(r).broken = 0; }, {"text", "json", "junit"}},
      {"claim", [=](GateResult& r) { check(r).claims[1].holds = false; }, {"json", "junit"}},
      {"expected", [=](GateResult& r) { check(r).claims[0].expected = 401; }, {"json", "junit"}},
      {"observed", [=](GateResult& r) { check(r).claims[0].observed = 398; }, {"json", "junit"}},
      {"sentence", [=](GateResult& r) { check(r).sentence = "lost"; }, kSentences},
      {"command", [=](GateResult& r) { check(r).repeated_by = "ccbench --seed=78"; }, kSentences},
      {"why it is not judged",
       [](GateResult& r) { r.contests[0].not_judged = "no"; },
       {"text", "json", "junit"}},
      {"base's verdict",
       [](GateResult& r) { r.contests[0].base.verdict = Verdict::violation; },
       {"text", "json", "markdown", "annotations"}}};
}

std::vector<Plant> plants_elsewhere() {
  return {
      {"flag", [](GateResult& r) { r.contests[0].contest.base.flags["threads"] = "5"; }, {"text", "json"}},
      {"base's program", [](GateResult& r) { r.contests[0].contest.base.program = "/x"; }, {"text", "json"}},
      {"candidate's program",
       [](GateResult& r) { r.contests[0].contest.candidate.program = "/x"; },
       {"text", "json"}},
      {"base's version",
       [](GateResult& r) { r.trials[0].fields["version"] = "0.0.8"; },
       {"text", "json", "csv"}},
      {"wall of a trial", [](GateResult& r) { r.trials[1].fields["wall_ns"] = "7"; }, {"csv"}},
      {"repetition", [](GateResult& r) { r.trials[1].repetition = 1; }, {"csv"}},
      {"role", [](GateResult& r) { r.trials[1].role = ArmRole::base; }, {"csv"}},
      {"same program", [](GateResult& r) { r.same_program = true; }, kPeople},
      {"elapsed", [](GateResult& r) { r.elapsed = kSecond; }, {"text", "json", "junit"}},
      {"seed", [](GateResult& r) { r.seed = 7; }, {"text", "json"}},
      {"threshold", [](GateResult& r) { r.rules.threshold = 0.2; }, {"text", "json"}},
      {"repetitions", [](GateResult& r) { r.rules.repetitions = 5; }, {"text", "json"}},
      {"looks", [](GateResult& r) { r.rules.looks = {30}; }, {"json"}},
      {"budget", [](GateResult& r) { r.rules.budget = kSecond; }, {"json"}},
      {"warning",
       [](GateResult& r) { r.warnings = {"beware"}; },
       {"text", "json", "markdown", "annotations"}},
      {"interruption", [](GateResult& r) { r.interrupted_by = SIGTERM; }, kSentences},
      {"trouble", [](GateResult& r) { r.trouble = "gone"; }, kSentences}};
}

std::map<std::string, std::string> written_by_all(const GateResult& result) {
  const GateExit exit = {.code = 3};
  return {{"text", text(result)},
          {"json", json(result, exit)},
          {"markdown", markdown(result)},
          {"junit", junit(result, exit)},
          {"annotations", annotations(result, exit)},
          {"csv", csv(result)},
          {"bencher", bencher(result)},
          {"benchmark action", benchmark_action(result)}};
}

/// The sinks that should show a plant, and write what they wrote without it.
std::vector<std::string> blind_to(const Plant& plant) {
  GateResult changed = violated_gate();
  plant.change(changed);
  const auto before = written_by_all(violated_gate());
  const auto after = written_by_all(changed);
  std::vector<std::string> blind;
  for (const std::string& sink : plant.shown_by) {
    if (before.at(sink) == after.at(sink)) blind.push_back(sink);
  }
  return blind;
}

TEST(EveryValue, IsShownWhereItBelongs) {
  for (const auto& plants : {plants_in_a_metric(), plants_in_a_check(), plants_elsewhere()}) {
    for (const Plant& plant : plants) EXPECT_EQ(blind_to(plant), std::vector<std::string>{}) << plant.what;
  }
  const Plant elsewhere = {"budget", [](GateResult& r) { r.rules.budget = 1; }, {"json", "markdown"}};
  EXPECT_EQ(blind_to(elsewhere), std::vector<std::string>{"markdown"});
}

TEST(EveryValue, IsWrittenTheSameTwice) {
  for (const auto& [name, result] : all_gates())
    EXPECT_EQ(written_by_all(result), written_by_all(result)) << name;
}

}  // namespace
}  // namespace ccbench
