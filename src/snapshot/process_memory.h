// Another process's memory, read without stopping it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ccbench {

/// By process_vm_readv(2), and where that is refused (a seccomp filter) by /proc/PID/mem. Who may read is
/// decided by the kernel as for ptrace(2); a process may read its children unless they are not dumpable.
class ProcessMemory {
 public:
  explicit ProcessMemory(pid_t process) : process_(process) {}
  ~ProcessMemory();
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;

  /// Copies what is at `address` and answers how many bytes there were before the first that could not be
  /// read. The process runs on meanwhile: only single aligned words are sure to be read whole.
  std::size_t read(std::uint64_t address, std::span<std::byte> into);

  /// Empty, or why not all of it works: `process_vm_readv: Operation not permitted; read through
  /// /proc/PID/mem`.
  const std::string& limitation() const { return limitation_; }
  bool refused() const { return means_ == Means::none; }

 private:
  enum class Means : std::uint8_t { system_call, file, none };

  std::size_t read_file(std::uint64_t address, std::span<std::byte> into) const;

  const pid_t process_;
  Means means_ = Means::system_call;
  int file_ = -1;
  std::string limitation_;
};

}  // namespace ccbench
