// Watches real processes, forked by the tests, whose threads stand where the tests have put them.
#include "snapshot/observer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <functional>
#include <latch>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>

#include "driver/build.h"
#include "snapshot/nested_frames.h"
#include "snapshot/sight.h"
#include "snapshot/wait_graph.h"

namespace ccbench {
namespace {

constexpr std::chrono::hours kForever{1};
constexpr std::chrono::milliseconds kMoment{1};
constexpr std::chrono::seconds kPatience{60};

template <class Condition>
[[nodiscard]] bool soon(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kMoment);
  }
  return true;
}

/// What a test and the process that it watches share.
struct Shared {
  std::array<WorkerSlot, 128> slots;
  std::array<SignalledStack, 8> stacks;
  std::atomic<int> come;  ///< how many threads stand where they are to stand, or are just about to
  std::atomic<bool> stop;
};

/// A process whose threads each run `body(number, shared)`. Ended with the object.
class Watched {
 public:
  using Body = std::function<void(std::uint32_t, Shared&)>;

  Watched(std::uint32_t threads, const Body& body)
      : shared_(static_cast<Shared*>(
            mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
        threads_(threads),
        process_(fork()) {
    if (process_ == 0) run(body);
  }
  ~Watched() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    munmap(shared_, sizeof(Shared));
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  pid_t process() const { return process_; }
  Shared& shared() const { return *shared_; }
  std::span<const WorkerSlot> slots() const { return std::span(shared_->slots).first(threads_); }
  std::span<SignalledStack> stacks() const { return shared_->stacks; }

 private:
  [[noreturn]] void run(const Body& body) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // What a sanitizer says of threads that lock badly on purpose is not for whoever reads the tests' output.
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
    answer_signals(shared_->stacks, shared_->slots);
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < threads_; ++i) {
      threads.emplace_back([this, i, &body] {
        WorkerSlot& slot = shared_->slots[i];
        slot.stack_end = stack_end_of_caller();
        slot.move_to(Place::in_guard(i));
        slot.tid.store(gettid(), std::memory_order_release);
        body(i, *shared_);
        slot.move_to(Place::finished());
      });
    }
    while (true) pause();
  }

  Shared* shared_;
  std::uint32_t threads_;
  pid_t process_;
};

bool all_started(const Watched& watched) {
  return std::ranges::all_of(
      watched.slots(), [](const WorkerSlot& slot) { return slot.tid.load(std::memory_order_acquire) != 0; });
}

/// Looks until every row is stable and asleep, or nothing comes of it.
Snapshot settled_look(const Watched& watched, Observer& observer) {
  EXPECT_TRUE(soon([&] { return all_started(watched); }));
  Snapshot snapshot;
  EXPECT_TRUE(soon([&] {
    snapshot = observer.look(0);
    return std::ranges::all_of(snapshot.threads, [](const ThreadRow& row) {
      return row.stable && row.state != ThreadState::runnable;
    });
  }));
  return snapshot;
}

/// With locks that all have an owner: rows can be asleep for a moment on something else on their way there.
template <class Condition>
Snapshot look_until(const Watched& watched, Observer& observer, Condition condition) {
  EXPECT_TRUE(soon([&] { return all_started(watched); }));
  Snapshot snapshot;
  EXPECT_TRUE(soon([&] {
    snapshot = observer.look(0);
    return condition(snapshot);
  })) << "the threads never stood where they should";
  return snapshot;
}

std::set<std::uint32_t> members(const Cycle& cycle) {
  std::set<std::uint32_t> threads;
  for (const CycleMember& member : cycle) threads.insert(member.thread);
  return threads;
}

const LockRow& lock_of(const Snapshot& snapshot, std::uint32_t thread) {
  static const LockRow kNone;
  const std::uint32_t lock = snapshot.threads.at(thread).lock;
  EXPECT_NE(lock, kNoIndex) << "T" << thread << " waits for nothing";
  return lock == kNoIndex ? kNone : snapshot.locks.at(lock);
}

/// Everybody has taken what is theirs.
void meet(Shared& shared, int threads) {
  ++shared.come;
  while (shared.come < threads) std::this_thread::sleep_for(kMoment);
}

TEST(LockLayout, IsWhatTheLibraryHasAndIsNotBelievedIfItIsNot) {
  EXPECT_EQ(disagreement(built_layout()), "");
  using Field = std::size_t LockLayout::*;
  for (const Field field : {&LockLayout::mutex_count, &LockLayout::mutex_owner, &LockLayout::mutex_users,
                            &LockLayout::mutex_kind, &LockLayout::rwlock_readers, &LockLayout::rwlock_phase,
                            &LockLayout::rwlock_writers, &LockLayout::rwlock_owner}) {
    LockLayout wrong = built_layout();
    wrong.*field += 16;
    EXPECT_NE(disagreement(wrong), "");
  }
}

