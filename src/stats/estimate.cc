#include "stats/estimate.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <limits>

#include "stats/percentile.h"

namespace ccbench {
namespace {

double at_rank(std::span<const double> ascending, std::uint64_t rank) {
  return ascending[static_cast<std::size_t>(rank - 1)];
}

/// How probably the median of a resample is the sample of this rank or a lower one.
double share_of_medians_up_to(std::uint64_t rank, std::uint64_t samples) {
  if (rank == samples) return 1;
  const auto count = static_cast<double>(samples);
  const auto half = static_cast<double>(nearest_rank(0.5, samples));
  // At least h of n draws hit what each hits with probability p: I_p(h, n - h + 1).
  return boost::math::ibeta(half, count - half + 1, static_cast<double>(rank) / count);
}

/// The rank of the interval's low end.
std::uint64_t low_rank(std::uint64_t samples, double confidence) {
  const double outside = (1 - confidence) / 2;
  std::uint64_t below = 0;
  std::uint64_t reached = samples;
  while (reached - below > 1) {
    const std::uint64_t middle = below + (reached - below) / 2;
    (share_of_medians_up_to(middle, samples) < outside ? below : reached) = middle;
  }
  return reached;
}

Estimate estimate_of_ascending(std::span<const double> ascending, double confidence) {
  const std::uint64_t samples = ascending.size();
  Estimate result = {
      .median = at_rank(ascending, nearest_rank(0.5, samples)), .interval = {}, .samples = samples};
  if (samples >= kSamplesForInterval) {
    const std::uint64_t rank = low_rank(samples, confidence);
    result.interval = {.low = at_rank(ascending, rank), .high = at_rank(ascending, samples + 1 - rank)};
  }
  return result;
}

}  // namespace

std::optional<Estimate> estimate_median(std::span<const double> samples, double confidence) {
  if (samples.empty()) return std::nullopt;
  std::vector<double> ascending(samples.begin(), samples.end());
  std::ranges::sort(ascending);
  return estimate_of_ascending(ascending, confidence);
}

std::optional<Estimate> estimate_ratio(std::span<const std::pair<double, double>> pairs, double confidence) {
  std::vector<double> quotients;
  quotients.reserve(pairs.size());
  for (const auto& [first, second] : pairs) {
    if (second != 0) quotients.push_back(first / second);
  }
  return estimate_median(quotients, confidence);
}

double relative_scatter(std::span<const double> samples) {
  if (samples.empty()) return 0;
  std::vector<double> ascending(samples.begin(), samples.end());
  std::ranges::sort(ascending);
  const auto at = [&](double fraction) {
    return at_rank(ascending, nearest_rank(fraction, ascending.size()));
  };
  const double range = at(0.9) - at(0.1);
  if (range == 0) return 0;
  const double median = at(0.5);
  return median == 0 ? std::numeric_limits<double>::infinity() : range / median;
}

std::vector<std::pair<Nanos, double>> ecdf(std::span<Nanos> samples, std::size_t most_points) {
  std::ranges::sort(samples);
  std::vector<std::pair<Nanos, double>> points;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool last_of_its_value = i + 1 == samples.size() || samples[i + 1] != samples[i];
    if (last_of_its_value)
      points.emplace_back(samples[i], static_cast<double>(i + 1) / static_cast<double>(samples.size()));
  }
  if (points.size() <= most_points) return points;

  // Counted from the last one, so that it stays even if it is the only one.
  const std::size_t gaps = std::max<std::size_t>(most_points, 2) - 1;
  std::vector<std::pair<Nanos, double>> picked;
  picked.reserve(most_points);
  for (std::size_t left = most_points; left-- > 0;) {
    picked.push_back(points[points.size() - 1 - left * (points.size() - 1) / gaps]);
  }
  return picked;
}

}  // namespace ccbench
