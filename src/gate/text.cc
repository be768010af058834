// The table that people read, and below it why.
#include <fmt/color.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "driver/build.h"
#include "gate/sinks.h"
#include "gate/words.h"
#include "report/layout.h"
#include "report/topics.h"

namespace ccbench {
namespace {

constexpr std::size_t kNameWidth = 40;  ///< of a contest at most

struct Row {
  const ContestResult& contest;
  const MetricResult* metric;  ///< null: of the contest as a whole
};

std::vector<Row> rows_of(const GateResult& result) {
  std::vector<Row> rows;
  for (const ContestResult& contest : result.contests) {
    for (const MetricResult& metric : contest.metrics) rows.push_back({contest, &metric});
    if (contest.metrics.empty()) rows.push_back({contest, nullptr});
  }
  return rows;
}

std::string name_of(const ContestResult& contest) {
  return clipped(one_line(contest.contest.name), kNameWidth);
}

fmt::text_style green() { return fmt::fg(fmt::terminal_color::green); }
fmt::text_style red() { return fmt::fg(fmt::terminal_color::red); }
fmt::text_style yellow() { return fmt::fg(fmt::terminal_color::yellow); }

fmt::text_style style_of(Judgement judgement) {
  if (judgement == Judgement::regressed) return red();
  return judgement == Judgement::inconclusive ? yellow() : green();
}

/// Of a contest without metrics: whether it holds is all there is to say.
TextCell verdict_of(const ContestResult& contest) {
  const Verdict verdict = contest.candidate.verdict;
  if (!contest.not_judged.empty())
    return {.text = std::string(kNotJudged), .style = has_failed(verdict) ? red() : yellow()};
  if (verdict == Verdict::ok) return {.text = "pass", .style = green()};
  if (verdict == Verdict::inconclusive) return {.text = "inconclusive", .style = yellow()};
  return {.text = std::string(name_of(verdict)), .style = has_failed(verdict) ? red() : yellow()};
}

TextCell verdict_of(const Row& row) {
  if (row.metric == nullptr) return verdict_of(row.contest);
  const Judgement judgement = row.metric->opinion.judgement;
  return {.text = std::string(name_of(judgement)), .style = style_of(judgement)};
}

std::string ratio_of(const MetricResult& metric) {
  return metric.opinion.ratio ? ratio_text(metric.opinion.ratio->median) : "-";
}

template <double Medians::* member>
std::string median_of(const MetricResult& metric) {
  const auto medians = medians_of(metric);
  return medians ? value_text(*metric.metric, (*medians).*member) : "-";
}

/// A figure of a metric.
struct Figure {
  std::string title;
  std::string (*text)(const MetricResult&);
};

std::vector<Figure> figures_of(const GateResult& result) {
  return {{"ratio to base", ratio_of},
          {interval_title(result), [](const MetricResult& metric) { return interval_text(metric.opinion); }},
          {"could see", [](const MetricResult& metric) { return could_see_text(metric.opinion); }},
          {"median base", median_of<&Medians::base>},
          {"median candidate", median_of<&Medians::candidate>},
          {"pairs", [](const MetricResult& metric) { return std::to_string(metric.pairs.size()); }}};
}

TextTable table_of(const GateResult& result, const std::vector<Figure>& figures, bool color) {
  TextTable table;
  for (const char* title : {"guard", "metric", "verdict"}) table.add_column(title, Align::left);
  for (const Figure& figure : figures) table.add_column(figure.title, Align::right);
  for (const Row& row : rows_of(result)) {
    TextCell verdict = verdict_of(row);
    if (!color) verdict.style = {};
    std::vector<TextCell> cells = {
        {.text = name_of(row.contest)},
        {.text = row.metric != nullptr ? std::string(row.metric->metric->name) : "-"},
        std::move(verdict)};
    for (const Figure& figure : figures)
      cells.push_back({.text = row.metric != nullptr ? figure.text(*row.metric) : "-"});
    table.add_row(std::move(cells));
  }
  return table;
}

/// Leaves out figures until the table fits, and answers the titles of those.
std::vector<std::string> fit(const GateResult& result, std::vector<Figure>& figures, std::size_t width) {
  constexpr auto kExpendable =
      std::to_array<std::string_view>({"median base", "median candidate", "pairs", "could see"});
  std::vector<std::string> missed;
  for (const std::string_view title : kExpendable) {
    if (table_of(result, figures, false).width() <= width) break;
    std::erase_if(figures, [&](const Figure& figure) { return figure.title == title; });
    missed.emplace_back(title);
  }
  return missed;
}

/// `0.1.0`, as the trials of this role say; nothing without one.
std::optional<std::string> version_of(const GateResult& result, ArmRole role) {
  for (const PairedTrial& trial : result.trials) {
    const auto version = trial.fields.find("version");
    if (trial.role == role && version != trial.fields.end()) return version->second;
  }
  return std::nullopt;
}

std::string program_text(const GateResult& result, ArmRole role, const std::string& program) {
  const auto version = version_of(result, role);
  return version ? fmt::format("{} ({})", program, *version) : program;
}

/// Where the programs are; nothing if the result is of none.
std::string programs_text(const GateResult& result) {
  if (result.contests.empty()) return {};
  const auto& [name, base, candidate] = result.contests.front().contest;
  if (candidate.program.empty()) return {};
  std::string of_candidate = program_text(result, ArmRole::candidate, candidate.program);
  if (base.program == candidate.program) return of_candidate;
  return fmt::format("base {}, candidate {}", program_text(result, ArmRole::base, base.program),
                     of_candidate);
}

/// `with requests=1000 scenario=counter`: the flags that all arms share.
std::string flags_text(const GateResult& result) {
  if (result.contests.empty()) return {};
  ArmFlags shared = result.contests.front().contest.candidate.flags;
  for (const ContestResult& contest : result.contests) {
    for (const ArmFlags* flags : {&contest.contest.base.flags, &contest.contest.candidate.flags}) {
      std::erase_if(shared, [&](const auto& flag) {
        const auto found = flags->find(flag.first);
        return found == flags->end() || found->second != flag.second;
      });
    }
  }
  shared.erase("guard");
  std::string text;
  for (const auto& [flag, value] : shared)
    text += fmt::format("{} {}={}", text.empty() ? "with" : "", flag, value);
  return text;
}

/// A baseline and a self-test have no arms, and the former no seed of its own.
std::string headline(const GateResult& result) {
  const bool has_arms =
      !result.contests.empty() && !result.contests.front().contest.candidate.program.empty();
  std::string text =
      fmt::format("ccbench {} · gate · {} · threshold {}", this_build().version,
                  counted(result.contests.size(), "guard"), share_text(result.rules.threshold));
  if (has_arms) {
    text += fmt::format(" · {} of each arm in a pair",
                        counted(static_cast<std::uint64_t>(result.rules.repetitions), "trial"));
  }
  text += fmt::format(" · {}", human(result.elapsed));
  if (has_arms || result.seed != 0) text += fmt::format(" · seed {}", result.seed);
  return text;
}

void write_title(const GateResult& result, std::size_t width, std::ostream& out) {
  for (const std::string& text : {headline(result), programs_text(result), flags_text(result)}) {
    if (text.empty()) continue;
    for (const std::string& line : wrapped(text, width)) out << line << '\n';
  }
  out << '\n';
}

Remarks correctness(const GateResult& result) {
  Remarks remarks;
  for (const ContestResult& contest : result.contests)
    remarks.push_back({name_of(contest), correctness_text(contest)});
  return remarks;
}

Remarks not_judged(const GateResult& result) {
  Remarks remarks;
  for (const ContestResult& contest : result.contests) {
    if (!contest.not_judged.empty()) remarks.push_back({name_of(contest), contest.not_judged});
  }
  return remarks;
}

Remarks inconclusive(const GateResult& result) {
  Remarks remarks;
  for (const auto& [contest, metric] : metrics_judged(result, Judgement::inconclusive)) {
    remarks.push_back(
        {name_of(*contest), fmt::format("{}: {}", metric->metric->name,
                                        why_inconclusive(*metric, threshold_of(*metric, result.rules)))});
  }
  return remarks;
}

/// A ratio above 1 is worse, whatever the metric.
Remarks turned(const GateResult& result) {
  std::vector<std::string_view> names;
  for (const Row& row : rows_of(result)) {
    if (row.metric == nullptr || !row.metric->metric->more_is_better) continue;
    const std::string_view name = row.metric->metric->name;
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  if (names.empty()) return {};
  return {{{},
           fmt::format("of {}: base over candidate, so that above 1 is worse everywhere",
                       fmt::join(names, ", "))}};
}

/// Where less than the threshold that was asked for cannot be told.
Remarks coarse(const GateResult& result) {
  std::vector<std::string_view> names;
  double most = 0;
  for (const Row& row : rows_of(result)) {
    if (row.metric == nullptr) continue;
    const double threshold = threshold_of(*row.metric, result.rules);
    if (threshold <= result.rules.threshold) continue;
    const std::string_view name = row.metric->metric->name;
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    most = std::max(most, threshold);
  }
  if (names.empty()) return {};
  return {{{},
           fmt::format("of {}: changes below {} are no regression: two looks at the clock take as long",
                       fmt::join(names, ", "), share_text(most))}};
}

Remarks identical(const GateResult& result) {
  if (!result.same_program) return {};
  return {
      {{}, "base and candidate are the same file: a comparison with itself, and any difference is noise"}};
}

Remarks repeat(const GateResult& result) {
  Remarks remarks;
  for (const ContestResult& contest : result.contests) {
    for (const Check* check : {&contest.candidate, &contest.base}) {
      if (check->repeated_by.empty()) continue;
      const std::string_view role = check == &contest.base ? " (base)" : "";
      remarks.push_back({name_of(contest) + std::string(role), one_line(check->repeated_by), true});
    }
  }
  return remarks;
}

Remarks sentences(const std::vector<std::string>& sentences) {
  Remarks remarks;
  for (const std::string& sentence : sentences) remarks.push_back({{}, sentence});
  return remarks;
}

Remarks about_width(const std::vector<std::string>& missed, std::size_t width) {
  if (missed.empty()) return {};
  const bool one = missed.size() == 1;
  return {{{},
           fmt::format("{} {} left out to fit {} columns; --json has {}", fmt::join(missed, " and "),
                       one ? "is" : "are", width, one ? "it" : "them")}};
}

}  // namespace

void write_gate_text(const GateResult& result, const TextStyle& style, std::ostream& out) {
  if (!style.quiet) write_title(result, style.width, out);
  std::vector<Figure> figures = figures_of(result);
  const std::vector<std::string> missed = fit(result, figures, style.width);
  if (!result.contests.empty()) table_of(result, figures, style.color).write(out);
  if (style.quiet) return;
  std::vector<Topic> topics = {
      {"correctness", correctness(result)},
      {"seen", sentences(result.seen)},
      {"identical", identical(result)},
      {kNotJudged, not_judged(result)},
      {"inconclusive", inconclusive(result)},
      {"ratio", turned(result)},
      {"threshold", coarse(result)},
      {"repeat", repeat(result)},
      {"warning", sentences(result.warnings)},
      {"width", about_width(missed, style.width)},
      {"verdict", {{{}, fmt::format("{}: {}", verdict_word(result), verdict_sentence(result))}}}};
  std::erase_if(topics, [](const Topic& topic) { return topic.remarks.empty(); });
  write_topics(topics, style.width, out);
}

}  // namespace ccbench
