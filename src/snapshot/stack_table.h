// The distinct stacks of a run.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "snapshot/unwinder.h"

namespace ccbench {

class StackTable {
 public:
  /// The number of this stack, the same for equal ones, from 0.
  std::uint32_t add(Backtrace stack);

  /// All of them, in order of their numbers, with names. Every address is looked up once.
  std::vector<Stack> named(Unwinder& unwinder) const;

 private:
  struct Less {
    bool operator()(const Backtrace& a, const Backtrace& b) const {
      return a.complete != b.complete ? b.complete : a.addresses < b.addresses;
    }
  };
  std::map<Backtrace, std::uint32_t, Less> numbers_;
};

}  // namespace ccbench
