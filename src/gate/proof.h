// Whether the gate, on this machine, now, goes red when it must and not when it must not.
#pragma once

#include "gate/gate.h"

namespace ccbench {

/// Three comparisons of the plan's contests, whose arms are one program and one guard: with itself, which
/// must not be red; with itself slowed down on purpose by half (`--plant`), which must be; and a guard that
/// is none, which must be found out. A gate that fails one of them is not to be believed, whatever it says.
///
/// The result has one contest, `self-test`, whose claims are what had to be; its verdict is `OK` or `ERROR`.
GateResult run_self_test(const GatePlan& plan, ArmRunner& runner, const Interruption& interruption,
                         Progress& progress);

}  // namespace ccbench
