// A run: all trials of one command.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "driver/experiment.h"
#include "driver/interruption.h"
#include "driver/run_result.h"

namespace ccbench {

/// Told how a run gets on. The last word about a trial is in the result, once the controls are known.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;
  /// `number` of at most `most` trials begins.
  virtual void trial_begins(std::uint64_t number, std::uint64_t most, std::string_view guard) = 0;
  /// SIGQUIT has asked for a snapshot of the trial that is running; its stacks are numbers in `stacks`.
  virtual void snapshot_asked(const Snapshot& /*snapshot*/, const GuardInfo& /*guard*/,
                              const ScenarioInfo& /*scenario*/, const std::vector<Stack>& /*stacks*/) {}
};

/// Runs every trial of the experiments, one after the other, each in a process of its own, controls first,
/// and judges them. More than one experiment is a sweep: they differ in what it varies and in nothing else.
/// An interruption ends the trial that is running and the run; what was measured until then is the result.
/// The calling process must have one thread. `calibration` is of here and now; where it is empty, no remark
/// rests on it.
RunResult run(std::span<const Experiment> experiments, const Calibration& calibration,
              const Interruption& interruption, Progress& progress);
inline RunResult run(const Experiment& experiment, const Calibration& calibration,
                     const Interruption& interruption, Progress& progress) {
  return run(std::span(&experiment, 1), calibration, interruption, progress);
}

}  // namespace ccbench
