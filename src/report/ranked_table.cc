#include "report/ranked_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/remarks.h"
#include "report/sweep.h"

namespace ccbench {

std::vector<std::string> RankedTable::fit(std::size_t width, std::span<const std::string_view> expendable) {
  std::vector<std::string> before;
  before.reserve(columns_.size());
  before.reserve(columns_.size());
  for (const GuardColumn& column : columns_) before.push_back(column.title);
  for (const std::string_view name : expendable) {
    if (table().width() <= width) break;
    std::erase_if(columns_, [&](const GuardColumn& column) { return column.name == name; });
  }
  for (const GuardColumn& column : columns_) std::erase(before, column.title);
  return before;
}

TextTable RankedTable::table() const {
  TextTable table;
  for (const std::string& setting : swept_settings(run_)) table.add_column(setting, Align::left);
  table.add_column("guard", Align::left);
  for (const GuardColumn& column : columns_) table.add_column(column.title, column.align);
  for (const Comparison& comparison : comparisons_) {
    // One guard alone has nobody to be ranked with.
    bool ranked = guards_in(comparison) > 1;
    for (const Cost& cost : comparison.costs) {
      if (ranked && cost.rank == 0) table.add_rule(std::string(kNotRanked));
      ranked = cost.rank > 0;
      table.add_row(row_of(cost));
    }
    if (&comparison != &comparisons_.back()) table.add_rule("");
  }
  return table;
}

std::size_t RankedTable::guards_in(const Comparison& comparison) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      comparison.costs, [this](const Cost& cost) { return run_.guards[cost.guard].role == Role::guard; }));
}

std::vector<TextCell> RankedTable::row_of(const Cost& cost) const {
  const GuardResult& guard = run_.guards[cost.guard];
  std::vector<TextCell> row;
  for (const std::string& setting : swept_settings(run_))
    row.push_back({.text = value_of(run_.configuration_of(guard), setting)});
  row.push_back({.text = label_of(guard)});
  for (const GuardColumn& column : columns_) row.push_back(column.cell(cost));
  for (TextCell& cell : row) {
    // A control is there to break: it must not draw the eye as a broken guard does.
    if (guard.role == Role::control) cell.style = fmt::emphasis::faint;
    if (!color_) cell.style = {};
  }
  return row;
}

std::string as_range(const Spread& spread) {
  if (spread.least == spread.most) return fmt::format("{}", spread.least);
  return fmt::format("{}..{}", spread.least, spread.most);
}

std::string as_median(const Spread& spread) { return fmt::format("{}", spread.median); }

std::string as_median_time(const Spread& spread) { return human(spread.median); }

std::string as_longest_time(const Spread& spread) { return human(spread.most); }

GuardColumn folded(const RunResult& run, const FoldedColumn& column, std::string title) {
  const auto cell = [&run, name = column.column, text = column.text](const Cost& cost) {
    const auto spread = spread_of(run, run.guards[cost.guard], name);
    return TextCell{.text = spread ? text(*spread) : "-"};
  };
  return {.title = std::move(title), .name = column.column, .cell = cell};
}

bool any_measured(const RunResult& run, std::string_view column) {
  return std::ranges::any_of(
      run.guards, [&](const GuardResult& guard) { return spread_of(run, guard, column).has_value(); });
}

bool any_positive(const RunResult& run, std::string_view column) {
  return std::ranges::any_of(run.guards, [&](const GuardResult& guard) {
    const auto spread = spread_of(run, guard, column);
    return spread && spread->most > 0;
  });
}

std::string as_ratio(double ratio) {
  constexpr int kMostPlaces = 9;
  int places = 2;
  // The bounds are those of rounding: 9.996 would be written as 10.00.
  for (double bound = 9.995; ratio >= bound && places > 0; bound *= 10) --places;
  for (double bound = 0.9995; ratio > 0 && ratio < bound && places < kMostPlaces; bound /= 10) ++places;
  return fmt::format("{:.{}f}", ratio, places);
}

std::string marked(const std::string& time, const GuardResult& guard) {
  return guard.noisy.empty() ? time : time + " ~";
}

}  // namespace ccbench
