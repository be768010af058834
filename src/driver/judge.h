// From what a trial showed to a verdict with its reason. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "driver/run_result.h"
#include "driver/watch.h"

namespace ccbench {

/// What the controls of a run say about every trial of it.
enum class ControlEvidence : std::uint8_t {
  broke,         ///< a control broke the invariant that it must break: the race was there to be lost
  held,          ///< controls ran and none did
  none,          ///< none ended
  switched_off,  ///< by --control=never
  impossible,    ///< the scenario has nothing that a control could break
  itself,        ///< the trial is one of them: nothing vouches for what would have vouched
};

struct Judgement {
  Verdict verdict = Verdict::ok;
  std::string sentence;
};

/// The verdict of one trial, first match: an invariant broken beyond repair, also after a crash or a
/// hang · crashed · hung · could not be carried out · any invariant broken · no control broke · OK.
Judgement judge(const TrialEnd& end, std::span<const Invariant> invariants, ControlEvidence control,
                const ScenarioInfo& scenario);

/// The invariant that the scenario's control must break, if this trial broke it; else null. Where a
/// trial did not end, only what is beyond repair counts: the rest may just not have happened yet.
const Invariant* broken_by_control(const ScenarioInfo& scenario, const TrialResult& trial);

/// `one payment sent: 20 instead of 1 on ticket-1`.
std::string describe(const Invariant& invariant, const ScenarioInfo& scenario);

}  // namespace ccbench
