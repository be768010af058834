#include "snapshot/glibc_locks.h"

#include <fmt/format.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <shared_mutex>

namespace ccbench {
namespace {

std::uint32_t word_at(std::span<const std::byte> memory, std::size_t offset) {
  std::uint32_t word = 0;
  if (offset + sizeof word <= memory.size()) std::memcpy(&word, memory.data() + offset, sizeof word);
  return word;
}

int tid_at(std::span<const std::byte> memory, std::size_t offset) {
  return static_cast<int>(word_at(memory, offset));
}

/// As the library numbers them: normal, recursive, error-checking, adaptive. The bits above tell of lock
/// elision.
constexpr std::uint32_t kMutexTypes = 3;
constexpr std::uint32_t kRecursive = 1;
constexpr std::uint32_t kElisionBits = 0x300;

/// The readers of a shared mutex are counted above these bits of its word.
constexpr unsigned kReaderShift = 3;

std::optional<LockFound> as_mutex(const FutexWait& wait, std::span<const std::byte> memory,
                                  const LockLayout& layout, FunctionRef<bool(int)> is_thread) {
  constexpr std::uint32_t kContended = 2;
  const int owner = tid_at(memory, layout.mutex_owner);
  const std::uint32_t kind = word_at(memory, layout.mutex_kind) & ~kElisionBits;
  const bool fits = wait.expected == kContended && owner > 0 && kind <= kMutexTypes &&
                    word_at(memory, layout.mutex_users) >= 1 && is_thread(owner);
  if (!fits) return std::nullopt;
  LockFound found{
      .address = wait.address, .kind = LockKind::mutex, .owner_tid = owner, .depth = 0, .readers = 0};
  if (wait.limited) found.kind = LockKind::timed_mutex;
  if (kind == kRecursive) {
    found.kind = LockKind::recursive_mutex;
    found.depth = word_at(memory, layout.mutex_count);
  }
  return found;
}

enum class Holders : std::uint8_t { writer, readers, either };

/// `before`: how far the word is into the lock.
std::optional<LockFound> as_rwlock(const FutexWait& wait, const LockWindow& window, std::size_t before,
                                   Holders holders, const LockLayout& layout,
                                   FunctionRef<bool(int)> is_thread) {
  const std::span<const std::byte> memory = std::span(window).subspan(kBeforeWord - before);
  const int writer = tid_at(memory, layout.rwlock_owner);
  const std::uint32_t readers = word_at(memory, layout.rwlock_readers) >> kReaderShift;
  constexpr std::uint32_t kMostReaders = 1 << 22;  // More tasks than a kernel has.
  const bool written = holders != Holders::readers && writer > 0 && is_thread(writer);
  const bool read = holders != Holders::writer && writer == 0 && readers >= 1 && readers < kMostReaders;
  if (!written && !read) return std::nullopt;
  return LockFound{.address = wait.address - before,
                   .kind = LockKind::shared_mutex,
                   .owner_tid = writer,
                   .depth = 0,
                   .readers = writer != 0 ? 0 : readers};
}

/// The bytes of a living lock, which may change while they are copied.
template <class Lock>
auto bytes_of(Lock& lock) {
  std::array<std::byte, sizeof(lock)> bytes;
  std::memcpy(bytes.data(), &lock, sizeof(lock));
  return bytes;
}

std::string says_instead(std::string_view what, std::uint32_t found, std::uint32_t expected) {
  return found == expected ? std::string{} : fmt::format("{} reads {} instead of {}", what, found, expected);
}

}  // namespace

std::optional<FutexWait> futex_wait_of(const SystemCall& call) {
  // A wait with a limit that a stop has interrupted goes on as restart_syscall(2), with the arguments that it
  // had. So does a sleep, whose first argument is a small number.
  constexpr std::uint64_t kLeastAddress = 4096;
  const bool restarted = call.number == SYS_restart_syscall && call.arguments[0] >= kLeastAddress;
  if (call.number != SYS_futex && !restarted) return std::nullopt;
  const auto operation = static_cast<std::uint32_t>(call.arguments[1]);
  const auto command = operation & static_cast<std::uint32_t>(FUTEX_CMD_MASK);
  if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET) return std::nullopt;
  return FutexWait{.address = call.arguments[0],
                   .expected = static_cast<std::uint32_t>(call.arguments[2]),
                   .limited = call.arguments[3] != 0,
                   .process_private = (operation & FUTEX_PRIVATE_FLAG) != 0};
}

