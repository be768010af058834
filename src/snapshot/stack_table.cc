#include "snapshot/stack_table.h"

#include <ranges>
#include <utility>

namespace ccbench {

std::uint32_t StackTable::add(Backtrace stack) {
  return numbers_.try_emplace(std::move(stack), static_cast<std::uint32_t>(numbers_.size())).first->second;
}

std::vector<Stack> StackTable::named(Unwinder& unwinder) const {
  std::vector<Stack> stacks(numbers_.size());
  std::map<std::pair<std::uint64_t, bool>, std::vector<Frame>> known;
  for (const auto& [trace, number] : numbers_) {
    Stack& stack = stacks[number];
    stack.complete = trace.complete;
    bool innermost = true;
    for (const std::uint64_t address : trace.addresses) {
      const auto [frames, is_new] = known.try_emplace({address, innermost});
      if (is_new) frames->second = unwinder.name(address, innermost);
      stack.frames.insert(stack.frames.end(), frames->second.begin(), frames->second.end());
      innermost = false;
    }
    // What threads begin with may have no symbols.
    for (Frame& frame : std::views::reverse(stack.frames)) {
      if (!frame.harness && !frame.function.empty()) break;
      frame.harness = true;
    }
  }
  return stacks;
}

}  // namespace ccbench
