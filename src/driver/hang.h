// Why a trial does not end: from where its threads stand to a kind and a sentence. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/guard.h"
#include "core/scenario.h"
#include "driver/run_result.h"

namespace ccbench {

/// How one worker got on until the trial was ended.
struct WorkerProgress {
  Nanos still = 0;              ///< since it last changed its phase
  std::uint64_t overtaken = 0;  ///< requests that came after the one that it carries, and have ended
};

struct HangEvidence {
  const GuardInfo& guard;
  const ScenarioInfo& scenario;
  const Snapshot& snapshot;  ///< the last one
  std::span<const WorkerProgress> workers;
  bool over_time = false;  ///< ended by the hard limit, not because nothing moved
  Nanos trial = 0;         ///< since the release
  Nanos still = 0;         ///< since any worker changed its phase
  Nanos longest_step = 0;  ///< that is configured: so long all may stand still
  double cpus_wanted = 0;  ///< how many CPUs the workers used or queued for, while nothing moved
  std::string limit;       ///< the rule that ended the trial: `over --timeout=60s`
};

/// In this order: `deadlock`, a confirmed cycle of owners · while some still moved: `starvation`, somebody
/// has waited in the guard for half of the trial and was overtaken by twice as many requests as there are
/// workers, else `slow` · while nothing moved for half of the trial and the longest step: `livelock`, at
/// least a fifth of a CPU was wanted all the same, else `stalled`, on a holder that has ended, or does not go
/// on, or cannot be seen.
Hang explain_hang(const HangEvidence& evidence);

/// `T3 holds A, waits for B → T7 holds B, waits for A`.
std::string describe(const Cycle& cycle, const Snapshot& snapshot, const GuardInfo& guard,
                     const ScenarioInfo& scenario);

}  // namespace ccbench