TEST(Observer, FindsACycleThroughEveryKindOfLockAndNobodyBehindIt) {
  std::mutex first;
  std::recursive_mutex second;
  std::shared_mutex third;
  std::mutex fourth;
  const Watched watched(6, [&](std::uint32_t thread, Shared& shared) {
    switch (thread) {
      case 0: first.lock(); break;
      case 1:
        second.lock();
        second.lock();
        break;
      case 2: third.lock(); break;
      case 3: fourth.lock(); break;
      default: break;
    }
    meet(shared, 6);
    switch (thread) {
      case 0: second.lock(); break;
      case 1: third.lock_shared(); break;
      case 2: fourth.lock(); break;
      case 5: third.lock(); break;
      default: first.lock(); break;
    }
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return !seen.cycles.empty() && waiting_behind(seen) == 2;
  });
  EXPECT_EQ(snapshot.mode, "kernel");
  ASSERT_EQ(snapshot.cycles.size(), 1U);
  EXPECT_EQ(members(snapshot.cycles[0]), (std::set<std::uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(waiting_behind(snapshot), 2U);
  EXPECT_EQ(lock_of(snapshot, 0).kind, LockKind::recursive_mutex);
  EXPECT_EQ(lock_of(snapshot, 0).depth, 2U);
  EXPECT_EQ(lock_of(snapshot, 0).owner, 1U);
  EXPECT_EQ(lock_of(snapshot, 1).kind, LockKind::shared_mutex);
  EXPECT_EQ(lock_of(snapshot, 1).owner, 2U);
  EXPECT_EQ(lock_of(snapshot, 2).kind, LockKind::mutex);
  EXPECT_EQ(lock_of(snapshot, 3).waiters, 2U);
  EXPECT_EQ(snapshot.threads[5].lock, snapshot.threads[1].lock) << "a writer and a reader wait for one lock";
  for (const ThreadRow& row : snapshot.threads) EXPECT_EQ(row.state, ThreadState::blocked);
  // Each holds what the one before it waits for.
  for (const CycleMember& member : snapshot.cycles[0])
    EXPECT_EQ(snapshot.locks[member.holds].owner, member.thread);
}

TEST(Observer, CallsAThreadThatWaitsForItselfADeadlock) {
  std::mutex mutex;
  const Watched watched(2, [&](std::uint32_t thread, Shared& shared) {
    if (thread == 0) mutex.lock();
    meet(shared, 2);
    mutex.lock();
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return !seen.cycles.empty() && seen.locks[0].waiters == 2;
  });
  ASSERT_EQ(snapshot.cycles.size(), 1U);
  EXPECT_EQ(members(snapshot.cycles[0]), std::set<std::uint32_t>{0});
}

TEST(Observer, InventsNoOwnerForALockThatIsHeldForReading) {
  std::shared_mutex mutex;
  const Watched watched(4, [&](std::uint32_t thread, Shared& shared) {
    if (thread < 2) mutex.lock_shared();
    meet(shared, 4);
    if (thread < 2) std::this_thread::sleep_for(kForever);
    mutex.lock();
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return seen.locks.size() == 1 && seen.locks[0].waiters == 2 &&
           seen.threads[0].state == ThreadState::timed_waiting;
  });
  EXPECT_EQ(snapshot.locks[0].kind, LockKind::shared_mutex);
  EXPECT_EQ(snapshot.locks[0].readers, 2U);
  EXPECT_EQ(snapshot.locks[0].owner_tid, 0);
  EXPECT_EQ(snapshot.locks[0].owner, std::nullopt);
  EXPECT_TRUE(snapshot.cycles.empty());
}

TEST(Observer, DoesNotCallItADeadlockWhereAWaitHasALimit) {
  std::timed_mutex first;
  std::mutex second;
  const Watched watched(2, [&](std::uint32_t thread, Shared& shared) {
    if (thread == 0) {
      first.lock();
    } else {
      second.lock();
    }
    meet(shared, 2);
    if (thread == 0) {
      second.lock();
    } else if (!first.try_lock_for(kForever)) {
      std::abort();
    }
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return seen.locks.size() == 2 && seen.threads[0].stable && seen.threads[1].stable &&
           seen.threads[0].state == ThreadState::blocked;
  });
  EXPECT_EQ(snapshot.threads[1].state, ThreadState::timed_waiting);
  EXPECT_TRUE(snapshot.threads[1].limited);
  EXPECT_EQ(lock_of(snapshot, 1).kind, LockKind::timed_mutex);
  EXPECT_EQ(lock_of(snapshot, 1).owner, 0U);
  EXPECT_EQ(lock_of(snapshot, 0).owner, 1U);
  EXPECT_TRUE(snapshot.cycles.empty());
}

TEST(Observer, KnowsWaitsThatAStopHasInterrupted) {
  std::timed_mutex mutex;
  const Watched watched(2, [&](std::uint32_t thread, Shared& shared) {
    if (thread == 0) mutex.lock();
    meet(shared, 2);
    if (thread == 0) std::this_thread::sleep_for(kForever);
    if (!mutex.try_lock_for(kForever)) std::abort();
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const auto as_it_should = [](const Snapshot& seen) {
    return seen.threads[0].stable && seen.threads[0].state == ThreadState::timed_waiting &&
           seen.threads[1].stable && seen.threads[1].state == ThreadState::timed_waiting &&
           seen.locks.size() == 1 && seen.locks[0].kind == LockKind::timed_mutex && seen.locks[0].owner == 0U;
  };
  look_until(watched, observer, as_it_should);
  // Not every stop finds the sleeper asleep.
  EXPECT_TRUE(soon([&] {
    int status = 0;
    kill(watched.process(), SIGSTOP);
    waitpid(watched.process(), &status, WUNTRACED);
    kill(watched.process(), SIGCONT);
    std::this_thread::sleep_for(20 * kMoment);
    const Snapshot seen = observer.look(0);
    return seen.threads[0].system_call == SYS_restart_syscall && as_it_should(seen);
  }));
}

TEST(Observer, TellsTheOtherStatesApart) {
  std::mutex mutex;
  std::condition_variable condition;
  std::atomic<int> word = 0;
  std::array<int, 2> channel{};
  ASSERT_EQ(pipe(channel.data()), 0);
  const Watched watched(5, [&](std::uint32_t thread, Shared& shared) {
    if (thread == 0) std::this_thread::sleep_for(kForever);
    if (thread == 1) word.wait(0);
    if (thread == 2) {
      std::unique_lock lock(mutex);
      condition.wait(lock, [] { return false; });
    }
    if (thread == 3) {
      char byte = 0;
      if (read(channel[0], &byte, 1) < 0) std::abort();
    }
    while (!shared.stop) {
    }
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return std::ranges::all_of(std::span(seen.threads).first(4),
                               [](const ThreadRow& row) { return row.stable; }) &&
           seen.threads[4].state == ThreadState::runnable;
  });
  EXPECT_EQ(snapshot.threads[0].state, ThreadState::timed_waiting);
  EXPECT_EQ(java_state(snapshot.threads[0], snapshot), "TIMED_WAITING (sleeping)");
  EXPECT_EQ(snapshot.threads[1].state, ThreadState::waiting);
  EXPECT_EQ(lock_of(snapshot, 1).kind, LockKind::futex);
  EXPECT_EQ(snapshot.threads[2].state, ThreadState::waiting);
  EXPECT_EQ(lock_of(snapshot, 2).owner_tid, 0);
  EXPECT_EQ(snapshot.threads[3].state, ThreadState::in_syscall);
  EXPECT_EQ(snapshot.threads[3].system_call, SYS_read);
  EXPECT_EQ(snapshot.threads[4].stack, kNoIndex) << "nobody can copy the stack of a thread that runs";
}

/// Eight threads that take two of four mutexes each, always in the same order: they wait for each other all
/// the time and can never all be stuck.
TEST(Observer, InventsNoDeadlockWhereLocksPassFromHandToHand) {
  std::array<std::mutex, 4> mutexes;
  const Watched watched(8, [&](std::uint32_t thread, Shared& shared) {
    for (std::uint32_t i = thread; !shared.stop; i = i * 1664525 + 1013904223) {
      const std::size_t low = (i >> 16) % 3;
      const std::size_t high = low + 1 + (i >> 20) % (3 - low);
      const std::scoped_lock first(mutexes[low]);
      const std::scoped_lock second(mutexes[high]);
    }
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  ASSERT_TRUE(soon([&] { return all_started(watched); }));
  std::uint64_t looks = 0;
  std::uint64_t invented = 0;
  std::uint64_t with_owners = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kSanitized ? 2 : 10);
  while (std::chrono::steady_clock::now() < end) {
    const Snapshot snapshot = observer.look(0);
    ++looks;
    ASSERT_TRUE(snapshot.cycles.empty()) << "look " << looks;
    with_owners +=
        std::ranges::any_of(snapshot.locks, [](const LockRow& lock) { return lock.owner.has_value(); }) ? 1
                                                                                                        : 0;
    invented += find_cycles(snapshot.threads, snapshot.locks, Trust::all).empty() ? 0 : 1;
  }
  EXPECT_GT(with_owners, 10U);
  // The twin that believes every row must be caught: else this test could not have seen a false deadlock.
  EXPECT_GT(invented, 0U) << "of " << looks << " looks";
}

TEST(Observer, IsNotHarmedByThreadsThatEnd) {
  const Watched watched(64, [&](std::uint32_t thread, Shared& shared) {
    while (!shared.stop && shared.come < static_cast<int>(thread)) std::this_thread::sleep_for(kMoment);
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  ASSERT_TRUE(soon([&] { return all_started(watched); }));
  std::size_t ended = 0;
  for (int i = 0; i < 64; ++i) {
    watched.shared().come = i;
    const Snapshot snapshot = observer.look(0);
    ended = static_cast<std::size_t>(
        std::ranges::count(snapshot.threads, ThreadState::terminated, &ThreadRow::state));
    ASSERT_EQ(snapshot.threads.size(), 64U);
  }
  EXPECT_GT(ended, 0U);
  watched.shared().stop = true;
  EXPECT_TRUE(soon([&] {
    const Snapshot snapshot = observer.look(0);
    return std::ranges::all_of(snapshot.threads,
                               [](const ThreadRow& row) { return row.state == ThreadState::terminated; });
  }));
}

TEST(Observer, LeavesTheThreadsOfAKilledProcessWhereTheyWere) {
  const Watched watched(3, [](std::uint32_t, Shared& /*shared*/) { std::this_thread::sleep_for(kForever); });
  Observer observer(watched.process(), watched.slots(), built_layout());
  settled_look(watched, observer);
  kill(watched.process(), SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(watched.process()), &info, WEXITED | WNOWAIT), 0);
  const Snapshot snapshot = observer.look(0);
  for (const ThreadRow& row : snapshot.threads) {
    EXPECT_EQ(row.place.phase(), Phase::guard) << "it never said that it has finished";
  }
}

/// One holds the mutex, and three wait for it; those from `seventh` on say that they wait for key 7.
std::function<void(std::uint32_t, Shared&)> three_wait(std::mutex& mutex, std::uint32_t seventh) {
  return [&mutex, seventh](std::uint32_t thread, Shared& shared) {
    if (thread >= seventh) shared.slots[thread].move_to(Place::in_guard(7));
    if (thread == 0) mutex.lock();
    meet(shared, 4);
    if (thread == 0) std::this_thread::sleep_for(kForever);
    mutex.lock();
  };
}

TEST(Observer, NamesALockOfAllKeysAndNoneThatHasNoMajority) {
  std::mutex mutex;
  const Watched watched(4, three_wait(mutex, 4));
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return seen.locks.size() == 1 && seen.locks[0].waiters == 3;
  });
  // Each of the three says that it waits for a key of its own.
  constexpr Promises kOneLock{.waits = true};
  constexpr Promises kPerKey{.waits = true, .per_key = true};
  EXPECT_TRUE(has_name(snapshot.locks[0], kOneLock));
  EXPECT_TRUE(has_name(snapshot.locks[0], Promises{.gives_up = true}));
  EXPECT_FALSE(has_name(snapshot.locks[0], kPerKey));
  EXPECT_FALSE(has_name(snapshot.locks[0], Promises{})) << "a guard in which nobody waits";
}

TEST(Observer, NamesNoLockOfOneKeyThatSomebodyOfAnotherWaitsForToo) {
  std::mutex mutex;
  const Watched watched(4, three_wait(mutex, 2));
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return seen.locks.size() == 1 && seen.locks[0].waiters == 3 &&
           std::ranges::all_of(seen.threads, &ThreadRow::stable);
  });
  EXPECT_EQ(snapshot.locks[0].place, Place::in_guard(7)) << "two of the three";
  EXPECT_TRUE(snapshot.locks[0].disputed);
}

TEST(Observer, ReadsAThreadThatHasNotRunOnlyOnce) {
  const Watched watched(2, [](std::uint32_t thread, Shared& shared) {
    while (thread == 1 && !shared.stop) std::this_thread::sleep_for(kMoment);
    std::this_thread::sleep_for(kForever);
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  Snapshot first = look_until(watched, observer, [](const Snapshot& seen) { return seen.threads[0].stable; });
  observer.keep(first);
  const std::uint64_t moved = watched.slots()[1].moves;
  std::this_thread::sleep_for(5 * kMoment);
  observer.look(0);  // One that nobody keeps does not count.
  Snapshot second = observer.look(0);
  observer.keep(second);
  EXPECT_EQ(second.threads[0].still_for, first.threads[0].still_for + 1);
  EXPECT_EQ(second.threads[0].stack, first.threads[0].stack);
  EXPECT_EQ(second.threads[0].state, ThreadState::timed_waiting);
  EXPECT_EQ(moved, watched.slots()[1].moves);
  EXPECT_TRUE(soon([&] {
    Snapshot next = observer.look(0);
    observer.keep(next);
    return next.threads[1].still_for == 0 && next.threads[0].still_for > 1;
  }));
}

TEST(Observer, SaysOfAThreadThatDoesNotRunWhereItStands) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has locks of its own, for which threads wait anywhere";
  // Each sleeps in the guard, and waits for a word in its section.
  const Watched watched(64, [](std::uint32_t thread, Shared& shared) {
    std::atomic<int> word{0};
    const timespec moment{.tv_sec = 0, .tv_nsec = 300'000};
    WorkerSlot& slot = shared.slots[thread];
    while (!shared.stop) {
      slot.move_to(Place::in_guard(thread));
      nanosleep(&moment, nullptr);
      slot.move_to(Place::in_section(thread));
      syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &moment, nullptr, 0);
    }
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  ASSERT_TRUE(soon([&] { return all_started(watched); }));
  std::uint64_t stable = 0;
  for (int look = 0; look < 300 || (stable < 300 && look < 30'000); ++look) {
    for (const ThreadRow& row : observer.look(0).threads) {
      if (!row.stable) continue;
      ++stable;
      ASSERT_EQ(row.place.phase(), row.lock == kNoIndex ? Phase::guard : Phase::step) << "look " << look;
    }
  }
  EXPECT_GE(stable, 300U);
}

/// Some of these looks.
std::size_t still_looks(Observer& observer, int looks) {
  std::size_t still = 0;
  for (int look = 0; look < looks; ++look) {
    still += observer.look(0).still ? 1 : 0;
    std::this_thread::sleep_for(kMoment);
  }
  return still;
}

TEST(Observer, CallsStillWhereEverybodySleeps) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer may have a thread of its own";
  const Watched watched(3, [](std::uint32_t thread, Shared& shared) {
    while (thread == 0 && !shared.stop) {
    }
    if (thread > 0) std::this_thread::sleep_for(kForever);
  });
  Observer observer(watched.process(), watched.slots(), built_layout(), Observer::Again::sleep);
  ASSERT_TRUE(soon([&] { return all_started(watched); }));
  EXPECT_EQ(still_looks(observer, 20), 0U) << "one runs";
  watched.shared().stop = true;
  EXPECT_TRUE(soon([&] { return observer.look(0).still; })) << "it has ended, and the others sleep";
  Observer quick(watched.process(), watched.slots(), built_layout());
  EXPECT_EQ(still_looks(quick, 5), 0U) << "it has not asked";
}

TEST(Observer, CallsNothingStillWhereOneRanBetweenItsSleeps) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer may have a thread of its own";
  const Watched watched(8, [](std::uint32_t thread, Shared& shared) {
    const timespec nap{.tv_sec = 0, .tv_nsec = 20'000};
    while (thread == 0 && !shared.stop) nanosleep(&nap, nullptr);
    std::this_thread::sleep_for(kForever);
  });
  Observer observer(watched.process(), watched.slots(), built_layout(), Observer::Again::sleep);
  ASSERT_TRUE(soon([&] { return all_started(watched); }));
  std::uint64_t ran = 0;
  for (int look = 0; look < 3000; ++look) {
    const Snapshot snapshot = observer.look(0);
    const bool all_stable = std::ranges::all_of(snapshot.threads, &ThreadRow::stable);
    ran += all_stable ? 0 : 1;
    ASSERT_TRUE(all_stable || !snapshot.still) << "look " << look;
  }
  EXPECT_GT(ran, 100U);
}

TEST(Observer, CallsNothingStillWhereThereAreThreadsThatItDoesNotWatch) {
  const Watched watched(2, [](std::uint32_t, Shared& /*shared*/) {
    std::thread other([] { std::this_thread::sleep_for(kForever); });
    std::this_thread::sleep_for(kForever);
    other.join();
  });
  Observer observer(watched.process(), watched.slots(), built_layout(), Observer::Again::sleep);
  settled_look(watched, observer);
  EXPECT_EQ(still_looks(observer, 5), 0U);
}

/// Runs on one CPU alone.
void bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);
}

TEST(Observer, CallsNothingStillWhereOneWasWokenAndHasNoCpuYet) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer may have a thread of its own";
  const int cpu = sched_getcpu();
  const Watched watched(1, [cpu](std::uint32_t, Shared& shared) {
    // It gets what others leave of the CPU.
    bind_to(cpu);
    const sched_param least{};
    sched_setscheduler(0, SCHED_IDLE, &least);
    while (!shared.stop) {
      syscall(SYS_futex, &shared.come, FUTEX_WAIT, shared.come.load(), nullptr, nullptr, 0);
      WorkerSlot& slot = shared.slots[0];
      slot.move_to(Place::in_guard(0));
    }
  });
  Observer observer(watched.process(), watched.slots(), built_layout(), Observer::Again::sleep);
  ASSERT_TRUE(soon([&] { return all_started(watched); }));
  int seen = 0;
  for (int attempt = 0; attempt < 50 && seen < 3; ++attempt) {
    ASSERT_TRUE(soon([&] { return observer.look(0).still; }));
    std::atomic<bool> over{false};
    std::atomic<bool> busy{false};
    std::thread spinner([&] {
      bind_to(cpu);
      while (!over) busy = true;
    });
    while (!busy) std::this_thread::yield();
    const std::uint64_t moves = watched.slots()[0].moves;
    ++watched.shared().come;
    syscall(SYS_futex, &watched.shared().come, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    const Snapshot snapshot = observer.look(0);
    const bool has_not_run = watched.slots()[0].moves == moves;
    over = true;
    spinner.join();
    if (!has_not_run || !snapshot.threads[0].stable) continue;
    ++seen;
    ASSERT_FALSE(snapshot.still);
  }
  if (seen == 0) GTEST_SKIP() << "here who is woken has a CPU at once";
}

// --- stacks ---

class Stacks : public testing::Test {
 protected:
  void SetUp() override {
    if (!sight_.unwinder().available()) GTEST_SKIP() << "built without libdw";
    if (kFramesOnPointer) GTEST_SKIP() << "frames hang on the frame pointer, which only a signal tells";
  }

  std::vector<Stack> resolve(Observer& observer, Snapshot& snapshot) {
    observer.resolve(std::span(&snapshot, 1), sight_.unwinder(), sight_.stacks());
    return sight_.named_stacks();
  }

  static std::vector<std::string> functions(const Stack& stack) {
    std::vector<std::string> names;
    for (const Frame& frame : stack.frames) names.push_back(frame.function);
    return names;
  }

  Sight sight_;
};

TEST_F(Stacks, AreCompleteForEveryBlockedThread) {
  constexpr std::uint32_t kThreads = 100;
  std::mutex mutex;
  std::recursive_mutex recursive;
  std::shared_mutex shared_mutex;
  std::mutex with_condition;
  std::condition_variable condition;
  std::atomic<int> word = 0;
  mutex.lock();
  recursive.lock();
  shared_mutex.lock();
  const Watched watched(kThreads, [&](std::uint32_t thread, Shared& /*shared*/) {
    nested<8>([&, thread] {
      switch (thread % 7) {
        case 0: mutex.lock(); break;
        case 1: shared_mutex.lock_shared(); break;
        case 2: shared_mutex.lock(); break;
        case 3: recursive.lock(); break;
        case 4: {
          std::unique_lock lock(with_condition);
          condition.wait(lock, [] { return false; });
          break;
        }
        case 5: word.wait(0); break;
        default: std::this_thread::sleep_for(kForever);
      }
    });
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  Snapshot snapshot = settled_look(watched, observer);
  const std::vector<Stack> stacks = resolve(observer, snapshot);
  EXPECT_GE(snapshot.resolve, 0);
  for (const ThreadRow& row : snapshot.threads) {
    ASSERT_NE(row.stack, kNoIndex) << "T" << row.thread;
    const Stack& stack = stacks.at(row.stack);
    EXPECT_TRUE(stack.complete) << "T" << row.thread
                                << fmt::format(": {}", fmt::join(functions(stack), " < "));
    std::vector<std::string> nest;
    for (const std::string& name : functions(stack)) {
      if (name.starts_with("nested<")) nest.push_back(name);
    }
    EXPECT_EQ(nest, (std::vector<std::string>{"nested<0>", "nested<1>", "nested<2>", "nested<3>", "nested<4>",
                                              "nested<5>", "nested<6>", "nested<7>", "nested<8>"}))
        << "T" << row.thread << fmt::format(": {}", fmt::join(functions(stack), " < "));
  }
  // The stack tells a condition variable from any other word.
  EXPECT_EQ(lock_of(snapshot, 4).kind, LockKind::condition_variable);
  EXPECT_EQ(java_state(snapshot.threads[4], snapshot), "WAITING (on object monitor)");
  EXPECT_EQ(lock_of(snapshot, 5).kind, LockKind::futex);
}

TEST_F(Stacks, OfALookThatNobodyKeptAreReadAgain) {
  const Watched watched(1, [](std::uint32_t, Shared& /*shared*/) { std::this_thread::sleep_for(kForever); });
  Observer observer(watched.process(), watched.slots(), built_layout());
  settled_look(watched, observer);
  observer.resolve({}, sight_.unwinder(), sight_.stacks());
  Snapshot kept = observer.look(0);
  const std::vector<Stack> stacks = resolve(observer, kept);
  ASSERT_NE(kept.threads[0].stack, kNoIndex);
  EXPECT_TRUE(stacks.at(kept.threads[0].stack).complete);
  // From then on it is known, and not read again.
  Snapshot again = observer.look(0);
  resolve(observer, again);
  EXPECT_EQ(again.threads[0].stack, kept.threads[0].stack);
}

TEST_F(Stacks, AreNamedWithTheirSourceAndWithoutTheHarness) {
  const Watched watched(
      1, [](std::uint32_t, Shared& /*shared*/) { nested<1>([] { std::this_thread::sleep_for(kForever); }); });
  Observer observer(watched.process(), watched.slots(), built_layout());
  Snapshot snapshot = settled_look(watched, observer);
  const std::vector<Stack> stacks = resolve(observer, snapshot);
  ASSERT_NE(snapshot.threads[0].stack, kNoIndex);
  const Stack& stack = stacks.at(snapshot.threads[0].stack);
  const auto nest = std::ranges::find(stack.frames, "nested<1>", &Frame::function);
  ASSERT_NE(nest, stack.frames.end()) << fmt::format("{}", fmt::join(functions(stack), " < "));
  EXPECT_EQ(nest->file, "nested_frames.h");
  EXPECT_GT(nest->line, 0);
  EXPECT_FALSE(nest->harness);
  EXPECT_TRUE(stack.frames.back().harness) << stack.frames.back().function;
}

[[gnu::noinline]] void busy(const Shared& shared) {
  while (!shared.stop) asm volatile("" ::: "memory");
}

TEST_F(Stacks, OfRunningThreadsComeBySignalAndOthersAreNotWaitedFor) {
  const Watched watched(3, [](std::uint32_t thread, Shared& shared) {
    if (thread == 2) {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, nullptr);
    }
    ++shared.come;
    if (thread == 1) std::this_thread::sleep_for(kForever);
    busy(shared);
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  ASSERT_TRUE(soon([&] { return watched.shared().come == 3; }));
  Snapshot snapshot;
  // On a busy machine a thread may get no CPU in which to answer.
  EXPECT_TRUE(soon([&] {
    snapshot = observer.look(0, watched.stacks().first(3));
    const std::vector<Stack> stacks = resolve(observer, snapshot);
    if (snapshot.threads[0].stack == kNoIndex) return false;
    for (const Frame& frame : stacks.at(snapshot.threads[0].stack).frames) {
      if (frame.function == "busy") return stacks.at(snapshot.threads[0].stack).complete;
    }
    return false;
  }));
  EXPECT_EQ(snapshot.mode, "kernel+signals");
  EXPECT_EQ(snapshot.threads[2].stack, kNoIndex) << "it has all signals blocked and runs";
  EXPECT_EQ(snapshot.threads[2].state, ThreadState::runnable);
  EXPECT_LT(snapshot.capture, 10 * kSecond);
}

TEST(Observer, SeesAThreadThatBlocksAllSignals) {
  const Watched watched(1, [](std::uint32_t, Shared& /*shared*/) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    std::this_thread::sleep_for(kForever);
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  const Snapshot snapshot = settled_look(watched, observer);
  EXPECT_EQ(snapshot.threads[0].state, ThreadState::timed_waiting);
  EXPECT_NE(snapshot.threads[0].stack, kNoIndex);
}

// --- where the system allows less ---

/// Runs `body` in a process of its own, for what cannot be undone; it says what failed.
template <class BodyOfChild>
std::string in_child(BodyOfChild body) {
  std::array<int, 2> channel{};
  if (pipe(channel.data()) != 0) return "no pipe";
  const pid_t process = fork();
  if (process == 0) {
    const std::string said = body();
    if (write(channel[1], said.data(), said.size()) < 0) _exit(1);
    _exit(0);
  }
  close(channel[1]);
  std::string said;
  std::array<char, 512> buffer{};
  for (ssize_t got = 0; (got = read(channel[0], buffer.data(), buffer.size())) > 0;)
    said.append(buffer.data(), static_cast<std::size_t>(got));
  close(channel[0]);
  int status = 0;
  waitpid(process, &status, 0);
  return status == 0 ? said : "the child failed: " + said;
}

/// What a look at one blocked thread shows: `mode owner stack bytes; limitations`.
std::string describe_look() {
  std::mutex mutex;
  const Watched watched(2, [&](std::uint32_t thread, Shared& shared) {
    if (thread == 0) mutex.lock();
    meet(shared, 2);
    if (thread == 0) std::this_thread::sleep_for(kForever);
    mutex.lock();
  });
  Observer observer(watched.process(), watched.slots(), built_layout());
  Snapshot snapshot;
  if (!soon([&] { return all_started(watched) && watched.shared().come == 2; })) return "never started";
  const bool done = soon([&] {
    snapshot = observer.look(0);
    return snapshot.mode == "published" ||
           (snapshot.threads[1].stable && snapshot.threads[1].lock != kNoIndex);
  });
  if (!done) return "never blocked";
  const ThreadRow& row = snapshot.threads[1];
  return fmt::format("{}, {}, {}; {}", snapshot.mode,
                     row.lock != kNoIndex && snapshot.locks[row.lock].owner ? "owner" : "no owner",
                     row.stack != kNoIndex ? "stack" : "no stack", fmt::join(observer.limitations(), "; "));
}

TEST(Observer, SaysWhatItLacksWhereTheProcessIsNotDumpable) {
  if (geteuid() != 0) GTEST_SKIP() << "becoming another user takes root";
  // Another user, and no exec since: not dumpable, as after PR_SET_DUMPABLE 0.
  EXPECT_EQ(
      in_child([] {
        if (setgid(65534) != 0 || setuid(65534) != 0) return std::string("cannot become nobody");
        prctl(PR_SET_DUMPABLE, 0);
        return describe_look();
      }),
      "published, no owner, no stack; snapshots show only what the workers say of themselves: the kernel "
      "refuses /proc/PID/task/TID/syscall (Permission denied)");
}

TEST(Observer, NeedsNoPrivileges) {
  if (geteuid() != 0) GTEST_SKIP() << "becoming another user takes root";
  EXPECT_EQ(in_child([] {
              if (setgid(65534) != 0 || setuid(65534) != 0) return std::string("cannot become nobody");
              prctl(PR_SET_DUMPABLE, 1);  // As after an exec.
              return describe_look();
            }),
            "kernel, owner, stack; ");
}

std::string forbid(std::initializer_list<long> calls) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offsetof(seccomp_data, nr)))};
  for (const long call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    return "no seccomp here";
  return {};
}

TEST(Observer, ReadsThroughTheFileWhereTheSystemCallIsForbidden) {
  const std::string seen = in_child([] {
    if (std::string problem = forbid({SYS_ptrace, SYS_process_vm_readv}); !problem.empty()) return problem;
    return describe_look();
  });
  if (seen == "no seccomp here") GTEST_SKIP() << seen;
  EXPECT_EQ(seen,
            "kernel, owner, stack; snapshots: process_vm_readv: Operation not permitted; read through "
            "/proc/PID/mem");
}

TEST(Observer, OpensFilesAnewWhereItMayKeepFewOpen) {
  EXPECT_EQ(in_child([] {
              const rlimit few{.rlim_cur = 60, .rlim_max = 60};
              setrlimit(RLIMIT_NOFILE, &few);
              return describe_look();
            }),
            "kernel, owner, stack; ");
}

TEST(Observer, KnowsNoOwnersWithoutALayout) {
  std::mutex mutex;
  const Watched watched(2, [&](std::uint32_t thread, Shared& shared) {
    if (thread == 0) mutex.lock();
    meet(shared, 2);
    mutex.lock();
  });
  Observer observer(watched.process(), watched.slots(), std::nullopt);
  const Snapshot snapshot = look_until(watched, observer, [](const Snapshot& seen) {
    return seen.locks.size() == 1 && seen.locks[0].waiters == 2;
  });
  EXPECT_EQ(snapshot.locks[0].kind, LockKind::futex);
  EXPECT_EQ(snapshot.locks[0].owner_tid, 0);
  EXPECT_TRUE(snapshot.cycles.empty());
  ASSERT_EQ(observer.limitations().size(), 1U);
  EXPECT_NE(observer.limitations()[0].find("no owners"), std::string::npos);
}

TEST(FutexWait, IsSeenAlsoWhereAStopHasMadeItARestart) {
  SystemCall call{.number = SYS_futex,
                  .arguments = {0x7f0000, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 2, 0, 0, 0}};
  ASSERT_TRUE(futex_wait_of(call));
  EXPECT_FALSE(futex_wait_of(call)->limited);
  call.number = SYS_restart_syscall;
  call.arguments[3] = 0x7e0000;
  ASSERT_TRUE(futex_wait_of(call));
  EXPECT_TRUE(futex_wait_of(call)->limited);
  call.arguments = {CLOCK_MONOTONIC, 0, 0x7e0000, 0, 0, 0};  // of clock_nanosleep
  EXPECT_FALSE(futex_wait_of(call));
  call.number = SYS_futex;
  call.arguments[1] = FUTEX_WAKE;
  EXPECT_FALSE(futex_wait_of(call));
}

TEST(ThreadFiles, ReadWhatTheKernelWrites) {
  const auto call = parse_system_call("202 0x7f00 0x80 0x2 0x0 0x0 0x1a 0x7ffe10 0x7f22\n");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->number, 202);
  EXPECT_EQ(call->arguments[2], 2U);
  EXPECT_EQ(call->stack_pointer, 0x7ffe10U);
  EXPECT_EQ(call->program_counter, 0x7f22U);
  const auto elsewhere = parse_system_call("-1 0x10 0x20\n");
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->number, -1);
  EXPECT_FALSE(parse_system_call("running\n"));
  EXPECT_FALSE(parse_system_call(""));
  EXPECT_FALSE(parse_system_call("202 0x7f00\n"));
  EXPECT_EQ(parse_schedule("12 34 56\n"), (Schedule{.ran = 12, .queued = 34, .times = 56}));
  EXPECT_FALSE(parse_schedule("12 34\n"));
}

}  // namespace
}  // namespace ccbench
