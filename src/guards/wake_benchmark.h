// How long it takes to wake many waiters of one call, for `ccbench bench`.
#pragma once

namespace ccbench {

/// Registers with Google Benchmark, as `wake_1000`: from the end of a section to the return of the last
/// of the 999 callers that share its result, for every guard that coalesces and for three ways written
/// by hand. All in one run, each once per round; `NAME_ms` is the median of one, `NAME_ratio` that of
/// its ratio to the best way by hand in the same round. For some 100 rounds and more:
///
///   ccbench bench --benchmark_filter=^wake --benchmark_min_time=4 --benchmark_counters_tabular=true
void register_wake_benchmarks();

}  // namespace ccbench
