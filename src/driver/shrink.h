// The smallest setting in which a guard still fails.
#pragma once

#include <cstdint>

#include "driver/experiment.h"
#include "driver/interruption.h"
#include "driver/run.h"

namespace ccbench {

/// The first trial that failed.
struct FirstFailure {
  std::uint64_t seed = 0;
  std::uint64_t trials = 1;  ///< of the guard until then, this one included
};

/// From an experiment of one guard that failed: looks for the fewest requests that still do, by bisection,
/// and then for the shortest window, down to 0. A setting holds if none of its trials fails, and it has as
/// many as show a failure as rare as the first one with 95 %, `kTrialsToShrink` at least. What was found is
/// run again, as often as shows its own failures with 95 %; where none does, it was chance, and what was
/// found before it is run again, up to the setting given. An interruption ends the search with what was
/// found.
Shrunk shrink(const Experiment& failing, const FirstFailure& first, const Interruption& interruption,
              Progress& progress);

inline constexpr int kTrialsToShrink = 20;
inline constexpr int kTrialsToConfirm = 10;  ///< at least

}  // namespace ccbench
