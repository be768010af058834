// What a run found: plain values, for sinks to turn into bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/duration.h"
#include "core/tally.h"
#include "core/verdict.h"
#include "driver/build.h"
#include "driver/experiment.h"
#include "driver/machine.h"
#include "snapshot/snapshot.h"
#include "stats/percentile.h"

namespace ccbench {

enum class Role : std::uint8_t { guard, control };
constexpr std::string_view name_of(Role role) { return role == Role::guard ? "guard" : "control"; }

/// A request has entered a step of its section.
struct StepEntry {
  StepId step = 0;
  Nanos at = 0;  ///< since the release
};

/// One request of one trial; times since the release. What did not happen is empty.
struct RequestRow {
  std::uint64_t request = 0;
  std::optional<std::uint32_t> thread;  ///< empty if nobody took it
  Key key = 0;
  Kind kind = Kind::write;
  std::optional<Outcome> outcome;
  std::uint32_t reason = 0;  ///< index into `TrialResult::reason_texts`
  std::optional<Nanos> start, enter, leave, end;
  /// In an open loop: when it was meant to start, which is no later than `start`, when a worker took it.
  std::optional<Nanos> arrival;
  /// Its steps: `TrialResult::steps[first_step]` and so on, ascending in time.
  std::uint32_t first_step = 0;
  std::uint32_t step_count = 0;
};

/// What one worker of a pool got.
struct WorkerReport {
  std::uint64_t requests = 0;  ///< that ended
  std::uint64_t sections = 0;  ///< that it entered
  Nanos longest_wait = 0;      ///< one that never ended lasts until the end of the trial
};

/// Work that was done for nothing.
struct WasteReport {
  std::uint64_t sections = 0;  ///< runs of a section whose result was thrown away: it failed, or ran again
  std::optional<std::int64_t> effects;  ///< effects beyond those wanted; empty where no number is wanted
};

/// How simultaneous a trial's start was.
struct StartReport {
  std::optional<Nanos> spread;     ///< first to last start of a worker
  std::optional<Nanos> first_gap;  ///< between the first two
  std::uint64_t in_flight_peak = 0;
};

/// How an open loop kept up with its arrivals.
struct ArrivalReport {
  std::uint64_t started = 0;  ///< requests
  std::uint64_t queued = 0;   ///< that had arrived by the end of the duration and were never started
  Nanos delay = 0;            ///< of the last: from its arrival to its start, or to the end of the duration
  Nanos last_start = 0;       ///< of the last, since the release; the end of the duration if any are queued
};

/// Of the worker threads, and of those that the guard has of its own, from the release to their ends.
struct CpuReport {
  Nanos user = 0;
  Nanos system = 0;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};

/// Why a trial that did not end did not.
struct Hang {
  std::string kind;  ///< `deadlock`, `stalled`, `livelock`, `starvation` or `slow`
  std::string sentence;
  Cycle cycle;  ///< of a deadlock; its locks are those of the trial's last snapshot
};

struct TrialResult {
  std::uint64_t trial = 0;        ///< in order of execution, from 1, controls included
  std::size_t configuration = 0;  ///< index into `RunResult::configurations`
  int round = 0;                  ///< from 0
  std::uint64_t seed = 0;         ///< of this trial; what all guards of its round have
  Role role = Role::guard;
  std::string guard;

  Tally tally;
  std::vector<Invariant> invariants;
  bool unknown_history =
      false;  ///< of a key it could not be told within the limit whether it is linearizable
  std::optional<std::uint64_t> expected_success;
  Verdict verdict = Verdict::inconclusive;
  std::string sentence;  ///< why the verdict is what it is

  std::optional<Nanos> wall;  ///< release to the end of the last request; empty unless all ended
  StartReport start;
  std::optional<ArrivalReport> arrivals;  ///< in an open loop
  Percentiles wait, hold, latency;
  Percentiles hand_over;  ///< leaving of one section to entry of the next on its key that was waiting for it
  std::optional<std::uint64_t>
      overtakes;  ///< requests that entered before one of their key that came earlier
  std::optional<WasteReport> waste;
  std::vector<WorkerReport> workers;  ///< of a pool, by worker
  std::optional<Nanos> steal;  ///< CPU time that the machine's host took away meanwhile, all CPUs together
  Nanos elapsed = 0;           ///< from before its process was made to after its end
  std::optional<CpuReport> cpu;
  std::optional<double> fairness;
  std::optional<std::uint64_t> blocked_peak;
  std::vector<Snapshot> snapshots;
  std::optional<Hang> hang;
  bool perturbed = false;  ///< threads were signalled for their stacks

  std::int64_t started_unix_ns = 0;
  double load1 = 0;  ///< the machine's load average just before

