#include "snapshot/worker_slot.h"

namespace ccbench {

std::uint64_t stack_end_of_caller() {
  constexpr std::uint64_t kThreadLibrary = 2048;
  return reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)) + kThreadLibrary;
}

}  // namespace ccbench
