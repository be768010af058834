// Percentiles that do not say more than their samples do.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/duration.h"

namespace ccbench {

/// Nearest rank: a percentile is always one of the samples, so none exceeds the maximum.
struct Percentiles {
  std::uint64_t samples = 0;
  std::optional<Nanos> p50;  ///< from 1 sample
  std::optional<Nanos> p99;  ///< from 100 samples
  std::optional<Nanos> max;
};

/// Reorders `samples`.
Percentiles percentiles(std::span<Nanos> samples);

/// The sample at nearest rank `fraction` (0 < fraction <= 1); nothing without samples. Reorders.
std::optional<Nanos> percentile(std::span<Nanos> samples, double fraction);

/// Jain's fairness index: 1 if all shares are equal, 1/n if one has all (Jain, Chiu, Hawe 1984).
/// Nothing without a share.
std::optional<double> jain_index(std::span<const std::uint64_t> shares);

/// The failure rate per trial that `clean` trials without a failure exclude at 95 % confidence.
double bound_of_clean_trials(std::uint64_t clean);

}  // namespace ccbench
