// What is to be run: the settings of one experiment, resolved and in range.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.h"
#include "core/window.h"
#include "driver/plant.h"
#include "driver/snapshot_condition.h"

namespace ccbench {

enum class StartMode : std::uint8_t { aligned, latch };
enum class ControlMode : std::uint8_t { automatic, always, never };
/// When requests arrive in an open loop: evenly spaced, or at random as independent callers do.
enum class Arrivals : std::uint8_t { even, poisson };

/// Up to so many requests of a trial have a record each; of more there are counts and histograms.
inline constexpr std::uint64_t kMostRecords = 2'000'000;
/// So many requests of a trial are enough for pictures of it.
inline constexpr std::uint64_t kMostDrawn = 50'000;

struct Experiment {
  const ScenarioPlugin* scenario = nullptr;
  ParameterValues parameters;              ///< delays as they will be, `--time-scale` applied
  std::vector<const GuardPlugin*> guards;  ///< in the order in which they were asked for
  /// Guards that `all` left out, with the promises that they lack.
  std::map<std::string, std::vector<std::string>> left_out;
  /// Settings of guards that were given, as a user types them, by name; each is for the guards that have it.
  std::map<std::string, std::string> guard_settings = {};
  double time_scale = 1;  ///< of guards' times; those of the scenario are scaled already

  std::uint64_t requests = 20;                ///< 0 where `duration` says how many there will be
  std::uint64_t most_records = kMostRecords;  ///< where a test wants counts of fewer requests
  std::uint32_t threads = 20;                 ///< fewer than requests: a pool
  Key keys = 1;
  double read_ratio = 0;       ///< so much of the requests read, drawn by the seed
  std::optional<double> zipf;  ///< skew of the keys; none: requests are spread evenly
  int reenter = 0;             ///< how often the section enters its guard again, each inside the last
  int trials = 1;              ///< per guard; `until_fail`: at most
  bool until_fail = false;     ///< the first trial of a guard that fails is the last one
  std::uint64_t seed = 0;
  StartMode start = StartMode::aligned;
  Window window;       ///< a pause between the scenario's check and its act
  Nanos duration = 0;  ///< workers carry requests until then, counted from the release; 0: off
  double rate = 0;     ///< requests arrive at so many per second (an open loop); 0: as workers take them
  Arrivals arrivals = Arrivals::even;
  ControlMode control = ControlMode::automatic;
  Nanos timeout = 60 * kSecond;  ///< the hard limit of a trial: so long after `arriving()`
  Nanos stall = 2 * kSecond;
  std::vector<Nanos> snapshots;                ///< since the release, ascending
  Nanos snapshot_every = 0;                    ///< 0: off
  std::vector<SnapshotCondition> snapshot_at;  ///< a snapshot each, when it first holds
  bool snapshot_full = false;                  ///< signals the threads for their stacks, which perturbs them
  bool keep_requests = false;                  ///< a per-request file was asked for
  bool keep_timeline = false;                  ///< of each guard's last trial: its requests, and their steps
  bool keep_stacks = false;  ///< something that shows stacks was asked for; of a hang they are always kept

  /// Guards are slowed down on purpose, all but the control.
  std::optional<Plant> plant = {};
  /// What must hold of the columns of trials.csv, one comparison each; report/expectation.h reads them.
  std::vector<std::string> expectations = {};

  /// Every option with its value as a user would type it.
  std::map<std::string, std::string> config;
  /// Of those, the ones that are not at their defaults and have no column of their own in trials.csv.
  std::map<std::string, std::string> params;

  /// Of the guards that held, the one that the others are measured against; null: the first that held.
  const GuardPlugin* reference = nullptr;

  bool pool() const { return duration > 0 || threads < requests; }
  /// Until the last request has come, since the release; 0 where all are there at once.
  Nanos arriving() const {
    if (duration > 0 || rate == 0) return duration;
    return static_cast<Nanos>(static_cast<double>(requests) / rate * kSecond);
  }
  /// Whether a trial counts its requests instead of keeping a record of each.
  bool counts() const { return duration > 0 || requests > most_records; }
  /// Whether requests are told of as they end, because something shows them and there are no records.
  bool live_events() const { return counts() && (keep_requests || keep_timeline); }
  /// Of how many requests of a trial there is a row, where something shows them.
  std::uint64_t most_rows() const { return keep_requests ? kMostRecords : kMostDrawn; }
  /// What one successful section spends by configuration.
  Nanos section() const { return parameters.section() + window.length; }
  /// So long a request may stay where it is without being stuck.
  Nanos longest_step() const;

  /// What a guard is made of in a trial of this seed.
  GuardContext context_of(const GuardPlugin& guard, std::uint64_t trial_seed) const;
  /// What it promises under these settings.
  Promises promises_of(const GuardPlugin& guard) const { return guard.promises(context_of(guard, seed)); }
};

}  // namespace ccbench
