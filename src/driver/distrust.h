// What spoils which figure of a run. Pure.
#pragma once

#include <optional>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// Every reason once, with its number; none that holds of every run on every machine.
std::vector<Distrust> distrust_of(const RunResult& run);

/// From this share of the CPUs on, what the host takes away shows in the figures.
inline constexpr double kSpoilingSteal = 0.005;

/// Which share of all CPUs' time the host took away during the trials, or during those of one guard; nothing
/// if that was not counted.
std::optional<double> stolen_share(const RunResult& run);
std::optional<double> stolen_share(const RunResult& run, const GuardResult& guard);

/// Whether the machine was busy with something else before the first trial. What comes later is our own
/// doing.
bool was_loaded(const RunResult& run);

}  // namespace ccbench
