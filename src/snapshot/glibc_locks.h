// The locks of the C library, seen from outside: what a thread that sleeps on a futex waits for, and who
// holds it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/function_ref.h"
#include "snapshot/snapshot.h"
#include "snapshot/thread_files.h"

namespace ccbench {

/// A sleep in futex(2).
struct FutexWait {
  std::uint64_t address = 0;
  std::uint32_t expected = 0;  ///< the value that the word had when the thread went to sleep
  bool limited = false;        ///< by a time
  bool process_private = false;
};
std::optional<FutexWait> futex_wait_of(const SystemCall& call);

/// Where in its locks the C library keeps what we want to know, in bytes from the lock's address.
struct LockLayout {
  std::size_t mutex_count;
  std::size_t mutex_owner;
  std::size_t mutex_users;
  std::size_t mutex_kind;
  std::size_t rwlock_readers;
  std::size_t rwlock_phase;    ///< the word that readers, and the first writer, sleep on
  std::size_t rwlock_writers;  ///< the word that the other writers sleep on
  std::size_t rwlock_owner;
};

/// That of the headers that this program was built with.
LockLayout built_layout();

/// Whether the C library that this program runs with keeps its locks as `layout` says. Finds out with locks
/// of its own: locked, they must name this thread. Empty, or what was found instead.
std::string disagreement(const LockLayout& layout);

/// The memory around a futex word that `identify` looks at.
inline constexpr std::size_t kBeforeWord = 16;
inline constexpr std::size_t kLockWindow = 80;
using LockWindow = std::array<std::byte, kLockWindow>;

/// What is at a futex word. `address` is the lock's own.
struct LockFound {
  std::uint64_t address = 0;
  LockKind kind = LockKind::futex;
  int owner_tid = 0;
  std::uint32_t depth = 0;
  std::uint32_t readers = 0;
};

/// Tells by the shape of the memory, given in `window` from `kBeforeWord` bytes before the word on: a mutex
/// has an owner that is a thread and a kind that exists, and likewise a shared mutex. All else is a `futex`.
/// Between its unlocking and the next locking a mutex has no owner and is not told from any other word. While
/// a shared mutex is held for writing its count of readers contains waiting ones and is left out.
LockFound identify(const FutexWait& wait, const LockWindow& window, const LockLayout& layout,
                   FunctionRef<bool(int tid)> is_thread);

}  // namespace ccbench
