// Which trials a run consists of, and in which order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "driver/experiment.h"
#include "driver/run_result.h"

namespace ccbench {

struct PlannedTrial {
  const GuardPlugin* guard = nullptr;
  Role role = Role::guard;
  std::size_t configuration = 0;
  int round = 0;
  std::uint64_t seed = 0;  ///< the same for all trials of a round: they face the same requests
};

struct Plan {
  /// Of each configuration, run first, and only until one of them breaks.
  std::vector<std::vector<PlannedTrial>> controls;
  /// Then all of these: round by round, every guard under every configuration once in each, shuffled within
  /// it; where a control is to run in every round, it comes first in it.
  std::vector<PlannedTrial> trials;
};

/// Decided by the experiments alone, the seed included. They differ in what a sweep varies and in nothing
/// else. The first round has the seed itself, so that a trial of any round is repeated by `--seed`.
Plan make_plan(std::span<const Experiment> experiments);

/// The role that `none` and the others have: `none` is the control of the guards beside it.
Role role_of(const GuardPlugin& guard, const Experiment& experiment);

/// The guard that controls run under. There must be one of the name `none`.
const GuardPlugin& control_guard();

}  // namespace ccbench
