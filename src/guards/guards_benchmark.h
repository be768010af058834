// What guards cost per call, for `ccbench bench`.
#pragma once

namespace ccbench {

/// Registers with Google Benchmark, for every guard of this program: its cost on an existing key, on the
/// first use of a key and contended, each beside a hand-written counterpart where there is one, and what
/// the harness adds to all of them. Those who let reads in together also with requests that read, as `reads`
/// and `contended_reads`.
void register_guard_benchmarks();

}  // namespace ccbench
