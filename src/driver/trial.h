// One trial, inside the process that was made for it.
#pragma once

#include <cstdint>

#include "driver/experiment.h"
#include "driver/request_source.h"
#include "driver/trial_memory.h"

namespace ccbench {

/// What one trial is made of.
struct TrialSetup {
  const Experiment& experiment;
  const GuardPlugin& guard;
  const RequestSource& requests;
  std::uint64_t seed = 0;
};

/// Runs one trial to its end and leaves the process with _exit, which flushes and destroys nothing
/// that belongs to the parent. What happened stands in `memory`; `released` is an eventfd that is
/// signalled when the moment of the release is known.
///
/// To be called in a freshly forked process of one thread, with the process id of the parent. The
/// process enters a group of its own and dies with its parent.
[[noreturn]] void run_trial_process(const TrialSetup& setup, int parent, int released, TrialMemory& memory);

}  // namespace ccbench
