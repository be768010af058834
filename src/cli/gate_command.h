// `ccbench gate`: compares, writes what CI reads, and says how it went by its exit code.
#pragma once

#include "cli/options.h"

namespace ccbench {

/// Files are opened before anything is measured. Answers the exit code; throws UsageError and GateError.
int gate_command(const Options& options);

}  // namespace ccbench
