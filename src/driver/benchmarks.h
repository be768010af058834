// What the driver itself costs, for `ccbench bench`.
#pragma once

namespace ccbench {

/// Registers with Google Benchmark: creating, releasing and joining workers, beside default threads.
void register_driver_benchmarks();

}  // namespace ccbench
