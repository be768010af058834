// snapshots.csv: one row per thread and snapshot.
#include <array>
#include <string_view>
#include <utility>

#include "report/columns.h"
#include "report/sink.h"
#include "report/snapshot_words.h"

namespace ccbench {
namespace {

using std::string_view_literals::operator""sv;

/// What is not known is empty.
Cell text(std::string_view text) { return text.empty() ? Cell{} : Cell{text}; }

Cell state(const SnapshotRow& row) { return text(name_of(row.thread.state)); }

Cell java(const SnapshotRow& row) { return text(java_state(row.thread, row.snapshot)); }

Cell tid(const SnapshotRow& row) { return row.thread.tid != 0 ? cell(row.thread.tid) : Cell{}; }

Cell phase(const SnapshotRow& row) {
  return phase_name(row.thread.place, row.run.experiment().scenario->info);
}

Cell lock(const SnapshotRow& row) {
  std::string name = lock_of(context_of(row.run, row.trial), row.snapshot, row.thread);
  return name.empty() ? Cell{} : Cell{std::move(name)};
}

const LockRow* lock_row(const SnapshotRow& row) {
  return row.thread.lock == kNoIndex ? nullptr : &row.snapshot.locks.at(row.thread.lock);
}

Cell lock_kind(const SnapshotRow& row) {
  const LockRow* lock = lock_row(row);
  return lock == nullptr ? Cell{} : text(name_of(lock->kind));
}

Cell owner(const SnapshotRow& row) {
  const LockRow* lock = lock_row(row);
  return lock == nullptr ? Cell{} : cell(lock->owner);
}

/// Nobody looks twice where only the workers were asked.
Cell stable(const SnapshotRow& row) {
  return is_published(row.snapshot) ? Cell{} : cell(row.thread.stable ? 1 : 0);
}

Cell stack(const SnapshotRow& row) { return row.thread.stack == kNoIndex ? Cell{} : cell(row.thread.stack); }

// clang-format off: one line per column, in the order of the file. New ones only at the end.
constexpr auto kColumns = std::to_array<Column<SnapshotRow>>({
    {"schema", [](const SnapshotRow&) -> Cell { return "ccbench.snapshots/1"sv; }, Holds::text},
    {"run_id", [](const SnapshotRow& row) -> Cell { return std::string_view(row.run.run_id); }, Holds::text},
    {"trial", [](const SnapshotRow& row) { return cell(row.trial.trial); }},
    {"snapshot", [](const SnapshotRow& row) { return cell(row.number); }},
    {"t_ns", [](const SnapshotRow& row) { return cell(row.snapshot.at); }},
    {"thread", [](const SnapshotRow& row) { return cell(row.thread.thread); }},
    {"tid", tid},
    {"state", state, Holds::text},
    {"java_state", java, Holds::text},
    {"phase", phase, Holds::text},
    {"lock", lock, Holds::text},
    {"lock_kind", lock_kind, Holds::text},
    {"owner_thread", owner},
    {"stable", stable},
    {"stack", stack},
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
