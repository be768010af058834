// For tests: whether a thread of this process sleeps, instead of waiting so long that it should.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <thread>

#include "snapshot/thread_files.h"

namespace ccbench {

/// Whether the thread slept at two looks, a millisecond apart, and has not run in between.
inline bool is_asleep(pid_t thread) {
  const ThreadFiles files(getpid(), thread, ThreadFiles::Keep::closed);
  const auto sleeps = [&] {
    SystemCall call;
    return files.look(call) == ThreadFiles::State::sleeping;
  };
  const std::optional<Schedule> before = files.schedule();
  if (!sleeps()) return false;
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return sleeps() && files.schedule() == before;
}

}  // namespace ccbench
