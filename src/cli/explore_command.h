// `ccbench explore`: explores, writes, and says how it went by its exit code.
#pragma once

#include "cli/options.h"

namespace ccbench {

/// Files are opened before anything is explored. Answers the exit code; throws UsageError.
int explore_command(const Options& options);

}  // namespace ccbench
