// The one clock of the driver: CLOCK_MONOTONIC, which parent and trial processes share.
#pragma once

#include <chrono>

#include "core/duration.h"

namespace ccbench {

/// Nanoseconds since some fixed moment in the past. About 25 ns a call.
inline Nanos steady_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace ccbench
