// What a run found: plain values, for sinks to turn into bytes.
#pragma once

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

/// One request of one trial; times since the release. What did not happen is empty.
struct RequestRow {
  std::uint64_t request = 0;
  std::optional<std::uint32_t> thread;  ///< empty if nobody took it
  Key key = 0;
  Kind kind = Kind::write;
  std::optional<Outcome> outcome;
  std::uint32_t reason = 0;  ///< index into `TrialResult::reason_texts`
  std::optional<Nanos> start, enter, leave, end;
};

/// How simultaneous a trial's start was.
struct StartReport {
  std::optional<Nanos> spread;     ///< first to last start of a worker
  std::optional<Nanos> first_gap;  ///< between the first two
  std::uint64_t in_flight_peak = 0;
};

/// Of the worker threads, from the release to their ends.
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
  std::uint64_t trial = 0;  ///< in order of execution, from 1, controls included
  int round = 0;            ///< from 0
  Role role = Role::guard;
  std::string guard;

  Tally tally;
  std::vector<Invariant> invariants;
  std::optional<std::uint64_t> expected_success;
  Verdict verdict = Verdict::inconclusive;
  std::string sentence;  ///< why the verdict is what it is

  std::optional<Nanos> wall;  ///< release to the end of the last request; empty unless all ended
  StartReport start;
  Percentiles wait, hold, latency;
  std::optional<CpuReport> cpu;
  std::optional<double> fairness;
  std::optional<std::uint64_t> blocked_peak;
  std::vector<Snapshot> snapshots;
  std::optional<Hang> hang;
  bool perturbed = false;  ///< threads were signalled for their stacks

  std::int64_t started_unix_ns = 0;
  double load1 = 0;  ///< the machine's load average just before

  std::vector<RequestRow> requests;       ///< empty unless `Experiment::keep_requests`
  std::vector<std::string> reason_texts;  ///< entry 0 is empty

  std::int64_t violations() const;
  int exit_code() const { return exit_code_of(verdict); }
};

/// All trials of one guard together: one row of the table.
struct GuardResult {
  std::string guard;
  Role role = Role::guard;
  Verdict verdict = Verdict::inconclusive;  ///< that of the worst trial
  std::string sentence;
  std::vector<std::size_t> trials;   ///< indices into `RunResult::trials`
  std::vector<std::string> lacking;  ///< promises that the scenario needs and the guard does not make
};

/// What the controls showed.
struct ControlReport {
  std::uint64_t trials = 0;
  std::uint64_t broken = 0;
  std::string sentence;
};

struct RunResult {
  std::string run_id;
  Machine machine;
  Build build;
  Experiment experiment;
  std::vector<TrialResult> trials;  ///< in order of execution
  std::vector<GuardResult> guards;  ///< in the order asked for, controls first
  ControlReport control;
  std::vector<Stack> stacks;  ///< the distinct ones of all snapshots; empty unless `Experiment::keep_stacks`
  std::vector<std::string> warnings;
  int interrupted_by = 0;            ///< the signal that ended the run early; 0: none
  std::uint64_t planned_trials = 0;  ///< how many trials there would have been

  /// What all verdicts together exit with.
  int exit_code() const;
};

}  // namespace ccbench
