#include "driver/arrival_schedule.h"

#include <algorithm>
#include <cmath>

#include "sync/std_sync.h"

namespace ccbench {
namespace {

constexpr std::uint64_t kPattern = std::uint64_t{1} << 20;

}  // namespace

ArrivalSchedule::ArrivalSchedule(double rate, Arrivals arrivals, std::uint64_t requests, std::uint64_t seed)
    : gap_(static_cast<double>(kSecond) / rate) {
  if (arrivals == Arrivals::even) return;
  // Independent callers together: gaps with an exponential distribution (a Poisson process), drawn by
  // inversion. A stream of its own, or the keys would be drawn by the same numbers.
  StdSync::random random(~seed);
  pattern_.resize(requests == 0 ? kPattern : std::min(requests, kPattern));
  double time = 0;
  for (Nanos& arrival : pattern_) {
    arrival = static_cast<Nanos>(time);
    const double drawn = (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53;
    time -= std::log(drawn) * gap_;
  }
  pattern_length_ = static_cast<Nanos>(time);
}

std::uint64_t ArrivalSchedule::before(Nanos time) const {
  // Arrivals ascend, so the first that is too late is found by halving.
  std::uint64_t from = 0;
  std::uint64_t to = static_cast<std::uint64_t>(2 * static_cast<double>(time) / gap_) + 2 * kPattern;
  while (from < to) {
    const std::uint64_t middle = from + (to - from) / 2;
    if (at(middle) < time) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

}  // namespace ccbench
