// What a run would do, said without doing it.
#pragma once

#include <span>
#include <string>

#include "driver/experiment.h"

namespace ccbench {

/// How long one trial takes if it ends as the guard promises: its sections one after the other where the
/// guard lets one in at a time, and getting its threads to the start. A guess, and said to be one.
Nanos expected_length(const Experiment& experiment, const GuardPlugin& guard);

/// The plan of a run as text: configurations, guards, trials, and how long that would take.
std::string plan_text(std::span<const Experiment> experiments);

}  // namespace ccbench
