// What every worker does at one instant: where it is, what the kernel says of it, the lock it waits for,
// who holds that, and its stack. Plain values; `observer.h` takes them from a living process.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"
#include "core/guard.h"
#include "core/scenario.h"
#include "snapshot/worker_slot.h"

namespace ccbench {

enum class ThreadState : std::uint8_t {
  unknown,        ///< nobody but the worker was asked
  runnable,       ///< on a CPU, or waiting for one
  blocked,        ///< waits for a lock, without a limit of time
  waiting,        ///< waits for something else, without a limit: a condition variable, a changed word
  timed_waiting,  ///< sleeps, or waits with a limit
  in_syscall,     ///< in another system call: input, output
  terminated,     ///< has ended its last request
};
std::string_view name_of(ThreadState state);  ///< `BLOCKED`; empty: unknown

/// What a thread sleeps on, as far as the sleep itself shows it.
enum class LockKind : std::uint8_t {
  none,
  mutex,               ///< std::mutex
  recursive_mutex,     ///< std::recursive_mutex
  timed_mutex,         ///< a mutex waited for with a limit of time
  shared_mutex,        ///< std::shared_mutex, waited for to read or to write
  condition_variable,  ///< only where the stack shows it; else `futex`
  futex,               ///< any other word: an atomic's wait, a latch, a semaphore, a condition variable
};
std::string_view name_of(LockKind kind);  ///< `recursive_mutex`; empty: none

/// One thing that workers wait for.
struct LockRow {
  std::uint64_t address = 0;
  LockKind kind = LockKind::none;
  std::uint32_t waiters = 0;
  int owner_tid = 0;                   ///< 0: nobody, or not to be known from outside
  std::optional<std::uint32_t> owner;  ///< the worker of this tid, also one that has ended; empty: no worker
  std::uint32_t depth = 0;             ///< of a recursive mutex: how often its owner has entered
  std::uint32_t readers = 0;  ///< of a shared mutex that is held for reading: how many; who is unknown
  std::optional<Place>
      place;  ///< where those of its waiters say that they are that wait for most people's key
  /// Those are not more than half of the waiters that say something, or one that did not run says another
  /// key.
  bool disputed = false;
};

inline constexpr std::uint32_t kNoIndex = std::numeric_limits<std::uint32_t>::max();

/// One worker in a snapshot.
struct ThreadRow {
  std::uint32_t thread = 0;
  int tid = 0;
  Place place;
  ThreadState state = ThreadState::unknown;
  bool stable = false;             ///< did not run between the first and the last look
  bool limited = false;            ///< its wait has a limit of time
  int system_call = -1;            ///< its number, while in one
  std::uint32_t lock = kNoIndex;   ///< into `Snapshot::locks`
  std::uint32_t stack = kNoIndex;  ///< into the run's table of distinct stacks
  std::uint32_t still_for = 0;     ///< how many snapshots before this one found it unmoved, in a row
};

/// One worker in a cycle: it holds the lock that the one before it waits for.
struct CycleMember {
  std::uint32_t thread = 0;
  std::uint32_t holds = 0;      ///< into `Snapshot::locks`
  std::uint32_t waits_for = 0;  ///< likewise
};
using Cycle = std::vector<CycleMember>;

struct Snapshot {
  Nanos at = 0;       ///< since the release; everything in it was read later
  Nanos done = 0;     ///< since the release; and earlier than this
  Nanos capture = 0;  ///< the time in which threads were read or disturbed
  /// At one instant no thread of the process ran or wanted to; only where every one was read twice.
  bool still = false;
  std::optional<Nanos> resolve;  ///< unwinding and naming; empty: no stacks were taken
  std::string mode;  ///< `kernel`, `kernel+signals`; `published`: the workers' own word and nothing else
  std::vector<ThreadRow> threads;
  std::vector<LockRow> locks;  ///< the fullest first
  std::vector<Cycle> cycles;   ///< deadlocks: nobody in them ran between the first and the last look
};

/// One frame of a stack, outermost last in a `Stack`.
struct Frame {
  std::uint64_t address = 0;
  std::string function;  ///< empty: no symbol covers the address
  std::string module;    ///< the file that it is in, without folders
  std::string file;      ///< the source, without folders; empty: no line tables
  int line = 0;
  bool inlined = false;  ///< into the next frame's function, which has the same address
  bool harness = false;  ///< of ccbench itself or below it, and of no interest to who reads a stack
};

struct Stack {
  std::vector<Frame> frames;
  bool complete = false;  ///< down to the thread's first function
};

/// Of the workers' own words: reads every slot once, about a microsecond for 1000 workers. Disturbs nobody;
/// rows are not of the very same instant, but `capture` apart at most.
Snapshot published_snapshot(std::span<const WorkerSlot> slots, Nanos since_release);

/// `barrier`, `guard`, `step:payment`, `finished`: the phase column of snapshots.csv.
std::string phase_name(Place place, const ScenarioInfo& scenario);

/// `synchronized[ticket-1]`: the lock of a guard that a worker at this place waits for. `global` alone where
/// one lock serves all keys. Empty if the place is not in the guard, or nobody waits in that guard.
std::string lock_name(Place place, std::string_view guard, const Promises& promises,
                      const ScenarioInfo& scenario);

/// Whether the waiters' word names the lock: they are in the guard, and agree about the key if it matters.
bool has_name(const LockRow& lock, const Promises& promises);

/// By its waiters' word, else by kind and address: `mutex 0x55d0c0ffee00`.
std::string lock_name(const LockRow& lock, std::string_view guard, const Promises& promises,
                      const ScenarioInfo& scenario);

/// One lock as its waiters see it. A guard may give each of them a word of its own to sleep on.
struct LockGroup {
  std::uint32_t first = 0;  ///< into `Snapshot::locks`
  std::uint32_t words = 1;
  std::uint32_t waiters = 0;
};
/// Words that have no holder are one lock if they have the same name. The fullest first.
std::vector<LockGroup> group_by_lock(const Snapshot& snapshot, std::string_view guard,
                                     const Promises& promises, const ScenarioInfo& scenario);

/// What `jstack` says of a Java thread that does the same: `BLOCKED (on object monitor)`. Empty: unknown.
std::string_view java_state(const ThreadRow& row, const Snapshot& snapshot);

/// Workers inside the guard and not in a section.
std::uint64_t blocked(const Snapshot& snapshot);

/// Equal places counted, the fullest first.
struct PlaceCount {
  Place place;
  std::uint64_t threads = 0;
};
std::vector<PlaceCount> group_by_place(const Snapshot& snapshot);

}  // namespace ccbench
