// trials.csv of a gate: what the processes of both arms wrote, as the trials of one run.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "gate/sinks.h"
#include "report/columns.h"

namespace ccbench {
namespace {

std::string_view field_of(const PairedTrial& trial, std::string_view column) {
  const auto found = trial.fields.find(column);
  return found == trial.fields.end() ? std::string_view{} : found->second;
}

/// Counts the trials of a pair, in order of execution.
class Places {
 public:
  /// Its place among them, from 1. An arm's repetition comes once in a pair of each kind, so that the second
  /// belongs to another one.
  int of(const PairedTrial& trial) {
    const std::pair pair(trial.contest, trial.pair);
    const std::tuple which(trial.role, trial.repetition, trial.alone);
    if (pair != pair_ || !seen_.insert(which).second) {
      pair_ = pair;
      seen_ = {which};
    }
    return static_cast<int>(seen_.size());
  }

 private:
  std::pair<std::size_t, int> pair_ = {0, -1};
  std::set<std::tuple<ArmRole, int, bool>> seen_;
};

struct Row {
  const GateResult& result;
  const PairedTrial& trial;
  std::int64_t number;  ///< in order of execution, from 1
  int place;            ///< in its pair, from 1
};

Cell cell_of(std::string_view column, const Row& row) {
  if (column == "run_id") return field_of(row.result.trials.front(), column);
  if (column == "trial") return row.number;
  if (column == "role") return name_of(row.trial.role);
  if (column == "pair") return cell(row.trial.pair + 1);
  if (column == "rep") return cell(row.trial.repetition + 1);
  if (column == "order") return cell(row.place);
  return field_of(row.trial, column);
}

}  // namespace

void write_gate_csv(const GateResult& result, std::ostream& out) {
  write_csv_header(trial_columns(), out);
  Places places;
  std::string line;
  std::int64_t number = 0;
  for (const PairedTrial& trial : result.trials) {
    const Row row = {.result = result, .trial = trial, .number = ++number, .place = places.of(trial)};
    line.clear();
    for (const auto& column : trial_columns()) {
      if (&column != trial_columns().data()) line += ',';
      append_csv(cell_of(column.name, row), line);
    }
    out << line << '\n';
  }
}

}  // namespace ccbench
