// The trials of one guard folded into one row, and the guards of a configuration put into an order.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "report/columns.h"
#include "stats/estimate.h"

namespace ccbench {

/// Of one column over trials.
struct Spread {
  std::int64_t least = 0;
  std::int64_t median = 0;  ///< one of the values (nearest rank)
  std::int64_t most = 0;

  bool operator==(const Spread&) const = default;
};

/// Folds a whole-number column of trials.csv, by its name there, over the trials of a guard; nothing if
/// none of them measured it. Throws std::logic_error for a name that is no column.
std::optional<Spread> spread_of(const RunResult& run, const GuardResult& guard, std::string_view column);

/// What one guard costs under one configuration. Times in nanoseconds, over the trials that measured them.
struct Cost {
  std::size_t guard = 0;         ///< index into `RunResult::guards`
  std::size_t rank = 0;          ///< from 1, by the median time; 0: not ranked, because not OK everywhere
  std::optional<Estimate> time;  ///< what `Comparison::metric` names
  std::optional<Estimate>
      beyond;  ///< wall time beyond one section (`section_ns`); not where there is a duration
  /// Time over that of the reference, both of the same round; of guards that are OK alone.
  std::optional<Estimate> ratio;
};

/// The guards of one configuration: those that are OK first, by rank, then the others, which are not
/// compared.
struct Comparison {
  std::size_t configuration = 0;  ///< index into `RunResult::configurations`
  /// What guards are ranked by: `wall` of a batch, `time per request` where workers run for a duration,
  /// `latency p50` where requests arrive at a rate.
  std::string_view metric;
  /// Index into `RunResult::guards`; none: no guard is OK, or not the one that was asked for.
  std::optional<std::size_t> reference;
  std::vector<Cost> costs;
};

/// What a trial's guard is ranked by, in nanoseconds, as `Comparison::metric` names it; nothing where it was
/// not measured.
std::optional<double> ranked_time(const Experiment& experiment, const TrialResult& trial);

/// One for each configuration, in their order.
std::vector<Comparison> compare(const RunResult& run);

}  // namespace ccbench
