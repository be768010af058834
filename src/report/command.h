// The command that repeats what was run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "driver/run_result.h"

namespace ccbench {

/// Repeats the smallest setting until it fails, at most as often as shows that with 95 %, by how often it
/// did.
std::string command_of(const Shrunk& shrunk);

/// Repeats the first trial in which the guard failed; where others held, until it fails, likewise. Empty if
/// none failed.
std::string repeating_command_of(const RunResult& run, const GuardResult& guard);

/// One line for a shell: `ccbench --guard=cas --requests=3 --window=1us --seed=7`, with every setting that is
/// not at its default. `guard` and `seed` are those to repeat.
std::string command_of(const Experiment& experiment, std::string_view guard, std::uint64_t seed);

/// The same of a whole run, with all its guards, trials and configurations.
std::string command_of(const RunResult& run);

}  // namespace ccbench
