#include "gate/judge.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace ccbench {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

}  // namespace

std::string_view name_of(Judgement judgement) {
  constexpr std::array<std::string_view, 4> kNames = {"pass", "improved", "regressed", "inconclusive"};
  return kNames.at(static_cast<std::size_t>(judgement));
}

Opinion judge(std::span<const std::pair<double, double>> pairs, double threshold, double alpha) {
  std::vector<std::pair<double, double>> turned;
  turned.reserve(pairs.size());
  for (const auto& [base, candidate] : pairs) turned.emplace_back(candidate, base);
  const auto ratio = estimate_ratio(turned, 1 - 2 * alpha);
  return ratio ? opinion_of(*ratio, threshold) : Opinion{.ratio = std::nullopt, .smallest_seen = kNever};
}

Opinion opinion_of(const Estimate& estimate, double threshold) {
  Opinion opinion{.ratio = estimate, .smallest_seen = kNever};
  if (!estimate.interval) return opinion;
  const double ratio = estimate.median;
  const auto [low, high] = *estimate.interval;
  opinion.smallest_seen = std::max(1 + threshold, low > 0 ? ratio / low : opinion.smallest_seen);
  if (low > 1 && ratio > 1 + threshold) {
    opinion.judgement = Judgement::regressed;
  } else if (high < 1 && ratio < 1 / (1 + threshold)) {
    opinion.judgement = Judgement::improved;
  } else if (high < 1 + threshold) {
    opinion.judgement = Judgement::pass;
  }
  return opinion;
}

}  // namespace ccbench
