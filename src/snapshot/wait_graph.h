// Who waits for whom: deadlocks are cycles in it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "snapshot/snapshot.h"

namespace ccbench {

/// Whose word counts. Rows are read one after the other, so between the first and the last a lock can pass
/// from hand to hand, and rows of threads that ran meanwhile can close a circle that never was.
enum class Trust : std::uint8_t {
  unmoved,  ///< rows whose thread did not run between the two looks: what is found is a deadlock
  all,      ///< every row: invents deadlocks among busy threads; here to show that it does
};

/// The cycles of owners: each member waits, without a limit of time, for a lock that the next one holds.
/// A thread that waits for itself is a cycle of one. Who waits behind a cycle is no member of it. Linear in
/// the number of rows: a thread waits for one lock, and that has one owner.
std::vector<Cycle> find_cycles(std::span<const ThreadRow> threads, std::span<const LockRow> locks,
                               Trust trust = Trust::unmoved);

/// Workers outside the cycles that wait for one of their members, directly or through others.
std::uint64_t waiting_behind(const Snapshot& snapshot);

}  // namespace ccbench
