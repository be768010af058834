#include "report/comparison.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace ccbench {

std::optional<Spread> spread_of(const RunResult& run, const GuardResult& guard, std::string_view column) {
  const auto columns = trial_columns();
  const auto found = std::ranges::find(columns, column, &Column<TrialRow>::name);
  if (found == columns.end()) throw std::logic_error("trials.csv has no column " + std::string(column));

  std::vector<std::int64_t> values;
  for (const std::size_t index : guard.trials) {
    const Cell value = found->value(TrialRow{run, run.trials.at(index)});
    if (const auto number = integer_of(value)) values.push_back(*number);
  }
  const std::optional<std::int64_t> median = percentile(values, 0.5);
  if (!median) return std::nullopt;
  const auto [least, most] = std::ranges::minmax(values);
  return Spread{.least = least, .median = *median, .most = most};
}

}  // namespace ccbench
