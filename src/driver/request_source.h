// Which request has which key.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/experiment.h"

namespace ccbench {

/// The requests of a trial by index, the same for the same experiment and seed in every process.
class RequestSource {
 public:
  RequestSource(const Experiment& experiment, std::uint64_t seed);

  std::uint64_t count() const { return count_; }
  Key key_of(std::uint64_t index) const { return keys_.empty() ? index % key_count_ : keys_[index]; }

 private:
  std::uint64_t count_;
  Key key_count_;
  std::vector<std::uint32_t> keys_;  ///< drawn keys; empty where requests are spread evenly
};

}  // namespace ccbench