LockLayout built_layout() {
  return {.mutex_count = offsetof(pthread_mutex_t, __data.__count),
          .mutex_owner = offsetof(pthread_mutex_t, __data.__owner),
          .mutex_users = offsetof(pthread_mutex_t, __data.__nusers),
          .mutex_kind = offsetof(pthread_mutex_t, __data.__kind),
          .rwlock_readers = offsetof(pthread_rwlock_t, __data.__readers),
          .rwlock_phase = offsetof(pthread_rwlock_t, __data.__wrphase_futex),
          .rwlock_writers = offsetof(pthread_rwlock_t, __data.__writers_futex),
          .rwlock_owner = offsetof(pthread_rwlock_t, __data.__cur_writer)};
}

std::string disagreement(const LockLayout& layout) {
  const auto self = static_cast<std::uint32_t>(gettid());
  std::recursive_mutex recursive;
  const std::scoped_lock outer(recursive);
  const std::scoped_lock inner(recursive);
  const auto mutex = bytes_of(recursive);
  std::shared_mutex shared;
  shared.lock();
  const auto written = bytes_of(shared);
  shared.unlock();
  shared.lock_shared();
  const auto read = bytes_of(shared);
  shared.unlock_shared();
  for (const std::string& found : {
           says_instead("a mutex's owner", word_at(mutex, layout.mutex_owner), self),
           says_instead("a recursive mutex's depth", word_at(mutex, layout.mutex_count), 2),
           says_instead("a mutex's users", word_at(mutex, layout.mutex_users), 1),
           says_instead("a recursive mutex's kind", word_at(mutex, layout.mutex_kind) & kMutexTypes,
                        kRecursive),
           says_instead("a shared mutex's writer", word_at(written, layout.rwlock_owner), self),
           says_instead("a shared mutex's phase", word_at(written, layout.rwlock_phase), 1),
           says_instead("a shared mutex's writers", word_at(written, layout.rwlock_writers), 1),
           says_instead("a shared mutex's readers", word_at(read, layout.rwlock_readers) >> kReaderShift, 1),
       }) {
    if (!found.empty()) return found;
  }
  return {};
}

LockFound identify(const FutexWait& wait, const LockWindow& window, const LockLayout& layout,
                   FunctionRef<bool(int tid)> is_thread) {
  const LockFound plain{
      .address = wait.address, .kind = LockKind::futex, .owner_tid = 0, .depth = 0, .readers = 0};
  // Those locks tell the kernel that no other process has them; std::atomic's waits do not.
  if (!wait.process_private) return plain;
  if (const auto mutex = as_mutex(wait, std::span(window).subspan(kBeforeWord), layout, is_thread))
    return *mutex;
  // The low bit of the word that it expects: held for writing. The next: somebody sleeps.
  constexpr std::uint32_t kRead = 2;
  constexpr std::uint32_t kWritten = 3;
  std::optional<LockFound> found;
  if (wait.expected == kRead) {
    found = as_rwlock(wait, window, layout.rwlock_phase, Holders::readers, layout, is_thread);
  } else if (wait.expected == kWritten) {
    found = as_rwlock(wait, window, layout.rwlock_phase, Holders::writer, layout, is_thread);
    // A second writer sleeps behind the first, which may itself wait for readers.
    if (!found) found = as_rwlock(wait, window, layout.rwlock_writers, Holders::either, layout, is_thread);
  }
  return found.value_or(plain);
}

}  // namespace ccbench
