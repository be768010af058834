// Snapshots as text, in the layout that people know from the thread dumps of a JVM.
#pragma once

#include <cstdint>
#include <ostream>

#include "report/snapshot_words.h"

namespace ccbench {

enum class Detail : std::uint8_t {
  summary,  ///< counts, locks, stacks and deadlocks: some 20 lines, however many threads
  folded,   ///< and the threads; beyond 50 those that do the same stand in one entry
  all,      ///< and every thread by itself
};

/// Writes one snapshot. A stack that has been printed is named and not printed again; those who have finished
/// stand in one line.
void write_snapshot(const SnapshotContext& context, const Snapshot& snapshot, Detail detail,
                    std::ostream& out);

}  // namespace ccbench
