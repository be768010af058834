#include "core/verdict.h"

#include <algorithm>

namespace ccbench {

int worse_exit_code(int a, int b) {
  constexpr std::array<int, 12> kGravest = {kExitInternal,    kExitInterrupted, kExitTerminated,   kExitUsage,
                                            kExitError,       kExitViolation,   kExitCrashed,      kExitHung,
                                            kExitExpectation, kExitRegression,  kExitInconclusive, kExitOk};
  return std::ranges::find(kGravest, a) <= std::ranges::find(kGravest, b) ? a : b;
}

}  // namespace ccbench
