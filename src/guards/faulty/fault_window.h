// For faulty guards: the window in which the fault shows, held open for longer than in real code.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>

#include "core/guard.h"

namespace ccbench {

/// What a guard with a window declares, so that --fault-window=0 shows its fault as it would stand in real
/// code, where a few instructions lie between the two steps.
inline constexpr Parameter kFaultWindow = {.name = "fault-window",
                                           .about = "how long its fault is held open; 0: as in real code",
                                           .type = Parameter::Type::period,
                                           .initial = "1m",
                                           .initial_means = "its own",
                                           .explored = "0"};

/// `.parameters` of one that has no other.
inline constexpr std::array<Parameter, 1> kFaultWindowOnly = {kFaultWindow};

/// Closed, it is not held at all: nobody sleeps, and nothing is asked.
template <class Sync>
class FaultWindow {
 public:
  /// `own`: for so long the guard holds it where nobody asks for less.
  FaultWindow(const GuardContext& context, std::chrono::nanoseconds own)
      : length_(std::min(own, context.parameters.time(kFaultWindow.name))) {}

  std::chrono::nanoseconds length() const { return length_; }
  bool closed() const { return length_ <= std::chrono::nanoseconds::zero(); }

  void hold() const { Sync::sleep_for(length_); }

  /// Until what it is held for has happened, as seen by a look every millisecond.
  template <class Condition>
  void hold_until(Condition happened) const {
    for (auto left = length_; left > decltype(left)::zero() && !happened(); left -= kLook)
      Sync::sleep_for(kLook);
  }

 private:
  static constexpr std::chrono::nanoseconds kLook = std::chrono::milliseconds(1);

  const std::chrono::nanoseconds length_;
};

}  // namespace ccbench
