// How a run gets on, for somebody at a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "driver/run.h"

namespace ccbench {

/// One line on standard error, written over and over and gone at the end; nothing if not `shown`.
class ProgressLine {
 public:
  explicit ProgressLine(bool shown) : shown_(shown) {}
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(std::string_view text) const;
  /// What makes room for other text; nothing if there is none in the way.
  std::string_view clear() const;

 private:
  const bool shown_;
};

/// Which trial runs; and snapshots that SIGQUIT asks for, as a thread dump, in any case.
class TerminalProgress final : public Progress {
 public:
  explicit TerminalProgress(bool shown) : line_(shown) {}
  void trial_begins(std::uint64_t number, std::uint64_t most, std::string_view guard) override;
  void snapshot_asked(const Snapshot& snapshot, const GuardInfo& guard, const ScenarioInfo& scenario,
                      const std::vector<Stack>& stacks) override;

 private:
  const ProgressLine line_;
};

/// Whether to show progress and colour to whoever reads the file descriptor.
bool is_terminal(int descriptor);
bool wants_color();

/// Columns to write in: those of the terminal behind the file descriptor, from 40 to 110; else 110.
std::size_t terminal_width(int descriptor);

}  // namespace ccbench
