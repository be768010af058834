// How fast the explorer is, for `ccbench bench`.
#pragma once

namespace ccbench {

/// Registers with Google Benchmark: schedules per second of CPU time, at random and one of each class.
void register_explore_benchmarks();

}  // namespace ccbench
