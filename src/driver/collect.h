// From what a trial left in its memory to its counts and times.
#pragma once

#include <span>

#include "driver/live_events.h"
#include "driver/request_source.h"
#include "driver/run_result.h"
#include "driver/trial_memory.h"

namespace ccbench {

/// Fills the counts and times of `result`: tally, start, waits, CPU, fairness. Its invariants become what the
/// records alone prove of the guard's promises: `at most 1 inside` where it promises to be exclusive, else as
/// many as it admits; and of the scenario's model: `linearizable histories`. To be called when the trial's
/// process is gone. Answers how many records had to be discarded, because a section had written over them.
///
/// `gone`: when the process was, on the steady clock; waits that never ended count until then. `events`: what
/// live events told of, where there are no records.
std::uint64_t collect(const Experiment& experiment, const GuardPlugin& guard, const RequestSource& requests,
                      TrialMemory& memory, TrialResult& result, Nanos gone,
                      std::span<const RequestEvent> events = {});

}  // namespace ccbench
