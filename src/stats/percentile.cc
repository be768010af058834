#include "stats/percentile.h"

#include <algorithm>
#include <cmath>

namespace ccbench {
namespace {

/// From where on a percentile is more than another name for the maximum.
constexpr std::size_t kSamplesForP99 = 100;

}  // namespace

std::optional<Nanos> percentile(std::span<Nanos> samples, double fraction) {
  if (samples.empty()) return std::nullopt;
  const auto count = static_cast<double>(samples.size());
  // 0.07 * 100 is a hair above 7 in binary: without the slack it would be the eighth sample.
  const double rank = std::clamp(std::ceil(fraction * count - count * 1e-12), 1.0, count);
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
  std::ranges::nth_element(samples, nth);
  return *nth;
}

Percentiles percentiles(std::span<Nanos> samples) {
  Percentiles result;
  result.samples = samples.size();
  if (samples.empty()) return result;
  result.p50 = percentile(samples, 0.5);
  if (samples.size() >= kSamplesForP99) result.p99 = percentile(samples, 0.99);
  result.max = *std::ranges::max_element(samples);
  return result;
}

std::optional<double> jain_index(std::span<const std::uint64_t> shares) {
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t share : shares) {
    const auto value = static_cast<double>(share);
    sum += value;
    squares += value * value;
  }
  if (sum == 0) return std::nullopt;
  return sum * sum / (static_cast<double>(shares.size()) * squares);
}

double bound_of_clean_trials(std::uint64_t clean) {
  if (clean == 0) return 1;
  return 1 - std::pow(0.05, 1 / static_cast<double>(clean));
}

}  // namespace ccbench
