// For tests and benchmarks: runs that nobody watches.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/registry.h"
#include "driver/run.h"

namespace ccbench {

class Silent final : public Progress {
  void trial_begins(std::uint64_t /*number*/, std::uint64_t /*most*/, std::string_view /*guard*/) override {}
};

inline RunResult run_quietly(std::span<const Experiment> experiments) {
  const Interruption interruption;
  Silent silent;
  return run(experiments, {}, interruption, silent);
}
inline RunResult run_quietly(const Experiment& experiment) { return run_quietly(std::span(&experiment, 1)); }

/// The registered guard of this name; throws std::logic_error if there is none.
inline const GuardPlugin& guard(std::string_view name) {
  const GuardPlugin* found = guards().find(name);
  if (found == nullptr) throw std::logic_error("no guard " + std::string(name));
  return *found;
}

}  // namespace ccbench
