// What the kernel says of one thread of another process: proc(5), /proc/PID/task/TID/syscall and schedstat.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ccbench {

/// Where a thread that is not running entered the kernel.
struct SystemCall {
  long number = -1;  ///< -1: not by a system call (a page fault)
  std::array<std::uint64_t, 6> arguments{};
  std::uint64_t stack_pointer = 0;
  std::uint64_t program_counter = 0;
};

/// The line of the file `syscall`; nothing if it says `running`, or is no such line.
std::optional<SystemCall> parse_system_call(std::string_view line);

/// How often and how long a thread has had a CPU. While it sleeps, nothing of it changes.
struct Schedule {
  std::uint64_t ran = 0;     ///< ns on a CPU, exact once it has left the CPU
  std::uint64_t queued = 0;  ///< ns in want of a CPU
  std::uint64_t times = 0;   ///< how often it got one; 0: the kernel does not count
  bool operator==(const Schedule&) const = default;
};
std::optional<Schedule> parse_schedule(std::string_view line);

/// Keeps both files open, because opening takes several times as long as reading; or, where there are not
/// enough descriptors, opens them for every look.
class ThreadFiles {
 public:
  enum class Keep : std::uint8_t { open, closed };
  ThreadFiles(pid_t process, pid_t thread, Keep keep);
  ~ThreadFiles();
  ThreadFiles(ThreadFiles&& other) noexcept;
  ThreadFiles(const ThreadFiles&) = delete;
  ThreadFiles& operator=(const ThreadFiles&) = delete;
  ThreadFiles& operator=(ThreadFiles&&) = delete;

  enum class State : std::uint8_t {
    running,  ///< on a CPU, or waiting for one
    sleeping,
    gone,     ///< the thread has ended, or its process has
    refused,  ///< `errno` says why
  };
  /// `call` is set where the thread sleeps.
  State look(SystemCall& call) const;

  /// Nothing where the file cannot be read.
  std::optional<Schedule> schedule() const;

 private:
  std::string path_of(std::string_view file) const;

  pid_t process_;
  pid_t thread_;
  int syscall_ = -1;
  int schedstat_ = -1;
};

}  // namespace ccbench
