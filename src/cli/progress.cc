#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace ccbench {
namespace {

constexpr const char* kClearLine = "\r\033[K";

}  // namespace

TerminalProgress::~TerminalProgress() {
  if (shown_) fmt::print(stderr, "{}", kClearLine);
}

void TerminalProgress::trial_begins(std::uint64_t number, std::uint64_t most, std::string_view guard) {
  if (!shown_) return;
  fmt::print(stderr, "{}trial {} of {}: {}", kClearLine, number, most, guard);
  std::fflush(stderr);
}

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

bool wants_color() {
  // https://no-color.org: set and not empty, whatever its value.
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): before any thread.
  const char* terminal = std::getenv("TERM");      // NOLINT(concurrency-mt-unsafe)
  return (no_color == nullptr || *no_color == '\0') && terminal != nullptr && std::string(terminal) != "dumb";
}

}  // namespace ccbench
