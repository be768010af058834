#include "snapshot/thread_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <span>
#include <utility>

namespace ccbench {
namespace {

/// The words of a line, read one after the other as numbers.
class Words {
 public:
  explicit Words(std::string_view line) : line_(line) {}

  template <class Number>
  bool next(Number& number) {
    while (!line_.empty() && line_.front() == ' ') line_.remove_prefix(1);
    const bool hexadecimal = line_.starts_with("0x");
    if (hexadecimal) line_.remove_prefix(2);
    const auto [end, error] =
        std::from_chars(line_.data(), line_.data() + line_.size(), number, hexadecimal ? 16 : 10);
    if (error != std::errc{}) return false;
    line_.remove_prefix(static_cast<std::size_t>(end - line_.data()));
    return true;
  }

 private:
  std::string_view line_;
};

using Buffer = std::array<char, 256>;

/// Reads a small file from its start: what `kept` is open on, or if that is none, the one at `path`. Empty
/// with `errno` set if it cannot be read.
template <class Path>
std::string_view contents(int kept, Path path, Buffer& buffer) {
  const int file = kept >= 0 ? kept : open(path().c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t got = pread(file, buffer.data(), buffer.size(), 0);
  const int error = errno;
  if (kept < 0) close(file);
  errno = error;
  return got > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(got)) : std::string_view{};
}

/// Asks the kernel: a file that is not there may never have been.
bool is_gone(pid_t process, pid_t thread) {
  constexpr int kNoSignal = 0;
  return syscall(SYS_tgkill, process, thread, kNoSignal) != 0 && errno == ESRCH;
}

}  // namespace

std::optional<SystemCall> parse_system_call(std::string_view line) {
  SystemCall call;
  Words words(line);
  if (!words.next(call.number)) return std::nullopt;
  if (call.number >= 0) {
    for (std::uint64_t& argument : call.arguments) {
      if (!words.next(argument)) return std::nullopt;
    }
  }
  if (!words.next(call.stack_pointer) || !words.next(call.program_counter)) return std::nullopt;
  return call;
}

std::optional<Schedule> parse_schedule(std::string_view line) {
  Schedule schedule;
  Words words(line);
  if (!words.next(schedule.ran) || !words.next(schedule.queued) || !words.next(schedule.times))
    return std::nullopt;
  return schedule;
}

ThreadFiles::ThreadFiles(pid_t process, pid_t thread, Keep keep) : process_(process), thread_(thread) {
  if (keep == Keep::closed) return;
  syscall_ = open(path_of("syscall").c_str(), O_RDONLY | O_CLOEXEC);
  schedstat_ = open(path_of("schedstat").c_str(), O_RDONLY | O_CLOEXEC);
}

ThreadFiles::~ThreadFiles() {
  if (syscall_ >= 0) close(syscall_);
  if (schedstat_ >= 0) close(schedstat_);
}

ThreadFiles::ThreadFiles(ThreadFiles&& other) noexcept
    : process_(other.process_),
      thread_(other.thread_),
      syscall_(std::exchange(other.syscall_, -1)),
      schedstat_(std::exchange(other.schedstat_, -1)) {}

std::string ThreadFiles::path_of(std::string_view file) const {
  return fmt::format("/proc/{}/task/{}/{}", process_, thread_, file);
}

ThreadFiles::State ThreadFiles::look(SystemCall& call) const {
  Buffer buffer;
  errno = 0;
  const std::string_view line = contents(syscall_, [this] { return path_of("syscall"); }, buffer);
  if (line.empty()) {
    const int why = errno != 0 ? errno : ENODATA;
    if (is_gone(process_, thread_)) return State::gone;
    errno = why;
    return State::refused;
  }
  const auto parsed = parse_system_call(line);
  if (!parsed) return State::running;
  call = *parsed;
  return State::sleeping;
}

std::optional<Schedule> ThreadFiles::schedule() const {
  Buffer buffer;
  return parse_schedule(contents(schedstat_, [this] { return path_of("schedstat"); }, buffer));
}

}  // namespace ccbench
