// The trials of one guard folded into one row: for the table, and for `comparison` in JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "report/columns.h"

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

}  // namespace ccbench
