// Takes snapshots of a living process from outside.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "snapshot/glibc_locks.h"
#include "snapshot/process_memory.h"
#include "snapshot/signalled_stack.h"
#include "snapshot/snapshot.h"
#include "snapshot/stack_table.h"
#include "snapshot/thread_files.h"
#include "snapshot/unwinder.h"

namespace ccbench {

/// Watches the workers of a process that this one has forked. Stops and signals nobody (unless told to), and
/// asks nothing of the process: it may be stuck, or dead. Guards need not know that they are watched.
///
/// A look reads, of every worker, the kernel's `schedstat`, its slot, the kernel's `syscall` (proc(5)) and a
/// copy of its stack, then the locks that they sleep on, then `schedstat` again. Rows are milliseconds apart
/// where there are a thousand. Who did not run between the two readings of `schedstat` is `stable`: its row
/// is true of every instant from when the last worker was read first to when the first one was read again.
/// Who has not run since the last look is not read again.
///
/// Where the kernel refuses, snapshots hold less: `limitations` says what and why.
class Observer {
 public:
  /// What is read before the second reading of `schedstat`.
  enum class Again : std::uint8_t {
    nothing,
    sleep,  ///< whether those who slept still do, and what other threads there are: for `Snapshot::still`
  };

  /// `slots` must outlive it. Without a `layout` there are no owners.
  Observer(pid_t process, std::span<const WorkerSlot> slots, std::optional<LockLayout> layout,
           Again again = Again::nothing);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Opens the kernel's files of all workers, which takes some 10 µs for each; else the first look does. From
  /// then on this process may have as many files open as the system allows, until the observer's end.
  void prepare();
  bool prepared() const { return prepared_; }

  /// `signalled`, if there are any: also asks the threads themselves, by a signal, and so also those that
  /// run. That changes what is watched: who waits for a lock goes to the end of its queue, and who is in a
  /// system call may have it interrupted.
  Snapshot look(Nanos since_release, std::span<SignalledStack> signalled = {});

  /// Counts the look that this observer has just taken as one of the trial's snapshots, for
  /// `ThreadRow::still_for`.
  void keep(Snapshot& snapshot);

  /// What each worker has had of CPUs; nothing of those that have ended.
  std::vector<std::optional<Schedule>> schedules();

  /// Turns the copies of stacks that belong to `snapshots`, which this observer took, into numbers of
  /// `table`, and corrects the kinds of locks by what the stacks show. Every snapshot at most
  /// once, and none before an earlier one. Frees the copies.
  void resolve(std::span<Snapshot> snapshots, Unwinder& unwinder, StackTable& table);

  /// Bytes of stacks that wait to be resolved.
  std::size_t unresolved_bytes() const { return copies_.size(); }

  /// Sentences: what snapshots lack, and why.
  std::vector<std::string> limitations() const;

 private:
  /// A copied stack: of which address, and where its copy is.
  struct Copy {
    Registers registers;
    std::size_t offset = 0;
    std::size_t size = 0;
    std::uint32_t number = kNoIndex;  ///< in the table, once resolved
    std::optional<LockKind> kind;     ///< what its functions wait for
  };

  struct Thread {
    std::optional<ThreadFiles> files;
    std::optional<Schedule> schedule;  ///< at the first reading of this look
    SystemCall call;
    ThreadFiles::State state = ThreadFiles::State::running;
    std::uint32_t copy = kNoIndex;  ///< into `pending_`
    bool settled = false;           ///< did not run between the readings of the last look
    std::optional<Schedule> kept;   ///< that of the last snapshot that was kept
    std::uint32_t still_for = 0;    ///< so many of those before it found it unmoved
  };

  void look_at(ThreadRow& row, Thread& thread);
  void copy_stack(const WorkerSlot& slot, Thread& thread);
  void find_locks(Snapshot& snapshot);
  void look_again(Snapshot& snapshot);
  bool sleeps_still(const Thread& thread) const;
  bool has_other_threads(const Snapshot& snapshot) const;
  void forget_changed_owners(Snapshot& snapshot);
  void ask_threads(Snapshot& snapshot, std::span<SignalledStack> signalled);
  void forget_copies();
  void take_answer(ThreadRow& row, const SignalledStack& stack);
  LockFound lock_at(const FutexWait& wait);
  std::uint32_t add_lock(const LockFound& found, std::vector<LockRow>& locks,
                         std::unordered_map<std::uint64_t, std::uint32_t>& by_address) const;
  bool is_thread(int tid);
  std::optional<std::uint32_t> worker_of(int tid) const;

  const pid_t process_;
  const std::span<const WorkerSlot> slots_;
  const std::optional<LockLayout> layout_;
  const Again again_;
  rlimit descriptors_before_{};
  ProcessMemory memory_;
  std::vector<Thread> threads_;
  std::unordered_map<int, std::uint32_t> workers_;  ///< by thread id
  bool prepared_ = false;
  bool counts_schedule_ = true;
  std::uint32_t question_ = 0;  ///< number of the last one that was put by signals
  std::string refused_;         ///< why the kernel's files cannot be read
  std::vector<std::byte> copies_;
  std::vector<Copy> pending_;
};

}  // namespace ccbench
