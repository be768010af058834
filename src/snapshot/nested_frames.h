// Stacks of a known depth, for the test and the measurement of unwinding.
#pragma once

#include "core/function_ref.h"

namespace ccbench {

/// Calls `innermost` under `Depth` + 1 frames that no compiler makes one of.
template <int Depth>
[[gnu::noinline]] int nested(FunctionRef<void()> innermost) {
  if constexpr (Depth == 0) {
    innermost();
    asm volatile("" ::: "memory");  // Or it would be a jump.
    return 0;
  } else {
    const int below = nested<Depth - 1>(innermost);
    asm volatile("" ::: "memory");
    return below + Depth;
  }
}

}  // namespace ccbench
