// A thread's stack, copied by the thread itself when a signal asks for it: the only way to see a thread that
// runs.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "snapshot/unwinder.h"
#include "snapshot/worker_slot.h"

namespace ccbench {

/// In memory that both processes share; all zero at the start.
struct alignas(64) SignalledStack {
  std::atomic<std::uint32_t> answered;  ///< number of the last question that was answered, stored last
  std::uint64_t program_counter;
  std::uint64_t stack_pointer;
  std::uint64_t frame_pointer;
  std::uint64_t size;  ///< of what was copied
  std::array<std::byte, std::size_t{16} << 10> bytes;
};

/// In the process that is watched: from now on its workers answer. The handler allocates nothing, takes no
/// lock, calls nothing and leaves errno alone. It restarts interrupted system calls where the kernel does
/// (signal(7)).
void answer_signals(std::span<SignalledStack> stacks, std::span<const WorkerSlot> slots);

/// Puts a question to one worker, with a number by which its answer is known. False if it cannot be
/// signalled.
bool ask_for_stack(pid_t process, pid_t thread, std::uint32_t worker, std::uint32_t question);

}  // namespace ccbench
