// A gate's result in words, the same wherever it is shown: nothing is judged here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gate/gate.h"

namespace ccbench {

inline constexpr std::string_view kNotJudged = "not judged";

/// What all comes to, by its gravest part: `error`, `interrupted`, `violation`, `crashed`, `hung`,
/// `regressed`, `inconclusive`, `not judged`, `improved`, `pass`.
std::string verdict_word(const GateResult& result);

/// The same as a sentence that needs no table beside it.
std::string verdict_sentence(const GateResult& result);

/// By an interruption or by trouble: that something was not looked at is nobody's fault.
bool ended_early(const GateResult& result);

/// `OK in 5 trials`, `VIOLATION in 2 of 5 trials: one payment sent: 2 instead of 1`.
std::string check_text(const Check& check);

/// `the control broke in 3 of 3 trials`; empty without a control.
std::string control_text(const Check& check);

/// Both of the candidate, and what the base showed if it is not OK.
std::string correctness_text(const ContestResult& contest);

/// `wall is 1.230 times that of the base (1.150..1.310 at 99 %)`; of what is better if it is more,
/// `throughput of the base is 1.230 times that of the candidate (…)`. Only with a ratio.
std::string change_text(const MetricResult& metric);

/// What kept an inconclusive metric from a verdict, and what could have been seen.
std::string why_inconclusive(const MetricResult& metric, double threshold);

/// All of a metric in one line: verdict, change, medians, pairs.
std::string metric_text(const MetricResult& metric, double threshold);

/// Of base and candidate; nothing without a pair.
struct Medians {
  double base = 0;
  double candidate = 0;
};
std::optional<Medians> medians_of(const MetricResult& metric);

/// The candidate's value in every pair.
std::vector<double> candidate_values(const MetricResult& metric);

/// `12.3 ms` of a time, else a plain number.
std::string value_text(const Metric& metric, double value);

std::string_view unit_of(const Metric& metric);

/// `1.013`
std::string ratio_text(double ratio);

/// `0.970..1.051`; `-` without one.
std::string interval_text(const Opinion& opinion);

/// `12 %`, the slow-down that would have been seen; `-` if none would.
std::string could_see_text(const Opinion& opinion);

/// `10 %`; what is more than tenfold is `>999 %`.
std::string share_text(double share);

/// The confidence of an interval with `alpha` at either side, cut and never rounded up: `99 %`, `99.66 %`.
std::string confidence_text(double alpha);

/// `99 % interval`, of all metrics; `interval` where they differ.
std::string interval_title(const GateResult& result);

/// `SIGINT`
std::string_view signal_name(int signal);

/// The metrics of all contests that satisfy the predicate, with their contests.
struct ContestMetric {
  const ContestResult* contest;
  const MetricResult* metric;
};
std::vector<ContestMetric> metrics_judged(const GateResult& result, Judgement judgement);

/// Without control characters, for a line of a terminal or of Markdown.
std::string one_line(std::string_view text);

}  // namespace ccbench
