// GitHub's Markdown: a table, and below it what failed and how to repeat it.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "gate/sinks.h"
#include "gate/words.h"
#include "report/markup.h"

namespace ccbench {
namespace {

/// Text that Markdown shows as it is, in a table, too: HTML is escaped, marks lose their meaning, and an `@`
/// calls nobody.
std::string plain(std::string_view text) {
  std::string safe;
  for (const char c : escaped(text)) {
    if (c == '@') {
      safe += "&#64;";
      continue;
    }
    constexpr std::string_view kMarks = "\\`*_[]|~";
    if (kMarks.find(c) != std::string_view::npos) safe += '\\';
    safe += c;
  }
  return safe;
}

/// A block that nothing in the command can end: its fence is longer than any row of backticks there.
void write_command(const std::string& command, std::ostream& out) {
  std::size_t longest = 2;
  std::size_t row = 0;
  const std::string line = one_line(command);
  for (const char c : line) {
    row = c == '`' ? row + 1 : 0;
    longest = std::max(longest, row);
  }
  const std::string fence(longest + 1, '`');
  out << '\n' << fence << "sh\n" << line << '\n' << fence << '\n';
}

std::string verdict_cell(Judgement judgement) {
  return judgement == Judgement::regressed ? fmt::format("**{}**", name_of(judgement))
                                           : std::string(name_of(judgement));
}

void write_row(const ContestResult& contest, const MetricResult& metric, std::ostream& out) {
  const auto medians = medians_of(metric);
  const auto median = [&](double Medians::* of) {
    return medians ? value_text(*metric.metric, (*medians).*of) : "-";
  };
  const Opinion& opinion = metric.opinion;
  out << fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", plain(contest.contest.name),
                     plain(metric.metric->name), verdict_cell(opinion.judgement),
                     opinion.ratio ? ratio_text(opinion.ratio->median) : "-", interval_text(opinion),
                     could_see_text(opinion), median(&Medians::base), median(&Medians::candidate),
                     metric.pairs.size());
}

/// Of a contest whose times are not compared: whether it holds is all there is to say.
void write_row(const ContestResult& contest, std::ostream& out) {
  const Verdict verdict = contest.candidate.verdict;
  std::string text(name_of(verdict));
  if (verdict == Verdict::ok) text = contest.not_judged.empty() ? "pass" : kNotJudged;
  if (has_failed(verdict)) text = fmt::format("**{}**", text);
  out << fmt::format("| {} | - | {} | - | - | - | - | - | - |\n", plain(contest.contest.name), text);
}

void write_table(const GateResult& result, std::ostream& out) {
  out << fmt::format(
      "\n| guard | metric | verdict | ratio to base | {} | could see | median base | median candidate | "
      "pairs |\n"
      "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
      interval_title(result));
  for (const ContestResult& contest : result.contests) {
    for (const MetricResult& metric : contest.metrics) write_row(contest, metric, out);
    if (contest.metrics.empty()) write_row(contest, out);
  }
}

void write_check(const std::string& name, std::string_view role, const Check& check, std::ostream& out) {
  if (check.verdict == Verdict::ok || check.trials == 0) return;
  out << fmt::format("\n**{}**, {}: {}\n", plain(name), role, plain(check_text(check)));
  if (!check.repeated_by.empty()) write_command(check.repeated_by, out);
}

void write_open(const GateResult& result, std::ostream& out) {
  const auto open = metrics_judged(result, Judgement::inconclusive);
  if (!open.empty()) out << '\n';
  for (const auto& [contest, metric] : open) {
    out << fmt::format("- {}, {}: {}\n", plain(contest->contest.name), plain(metric->metric->name),
                       plain(metric_text(*metric, threshold_of(*metric, result.rules))));
  }
}

bool turns_ratios(const GateResult& result) {
  return std::ranges::any_of(result.contests, [](const ContestResult& contest) {
    return std::ranges::any_of(contest.metrics,
                               [](const MetricResult& metric) { return metric.metric->more_is_better; });
  });
}

}  // namespace

void write_gate_markdown(const GateResult& result, std::ostream& out) {
  out << fmt::format("**ccbench gate: {}**: {}.\n", verdict_word(result), plain(verdict_sentence(result)));
  if (!result.contests.empty()) write_table(result, out);
  for (const ContestResult& contest : result.contests) {
    write_check(contest.contest.name, name_of(ArmRole::candidate), contest.candidate, out);
    write_check(contest.contest.name, name_of(ArmRole::base), contest.base, out);
  }
  write_open(result, out);
  if (turns_ratios(result))
    out << "\nWhere more is better, the ratio is base over candidate, so that above 1 is worse everywhere.\n";
  if (result.same_program)
    out << "\nBase and candidate are the same file: a comparison with itself, and any difference is noise.\n";
  if (!result.warnings.empty()) out << '\n';
  for (const std::string& warning : result.warnings) out << fmt::format("- {}\n", plain(warning));
}

}  // namespace ccbench
