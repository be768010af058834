// Which limit of the system was met.
#pragma once

#include <cstdint>
#include <string>

namespace ccbench {

/// Why the system refused a thread after `started` of `wanted`, with the name of the limit that is
/// reached: `RLIMIT_NPROC (max user processes)`, `pids.max of the control group`, …. To be asked in
/// the process that was refused, while what it has is still there. `error` is the error number.
std::string refused_threads(std::uint32_t started, std::uint32_t wanted, int error);

/// How many processes the kernel has killed for want of memory, on this machine and since its start;
/// 0 where it does not tell.
std::uint64_t out_of_memory_kills();

}  // namespace ccbench
