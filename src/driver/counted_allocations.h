// For tests: how often this thread has allocated.
#pragma once

#include <cstdint>

namespace ccbench {

/// Through any form of `new`, which the whole test program has counted.
std::uint64_t allocations_of_this_thread();

}  // namespace ccbench
