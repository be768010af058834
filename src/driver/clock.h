// The one clock of the driver: CLOCK_MONOTONIC, which parent and trial processes share.
#pragma once

#include <chrono>
#include <ctime>

#include "core/duration.h"

namespace ccbench {

/// Nanoseconds since some fixed moment in the past. About 25 ns a call.
inline Nanos steady_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Sleeps until `deadline` on that clock; returns some 50 µs after it, on a busy machine later.
inline void sleep_until(Nanos deadline) {
  const timespec until{.tv_sec = deadline / kSecond, .tv_nsec = deadline % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

}  // namespace ccbench
