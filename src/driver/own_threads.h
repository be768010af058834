// What the threads use that a guard has of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// The threads that this process has besides the one that asks: where there are no workers yet, those that a
/// guard has started. A worker asks the kernel itself what it has used; of these only the files under /proc
/// tell.
class OwnThreads {
 public:
  /// What they have used since they began, all together.
  struct Usage {
    std::uint64_t ran = 0;           ///< ns; exact of a thread that sleeps
    std::uint64_t user_ticks = 0;    ///< of the kernel's clock, in which it says how that divides
    std::uint64_t system_ticks = 0;  ///< likewise
    std::uint64_t voluntary_switches = 0;
    std::uint64_t involuntary_switches = 0;
  };

  /// Throws std::filesystem::filesystem_error where there is no /proc.
  OwnThreads();

  /// Nothing if one of them has ended, or the kernel does not tell.
  std::optional<Usage> usage() const;

 private:
  std::vector<pid_t> threads_;
};

/// What was used from one look to a later one. Where it was less than a tick, 10 ms, all is called user.
CpuReport between(const OwnThreads::Usage& before, const OwnThreads::Usage& after);

/// The ticks in the line of a thread's file `stat`, and the switches in its file `status`. False for a text
/// that is no such file.
bool parse_ticks(std::string_view stat, OwnThreads::Usage& usage);
bool parse_switches(std::string_view status, OwnThreads::Usage& usage);

}  // namespace ccbench
