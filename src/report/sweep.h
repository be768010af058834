// What the configurations of a sweep are called, and what all of them share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// `20 requests, 20 threads, 1 key`; `5s of requests, 2 threads, 1 key` where a duration says how many.
std::string size_of(const Experiment& experiment);

/// The flags, without dashes, in which the configurations of a run differ, sorted by name; empty
/// without a sweep. `threads` is none of them where it merely follows `requests`.
std::vector<std::string> swept_settings(const RunResult& run);

/// Its value in one configuration, as a user would type it.
std::string value_of(const Configuration& configuration, const std::string& setting);

/// `requests=20 window=1us`; empty without a sweep.
std::string label_of(const RunResult& run, const Configuration& configuration);

/// Every option with its value as a user would type it, those of a sweep as lists.
std::map<std::string, std::string> config_of(const RunResult& run);

}  // namespace ccbench
