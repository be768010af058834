// Without libdw: states, locks and owners, and no stacks.
#include "snapshot/unwinder.h"

namespace ccbench {

class Unwinder::Modules {};

Unwinder::Unwinder() = default;
Unwinder::~Unwinder() = default;

bool Unwinder::available() const { return modules_ != nullptr; }

Backtrace Unwinder::unwind(const Registers& /*registers*/, std::span<const std::byte> /*stack*/) {
  return {};
}

const std::string& Unwinder::function(std::uint64_t /*address*/, bool /*innermost*/) {
  static const std::string kUnknown;
  return kUnknown;
}

std::vector<Frame> Unwinder::name(std::uint64_t address, bool /*innermost*/) {
  std::vector<Frame> frames(1);
  frames.front().address = address;
  return frames;
}

}  // namespace ccbench
