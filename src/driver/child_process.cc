#include "driver/child_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace ccbench {
namespace {

/// waitid, whatever signals come meanwhile.
siginfo_t wait_for(pid_t process, int options) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(process), &info, options) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitid");
  }
  return info;
}

}  // namespace

/// Only where something was thrown is there anything left to end, and nobody left to hear how that went.
ChildProcess::~ChildProcess() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  kill(-process_, SIGKILL);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

siginfo_t ChildProcess::end() {
  kill(process_, SIGKILL);
  wait_for(process_, WEXITED | WNOWAIT);
  kill(-process_, SIGKILL);
  return wait_for(std::exchange(process_, 0), WEXITED);
}

std::set<pid_t> children() {
  std::ifstream in(fmt::format("/proc/self/task/{}/children", getpid()));
  return {std::istream_iterator<pid_t>(in), {}};
}

void end_orphans(const std::set<pid_t>& before) {
  for (bool found = true; found;) {
    found = false;
    for (const pid_t child : children()) {
      if (before.contains(child)) continue;
      kill(child, SIGKILL);
      wait_for(child, WEXITED);
      found = true;
    }
  }
}

}  // namespace ccbench
