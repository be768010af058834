// From what the workers of a trial counted to its counts and times: what collect.h does from records.
#pragma once

#include <span>

#include "driver/live_events.h"
#include "driver/request_source.h"
#include "driver/run_result.h"
#include "driver/trial_memory.h"

namespace ccbench {

/// Fills tally, start, percentiles, wall time, waste, workers and, in an open loop, arrivals. How many were
/// in flight at once, and who overtook whom, counts do not tell. `gone`: as for `collect`.
void collect_counts(const Experiment& experiment, const RequestSource& requests, const TrialMemory& memory,
                    Nanos gone, TrialResult& result);

/// Makes rows of the events, in the order of the requests, and of the requests that had not ended.
/// `TrialResult::lost_events` grows by those for which the queues had no room.
void keep_events(std::span<const RequestEvent> events, const RequestSource& requests,
                 const TrialMemory& memory, TrialResult& result);

}  // namespace ccbench
