#include "stats/percentile.h"

#include <algorithm>
#include <cmath>

namespace ccbench {

std::uint64_t nearest_rank(double fraction, std::uint64_t samples) {
  const auto count = static_cast<double>(samples);
  // 0.07 * 100 is a hair above 7 in binary: without the slack it would be the eighth sample.
  return static_cast<std::uint64_t>(std::clamp(std::ceil(fraction * count - count * 1e-12), 1.0, count));
}

std::optional<Nanos> percentile(std::span<Nanos> samples, double fraction) {
  if (samples.empty()) return std::nullopt;
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(nearest_rank(fraction, samples.size())) - 1;
  std::ranges::nth_element(samples, nth);
  return *nth;
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
