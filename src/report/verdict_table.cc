#include "report/verdict_table.h"

#include <fmt/color.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "report/ranked_table.h"

namespace ccbench {
namespace {

constexpr auto kMeasures = std::to_array<FoldedColumn>({
    {"success", "success", as_range},
    {"shared", "shared", as_range},
    {"refused", "refused", as_range},
    {"turned away", "turned_away", as_range},
    {"cancelled", "cancelled", as_range, true},
    {"timed out", "timed_out", as_range, true},
    {"errors", "error", as_range},
    {"unfinished", "unfinished", as_range, true},
    {"effects", "effects", as_range},
    {"wall", "wall_ns", as_median_time},
    {"wait p50", "wait_p50_ns", as_median_time},
    {"wait p99", "wait_p99_ns", as_median_time},
    {"wait max", "wait_max_ns", as_longest_time},
});

/// Left out one after the other, until the table fits: counts where they are all 0, then times.
constexpr auto kExpendableCounts =
    std::to_array<std::string_view>({"error", "shared", "refused", "turned_away"});
constexpr auto kExpendableTimes =
    std::to_array<std::string_view>({"wait_p99_ns", "wait_p50_ns", "wait_max_ns", "wall_ns"});

std::string title_of(const FoldedColumn& measure, const RunResult& run) {
  const ScenarioInfo& scenario = run.experiment().scenario->info;
  if (measure.column == "effects" && scenario.effect < scenario.facts.size())
    return std::string(scenario.facts[scenario.effect]);
  if (measure.column == "wall_ns" && run.experiment().trials > 1) return "median wall";
  return std::string(measure.title);
}

fmt::text_style style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return fmt::fg(fmt::terminal_color::green);
    case Verdict::violation:
    case Verdict::hung:
    case Verdict::crashed: return fmt::fg(fmt::terminal_color::red);
    case Verdict::inconclusive:
    case Verdict::error: break;
  }
  return fmt::fg(fmt::terminal_color::yellow);
}

GuardColumn verdict_column(const RunResult& run) {
  const auto cell = [&run](const Cost& cost) {
    const Verdict verdict = run.guards[cost.guard].verdict;
    return TextCell{.text = std::string(name_of(verdict)), .style = style_of(verdict)};
  };
  return {.title = "verdict", .name = "verdict", .cell = cell, .align = Align::left};
}

GuardColumn column_of(const FoldedColumn& measure, const RunResult& run) {
  GuardColumn column = folded(run, measure, title_of(measure, run));
  if (measure.column != "wall_ns") return column;
  column.cell = [&run, plain = column.cell](const Cost& cost) {
    return TextCell{.text = marked(plain(cost).text, run.guards[cost.guard])};
  };
  return column;
}

}  // namespace

std::vector<std::string> write_verdicts(const RunResult& run, std::span<const Comparison> comparisons,
                                        const TextStyle& style, std::ostream& out) {
  RankedTable table(run, comparisons, style.color);
  table.add(verdict_column(run));
  for (const FoldedColumn& measure : kMeasures) {
    if (measure.only_if_any && !any_positive(run, measure.column)) continue;
    table.add(column_of(measure, run));
  }
  std::vector<std::string_view> zeros(kExpendableCounts.begin(), kExpendableCounts.end());
  std::erase_if(zeros, [&](std::string_view column) { return any_positive(run, column); });
  table.fit(style.width, zeros);
  std::vector<std::string> missed = table.fit(style.width, kExpendableTimes);
  table.write(out);
  return missed;
}

}  // namespace ccbench
