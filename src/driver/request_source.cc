#include "driver/request_source.h"

#include <algorithm>
#include <cmath>

#include "sync/std_sync.h"

namespace ccbench {
namespace {

// Key k is drawn with weight 1 / (k+1)^exponent.
std::vector<std::uint32_t> zipf_keys(std::uint64_t count, Key keys, double exponent, std::uint64_t seed) {
  std::vector<double> up_to(keys);
  double sum = 0;
  for (Key key = 0; key < keys; ++key) up_to[key] = sum += std::pow(static_cast<double>(key + 1), -exponent);
  StdSync::random random(seed);
  std::vector<std::uint32_t> drawn(count);
  for (auto& key : drawn) {
    const double point = static_cast<double>(random() >> 11) * 0x1p-53 * sum;
    const auto found = std::ranges::upper_bound(up_to, point);
    key = static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(found - up_to.begin(), std::ssize(up_to) - 1));
  }
  return drawn;
}

}  // namespace

RequestSource::RequestSource(const Experiment& experiment, std::uint64_t seed)
    : count_(experiment.requests), key_count_(experiment.keys) {
  if (experiment.zipf) keys_ = zipf_keys(count_, key_count_, *experiment.zipf, seed);
}

}  // namespace ccbench
