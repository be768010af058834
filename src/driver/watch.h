// A trial seen from outside: started, watched, and ended if it does not end by itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/interruption.h"
#include "driver/run_result.h"
#include "driver/trial.h"

namespace ccbench {

/// How a trial's process ended.
struct TrialEnd {
  enum class Kind : std::uint8_t {
    completed,    ///< every request ended and the scenario settled
    crashed,      ///< a signal or an exit that was not ours
    hung,         ///< no worker changed phase for too long
    over_time,    ///< the hard limit
    failed,       ///< it could not be carried out
    interrupted,  ///< by SIGINT or SIGTERM to ccbench
  };
  Kind kind = Kind::completed;
  std::string sentence;  ///< empty if completed
  std::vector<Snapshot> snapshots;
  std::uint64_t snapshots_left_out = 0;  ///< asked for beyond what memory is set aside for
};

/// Runs one trial in a child process and returns when it has ended and nothing of it is left: neither
/// the process nor any that it started, which become children of this process if they outlive it. Takes
/// the snapshots that the experiment and SIGQUIT ask for, and one more of a trial that does not end by
/// itself or crashes. The calling process must have one thread, and SIGCHLD must not be ignored.
TrialEnd run_and_watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption);

}  // namespace ccbench
