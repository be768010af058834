#include "cli/progress.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "report/thread_dump.h"

namespace ccbench {
namespace {

constexpr std::string_view kClearLine = "\r\033[K";

/// Writes what the reader takes, and gives the rest up when he takes nothing for a second: nobody reading is
/// no reason to keep the run, and those who want to interrupt it, waiting.
void write_patiently(int descriptor, std::string_view text) {
  constexpr int kPatienceMs = 1000;
  constexpr std::size_t kPiece = 4096;  // A pipe that is ready takes as much without blocking.
  while (!text.empty()) {
    pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, kPatienceMs) <= 0 || (ready.revents & POLLOUT) == 0) return;
    const ssize_t written = write(descriptor, text.data(), std::min(text.size(), kPiece));
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

ProgressLine::~ProgressLine() {
  if (shown_) fmt::print(stderr, "{}", kClearLine);
}

void ProgressLine::show(std::string_view text) const {
  if (!shown_) return;
  fmt::print(stderr, "{}{}", kClearLine, text);
  std::fflush(stderr);
}

std::string_view ProgressLine::clear() const { return shown_ ? kClearLine : std::string_view{}; }

void TerminalProgress::trial_begins(std::uint64_t number, std::uint64_t most, std::string_view guard) {
  line_.show(fmt::format("trial {} of {}: {}", number, most, guard));
}

void TerminalProgress::snapshot_asked(const Snapshot& snapshot, const GuardInfo& guard,
                                      const ScenarioInfo& scenario, const std::vector<Stack>& stacks) {
  const SnapshotContext context{
      .scenario = scenario, .guard = guard.name, .promises = guard.promises, .stacks = stacks};
  std::ostringstream text;
  text << line_.clear();
  write_snapshot(context, snapshot, Detail::folded, text);
  text << '\n';
  std::fflush(stderr);
  write_patiently(STDERR_FILENO, text.str());
}

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

std::size_t terminal_width(int descriptor) {
  constexpr std::size_t kLeast = 40;
  constexpr std::size_t kMost = 110;
  winsize size{};
  // A terminal that does not know its size says 0.
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kMost;
  return std::clamp<std::size_t>(size.ws_col, kLeast, kMost);
}

bool wants_color() {
  // https://no-color.org: set and not empty, whatever its value.
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): before any thread.
  const char* terminal = std::getenv("TERM");      // NOLINT(concurrency-mt-unsafe)
  return (no_color == nullptr || *no_color == '\0') && terminal != nullptr && std::string(terminal) != "dumb";
}

}  // namespace ccbench
