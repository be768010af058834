// gate.json: everything that a gate found, for programs.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "driver/build.h"
#include "gate/sinks.h"
#include "gate/words.h"

namespace ccbench {
namespace {

using Json = nlohmann::ordered_json;

Json known(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json finite(double number) { return std::isfinite(number) ? Json(number) : Json(nullptr); }

/// Whole nanoseconds, or the number as it is.
Json value_of(const Metric& metric, double value) {
  return metric.is_time && std::isfinite(value) ? Json(std::llround(value)) : finite(value);
}

Json config_of(const GateRules& rules) {
  return {{"threshold", rules.threshold},
          {"alpha", rules.alpha},
          {"looks", rules.looks},
          {"repetitions", rules.repetitions},
          {"budget_ns", rules.budget},
          {"correctness_trials", rules.correctness_trials},
          {"trial_target_ns", rules.trial_target}};
}

/// What trials of this role say in a column; null without any.
Json column_of(const GateResult& result, ArmRole role, std::string_view column) {
  for (const PairedTrial& trial : result.trials) {
    const auto field = trial.fields.find(column);
    if (trial.role == role && field != trial.fields.end()) return known(field->second);
  }
  return nullptr;
}

Json program_of(const GateResult& result, ArmRole role) {
  std::string program;
  if (!result.contests.empty()) {
    const Contest& contest = result.contests.front().contest;
    program = role == ArmRole::base ? contest.base.program : contest.candidate.program;
  }
  return {{"program", known(program)},
          {"version", column_of(result, role, "version")},
          {"compiler", column_of(result, role, "compiler")},
          {"build_type", column_of(result, role, "build_type")}};
}

Json check_of(const Check& check, const Arm& arm) {
  Json invariants = Json::array();
  for (const Check::Claim& claim : check.claims) {
    invariants.push_back({{"name", claim.name},
                          {"expected", claim.expected},
                          {"observed", claim.observed},
                          {"holds", claim.holds}});
  }
  Json flags = Json::object();
  for (const auto& [flag, value] : arm.flags) flags[flag] = value;
  return {{"verdict", name_of(check.verdict)},
          {"trials", check.trials},
          {"failed", check.failed},
          {"controls", check.controls},
          {"broken", check.broken},
          {"invariants", std::move(invariants)},
          {"sentence", check.sentence},
          {"repeated_by", known(check.repeated_by)},
          {"flags", std::move(flags)}};
}

Json metric_of(const MetricResult& result, const GateRules& rules) {
  const Metric& metric = *result.metric;
  const Opinion& opinion = result.opinion;
  Json values = Json::array();
  for (const auto& [base, candidate] : result.pairs)
    values.push_back(Json::array({value_of(metric, base), value_of(metric, candidate)}));
  constexpr double kNone = std::numeric_limits<double>::infinity();
  const bool has_interval = opinion.ratio && opinion.ratio->interval;
  const Interval interval = opinion.ratio && opinion.ratio->interval ? *opinion.ratio->interval
                                                                     : Interval{.low = kNone, .high = kNone};
  const auto medians = medians_of(result);
  return {{"name", metric.name},
          {"unit", unit_of(metric)},
          {"direction", metric.more_is_better ? "more_is_better" : "less_is_better"},
          {"pairs", result.pairs.size()},
          {"values", std::move(values)},
          {"ratio", opinion.ratio ? finite(opinion.ratio->median) : Json(nullptr)},
          {"low", finite(interval.low)},
          {"high", finite(interval.high)},
          {"confidence", 1 - 2 * result.alpha},
          {"smallest_seen", has_interval ? finite(opinion.smallest_seen) : Json(nullptr)},
          {"alpha", result.alpha},
          {"threshold", threshold_of(result, rules)},
          {"verdict", name_of(opinion.judgement)},
          {"base_median", medians ? value_of(metric, medians->base) : Json(nullptr)},
          {"candidate_median", medians ? value_of(metric, medians->candidate) : Json(nullptr)}};
}

Json contest_of(const ContestResult& result, const GateRules& rules) {
  Json metrics = Json::array();
  for (const MetricResult& metric : result.metrics) metrics.push_back(metric_of(metric, rules));
  return {{"name", result.contest.name},
          {"base", check_of(result.base, result.contest.base)},
          {"candidate", check_of(result.candidate, result.contest.candidate)},
          {"not_judged", known(result.not_judged)},
          {"metrics", std::move(metrics)}};
}

}  // namespace

void write_gate_json(const GateResult& result, const GateExit& exit, std::ostream& out) {
  Json contests = Json::array();
  for (const ContestResult& contest : result.contests) contests.push_back(contest_of(contest, result.rules));
  const Json json = {{"schema", "ccbench.gate/1"},
                     {"version", this_build().version},
                     {"seed", result.seed},
                     {"config", config_of(result.rules)},
                     {"base", program_of(result, ArmRole::base)},
                     {"candidate", program_of(result, ArmRole::candidate)},
                     {"same_program", result.same_program},
                     {"contests", std::move(contests)},
                     {"elapsed_ns", result.elapsed},
                     {"warnings", result.warnings},
                     {"interrupted_by", result.interrupted_by},
                     {"trouble", known(result.trouble)},
                     {"verdict", verdict_word(result)},
                     {"sentence", verdict_sentence(result)},
                     {"exit_code", exit.code}};
  // A text from outside need not be UTF-8; a file that nobody can read would be worse than a `�`.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace ccbench
