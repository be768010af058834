// Which trials a run consists of, and in which order.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/experiment.h"
#include "driver/run_result.h"

namespace ccbench {

struct PlannedTrial {
  const GuardPlugin* guard = nullptr;
  Role role = Role::guard;
  int round = 0;
  std::uint64_t seed = 0;  ///< the same for all guards of a round: they face the same requests
};

struct Plan {
  /// Run first, and only until one of them breaks.
  std::vector<PlannedTrial> controls;
  /// Then all of these: round by round, every guard once in each, shuffled within it; where a control
  /// is to run in every round, it comes first in it.
  std::vector<PlannedTrial> trials;
};

/// Decided by the experiment alone, its seed included.
Plan make_plan(const Experiment& experiment);

/// The role that `none` and the others have: `none` is the control of the guards beside it.
Role role_of(const GuardPlugin& guard, const Experiment& experiment);

/// The guard that controls run under. There must be one of the name `none`.
const GuardPlugin& control_guard();

}  // namespace ccbench
