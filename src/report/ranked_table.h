// A table with a row for every guard: those that are OK by their rank, the others below a line.
#pragma once

#include <cstddef>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/comparison.h"
#include "report/layout.h"

namespace ccbench {

/// What stands above those that have no rank.
inline constexpr std::string_view kNotRanked = "not ranked: not shown to hold";

/// One figure of every guard.
struct GuardColumn {
  std::string title;      ///< of several words: in two lines, broken at its last space
  std::string_view name;  ///< what it is left out by
  std::function<TextCell(const Cost&)> cell;
  Align align = Align::right;
};

class RankedTable {
 public:
  /// Begins with the settings that a sweep varies, and the guard. Refers to its arguments.
  RankedTable(const RunResult& run, std::span<const Comparison> comparisons, bool color)
      : run_(run), comparisons_(comparisons), color_(color) {}

  void add(GuardColumn column) { columns_.push_back(std::move(column)); }
  /// Leaves out columns by their names, in this order, until no line is wider than `width` or none is left.
  /// Answers the titles of those, in the order of the table.
  std::vector<std::string> fit(std::size_t width, std::span<const std::string_view> expendable);
  void write(std::ostream& out) const { table().write(out); }

 private:
  TextTable table() const;
  std::size_t guards_in(const Comparison& comparison) const;
  std::vector<TextCell> row_of(const Cost& cost) const;

  const RunResult& run_;
  const std::span<const Comparison> comparisons_;
  const bool color_;
  std::vector<GuardColumn> columns_;
};

/// How the values of a column over a guard's trials become one text.
using SpreadText = std::string (*)(const Spread&);
std::string as_range(const Spread& spread);         ///< `3`, `2..4`
std::string as_median(const Spread& spread);        ///< `3`
std::string as_median_time(const Spread& spread);   ///< `1.50 ms`
std::string as_longest_time(const Spread& spread);  ///< `1.50 ms`

/// A column of trials.csv as a table shows it.
struct FoldedColumn {
  std::string_view title;
  std::string_view column;
  SpreadText text;
  bool only_if_any = false;  ///< left out where it is 0 for every guard
};

/// Under that title; `-` for a guard of which nothing was measured.
GuardColumn folded(const RunResult& run, const FoldedColumn& column, std::string title);
inline GuardColumn folded(const RunResult& run, const FoldedColumn& column) {
  return folded(run, column, std::string(column.title));
}

/// Whether any guard has a value in the column of trials.csv, or one that is not 0.
bool any_measured(const RunResult& run, std::string_view column);
bool any_positive(const RunResult& run, std::string_view column);

/// Three significant digits: `1.00`, `0.0123`, `245`.
std::string as_ratio(double ratio);

/// With a mark behind it if it is not to be trusted; the topic `noisy` says why.
std::string marked(const std::string& time, const GuardResult& guard);

}  // namespace ccbench
