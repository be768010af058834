#include "stats/rate.h"

#include <boost/math/special_functions/beta.hpp>
#include <cmath>

namespace ccbench {

Interval rate_interval(std::uint64_t hits, std::uint64_t trials, double confidence) {
  const double tail = (1 - confidence) / 2;
  const auto hit = static_cast<double>(hits);
  const auto missed = static_cast<double>(trials - hits);
  // The ends are quantiles of the beta distribution.
  return {.low = hits == 0 ? 0 : boost::math::ibeta_inv(hit, missed + 1, tail),
          .high = hits == trials ? 1 : boost::math::ibeta_inv(hit + 1, missed, 1 - tail)};
}

std::uint64_t trials_to_see(double rate, double confidence) {
  if (rate >= 1) return 1;
  return static_cast<std::uint64_t>(std::ceil(std::log1p(-confidence) / std::log1p(-rate)));
}

std::uint64_t trials_to_see_again(std::uint64_t hits, std::uint64_t trials, double confidence) {
  const auto hit = static_cast<double>(hits);
  const auto missed = static_cast<double>(trials - hits) + 1;
  double none = 1;  // How probable it is that none of the further ones hits.
  std::uint64_t further = 0;
  while (none > 1 - confidence) {
    const auto before = static_cast<double>(further++);
    none *= (missed + before) / (hit + missed + before);
  }
  return further;
}

}  // namespace ccbench
