// The regression gate: is the candidate wrong, or slower than the base?
//
// Both arms run in one job on one machine, trial by trial in turns: what the machine does meanwhile it does
// to both. A time of another day is never compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "driver/interruption.h"
#include "driver/run.h"
#include "gate/arm.h"
#include "gate/judge.h"
#include "gate/metric.h"

namespace ccbench {

/// What one guard is compared by: the same guard of two programs, or two guards of one.
struct Contest {
  std::string name;  ///< `synchronized`, or `synchronized → mine`
  Arm base;
  Arm candidate;
};

struct GateRules : JudgeRules {
  int repetitions = 3;                     ///< of each arm in a pair
  int correctness_trials = 5;              ///< of each arm, before any time is compared
  Nanos budget = kSecond * 60 * 6;         ///< no further look is begun that would take longer
  Nanos trial_target = 20 * kMillisecond;  ///< requests are as many as take so long, unless given
  Nanos trial_limit = 90 * kSecond;        ///< a process that runs one trial and takes longer is given up
};

struct GatePlan {
  std::vector<Contest> contests;
  std::vector<const Metric*> metrics;  ///< judged of every contest
  GateRules rules;
  std::uint64_t seed = 0;       ///< decides the order of the arms and the requests of every trial
  ArmFlags check_flags = {};    ///< of the trials for correctness: what lets a control break more surely
  bool sizes_requests = false;  ///< neither requests nor a duration were given
};

/// A value of the base and of the candidate, measured in one pair.
using MetricPair = std::pair<double, double>;

struct MetricResult {
  const Metric* metric = nullptr;
  std::vector<MetricPair> pairs = {};
  Opinion opinion = {};  ///< of all pairs, at the look that decided
  double alpha = 0;      ///< what it has of `JudgeRules::alpha`
  bool decided = false;
};

enum class ArmRole : std::uint8_t { base, candidate };
std::string_view name_of(ArmRole role);

/// A trial of a pair, for trials.csv.
struct PairedTrial {
  TrialFields fields;
  ArmRole role = ArmRole::base;
  int pair = 0;             ///< from 0
  int repetition = 0;       ///< of the arm in the pair, from 0
  bool alone = false;       ///< of one thread, for metrics that want that
  std::size_t contest = 0;  ///< which of `GateResult::contests`
};

struct ContestResult {
  Contest contest;
  Check base = {};
  Check candidate = {};
  std::vector<MetricResult> metrics = {};  ///< empty where nothing is judged
  std::string not_judged = {};             ///< why; empty: judged
  bool no_base = false;                    ///< the base does not know what the candidate runs
};

struct GateResult {
  std::vector<ContestResult> contests;
  std::vector<PairedTrial> trials;  ///< in order of execution
  bool same_program =
      false;  ///< base and candidate are the same bytes and run the same: a comparison with itself
  Nanos elapsed = 0;
  std::uint64_t seed = 0;
  GateRules rules;
  std::vector<std::string> warnings;
  std::vector<std::string> seen;  ///< sentences, judged by nobody: a self-test's, times of another day
  int interrupted_by = 0;         ///< the signal that ended it early; 0: none
  std::string trouble;            ///< why it could not go on, what a GateError says; empty: it could
};

/// What it all exits with; `inconclusive_fails`: of a comparison of times, too. A verdict on a base is no
/// reason to fail, nor is a base that knows less: only the candidate is judged.
int exit_code_of(const GateResult& result, bool inconclusive_fails);

/// Correctness first: every arm runs with its controls, and where an arm is wrong its times are not looked
/// at. Then pairs, `repetitions` of each arm in an order that is drawn and mirrored in the next pair, until
/// every metric is decided, the looks are over or the budget is. An interruption ends it early, and so does
/// what a GateError says, which is `trouble` then.
GateResult run_gate(const GatePlan& plan, ArmRunner& runner, const Interruption& interruption,
                    Progress& progress);

/// What the pairs of a metric say, whichever way round they count.
Opinion opinion_of(const MetricResult& metric, double threshold);

/// Changes of this metric below it are no regression: that of the rules, or two looks at the clock where they
/// are a larger share of what single requests take.
double threshold_of(const MetricResult& metric, const JudgeRules& rules);

/// The roles of the trials of a pair, in order. Of two pairs, the one is the mirror of the other, so that
/// what comes second in one comes first in the other.
std::vector<ArmRole> order_of_pair(int pair, int repetitions, std::uint64_t seed);

}  // namespace ccbench
