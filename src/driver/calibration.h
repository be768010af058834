// What measuring itself costs here and now.
#pragma once

#include "driver/interruption.h"
#include "driver/run_result.h"

namespace ccbench {

/// What one look at the clock takes, in ns.
double cost_of_clock_read();

/// Reads the clock some thousand times and runs three trials, each in a process of its own like every other;
/// some milliseconds in all. Never fails: what could not be carried out, or was interrupted, is empty. Leaves
/// a snapshot that was asked for meanwhile to the first trial of the run. The calling process must have one
/// thread.
Calibration calibrate(const Interruption& interruption);

}  // namespace ccbench
