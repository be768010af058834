// When the requests of an open loop are meant to start.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/experiment.h"

namespace ccbench {

/// Decided by rate, kind and seed alone, so that all guards of a round face the same arrivals. Memory does
/// not grow with the requests: the pattern of the first 2^20 random arrivals repeats.
class ArrivalSchedule {
 public:
  ArrivalSchedule() = default;  ///< all at the release
  /// Of `requests` at `rate` per second, which must be above 0; 0: without an end.
  ArrivalSchedule(double rate, Arrivals arrivals, std::uint64_t requests, std::uint64_t seed);

  /// Since the release, ascending in `index`; the first comes at the release. At a constant price.
  Nanos at(std::uint64_t index) const {
    if (pattern_.empty()) return static_cast<Nanos>(static_cast<double>(index) * gap_);
    return static_cast<Nanos>(index / pattern_.size()) * pattern_length_ + pattern_[index % pattern_.size()];
  }

  /// How many arrive before `time`, were there no end to them.
  std::uint64_t before(Nanos time) const;

 private:
  double gap_ = 0;              ///< nanoseconds from one to the next, in the mean
  std::vector<Nanos> pattern_;  ///< of random arrivals, ascending; else empty
  Nanos pattern_length_ = 0;    ///< from its first arrival to that of its next repetition
};

}  // namespace ccbench
