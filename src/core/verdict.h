// What a trial shows about its guard, and what it exits with.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ccbench {

enum class Verdict : std::uint8_t {
  ok,            ///< every invariant holds, and the control showed that they could have been broken
  violation,     ///< an invariant is broken
  hung,          ///< no progress, or over the time limit
  crashed,       ///< the trial's process ended without finishing
  inconclusive,  ///< nothing broke, and nothing shows that it could have
  error,         ///< the trial could not be carried out
};

inline constexpr std::array<std::string_view, 6> kVerdictNames = {"OK",      "VIOLATION",    "HUNG",
                                                                  "CRASHED", "INCONCLUSIVE", "ERROR"};

constexpr std::string_view name_of(Verdict verdict) {
  return kVerdictNames.at(static_cast<std::size_t>(verdict));
}

/// Whether it says that the guard does not hold.
constexpr bool has_failed(Verdict verdict) {
  return verdict == Verdict::violation || verdict == Verdict::hung || verdict == Verdict::crashed;
}

/// Exit codes of the command line; scripts depend on them.
enum ExitCode : int {
  kExitOk = 0,
  kExitInternal = 1,
  kExitUsage = 2,
  kExitViolation = 3,
  kExitRegression = 4,
  kExitInconclusive = 5,
  kExitHung = 6,
  kExitError = 7,
  kExitExpectation = 8,
  kExitCrashed = 9,
  kExitInterrupted = 130,
  kExitTerminated = 143,
};

/// What one verdict alone exits with.
constexpr int exit_code_of(Verdict verdict) {
  constexpr std::array<int, 6> kCodes = {kExitOk,      kExitViolation,    kExitHung,
                                         kExitCrashed, kExitInconclusive, kExitError};
  return kCodes.at(static_cast<std::size_t>(verdict));
}

/// Which of two codes the program exits with: 1, 130/143, 2, 7, then 3, 9, 6, 8, 4, 5, then 0.
int worse_exit_code(int a, int b);

/// The verdict that weighs more, by its exit code.
inline Verdict worse(Verdict a, Verdict b) {
  return worse_exit_code(exit_code_of(a), exit_code_of(b)) == exit_code_of(a) ? a : b;
}

}  // namespace ccbench
