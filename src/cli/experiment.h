// From flags to what is to be run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "cli/values.h"

namespace ccbench {

/// The experiment of flags of which none is a list for a sweep. In a sweep, threads beyond the requests are
/// as many as requests: not every combination is meant. Throws UsageError.
Experiment experiment_of(const RawFlags& flags, bool in_sweep);

/// Scenarios that have a setting of this name, and guards that do.
std::vector<std::string> scenarios_with(std::string_view parameter);
std::vector<std::string> guards_with(std::string_view parameter);

/// The factor of all delays.
double time_scale(const Values& values);

/// Fills `config` and `params` of an experiment that is otherwise complete.
void write_down(const Values& values, Experiment& experiment);

}  // namespace ccbench
