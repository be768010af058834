// What a trial's records and snapshots prove of the promises that its guard makes. Pure.
#pragma once

#include <span>
#include <vector>

#include "core/tally.h"
#include "driver/lanes.h"
#include "driver/request_source.h"
#include "snapshot/snapshot.h"

namespace ccbench {

/// What a trial with a record of every request has left.
struct Evidence {
  const RequestSource& requests;
  std::span<const Record> records;
  const Lanes& lanes;                   ///< of these records
  const Tally& tally;                   ///< its counts by key, and what the guard promises
  Nanos release = 0;                    ///< what snapshots count from
  std::span<const Snapshot> snapshots;  ///< ascending
};

/// An invariant for each promise that is made and could have been seen to break. What breaks one is proof: no
/// thread that was kept from running, for however long, makes a guard look wrong that keeps its promises. So
/// it is beyond repair. What is not seen is no proof of the contrary.
///
/// - `at most K inside` (exclusive, admits), `nobody enters after a success` (once), `nobody turned away`
///   (waits), `no section runs twice` (unless it retries): by the records;
/// - `nobody waits for another key` (per key): by snapshots, where one shows a lock and its holder;
/// - `nobody overtaken` (fifo): by snapshots in which nobody ran, and the records of who came later.
std::vector<Invariant> proven(const Evidence& evidence);

}  // namespace ccbench
