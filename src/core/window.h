// A pause between a scenario's check and its act, which makes a race easy to lose.
#pragma once

#include <cstdint>

#include "core/duration.h"

namespace ccbench {

/// Guards and the control face the same window: it is part of the section.
struct Window {
  enum class Kind : std::uint8_t {
    fixed,     ///< always `length`
    jittered,  ///< from 0 to twice `length`, by the trial's seed and the request's index
  };

  Nanos length = 0;  ///< 0: none
  Kind kind = Kind::fixed;

  Nanos longest() const { return kind == Kind::jittered ? 2 * length : length; }
};

}  // namespace ccbench
