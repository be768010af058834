// What is to be run: the settings of one experiment, resolved and in range.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.h"
#include "driver/snapshot_condition.h"

namespace ccbench {

enum class StartMode : std::uint8_t { aligned, latch };
enum class ControlMode : std::uint8_t { automatic, always, never };

struct Experiment {
  const ScenarioPlugin* scenario = nullptr;
  ParameterValues parameters;              ///< delays as they will be, `--time-scale` applied
  std::vector<const GuardPlugin*> guards;  ///< in the order in which they were asked for
  /// Guards that `all` left out, with the promises that they lack.
  std::map<std::string, std::vector<std::string>> left_out;

  std::uint64_t requests = 20;
  std::uint32_t threads = 20;  ///< fewer than requests: a pool
  Key keys = 1;
  std::optional<double> zipf;  ///< skew of the keys; none: requests are spread evenly
  int reenter = 0;             ///< how often the section enters its guard again, each inside the last
  int trials = 1;              ///< per guard
  std::uint64_t seed = 0;
  StartMode start = StartMode::aligned;
  ControlMode control = ControlMode::automatic;
  Nanos timeout = 60 * kSecond;
  Nanos stall = 2 * kSecond;
  std::vector<Nanos> snapshots;                ///< since the release, ascending
  Nanos snapshot_every = 0;                    ///< 0: off
  std::vector<SnapshotCondition> snapshot_at;  ///< a snapshot each, when it first holds
  bool snapshot_full = false;                  ///< signals the threads for their stacks, which perturbs them
  bool keep_requests = false;                  ///< a per-request file was asked for
  bool keep_stacks = false;  ///< something that shows stacks was asked for; of a hang they are always kept

  /// Every option with its value as a user would type it.
  std::map<std::string, std::string> config;
  /// Of those, the ones that are not at their defaults and have no column of their own in trials.csv.
  std::map<std::string, std::string> params;

  bool pool() const { return threads < requests; }
};

}  // namespace ccbench
