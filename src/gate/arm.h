// One side of a comparison, and what comes of running it once.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"
#include "core/verdict.h"

namespace ccbench {

/// Flags by name without dashes; a switch has the value `true`.
using ArmFlags = std::map<std::string, std::string>;

/// A ccbench, of whatever version, and what it is to run: one guard.
struct Arm {
  std::string program;  ///< its file
  ArmFlags flags;
};

/// The command that does the same by hand, with the program's name alone.
std::string command_of(const Arm& arm);

/// What a process printed, and how it ended.
struct ArmOutput {
  int exit_code = 0;      ///< 128 + signal where a signal ended it
  std::string text;       ///< on standard output
  std::string complaint;  ///< the last line on standard error
};

/// Runs arms, each time in a process of its own. An interface, so that tests need no machine that is quiet.
class ArmRunner {
 public:
  ArmRunner() = default;
  ArmRunner(const ArmRunner&) = delete;
  ArmRunner& operator=(const ArmRunner&) = delete;
  virtual ~ArmRunner() = default;
  /// Runs the arm with `more` flags, which win over its own, for at most `limit`. Throws GateError if the
  /// program cannot be started or takes longer. An interruption ends it early; what it printed is answered.
  virtual ArmOutput run(const Arm& arm, const ArmFlags& more, Nanos limit) = 0;
};

/// Something that the gate needs is missing or unusable; one sentence; exit code 7.
class GateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One row of trials.csv, by column.
using TrialFields = std::map<std::string, std::string, std::less<>>;

/// The rows of trials.csv as a ccbench prints them. Throws GateError for anything else.
std::vector<TrialFields> trials_of(const ArmOutput& output, const Arm& arm);

/// What the trials of one guard showed.
struct Check {
  struct Claim {
    std::string name;
    std::int64_t expected = 0;
    std::int64_t observed = 0;
    bool holds = true;  ///< in every trial; the numbers are of the first in which it did not
  };

  Verdict verdict = Verdict::inconclusive;  ///< that of the worst trial
  std::uint64_t trials = 0;
  std::uint64_t failed = 0;
  std::vector<Claim> claims = {};  ///< the invariants
  std::uint64_t controls = 0;      ///< trials without a guard
  std::uint64_t broken = 0;        ///< of those
  std::string sentence;            ///< why it failed, or why nothing is known; empty if all is well
  std::string repeated_by = {};    ///< the command that repeats the first failure
};

/// What a run's JSON report says. Throws GateError for anything else.
Check check_of(const ArmOutput& output, const Arm& arm);

}  // namespace ccbench
