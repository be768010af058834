// A trial seen from outside: started, watched, and ended if it does not end by itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/function_ref.h"
#include "driver/interruption.h"
#include "driver/live_events.h"
#include "driver/run_result.h"
#include "driver/trial.h"
#include "snapshot/sight.h"

namespace ccbench {

/// How a trial's process ended.
struct TrialEnd {
  enum class Kind : std::uint8_t {
    completed,    ///< every request ended and the scenario settled
    crashed,      ///< a signal or an exit that was not ours
    hung,         ///< a deadlock, or no worker changed phase for too long
    over_time,    ///< the hard limit
    failed,       ///< it could not be carried out
    interrupted,  ///< by SIGINT or SIGTERM to ccbench
  };
  Kind kind = Kind::completed;
  std::string sentence;      ///< empty if completed
  Nanos gone = 0;            ///< when the process was, on the steady clock; 0: there was none
  std::optional<Hang> hang;  ///< if hung or over time
  std::vector<Snapshot> snapshots;
  std::vector<std::string> limitations;   ///< sentences: what the snapshots lack, and why
  std::vector<RequestEvent> events = {};  ///< of the requests that live events told of
  std::uint64_t events_not_kept = 0;      ///< that were told of and that there was no room for
  std::uint64_t snapshots_left_out = 0;   ///< asked for beyond what memory is set aside for
};

/// Runs one trial in a child process and returns when it has ended and nothing of it is left: neither
/// the process nor any that it started, which become children of this process if they outlive it. Takes
/// the snapshots that the experiment and SIGQUIT ask for, and one more of a trial that does not end by
/// itself or crashes. Looks for a deadlock also when all who have not finished are in the guard; one that a
/// snapshot confirms ends the trial at once. The calling process must have one thread, and SIGCHLD must not
/// be ignored.
///
/// `asked_for` is given each snapshot that SIGQUIT asked for, while the trial goes on; its stacks are numbers
/// in `sight`. Stacks are also resolved if the experiment keeps them or the trial hangs, and left out
/// otherwise.
TrialEnd run_and_watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption,
                       Sight& sight, FunctionRef<void(const Snapshot&)> asked_for);

}  // namespace ccbench
