// What the flags of `ccbench gate` mean.
#pragma once

#include <string>

#include "gate/gate.h"

namespace ccbench {

struct GateOutputs {
  std::string json, csv, junit, markdown, bencher, github_benchmark;
};

struct GateOptions {
  enum class Task : std::uint8_t { compare, baseline, self_test, init };

  Task task = Task::compare;
  GatePlan plan;             ///< of `compare` and `self_test`
  std::string baseline;      ///< of `baseline`: the file
  std::string folder = ".";  ///< of `init`: where to write
  bool dry_run = false;
  bool inconclusive_ok = false;     ///< of correctness
  bool inconclusive_fails = false;  ///< of times
  GateOutputs outputs;
};

}  // namespace ccbench
