#include "driver/request_source.h"

#include <algorithm>
#include <cmath>

#include "sync/std_sync.h"

namespace ccbench {
namespace {

/// Key k is drawn with weight 1 / (k+1)^exponent.
std::vector<double> zipf_weights(Key keys, double exponent) {
  std::vector<double> up_to(keys);
  double sum = 0;
  for (Key key = 0; key < keys; ++key) up_to[key] = sum += std::pow(static_cast<double>(key + 1), -exponent);
  return up_to;
}

}  // namespace

RequestSource::RequestSource(const Experiment& experiment, std::uint64_t seed)
    : count_(experiment.requests),
      key_count_(experiment.keys),
      seed_(seed),
      read_ratio_(experiment.read_ratio) {
  if (experiment.rate > 0) arrivals_ = ArrivalSchedule(experiment.rate, experiment.arrivals, count_, seed);
  if (!experiment.zipf) return;
  up_to_ = zipf_weights(key_count_, *experiment.zipf);
  if (experiment.counts()) return;
  keys_.resize(count_);
  for (std::uint64_t index = 0; index < count_; ++index)
    keys_[index] = static_cast<std::uint32_t>(drawn(index));
}

Key RequestSource::drawn(std::uint64_t index) const {
  StdSync::random random(seed_);
  random.discard(index);
  const double point = static_cast<double>(random() >> 11) * 0x1p-53 * up_to_.back();
  const auto found = std::ranges::upper_bound(up_to_, point);
  return static_cast<Key>(std::min<std::ptrdiff_t>(found - up_to_.begin(), std::ssize(up_to_) - 1));
}

bool RequestSource::drawn_to_read(std::uint64_t index) const {
  // Another stream than the keys', or who reads would depend on what.
  StdSync::random random(~seed_);
  random.discard(index);
  return static_cast<double>(random() >> 11) * 0x1p-53 < read_ratio_;
}

}  // namespace ccbench
