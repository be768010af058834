#include "snapshot/process_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ccbench {

ProcessMemory::~ProcessMemory() {
  if (file_ >= 0) close(file_);
}

std::size_t ProcessMemory::read(std::uint64_t address, std::span<std::byte> into) {
  if (means_ == Means::system_call) {
    const iovec local{.iov_base = into.data(), .iov_len = into.size()};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): it is another process's address.
    const iovec remote{.iov_base = reinterpret_cast<void*>(address), .iov_len = into.size()};
    const ssize_t got = process_vm_readv(process_, &local, 1, &remote, 1, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EPERM && errno != ENOSYS && errno != EACCES) return 0;
    limitation_ = fmt::format("process_vm_readv: {}; read through /proc/PID/mem", std::strerror(errno));
    means_ = Means::file;
    file_ = open(fmt::format("/proc/{}/mem", process_).c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) {
      limitation_ = fmt::format("the memory of the trial cannot be read: {}", std::strerror(errno));
      means_ = Means::none;
    }
  }
  return means_ == Means::file ? read_file(address, into) : 0;
}

std::size_t ProcessMemory::read_file(std::uint64_t address, std::span<std::byte> into) const {
  const ssize_t got = pread(file_, into.data(), into.size(), static_cast<off_t>(address));
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

}  // namespace ccbench
