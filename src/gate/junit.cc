// JUnit's XML, as CI servers read it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gate/sinks.h"
#include "gate/words.h"
#include "report/markup.h"

namespace ccbench {
namespace {

struct Case {
  enum class End : std::uint8_t { passed, failed, skipped, broken };

  std::string name;
  End end = End::passed;
  std::string type = {};     ///< of a failure or an error
  std::string message = {};  ///< why it did not pass
  std::string details = {};
  std::string output = {};  ///< what there is to say whatever its end
  double seconds = 0;
};

struct Suite {
  std::string name;
  std::vector<Case> cases = {};

  std::size_t count(Case::End end) const {
    return static_cast<std::size_t>(std::ranges::count(cases, end, &Case::end));
  }
  double seconds() const {
    double sum = 0;
    for (const Case& one : cases) sum += one.seconds;
    return sum;
  }
};

std::string details_of(const Check& check) {
  return check.repeated_by.empty() ? check.sentence
                                   : fmt::format("{}\nrepeat: {}", check.sentence, check.repeated_by);
}

Case failed(std::string name, const Check& check, std::string message) {
  return {.name = std::move(name),
          .end = Case::End::failed,
          .type = std::string(name_of(check.verdict)),
          .message = std::move(message),
          .details = details_of(check)};
}

/// Whether trials could be carried out, and came to an end.
Case carried_out(std::string name, const Check& check) {
  if (check.verdict == Verdict::error) {
    Case broken = failed(std::move(name), check, check_text(check));
    broken.end = Case::End::broken;
    return broken;
  }
  if (check.verdict == Verdict::hung || check.verdict == Verdict::crashed)
    return failed(std::move(name), check, check_text(check));
  if (check.trials == 0)
    return {.name = std::move(name), .end = Case::End::skipped, .message = check_text(check)};
  return {.name = std::move(name)};
}

Case case_of(const std::string& contest, const Check::Claim& claim, const Check& check) {
  std::string name = fmt::format("{}: {}", contest, claim.name);
  if (claim.holds) return {.name = std::move(name)};
  return failed(std::move(name), check,
                fmt::format("{}: expected {}, observed {}", claim.name, claim.expected, claim.observed));
}

/// That nothing broke says something only if something could have.
Case control_case(const std::string& contest, const Check& check, const GateExit& exit, bool early) {
  Case control = {.name = contest + ": the control breaks"};
  if (check.broken > 0) return control;
  control.message = check.sentence.empty() ? control_text(check) : check.sentence;
  control.end = Case::End::skipped;
  if (check.verdict != Verdict::inconclusive || exit.inconclusive_ok || early) return control;
  control.end = Case::End::failed;
  control.type = name_of(check.verdict);
  return control;
}

void add_correctness(const ContestResult& contest, const GateExit& exit, bool early, Suite& suite) {
  const std::string& name = contest.contest.name;
  const Check& check = contest.candidate;
  suite.cases.push_back(carried_out(name + ": every trial ends", check));
  for (const Check::Claim& claim : check.claims) suite.cases.push_back(case_of(name, claim, check));
  // A trial of the comparison tells its verdict, and not which invariant.
  const bool told = std::ranges::any_of(check.claims, [](const Check::Claim& claim) { return !claim.holds; });
  if (check.verdict == Verdict::violation && !told)
    suite.cases.push_back(failed(name + ": every invariant holds", check, check_text(check)));
  if (check.controls > 0 || check.verdict == Verdict::inconclusive)
    suite.cases.push_back(control_case(name, check, exit, early));
  if (contest.base.verdict == Verdict::error)
    suite.cases.push_back(carried_out(name + ": every trial of the base ends", contest.base));
}

Case case_of(const ContestResult& contest, const MetricResult& metric, const GateResult& result,
             const GateExit& exit) {
  Case one = {.name = fmt::format("{}: {}", contest.contest.name, metric.metric->name)};
  const auto medians = medians_of(metric);
  if (medians && metric.metric->is_time) one.seconds = medians->candidate / kSecond;
  std::string text = metric_text(metric, threshold_of(metric, result.rules));
  const Judgement judgement = metric.opinion.judgement;
  if (judgement == Judgement::regressed) {
    one.end = Case::End::failed;
  } else if (judgement == Judgement::inconclusive) {
    one.end = exit.inconclusive_fails ? Case::End::failed : Case::End::skipped;
  } else {
    one.output = std::move(text);
    return one;
  }
  one.type = name_of(judgement);
  one.message = std::move(text);
  return one;
}

void add_performance(const ContestResult& contest, const GateResult& result, const GateExit& exit,
                     Suite& suite) {
  for (const MetricResult& metric : contest.metrics)
    suite.cases.push_back(case_of(contest, metric, result, exit));
  if (contest.not_judged.empty()) return;
  suite.cases.push_back({.name = contest.contest.name + ": times",
                         .end = Case::End::skipped,
                         .message = fmt::format("{}: {}", kNotJudged, contest.not_judged)});
}

/// What no other case tells: that the gate did its work, and that nothing else makes the command fail.
Case gate_case(const GateResult& result, const GateExit& exit, bool others_fail) {
  Case gate = {.name = "the gate runs to its end"};
  const bool ended = !ended_early(result);
  if (ended && (exit.code == 0 || others_fail)) {
    gate.output = verdict_sentence(result);
    return gate;
  }
  gate.end = Case::End::broken;
  gate.type = verdict_word(result);
  gate.message = ended ? fmt::format("the command exits with {}", exit.code) : verdict_sentence(result);
  return gate;
}

bool fails(const Suite& suite) { return suite.count(Case::End::failed) + suite.count(Case::End::broken) > 0; }

std::vector<Suite> suites_of(const GateResult& result, const GateExit& exit) {
  Suite correctness = {.name = "ccbench.correctness"};
  Suite performance = {.name = "ccbench.performance"};
  for (const ContestResult& contest : result.contests) {
    add_correctness(contest, exit, ended_early(result), correctness);
    add_performance(contest, result, exit, performance);
  }
  const bool others_fail = fails(correctness) || fails(performance);
  Suite gate = {.name = "ccbench.gate", .cases = {gate_case(result, exit, others_fail)}};
  return {std::move(correctness), std::move(performance), std::move(gate)};
}

std::string seconds_text(double seconds) { return fmt::format("{:.6f}", seconds); }

void write_end(const Case& one, Markup& markup) {
  switch (one.end) {
    case Case::End::passed: return;
    case Case::End::skipped:
      markup.raw("\n      ");
      markup.leaf("skipped", {{"message", one.message}});
      return;
    case Case::End::failed:
    case Case::End::broken: break;
  }
  markup.raw("\n      ");
  const Markup::Element end = markup.open(one.end == Case::End::failed ? "failure" : "error",
                                          {{"type", one.type}, {"message", one.message}});
  markup.lines(one.details);
}

void write_case(const Suite& suite, const Case& one, Markup& markup) {
  markup.raw("\n    ");
  const Markup::Element opened = markup.open(
      "testcase", {{"classname", suite.name}, {"name", one.name}, {"time", seconds_text(one.seconds)}});
  write_end(one, markup);
  if (!one.output.empty()) {
    markup.raw("\n      ");
    const Markup::Element output = markup.open("system-out");
    markup.lines(one.output);
  }
  if (one.end != Case::End::passed || !one.output.empty()) markup.raw("\n    ");
}

void write_suite(const Suite& suite, Markup& markup) {
  markup.raw("\n  ");
  const Markup::Element opened =
      markup.open("testsuite", {{"name", suite.name},
                                {"tests", std::to_string(suite.cases.size())},
                                {"failures", std::to_string(suite.count(Case::End::failed))},
                                {"errors", std::to_string(suite.count(Case::End::broken))},
                                {"skipped", std::to_string(suite.count(Case::End::skipped))},
                                {"time", seconds_text(suite.seconds())}});
  for (const Case& one : suite.cases) write_case(suite, one, markup);
  markup.raw("\n  ");
}

}  // namespace

void write_gate_junit(const GateResult& result, const GateExit& exit, std::ostream& out) {
  const std::vector<Suite> suites = suites_of(result, exit);
  std::size_t tests = 0;
  std::array<std::size_t, 4> ends = {};
  for (const Suite& suite : suites) {
    tests += suite.cases.size();
    for (const Case& one : suite.cases) ++ends.at(static_cast<std::size_t>(one.end));
  }
  const auto count = [&](Case::End end) { return std::to_string(ends.at(static_cast<std::size_t>(end))); };
  Markup markup(out);
  markup.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  {
    const Markup::Element all =
        markup.open("testsuites", {{"name", "ccbench gate"},
                                   {"tests", std::to_string(tests)},
                                   {"failures", count(Case::End::failed)},
                                   {"errors", count(Case::End::broken)},
                                   {"skipped", count(Case::End::skipped)},
                                   {"time", seconds_text(static_cast<double>(result.elapsed) / kSecond)}});
    for (const Suite& suite : suites) write_suite(suite, markup);
    markup.raw("\n");
  }
  out << '\n';
}

}  // namespace ccbench
