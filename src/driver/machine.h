// The machine that a run was measured on.
#pragma once

#include <string>

namespace ccbench {

struct Machine {
  std::string host;
  std::string cpu_model;
  std::string kernel;
  int cpus = 0;  ///< that this process may use
};

Machine this_machine();

/// The load average of the last minute; 0 where the system does not tell.
double load_average();

}  // namespace ccbench
