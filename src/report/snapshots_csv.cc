// snapshots.csv: one row per thread and snapshot.
#include <array>
#include <string_view>
#include <utility>

#include "report/columns.h"
#include "report/sink.h"

namespace ccbench {
namespace {

using std::string_view_literals::operator""sv;

Cell state(const SnapshotRow& row) {
  const std::string_view name = name_of(row.thread.state);
  return name.empty() ? Cell{} : Cell{name};
}

Cell tid(const SnapshotRow& row) { return row.thread.tid != 0 ? cell(row.thread.tid) : Cell{}; }

Cell phase(const SnapshotRow& row) { return phase_name(row.thread.place, row.run.experiment.scenario->info); }

Cell lock(const SnapshotRow& row) {
  std::string name = lock_of(row.run, row.trial, row.thread.place);
  return name.empty() ? Cell{} : Cell{std::move(name)};
}

Cell not_measured(const SnapshotRow& /*row*/) { return {}; }

// clang-format off: one line per column, in the order of the file. New ones only at the end.
constexpr auto kColumns = std::to_array<Column<SnapshotRow>>({
    {"schema", [](const SnapshotRow&) -> Cell { return "ccbench.snapshots/1"sv; }},
    {"run_id", [](const SnapshotRow& row) -> Cell { return std::string_view(row.run.run_id); }},
    {"trial", [](const SnapshotRow& row) { return cell(row.trial.trial); }},
    {"snapshot", [](const SnapshotRow& row) { return cell(row.number); }},
    {"t_ns", [](const SnapshotRow& row) { return cell(row.snapshot.at); }},
    {"thread", [](const SnapshotRow& row) { return cell(row.thread.thread); }},
    {"tid", tid},
    {"state", state},
    {"java_state", not_measured},
    {"phase", phase},
    {"lock", lock},
    {"lock_kind", not_measured},
    {"owner_thread", not_measured},
    {"stable", not_measured},
    {"stack", not_measured},
});
// clang-format on

class SnapshotsCsv final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    write_csv_header(snapshot_columns(), out);
    std::string line;
    for (const TrialResult& trial : run.trials) {
      std::uint64_t number = 0;
      for (const Snapshot& snapshot : trial.snapshots) {
        ++number;
        for (const ThreadRow& thread : snapshot.threads) {
          write_csv_row(snapshot_columns(), SnapshotRow{run, trial, number, snapshot, thread}, line, out);
        }
      }
    }
  }
};

}  // namespace

std::span<const Column<SnapshotRow>> snapshot_columns() { return kColumns; }

std::unique_ptr<Sink> snapshots_csv_sink() { return std::make_unique<SnapshotsCsv>(); }

}  // namespace ccbench