  /// Empty unless `Experiment::keep_requests` or a timeline; at most `Experiment::most_rows`, the first ones,
  /// and those that started and had not ended.
  std::vector<RequestRow> requests;
  std::vector<StepEntry> steps;           ///< of `requests`, in their order; empty unless a timeline
  std::uint64_t lost_events = 0;          ///< requests of which only the counts and histograms know
  std::vector<std::string> reason_texts;  ///< entry 0 is empty

  std::int64_t violations() const;
  int exit_code() const { return exit_code_of(verdict); }
};

/// All trials of one guard under one configuration: one row of the table.
struct GuardResult {
  std::string guard;
  std::size_t configuration = 0;  ///< index into `RunResult::configurations`
  Role role = Role::guard;
  Verdict verdict = Verdict::inconclusive;  ///< that of the worst trial
  std::string sentence;
  std::vector<std::size_t> trials;   ///< indices into `RunResult::trials`
  std::vector<std::string> lacking;  ///< promises that the scenario needs and the guard does not make
  std::string noisy;  ///< why its times are not to be trusted; empty: nothing speaks against them
};

/// What the controls showed.
struct ControlReport {
  std::uint64_t trials = 0;
  std::uint64_t broken = 0;
  std::string sentence;
};

/// What measuring costs on this machine, in nanoseconds; empty where it could not be found out.
struct Calibration {
  std::optional<double> clock_read = {};  ///< one look at the clock
  /// All that the driver does for one request of a pool of one worker without a guard, whose section does
  /// nothing; reading the clock is a part of it.
  std::optional<double> harness = {};
};

/// A reason to distrust figures.
struct Distrust {
  std::string what;    ///< `load average 3.20 on 2 CPUs before the first trial`
  std::string spoils;  ///< which figures, and how: `waiting and wall times are too long and scatter`
};

/// Settings under which every guard ran, and what the controls showed there.
struct Configuration {
  Experiment experiment;
  ControlReport control = {};
};

/// One setting that was tried on the way to the smallest one that fails.
struct ShrinkStep {
  std::uint64_t requests = 0;
  Nanos window = 0;
  std::uint64_t trials = 0;  ///< until the first that failed, or all that were allowed
  bool failed = false;
};

/// A setting that had failed, run again to the last trial.
struct Confirmation {
  std::uint64_t requests = 0;
  Nanos window = 0;
  std::uint64_t trials = 0;
  std::uint64_t failed = 0;
};

/// The smallest setting that was seen to fail, and to fail again.
struct Shrunk {
  Experiment smallest;     ///< as given, with fewer requests and a shorter window
  std::uint64_t seed = 0;  ///< of a trial of it that failed
  std::vector<ShrinkStep> steps;
  /// From the smallest that had failed on, until one failed again; the last is of `smallest`, unless the
  /// search was cut short.
  std::vector<Confirmation> confirmations = {};
  bool cut_short = false;             ///< by a signal: nobody knows whether smaller settings fail
  std::uint64_t trials_at_first = 1;  ///< of the setting given, the first that failed included
};

struct RunResult {
  std::string run_id;
  Machine machine;
  Build build;
  std::vector<Configuration> configurations;  ///< at least one; more: a sweep
  std::vector<TrialResult> trials;            ///< in order of execution
  std::vector<GuardResult> guards;  ///< by configuration; in each in the order asked for, controls first
  std::vector<Stack> stacks;  ///< the distinct ones of all snapshots; empty unless `Experiment::keep_stacks`
  std::vector<std::string> warnings = {};
  std::optional<Shrunk> shrunk;  ///< where that was asked for and a guard failed
  bool power = false;            ///< by `ccbench power`: shown as what can be seen, not as a comparison
  std::vector<Distrust> distrust = {};  ///< those of `warnings` that say which figures are spoiled
  Calibration calibration = {};
  int interrupted_by = 0;            ///< the signal that ended the run early; 0: none
  std::uint64_t planned_trials = 0;  ///< how many trials there would have been

  /// What all verdicts together exit with.
  int exit_code() const;

  /// The settings that all configurations share: seed, start mode, files, and all where nothing is swept.
  const Experiment& experiment() const { return configurations.front().experiment; }
  bool sweeps() const { return configurations.size() > 1; }
  const Configuration& configuration_of(const TrialResult& trial) const {
    return configurations.at(trial.configuration);
  }
  const Configuration& configuration_of(const GuardResult& guard) const {
    return configurations.at(guard.configuration);
  }
  const Experiment& experiment_of(const TrialResult& trial) const {
    return configuration_of(trial).experiment;
  }
  /// What requests per second are counted over: the wall time, or the time in which requests could come where
  /// that is longer, because nobody can end what has not come. Empty where the wall time is.
  std::optional<Nanos> rate_time_of(const TrialResult& trial) const {
    return trial.wall ? std::optional(std::max(*trial.wall, experiment_of(trial).arriving())) : std::nullopt;
  }
};

}  // namespace ccbench
