// Whether the times of a guard's trials agree with each other. Pure.
#pragma once

#include <string>

#include "driver/run_result.h"

namespace ccbench {

/// Why the times of this guard are not to be trusted, with what was measured beside them: `its wall time
/// scatters by 38 % (p10 to p90 of 10 trials); the host took away 2.1 % of the CPUs`. Empty if nothing speaks
/// against them, or fewer than 5 trials were measured.
///
/// Looked at is what guards are ranked by: the wall time, without the section that all have in common where
/// more than that is measured; the time per request where workers run for a duration; the median latency
/// where requests arrive at a rate.
std::string noise_of(const RunResult& run, const GuardResult& guard);

}  // namespace ccbench
