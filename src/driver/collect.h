// From what a trial left in its memory to its counts and times.
#pragma once

#include "driver/request_source.h"
#include "driver/run_result.h"
#include "driver/trial_memory.h"

namespace ccbench {

/// Fills the counts and times of `result`: tally, start, waits, CPU, fairness. To be called when the
/// trial's process is gone. Answers how many records had to be discarded, because a section had written
/// over them.
std::uint64_t collect(const Experiment& experiment, const GuardPlugin& guard, const RequestSource& requests,
                      TrialMemory& memory, TrialResult& result);

}  // namespace ccbench
