// Snapshots put together by hand, and the text that is made of them.
#include "report/thread_dump.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "report/layout.h"
#include "report/sink.h"
#include "report/snapshot_words.h"

namespace ccbench {
namespace {

constexpr std::array<std::string_view, 2> kSteps = {"validate", "payment"};
const ScenarioInfo kScenario{.name = "purchase",
                             .about = "",
                             .key_name = "ticket",
                             .needs = {},
                             .breakable = "",
                             .parameters = {},
                             .steps = kSteps,
                             .facts = {}};
constexpr Promises kPerKey{.exclusive = true, .waits = true, .per_key = true};

Frame frame(std::string function, std::string module, std::string file = "", int line = 0) {
  return {.address = 0x4010,
          .function = std::move(function),
          .module = std::move(module),
          .file = std::move(file),
          .line = line};
}

Frame harness(std::string function) {
  Frame made = frame(std::move(function), "ccbench");
  made.harness = true;
  return made;
}

/// #0 waits in the guard, #1 pays, #2 waits like #0 through another frame of the harness, #3 is nothing but
/// harness, #4 has more frames than a summary shows and no end.
const std::vector<Stack>& stacks() {
  static const std::vector<Stack> kStacks = [] {
    const Frame wait = frame("__lll_lock_wait", "libc.so.6");
    const Frame run = frame("SynchronizedGuard<StdSync>::run", "ccbench", "synchronized.cc", 24);
    const Frame pay = frame("LottoPurchase::handle", "ccbench", "lotto_purchase.cc", 88);
    std::vector<Stack> made(5);
    made[0] = {.frames = {wait, run, harness("Trial::work"), harness("start_thread")}, .complete = true};
    made[1] = {.frames = {frame("clock_nanosleep", "libc.so.6"), pay, harness("FunctionRef::invoke"), run,
                          harness("Trial::work")},
               .complete = true};
    made[2] = {.frames = {wait, run, harness("Trial::work_pool")}, .complete = true};
    made[3] = {.frames = {harness("Trial::work")}, .complete = true};
    for (int i = 0; i < 8; ++i) made[4].frames.push_back(frame("f" + std::to_string(i), ""));
    made[4].frames.push_back({.address = 0x7f00, .function = "", .module = "libc.so.6", .file = ""});
    return made;
  }();
  return kStacks;
}

SnapshotContext context(std::string_view guard = "synchronized", const Promises& promises = kPerKey) {
  return {.scenario = kScenario, .guard = guard, .promises = promises, .stacks = stacks()};
}

ThreadRow waiter(std::uint32_t thread, std::uint32_t lock, std::uint32_t stack = kNoIndex) {
  return {.thread = thread,
          .tid = static_cast<int>(100 + thread),
          .place = Place::in_guard(lock),
          .state = ThreadState::blocked,
          .stable = true,
          .lock = lock,
          .stack = stack};
}

ThreadRow payer(std::uint32_t thread) {
  return {.thread = thread,
          .tid = static_cast<int>(100 + thread),
          .place = Place::in_step(1, 0),
          .state = ThreadState::timed_waiting,
          .stable = true,
          .limited = true,
          .stack = 1};
}

ThreadRow finished(std::uint32_t thread) {
  return {.thread = thread, .tid = 0, .place = Place::finished(), .state = ThreadState::terminated};
}

LockRow mutex(std::uint64_t address, std::uint32_t waiters, std::optional<std::uint32_t> owner, Key key = 0) {
  return {.address = address,
          .kind = LockKind::mutex,
          .waiters = waiters,
          .owner_tid = owner ? static_cast<int>(100 + *owner) : 0,
          .owner = owner,
          .place = Place::in_guard(key)};
}

Snapshot snapshot_of(std::vector<ThreadRow> threads, std::vector<LockRow> locks) {
  return {.at = 500 * kMillisecond,
          .capture = 312 * kMicrosecond,
          .resolve = 1200 * kMicrosecond,
          .mode = "kernel",
          .threads = std::move(threads),
          .locks = std::move(locks),
          .cycles = {}};
}

std::string written(const Snapshot& snapshot, Detail detail, const SnapshotContext& where = context()) {
  std::ostringstream out;
  write_snapshot(where, snapshot, detail, out);
  return out.str();
}

/// Without the line break that makes a literal begin on a line of its own.
std::string_view kept(std::string_view literal) { return literal.substr(1); }

/// What follows the heading.
std::string summary(const Snapshot& snapshot, const SnapshotContext& where = context()) {
  const std::string text = written(snapshot, Detail::summary, where);
  return text.substr(text.find("\n\n") + 2);
}

std::uint64_t lines(const std::string& text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

/// T2 pays and holds the lock; T0, T1 and T3 wait for it.
Snapshot one_pays() {
  Snapshot snapshot = snapshot_of({waiter(0, 0, 0), waiter(1, 0, 0), payer(2), waiter(3, 0, 2)},
                                  {mutex(0x55d0c0ffee00, 3, 2)});
  for (ThreadRow& row : snapshot.threads) row.still_for = row.thread == 3 ? 1 : 2;
  return snapshot;
}

TEST(WriteSnapshot, IsASummaryAndEveryThreadInTheLayoutOfAThreadDump) {
  EXPECT_EQ(written(one_pays(), Detail::all), kept(R"(
synchronized, 500 ms after the release: 4 threads, mode kernel, captured in 312 µs, resolved in 1.20 ms

states   3 BLOCKED, 1 TIMED_WAITING
phases   3 guard, 1 step:payment
locks    synchronized[ticket-1]  mutex  3 waiters  held by T2 (in step payment)
stacks   3 threads: stack #0, #2
             at __lll_lock_wait (libc.so.6)
             at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
         1 thread: stack #1
             at clock_nanosleep (libc.so.6)
             at LottoPurchase::handle (lotto_purchase.cc:88)
             at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
unmoved  in this snapshot and the 2 before it: 3 threads (T0-T2)
         in this snapshot and the one before it: 1 thread (T3)

"T0" tid=100 guard  BLOCKED (mutex), unmoved in 3 snapshots
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0x55d0c0ffee00> synchronized[ticket-1] (a mutex) held by T2
	stack #0
	at __lll_lock_wait (libc.so.6)
	at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
	… 2 frames of the harness

"T1" tid=101 guard  BLOCKED (mutex), unmoved in 3 snapshots
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0x55d0c0ffee00> synchronized[ticket-1] (a mutex) held by T2
	stack #0, printed above

"T2" tid=102 step:payment  TIMED_WAITING (sleeping), unmoved in 3 snapshots
   java.lang.Thread.State: TIMED_WAITING (sleeping)
	- locked <0x55d0c0ffee00> synchronized[ticket-1] (a mutex), 3 waiting
	stack #1
	at clock_nanosleep (libc.so.6)
	at LottoPurchase::handle (lotto_purchase.cc:88)
	… 1 frame of the harness
	at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
	… 1 frame of the harness

"T3" tid=103 guard  BLOCKED (mutex), unmoved in 2 snapshots
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0x55d0c0ffee00> synchronized[ticket-1] (a mutex) held by T2
	stack #2
	at __lll_lock_wait (libc.so.6)
	at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
	… 1 frame of the harness
)"));
}

TEST(WriteSnapshot, TellsADeadlockWithItsMembersAndWhoWaitsBehind) {
  // T0 holds the first ticket and waits for the second, T1 the other way round; T2 and T3 wait for them.
  Snapshot snapshot = snapshot_of({waiter(0, 1), waiter(1, 0), waiter(2, 0), waiter(3, 1)},
                                  {mutex(0xa0, 2, 0, 0), mutex(0xb0, 2, 1, 1)});
  snapshot.resolve.reset();
  snapshot.cycles = {{{.thread = 0, .holds = 0, .waits_for = 1}, {.thread = 1, .holds = 1, .waits_for = 0}}};
  EXPECT_EQ(written(snapshot, Detail::summary), kept(R"(
synchronized, 500 ms after the release: 4 threads, mode kernel, captured in 312 µs

states   4 BLOCKED
phases   4 guard
locks    synchronized[ticket-1]  mutex  2 waiters  held by T0 (waiting for synchronized[ticket-2])
         synchronized[ticket-2]  mutex  2 waiters  held by T1 (waiting for synchronized[ticket-1])

Found 1 deadlock:
=================
T0 waits for <0xb0> synchronized[ticket-2] (a mutex), which T1 holds
T1 waits for <0xa0> synchronized[ticket-1] (a mutex), which T0 holds
2 more threads wait behind it
)"));
  EXPECT_NE(written(snapshot, Detail::all)
                .find("\n"
                      "\"T1\" tid=101 guard  BLOCKED (mutex)\n"
                      "   java.lang.Thread.State: BLOCKED (on object monitor)\n"
                      "\t- waiting to lock <0xa0> synchronized[ticket-1] (a mutex) "
                      "held by T0\n"
                      "\t- locked <0xb0> synchronized[ticket-2] (a mutex), 2 waiting\n"),
            std::string::npos);
}

TEST(WriteSnapshot, TellsWhoWaitsForHimself) {
  Snapshot snapshot = snapshot_of({waiter(0, 0), waiter(1, 0)}, {mutex(0xa0, 2, 0)});
  snapshot.cycles = {{{.thread = 0, .holds = 0, .waits_for = 0}}};
  EXPECT_TRUE(written(snapshot, Detail::summary)
                  .ends_with("held by T0 (waiting for it itself)\n"
                             "\n"
                             "Found 1 deadlock:\n"
                             "=================\n"
                             "T0 waits for <0xa0> synchronized[ticket-1] (a mutex), which it holds itself\n"
                             "1 more thread waits behind it\n"));
}

TEST(WriteSnapshot, ShortensManyAndLongDeadlocksInSummariesOnly) {
  constexpr std::uint32_t kRing = 30;
  Snapshot snapshot = snapshot_of({}, {});
  for (std::uint32_t i = 0; i < 5 * kRing; ++i) {
    const std::uint32_t next = i % kRing == kRing - 1 ? i - kRing + 1 : i + 1;
    snapshot.threads.push_back(waiter(i, next));
    snapshot.locks.push_back(mutex(0x1000 + i, 1, i, i));
    if (i % kRing == 0) snapshot.cycles.emplace_back();
    snapshot.cycles.back().push_back({.thread = i, .holds = i, .waits_for = next});
  }
  const std::string brief = written(snapshot, Detail::summary);
  EXPECT_NE(brief.find("\nFound 5 deadlocks:\n==================\nT0 waits for <0x1001> "),
            std::string::npos);
  EXPECT_TRUE(brief.ends_with("(a mutex), which T70 holds\n… 20 more members\n\nand 2 more deadlocks\n"))
      << brief;
  EXPECT_LT(lines(brief), 60U);
  const std::string whole = written(snapshot, Detail::all);
  EXPECT_NE(whole.find("\nT149 waits for <0x1078> synchronized[ticket-121] (a mutex), which T120 holds\n"),
            std::string::npos);
}

TEST(WriteSnapshot, NamesWhoHoldsALockAsFarAsThatIsKnown) {
  LockRow read_held = mutex(0xa0, 4, {}, 0);
  read_held.kind = LockKind::shared_mutex;
  read_held.readers = 3;
  LockRow recursive = mutex(0xb0, 2, 0, 1);
  recursive.kind = LockKind::recursive_mutex;
  recursive.depth = 3;
  const LockRow abandoned = mutex(0xc0, 1, 1, 2);
  LockRow foreign = mutex(0xd0, 1, {}, 3);
  foreign.owner_tid = 4711;
  const LockRow changing = mutex(0xe0, 1, {}, 4);
  LockRow unexplained = mutex(0xf0, 1, 0);
  unexplained.place.reset();
  LockRow condition{.address = 0x100, .kind = LockKind::futex, .waiters = 1, .owner = {}, .place = {}};
  const Snapshot snapshot = snapshot_of(
      {payer(0), finished(1)}, {read_held, recursive, abandoned, foreign, changing, unexplained, condition});
  EXPECT_EQ(summary(snapshot), kept(R"(
states   1 TIMED_WAITING, 1 TERMINATED
phases   1 finished, 1 step:payment
locks    synchronized[ticket-1]  shared_mutex     4 waiters  held by 3 readers
         synchronized[ticket-2]  recursive_mutex  2 waiters  held by T0 (entered 3 times, in step payment)
         synchronized[ticket-3]  mutex             1 waiter  held by T1, which has finished
         synchronized[ticket-4]  mutex             1 waiter  held by thread 4711, no worker
         synchronized[ticket-5]  mutex             1 waiter  owner not known: it may be changing hands
         mutex 0xf0                                1 waiter  held by T0 (in step payment)
         futex 0x100                               1 waiter
stacks   1 thread: stack #1
             at clock_nanosleep (libc.so.6)
             at LottoPurchase::handle (lotto_purchase.cc:88)
             at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
)"));
}

TEST(WriteSnapshot, TakesTheWordsOfOneLockTogether) {
  constexpr std::uint32_t kWaiters = 60;
  Snapshot snapshot = snapshot_of({}, {});
  for (std::uint32_t i = 0; i < kWaiters; ++i) {
    snapshot.threads.push_back(waiter(i, i, 0));
    snapshot.threads.back().state = ThreadState::waiting;
    snapshot.locks.push_back(mutex(0x1000 + i, 1, {}));
    snapshot.locks.back().kind = LockKind::futex;
  }
  EXPECT_NE(summary(snapshot).find("\nlocks    synchronized[ticket-1]  futex each  60 waiters\nstacks "),
            std::string::npos)
      << summary(snapshot);
  const std::string folded = written(snapshot, Detail::folded);
  EXPECT_NE(folded.find("\n60 threads: T0-T59  guard  WAITING (futex)\n"
                        "   java.lang.Thread.State: WAITING (parking)\n"
                        "\t- waiting on synchronized[ticket-1] (a futex each)\n"),
            std::string::npos)
      << folded;
  const std::string all = written(snapshot, Detail::all);
  EXPECT_NE(all.find("\t- waiting on <0x103b> synchronized[ticket-1] (a futex)\n"), std::string::npos);
  for (LockRow& lock : snapshot.locks) lock.kind = LockKind::mutex;
  EXPECT_NE(summary(snapshot).find("and 50 more locks"), std::string::npos);
  EXPECT_EQ(written(snapshot, Detail::folded).find("60 threads: T"), std::string::npos);
}

TEST(WriteSnapshot, SaysOfEveryThreadWhatIsKnownAndNoMore) {
  LockRow unexplained = mutex(0xf0, 1, {});
  unexplained.place.reset();
  const LockRow condition{.address = 0x100, .kind = LockKind::futex, .waiters = 1, .owner = {}, .place = {}};
  const LockRow abandoned = mutex(0xc0, 1, 5);
  std::vector<ThreadRow> rows = {waiter(0, 0), waiter(1, 1), waiter(2, 2), payer(3), payer(4), finished(5)};
  rows[0].stable = false;
  rows[1].state = ThreadState::waiting;
  rows[3] = {.thread = 3, .tid = 103, .place = Place::in_step(1, 0), .state = ThreadState::runnable};
  rows[4].state = ThreadState::in_syscall;
  rows[4].system_call = SYS_read;
  rows[4].stack = 4;
  const std::string text = written(snapshot_of(rows, {unexplained, condition, abandoned}), Detail::all);
  EXPECT_EQ(text.substr(text.find("\"T0\"")), kept(R"(
"T0" tid=100 guard  BLOCKED (mutex), ran during the capture
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0xf0> (a mutex)

"T1" tid=101 guard  WAITING (futex)
   java.lang.Thread.State: WAITING (parking)
	- waiting on <0x100> (a futex)

"T2" tid=102 guard  BLOCKED (mutex)
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0xc0> synchronized[ticket-1] (a mutex), held by T5 which has finished

"T3" tid=103 step:payment  RUNNABLE
   java.lang.Thread.State: RUNNABLE

"T4" tid=104 step:payment  IN_SYSCALL (read)
   java.lang.Thread.State: RUNNABLE
	stack #4
	at f0
	at f1
	at f2
	at f3
	at f4
	at f5
	at f6
	at f7
	at 0x7f00 (libc.so.6)
	… and what called it could not be found

finished: T5 (1 thread)
)"));
  rows[4].system_call = 4999;
  EXPECT_NE(written(snapshot_of(rows, {unexplained, condition, abandoned}), Detail::all)
                .find("IN_SYSCALL (system call 4999)\n"),
            std::string::npos);
}

TEST(WriteSnapshot, HasTheWorkersOwnWordWhereNobodyElseWasAsked) {
  Snapshot snapshot = snapshot_of({{.thread = 0, .tid = 100, .place = Place::in_guard(1)},
                                   {.thread = 1, .tid = 101, .place = Place::in_step(1, 1)},
                                   finished(2)},
                                  {});
  snapshot.resolve.reset();
  snapshot.mode = "published";
  EXPECT_EQ(written(snapshot, Detail::all), kept(R"(
synchronized, 500 ms after the release: 3 threads, mode published, captured in 312 µs

phases   1 finished, 1 guard, 1 step:payment
locks    synchronized[ticket-2]  1 waiter

"T0" tid=100 guard
	- waiting for synchronized[ticket-2]

"T1" tid=101 step:payment

finished: T2 (1 thread)
)"));
}

TEST(WriteSnapshot, BelievesTheKernelThatAWorkerHasEnded) {
  ThreadRow ended = finished(0);
  ended.place = Place::in_step(1, 0);  // Read just before its end.
  const std::string text = written(snapshot_of({ended, payer(1)}, {mutex(0xa0, 1, 0)}), Detail::all);
  EXPECT_NE(text.find("  held by T0, which has finished\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("\"T0\""), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\nfinished: T0 (1 thread)\n")) << text;
}

TEST(WriteSnapshot, ShowsTheTopsOfTheFullestStacks) {
  std::vector<ThreadRow> rows = {waiter(0, 0, 3), waiter(1, 0, 4), waiter(2, 0, 4), waiter(3, 0)};
  const std::string text = summary(snapshot_of(rows, {mutex(0xa0, 4, {})}));
  EXPECT_EQ(text.substr(text.find("stacks")), kept(R"(
stacks   2 threads: stack #4
             at f0
             at f1
             at f2
             at f3
             at f4
             at f5
             … 2 more frames
         1 thread: stack #3
             nothing but the harness
         1 thread without a stack
)"));
}

/// T1 pays; 997 wait like T0, two through another stack; every hundredth has finished.
Snapshot thousand() {
  Snapshot snapshot = snapshot_of({}, {mutex(0xa0, 989, 1)});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    snapshot.threads.push_back(i % 100 == 99 ? finished(i) : waiter(i, 0, 0));
  }
  snapshot.threads[1] = payer(1);
  snapshot.threads[500].stack = 2;
  snapshot.threads[501].stack = 2;
  return snapshot;
}

TEST(WriteSnapshot, FoldsAThousandThreadsWhereThatIsAllowed) {
  const std::string text = written(thousand(), Detail::folded);
  EXPECT_EQ(text.substr(text.find("987 threads")), kept(R"(
987 threads: T0, T2-T98, T100-T198, T200-T298, T300-T398, T400-T498, T502-T598, T600-T698, T700-T798, T800-T898, T900-T998  guard  BLOCKED (mutex)
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0xa0> synchronized[ticket-1] (a mutex) held by T1
	stack #0
	at __lll_lock_wait (libc.so.6)
	at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
	… 2 frames of the harness

2 threads: T500, T501  guard  BLOCKED (mutex)
   java.lang.Thread.State: BLOCKED (on object monitor)
	- waiting to lock <0xa0> synchronized[ticket-1] (a mutex) held by T1
	stack #2
	at __lll_lock_wait (libc.so.6)
	at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
	… 1 frame of the harness

"T1" tid=101 step:payment  TIMED_WAITING (sleeping)
   java.lang.Thread.State: TIMED_WAITING (sleeping)
	- locked <0xa0> synchronized[ticket-1] (a mutex), 989 waiting
	stack #1
	at clock_nanosleep (libc.so.6)
	at LottoPurchase::handle (lotto_purchase.cc:88)
	… 1 frame of the harness
	at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
	… 1 frame of the harness

finished: T99, T199, T299, T399, T499, T599, T699, T799, T899, T999 (10 threads)
)"));
  EXPECT_LT(lines(text), 50U);
}

TEST(WriteSnapshot, LeavesOutOfAFoldWhoHoldsALock) {
  Snapshot snapshot = snapshot_of({}, {mutex(0xa0, 59, {}), mutex(0xb0, 1, 5, 1)});
  for (std::uint32_t i = 0; i < 60; ++i) snapshot.threads.push_back(waiter(i, i == 6 ? 1 : 0, 0));
  const std::string text = written(snapshot, Detail::folded);
  EXPECT_NE(text.find("\n58 threads: T0-T4, T7-T59  guard  BLOCKED (mutex)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n\"T5\" tid=105 guard  BLOCKED (mutex)\n"
                      "   java.lang.Thread.State: BLOCKED (on object monitor)\n"
                      "\t- waiting to lock <0xa0> synchronized[ticket-1] (a mutex)\n"
                      "\t- locked <0xb0> synchronized[ticket-2] (a mutex), 1 waiting\n"),
            std::string::npos)
      << text;
}

TEST(WriteSnapshot, HasEveryThreadOfAThousandByItselfInAFile) {
  const std::string text = written(thousand(), Detail::all);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    if (i % 100 == 99) continue;
    ASSERT_NE(text.find("\n\"" + worker_name(i) + "\" tid="), std::string::npos) << i;
  }
  EXPECT_LT(lines(text), 5100U);  // Five for each, its stack being printed once.
  EXPECT_LT(lines(written(thousand(), Detail::summary)), 20U);
}

TEST(WriteSnapshot, FoldsNothingThatFitsAFewScreens) {
  Snapshot snapshot = snapshot_of({}, {mutex(0xa0, 50, {})});
  for (std::uint32_t i = 0; i < 50; ++i) snapshot.threads.push_back(waiter(i, 0, 0));
  EXPECT_EQ(written(snapshot, Detail::folded), written(snapshot, Detail::all));
  snapshot.threads.push_back(waiter(50, 0, 0));
  EXPECT_NE(written(snapshot, Detail::folded).find("\n51 threads: T0-T50  guard  BLOCKED (mutex)\n"),
            std::string::npos);
}

TEST(WriteSnapshot, SummarisesAsFewLinesAsOneCanReadHoweverMuchThereIs) {
  Snapshot snapshot = snapshot_of({}, {});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    snapshot.threads.push_back(waiter(i, i, i % 5));
    snapshot.threads.back().still_for = i % 2;
    snapshot.locks.push_back(mutex(0x1000 + i, 1, {}, i));
  }
  const std::string text = summary(snapshot);
  EXPECT_NE(text.find("\n         and 990 more locks\n"), std::string::npos) << text;
  EXPECT_NE(text.find("before it: 500 threads (T1, T3, T5, T7, T9, T11, T13, T15, T17, T19 and 490 more)"),
            std::string::npos)
      << text;
  EXPECT_LT(lines(text), 40U);
}

TEST(ThreadDump, HasAHeadingForEveryTrialAndSnapshot) {
  ScenarioPlugin scenario;
  scenario.info = kScenario;
  TrialResult held;
  held.trial = 2;
  held.guard = "synchronized";
  held.verdict = Verdict::ok;
  held.tally.promises = kPerKey;
  held.snapshots = {snapshot_of({payer(0)}, {}), snapshot_of({finished(0)}, {})};
  TrialResult control;
  control.trial = 1;
  control.role = Role::control;
  control.guard = "none";
  control.verdict = Verdict::violation;
  TrialResult hung;
  hung.trial = 3;
  hung.guard = "synchronized";
  hung.verdict = Verdict::hung;
  hung.perturbed = true;
  hung.hang = Hang{.kind = "slow", .sentence = "over --timeout=1s", .cycle = {}};
  RunResult run{.run_id = "run-7",
                .machine = {},
                .build = {.version = "0.1.0", .compiler = "", .build_type = "", .sanitizer = ""},
                .configurations = {{.experiment = {}}},
                .trials = {control, held, hung},
                .guards = {},
                .stacks = stacks(),
                .warnings = {},
                .shrunk = {}};
  run.configurations[0].experiment.scenario = &scenario;
  std::ostringstream out;
  thread_dump_sink()->write(run, out);
  const std::string rule(100, '=');
  const std::string heading =
      "synchronized, 500 ms after the release: 1 thread, mode kernel, captured in 312 µs, "
      "resolved in 1.20 ms\n\n";
  EXPECT_EQ(
      out.str(),
      "Full thread dump of ccbench 0.1.0 · purchase · 20 requests, 20 threads, 1 key · run run-7\n\n"
      "Tn is thread n of the CSV files, stack #n is entry n of stacks in the JSON report. Under each thread\n"
      "stands what a JVM would say of a thread that does the same. \"locked\" is known only of locks that\n"
      "somebody waits for.\n\n" +
          rule + "\ntrial 1 (control): none, VIOLATION, no snapshot\n" + rule + "\n\n" +  //
          rule + "\ntrial 2: synchronized, OK, 2 snapshots\n" + rule + "\n" +             //
          "\n-- snapshot 1 of 2: " + heading +
          "states   1 TIMED_WAITING\n"
          "phases   1 step:payment\n"
          "stacks   1 thread: stack #1\n"
          "             at clock_nanosleep (libc.so.6)\n"
          "             at LottoPurchase::handle (lotto_purchase.cc:88)\n"
          "             at SynchronizedGuard<StdSync>::run (synchronized.cc:24)\n"
          "\n"
          "\"T0\" tid=100 step:payment  TIMED_WAITING (sleeping)\n"
          "   java.lang.Thread.State: TIMED_WAITING (sleeping)\n"
          "\tstack #1\n"
          "\tat clock_nanosleep (libc.so.6)\n"
          "\tat LottoPurchase::handle (lotto_purchase.cc:88)\n"
          "\t… 1 frame of the harness\n"
          "\tat SynchronizedGuard<StdSync>::run (synchronized.cc:24)\n"
          "\t… 1 frame of the harness\n"
          "\n-- snapshot 2 of 2: " +
          heading +
          "phases   1 finished\n"
          "\n"
          "finished: T0 (1 thread)\n\n" +
          rule +
          "\ntrial 3: synchronized, HUNG, no snapshot\n"
          "slow: over --timeout=1s\n"
          "perturbed: its threads were signalled for their stacks\n" +
          rule + "\n");
}

TEST(WorkerRanges, JoinsNeighbours) {
  using Threads = std::vector<std::uint32_t>;
  EXPECT_EQ(worker_ranges(Threads{}), "");
  EXPECT_EQ(worker_ranges(Threads{7}), "T7");
  EXPECT_EQ(worker_ranges(Threads{1, 2}), "T1, T2");
  EXPECT_EQ(worker_ranges(Threads{1, 2, 3, 8, 10, 11, 12}), "T1-T3, T8, T10-T12");
  EXPECT_EQ(worker_ranges(Threads{1, 2, 3, 8, 10, 11, 12}, 2), "T1-T3, T8 and 3 more");
  EXPECT_EQ(worker_ranges(Threads{1, 2, 3, 8}, 2), "T1-T3, T8");
}

TEST(LockOf, AsksTheWorkerOnlyWhereNobodyElseWasAsked) {
  Snapshot snapshot = snapshot_of({waiter(0, 0)}, {mutex(0xa0, 1, {}, 6)});
  EXPECT_EQ(lock_of(context(), snapshot, snapshot.threads[0]), "synchronized[ticket-7]");
  snapshot.threads[0].lock = kNoIndex;
  snapshot.threads[0].state = ThreadState::runnable;  // On its way into the lock, or out of it.
  EXPECT_EQ(lock_of(context(), snapshot, snapshot.threads[0]), "");
  snapshot.threads[0].state = ThreadState::unknown;
  EXPECT_EQ(lock_of(context(), snapshot, snapshot.threads[0]), "synchronized[ticket-1]");
}

TEST(StatesOf, IsSilentWhereOnlyEndsAreKnown) {
  EXPECT_EQ(states_of(snapshot_of({finished(0), {.thread = 1, .place = {}}}, {})), "");
  EXPECT_EQ(states_of(snapshot_of({finished(0), {.thread = 1, .place = {}}, payer(2), payer(3)}, {})),
            "2 TIMED_WAITING, 1 unknown, 1 TERMINATED");
}

TEST(TextOfHang, NamesItsKindOnce) {
  EXPECT_EQ(text_of(Hang{.kind = "slow", .sentence = "over --timeout=1s", .cycle = {}}),
            "slow: over --timeout=1s");
  EXPECT_EQ(text_of(Hang{.kind = "deadlock", .sentence = "deadlock: T3 holds A", .cycle = {}}),
            "deadlock: T3 holds A");
}

}  // namespace
}  // namespace ccbench
