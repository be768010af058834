// Which request has which key.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/arrival_schedule.h"
#include "driver/experiment.h"

namespace ccbench {

/// The requests of a trial by index, the same for the same experiment and seed in every process.
class RequestSource {
 public:
  RequestSource(const Experiment& experiment, std::uint64_t seed);

  /// 0: without an end.
  std::uint64_t count() const { return count_; }
  Key key_of(std::uint64_t index) const {
    if (!keys_.empty()) return keys_[index];
    return up_to_.empty() ? index % key_count_ : drawn(index);
  }

  Kind kind_of(std::uint64_t index) const {
    return read_ratio_ > 0 && drawn_to_read(index) ? Kind::read : Kind::write;
  }

  /// When the request is meant to start, since the release: in a closed loop all at once.
  Nanos arrival_of(std::uint64_t index) const { return arrivals_.at(index); }
  /// Only in an open loop: how many are meant to start before `time`.
  std::uint64_t arrivals_before(Nanos time) const { return arrivals_.before(time); }

 private:
  Key drawn(std::uint64_t index) const;
  bool drawn_to_read(std::uint64_t index) const;

  std::uint64_t count_;
  Key key_count_;
  std::uint64_t seed_;
  double read_ratio_;
  std::vector<double> up_to_;        ///< weights of the keys up to each; empty where they are spread evenly
  std::vector<std::uint32_t> keys_;  ///< drawn beforehand, where there is a record of each request anyway
  ArrivalSchedule arrivals_;
};

}  // namespace ccbench
