// A run of another day, which what this ccbench does now is held against.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "driver/experiment.h"
#include "driver/run_result.h"
#include "gate/arm.h"
#include "gate/gate.h"

namespace ccbench {

/// Trials of one guard under one setting, as a file has them.
struct BaselineCell {
  std::string guard;
  std::vector<TrialFields> trials;
};

/// A setting, and what was found under it.
struct BaselineSetting {
  ArmFlags flags;                   ///< scenario, size and all that is not at its default; no guard
  std::vector<BaselineCell> cells;  ///< in the order in which they first stand in the file
};

/// What `ccbench --csv` has written: rows of guards, not those of controls.
///
/// Throws GateError, its sentence naming the file and what is wrong, if it is missing, empty, cut off, of
/// another program or of a newer version, or has no row of a guard.
std::vector<BaselineSetting> read_baseline(const std::string& path);

/// What is compared, and how: counts and verdicts; and of every guard what it costs beside the reference, the
/// first guard of the setting that held in both, by pairs of one round.
///
/// A verdict is worse than the baseline's, or a count lies in every trial outside what it was there: the
/// guard has changed what it does, and the check says so. The ratio to the reference is judged as a metric
/// is, its change by the intervals of both. Times themselves are of another day, and are not judged.
ContestResult compare_with_baseline(const BaselineCell& before, const BaselineCell& now,
                                    const BaselineCell& reference_before, const BaselineCell& reference_now,
                                    double threshold, double alpha);

/// The rows of a run as trials.csv has them, by guard, controls left out.
std::vector<BaselineCell> cells_of(const RunResult& run);

/// All settings of the baseline are run again by `run_setting`, which gets flags and answers a run.
GateResult run_against_baseline(const std::vector<BaselineSetting>& baseline, double threshold, double alpha,
                                const std::function<RunResult(const ArmFlags&)>& run_setting);

}  // namespace ccbench
