// What repeated measurements say, and how far that can be trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/duration.h"

namespace ccbench {

/// Both ends belong to it.
struct Interval {
  double low;
  double high;
};

/// From how many samples on a median has an interval: even the whole range of 5 misses the true median in
/// more than 5 % of the cases, that of 6 in 3 %.
inline constexpr std::uint64_t kSamplesForInterval = 6;

/// A median with how far it can be trusted.
struct Estimate {
  double median;                     ///< by nearest rank, so one of the samples
  std::optional<Interval> interval;  ///< from `kSamplesForInterval` samples; its ends are samples, too
  std::uint64_t samples;
};

/// Of independent samples of the same thing, none of them NaN, where 0 < confidence < 1; nothing without
/// samples.
///
/// The interval is the percentile bootstrap interval of the median (B. Efron, "Bootstrap methods", 1979) in
/// the limit of infinitely many resamples, computed and not drawn (J. S. Maritz and R. G. Jarrett, "A note on
/// estimating the variance of the sample median", 1978): no seed, the same answer everywhere. A resample of n
/// has its median at or below the k-th sample with the probability that at least half of n draws fall among
/// the first k of n. `low` is the first sample that reaches (1 - confidence) / 2; `high` is as far from the
/// top as `low` is from the bottom, so that the interval of what is mirrored is the mirrored interval.
///
/// At 95 % it holds the true median, whatever the continuous distribution, in 88 % of the cases with 7
/// samples, in 97 % with 6, in 91 % to 98 % with 8 and more, and in 94 % to 97 % from a hundred on.
std::optional<Estimate> estimate_median(std::span<const double> samples, double confidence = 0.95);

/// The same of the quotients first / second of pairs that were measured together, so that what disturbed both
/// cancels out. Leaves out pairs whose second is 0; nothing without any other.
std::optional<Estimate> estimate_ratio(std::span<const std::pair<double, double>> pairs,
                                       double confidence = 0.95);

/// How far samples lie apart, whatever the farthest tenth at either end does: (p90 - p10) / median, by
/// nearest rank. 0 if p90 is p10, so for fewer than two samples; infinite if only the median is 0. None may
/// be negative.
double relative_scatter(std::span<const double> samples);

/// Points (x, share of the samples that are x or less) of the empirical distribution function, ascending, one
/// for each different sample. Are those more than `most_points`, it is that many of them, evenly picked, the
/// first and the last included and none moved; the last alone if `most_points` is 1. Reorders.
std::vector<std::pair<Nanos, double>> ecdf(std::span<Nanos> samples, std::size_t most_points);

}  // namespace ccbench
