// What spoils which figure of a run.
#pragma once

#include <string>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// One sentence per reason to distrust, none if there is none.
std::vector<std::string> warnings_of(const RunResult& run);

}  // namespace ccbench
