#include "gate/words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <limits>

#include "report/layout.h"
#include "report/ranked_table.h"
#include "stats/estimate.h"

namespace ccbench {
namespace {

using Contests = std::vector<const ContestResult*>;

template <class Predicate>
Contests contests_with(const GateResult& result, Predicate predicate) {
  Contests found;
  for (const ContestResult& contest : result.contests) {
    if (predicate(contest)) found.push_back(&contest);
  }
  return found;
}

Contests in_error(const GateResult& result) {
  return contests_with(result, [](const ContestResult& contest) {
    return contest.candidate.verdict == Verdict::error || contest.base.verdict == Verdict::error;
  });
}

Contests failed(const GateResult& result) {
  return contests_with(result,
                       [](const ContestResult& contest) { return has_failed(contest.candidate.verdict); });
}

Contests uncontrolled(const GateResult& result) {
  return contests_with(result, [](const ContestResult& contest) {
    return contest.candidate.verdict == Verdict::inconclusive;
  });
}

Contests without_base(const GateResult& result) {
  return contests_with(result, [](const ContestResult& contest) {
    return contest.no_base || has_failed(contest.base.verdict);
  });
}

std::string lower(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

Verdict worst_of(const Contests& contests) {
  Verdict worst = contests.front()->candidate.verdict;
  for (const ContestResult* contest : contests) worst = worse(worst, contest->candidate.verdict);
  return worst;
}

std::string names_of(const Contests& contests) {
  constexpr std::size_t kNamesShown = 4;
  std::vector<std::string> names;
  for (const ContestResult* contest : contests) names.push_back(contest->contest.name);
  if (names.size() <= kNamesShown) return fmt::format("{}", fmt::join(names, ", "));
  const std::size_t more = names.size() - kNamesShown;
  names.resize(kNamesShown);
  return fmt::format("{} and {} more", fmt::join(names, ", "), more);
}

std::string reason_of(const Check& check) {
  return check.sentence.empty() ? "" : fmt::format(" ({})", check.sentence);
}

std::string error_sentence(const Contests& contests) {
  const ContestResult& first = *contests.front();
  const bool of_candidate = first.candidate.verdict == Verdict::error;
  const Check& check = of_candidate ? first.candidate : first.base;
  return fmt::format("{}: a trial of the {} could not be carried out{}", names_of(contests),
                     of_candidate ? "candidate" : "base", reason_of(check));
}

std::string failure_sentence(const Contests& contests) {
  if (contests.size() > 1)
    return fmt::format("the candidate does not hold: {}; their times are not judged", names_of(contests));
  const ContestResult& failed = *contests.front();
  return fmt::format("the candidate does not hold: {}{}{}; its times are not judged", failed.contest.name,
                     failed.candidate.sentence.empty() ? "" : ": ", failed.candidate.sentence);
}

/// The one farthest from the base.
const ContestMetric& extreme_of(const std::vector<ContestMetric>& metrics, bool least) {
  const auto ratio = [](const ContestMetric& of) {
    return of.metric->opinion.ratio ? of.metric->opinion.ratio->median : 1.0;
  };
  return least ? *std::ranges::min_element(metrics, {}, ratio)
               : *std::ranges::max_element(metrics, {}, ratio);
}

std::string extreme_text(const std::vector<ContestMetric>& metrics, bool least) {
  const ContestMetric& extreme = extreme_of(metrics, least);
  std::string text = fmt::format("{}: {}", extreme.contest->contest.name, change_text(*extreme.metric));
  if (metrics.size() > 1) text += fmt::format(", and {}", counted(metrics.size() - 1, "other metric"));
  return text;
}

std::string regression_sentence(const GateResult& result) {
  return fmt::format("the candidate is slower by more than {}: {}", share_text(result.rules.threshold),
                     extreme_text(metrics_judged(result, Judgement::regressed), false));
}

/// Of the control first: a guard that may not hold is worse than one that may be slow.
std::string open_sentence(const GateResult& result) {
  if (const Contests open = uncontrolled(result); !open.empty()) {
    return fmt::format("whether the candidate holds is not known: {}{}", names_of(open),
                       reason_of(open.front()->candidate));
  }
  const std::vector<ContestMetric> open = metrics_judged(result, Judgement::inconclusive);
  const auto& [contest, metric] = open.front();
  std::string text = fmt::format("no regression was shown, and none ruled out: {} of {}",
                                 metric->metric->name, contest->contest.name);
  if (open.size() > 1) text += fmt::format(", and {}", counted(open.size() - 1, "other metric"));
  return text;
}

bool judges_times(const GateResult& result) {
  return std::ranges::any_of(result.contests,
                             [](const ContestResult& contest) { return !contest.metrics.empty(); });
}

std::string pass_sentence(const GateResult& result) {
  if (!judges_times(result)) return "all is as it has to be";
  std::string text = fmt::format("the candidate holds, and no metric is slower by more than {}",
                                 share_text(result.rules.threshold));
  if (const auto better = metrics_judged(result, Judgement::improved); !better.empty())
    text += fmt::format("; faster: {}", extreme_text(better, true));
  return text;
}

/// Nobody is worse than a base that does not hold, and the exit code is that of the others.
std::string base_sentence(const GateResult& result) {
  const Contests without = without_base(result);
  return fmt::format("the base {}, so that there is nothing to compare with: {}{}",
                     without.front()->no_base ? "cannot run it" : "does not hold", names_of(without),
                     without.size() < result.contests.size() ? "; the others hold and are no slower" : "");
}

std::string plain_sentence(const GateResult& result, std::string_view word) {
  if (!result.trouble.empty()) return result.trouble;
  if (word == "interrupted") {
    return fmt::format("ended by {} before there was a verdict; the figures are those of until then",
                       signal_name(result.interrupted_by));
  }
  if (const Contests contests = in_error(result); !contests.empty()) return error_sentence(contests);
  if (const Contests contests = failed(result); !contests.empty()) return failure_sentence(contests);
  if (word == "regressed") return regression_sentence(result);
  if (word == "inconclusive") return open_sentence(result);
  if (word == kNotJudged) return base_sentence(result);
  return pass_sentence(result);
}

/// From where on a slow-down would have been called one.
std::string seen_text(const Opinion& opinion) {
  if (!std::isfinite(opinion.smallest_seen)) return "none would have been seen";
  return fmt::format("from {} on it would have been seen", could_see_text(opinion));
}

}  // namespace

std::string verdict_word(const GateResult& result) {
  if (!result.trouble.empty()) return "error";
  if (result.interrupted_by != 0) return "interrupted";
  if (!in_error(result).empty()) return "error";
  if (const Contests contests = failed(result); !contests.empty()) return lower(name_of(worst_of(contests)));
  if (!metrics_judged(result, Judgement::regressed).empty()) return "regressed";
  if (!uncontrolled(result).empty()) return "inconclusive";
  if (!metrics_judged(result, Judgement::inconclusive).empty()) return "inconclusive";
  if (!without_base(result).empty()) return std::string(kNotJudged);
  return metrics_judged(result, Judgement::improved).empty() ? "pass" : "improved";
}

std::string verdict_sentence(const GateResult& result) {
  const std::string word = verdict_word(result);
  std::string sentence = plain_sentence(result, word);
  const bool of_times = !ended_early(result) && in_error(result).empty() && failed(result).empty();
  if (result.same_program && of_times && judges_times(result))
    sentence += "; base and candidate are the same program, so that any difference is noise";
  return sentence;
}

bool ended_early(const GateResult& result) { return result.interrupted_by != 0 || !result.trouble.empty(); }

std::string check_text(const Check& check) {
  if (check.trials == 0) return check.sentence.empty() ? "no trial" : check.sentence;
  std::string text = fmt::format("{} in ", name_of(check.verdict));
  if (check.failed > 0) text += fmt::format("{} of ", check.failed);
  text += counted(check.trials, "trial");
  if (!check.sentence.empty()) text += ": " + check.sentence;
  return text;
}

std::string control_text(const Check& check) {
  if (check.controls == 0) return {};
  return fmt::format("the control broke in {} of {}", check.broken, counted(check.controls, "trial"));
}

std::string correctness_text(const ContestResult& contest) {
  const Check& check = contest.candidate;
  std::string text = check_text(check);
  // Of one that is inconclusive, the sentence is about the control.
  if (check.controls > 0 && check.verdict != Verdict::inconclusive) text += "; " + control_text(check);
  if (contest.base.trials > 0 && contest.base.verdict != Verdict::ok)
    text += "; the base: " + check_text(contest.base);
  return text;
}

std::string change_text(const MetricResult& metric) {
  const Opinion& opinion = metric.opinion;
  const std::string_view name = metric.metric->name;
  const std::string ratio = opinion.ratio ? ratio_text(opinion.ratio->median) : "-";
  std::string text = metric.metric->more_is_better
                         ? fmt::format("{} of the base is {} times that of the candidate", name, ratio)
                         : fmt::format("{} is {} times that of the base", name, ratio);
  if (opinion.ratio && opinion.ratio->interval)
    text += fmt::format(" ({} at {})", interval_text(opinion), confidence_text(metric.alpha));
  return text;
}

std::string why_inconclusive(const MetricResult& metric, double threshold) {
  const Opinion& opinion = metric.opinion;
  if (!opinion.ratio) return "no pair was judged";
  if (!opinion.ratio->interval)
    return fmt::format("{} are too few for an interval", counted(opinion.ratio->samples, "pair"));
  return fmt::format("may be slower by up to {} (at {}), and {} is allowed; {}",
                     share_text(opinion.ratio->interval->high - 1), confidence_text(metric.alpha),
                     share_text(threshold), seen_text(opinion));
}

std::string metric_text(const MetricResult& metric, double threshold) {
  const Judgement judgement = metric.opinion.judgement;
  std::string text = fmt::format("{}: ", name_of(judgement));
  text += judgement == Judgement::inconclusive ? why_inconclusive(metric, threshold) : change_text(metric);
  if (const auto medians = medians_of(metric)) {
    text += fmt::format("; medians {} and {} of {}", value_text(*metric.metric, medians->base),
                        value_text(*metric.metric, medians->candidate), counted(metric.pairs.size(), "pair"));
  }
  return text;
}

std::vector<double> candidate_values(const MetricResult& metric) {
  std::vector<double> values;
  values.reserve(metric.pairs.size());
  for (const auto& [base, candidate] : metric.pairs) values.push_back(candidate);
  return values;
}

std::optional<Medians> medians_of(const MetricResult& metric) {
  std::vector<double> bases;
  bases.reserve(metric.pairs.size());
  for (const auto& [base, candidate] : metric.pairs) bases.push_back(base);
  const auto base = estimate_median(bases);
  const auto candidate = estimate_median(candidate_values(metric));
  if (!base || !candidate) return std::nullopt;
  return Medians{.base = base->median, .candidate = candidate->median};
}

std::string value_text(const Metric& metric, double value) {
  return metric.is_time ? human(std::llround(value)) : as_ratio(value);
}

std::string_view unit_of(const Metric& metric) { return metric.is_time ? "ns" : metric.unit; }

std::string ratio_text(double ratio) {
  constexpr double kFourDigits = 9.9995;
  return ratio < kFourDigits ? fmt::format("{:.3f}", ratio) : as_ratio(ratio);
}

std::string interval_text(const Opinion& opinion) {
  if (!opinion.ratio || !opinion.ratio->interval) return "-";
  return fmt::format("{}..{}", ratio_text(opinion.ratio->interval->low),
                     ratio_text(opinion.ratio->interval->high));
}

std::string could_see_text(const Opinion& opinion) {
  if (!opinion.ratio || !opinion.ratio->interval || !std::isfinite(opinion.smallest_seen)) return "-";
  return share_text(opinion.smallest_seen - 1);
}

std::string share_text(double share) {
  const double percent = share * 100;
  constexpr double kMost = 999.5;
  constexpr double kTwoDigits = 9.95;
  if (percent >= kMost) return ">999 %";
  return percent >= kTwoDigits ? fmt::format("{:.0f} %", percent) : fmt::format("{:.2g} %", percent);
}

std::string confidence_text(double alpha) {
  const double outside = 200 * alpha;
  if (outside <= 0 || outside >= 100) return "-";
  // As many digits as show the first two of what lies outside. Cut, because 99.996 must not become 100.
  const int places = std::max(0, 1 - static_cast<int>(std::floor(std::log10(outside))));
  const double unit = std::pow(10, places);
  constexpr double kOfRounding = 1e-6;  // 99 may be 98.99999999999999 in binary.
  std::string text = fmt::format("{:.{}f}", std::floor((100 - outside) * unit + kOfRounding) / unit, places);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text + " %";
}

std::string interval_title(const GateResult& result) {
  std::optional<double> alpha;
  for (const ContestResult& contest : result.contests) {
    for (const MetricResult& metric : contest.metrics) {
      if (alpha && *alpha != metric.alpha) return "interval";
      alpha = metric.alpha;
    }
  }
  const std::string confidence = alpha ? confidence_text(*alpha) : "-";
  return confidence == "-" ? "interval" : confidence + " interval";
}

std::string_view signal_name(int signal) { return signal == SIGTERM ? "SIGTERM" : "SIGINT"; }

std::vector<ContestMetric> metrics_judged(const GateResult& result, Judgement judgement) {
  std::vector<ContestMetric> found;
  for (const ContestResult& contest : result.contests) {
    for (const MetricResult& metric : contest.metrics) {
      if (metric.opinion.judgement == judgement) found.push_back({.contest = &contest, .metric = &metric});
    }
  }
  return found;
}

std::string one_line(std::string_view text) {
  return wrapped(text, std::numeric_limits<std::size_t>::max()).front();
}

}  // namespace ccbench
