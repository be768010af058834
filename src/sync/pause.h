// The pause between a scenario's check and its act.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/request.h"
#include "core/window.h"

namespace ccbench {

/// Holds the window open that a race needs. The same for a seed, a request and a window, in every run.
template <class Sync>
class Pause {
 public:
  Pause(Window window, std::uint64_t seed) : window_(window), seed_(typename Sync::random(seed)()) {}

  /// Returns after the pause of this request. Sleeps, so that others can come in between; what is too short
  /// to be slept is spun.
  void operator()(const Request& request) const {
    if (window_.length == 0) return;
    const std::chrono::nanoseconds length(length_for(request));
    if (length >= kShortestSleep) {
      Sync::sleep_for(length);
    } else {
      Sync::spin_for(length);
    }
  }

 private:
  /// A timer of the kernel fires some 50 µs late.
  static constexpr std::chrono::microseconds kShortestSleep{50};

  Nanos length_for(const Request& request) const {
    if (window_.kind == Window::Kind::fixed) return window_.length;
    typename Sync::random random(seed_ ^ request.index);
    return static_cast<Nanos>(random() % (2 * static_cast<std::uint64_t>(window_.length) + 1));
  }

  const Window window_;
  const std::uint64_t seed_;  ///< scrambled: else a seed's neighbours would have its pauses in another order
};

}  // namespace ccbench
