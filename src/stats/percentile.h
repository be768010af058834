// Percentiles that do not say more than their samples do.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/duration.h"

namespace ccbench {

/// From how many samples on there is a p99: below, it would be another name for the maximum.
inline constexpr std::uint64_t kSamplesForP99 = 100;

/// Nearest rank: a percentile is always one of the samples, so none exceeds the maximum.
struct Percentiles {
  std::uint64_t samples = 0;
  std::optional<Nanos> p50;  ///< from 1 sample
  std::optional<Nanos> p99;  ///< from `kSamplesForP99` samples
  std::optional<Nanos> max;
};

/// Of samples that need not be kept: `for_each(visit)` calls `visit(sample)` for each of them, and for the
/// same ones every time. None may be negative. Constant memory, some five passes.
template <class ForEach>
Percentiles percentiles_of(const ForEach& for_each);

/// The sample at nearest rank `fraction` (0 < fraction <= 1); nothing without samples. Reorders.
std::optional<Nanos> percentile(std::span<Nanos> samples, double fraction);

/// Which of that many samples, from 1 in ascending order, is at nearest rank `fraction`.
std::uint64_t nearest_rank(double fraction, std::uint64_t samples);

/// Jain's fairness index: 1 if all shares are equal, 1/n if one has all (Jain, Chiu, Hawe 1984).
/// Nothing without a share.
std::optional<double> jain_index(std::span<const std::uint64_t> shares);

/// The failure rate per trial that `clean` trials without a failure exclude at 95 % confidence.
double bound_of_clean_trials(std::uint64_t clean);

/// The sample of this rank, from 1, where none is greater than `most`: radix selection, which finds it digit
/// by digit from the highest, by how many samples begin with the digits found so far.
template <class ForEach>
Nanos sample_of_rank(const ForEach& for_each, std::uint64_t rank, Nanos most) {
  constexpr unsigned kDigitBits = 16;
  std::vector<std::uint64_t> counts(std::size_t{1} << kDigitBits);
  std::uint64_t found = 0;
  const auto bits_of_most = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(most)));
  for (unsigned shift = (bits_of_most + kDigitBits - 1) / kDigitBits * kDigitBits; shift > 0;) {
    shift -= kDigitBits;
    std::ranges::fill(counts, 0);
    for_each([&](Nanos sample) {
      const auto bits = static_cast<std::uint64_t>(sample);
      if (bits >> shift >> kDigitBits == found >> shift >> kDigitBits)
        ++counts[bits >> shift & (counts.size() - 1)];
    });
    std::uint64_t digit = 0;
    while (rank > counts[digit]) rank -= counts[digit++];
    found |= digit << shift;
  }
  return static_cast<Nanos>(found);
}

template <class ForEach>
Percentiles percentiles_of(const ForEach& for_each) {
  Percentiles result;
  Nanos most = 0;
  for_each([&](Nanos sample) {
    ++result.samples;
    most = std::max(most, sample);
  });
  if (result.samples == 0) return result;
  const auto sample_at = [&](double fraction) {
    return sample_of_rank(for_each, nearest_rank(fraction, result.samples), most);
  };
  result.p50 = sample_at(0.5);
  if (result.samples >= kSamplesForP99) result.p99 = sample_at(0.99);
  result.max = most;
  return result;
}

}  // namespace ccbench
