// What the observers of all trials of a run share.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/glibc_locks.h"
#include "snapshot/stack_table.h"
#include "snapshot/unwinder.h"

namespace ccbench {

class Sight {
 public:
  /// Asks the C library how it keeps its locks.
  Sight() {
    if (disagreement(built_layout()).empty()) layout_ = built_layout();
  }

  /// How to read owners; nothing if this C library does otherwise than its headers said.
  const std::optional<LockLayout>& layout() const { return layout_; }

  StackTable& stacks() { return stacks_; }

  /// Rows of the snapshots that were kept so far.
  std::size_t kept_rows() const { return kept_rows_; }
  void count_kept(std::size_t rows) { kept_rows_ += rows; }

  /// How many of the snapshots that somebody has asked for were taken, or are about to be.
  int snapshots_answered() const { return snapshots_answered_; }
  void answer_snapshots(int asked) { snapshots_answered_ = asked; }

  /// Made when it is first needed: reading what is loaded takes some milliseconds.
  Unwinder& unwinder() {
    if (!unwinder_) unwinder_.emplace();
    return *unwinder_;
  }

  std::vector<Stack> named_stacks() { return stacks_.named(unwinder()); }

 private:
  std::optional<LockLayout> layout_;
  StackTable stacks_;
  std::size_t kept_rows_ = 0;
  int snapshots_answered_ = 0;
  std::optional<Unwinder> unwinder_;
};

}  // namespace ccbench
