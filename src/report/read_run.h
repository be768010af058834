// A run read back from its files.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "driver/run_result.h"

namespace ccbench {

/// One clear sentence with the name of the file; exit code 7.
class UnreadableRun : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What options mean, by name as a user would type them.
using ResolveConfig = std::function<Experiment(const std::map<std::string, std::string>&)>;

/// Reads `run.json` in the folder, and `requests.csv` where there is one: everything that sinks show, so that
/// they write of it what they wrote of the run itself. Throws UnreadableRun if the file is missing, damaged,
/// of another schema, or speaks of guards or scenarios that `resolve` refuses.
RunResult read_run(const std::string& folder, const ResolveConfig& resolve);

}  // namespace ccbench
