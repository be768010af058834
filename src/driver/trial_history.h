// The records of a trial as histories of its keys.
#pragma once

#include <optional>
#include <span>

#include "driver/experiment.h"
#include "driver/record.h"
#include "driver/request_source.h"
#include "history/histories.h"

namespace ccbench {

/// Holds them against the scenario's model; nothing where it has none. `seed` is the trial's. Records do not
/// keep what a success handed back, so that only successes and refusals count. Takes at most two seconds.
std::optional<HistoryReport> history_of_trial(const Experiment& experiment, const Promises& promises,
                                              std::uint64_t seed, const RequestSource& requests,
                                              std::span<const Record> records);

}  // namespace ccbench
