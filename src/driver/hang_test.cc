// Why trials do not end: first from snapshots made by hand, then from trials that really do not.
#include "driver/hang.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "core/registry.h"
#include "driver/quiet_run.h"
#include "driver/run.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

constexpr std::array<std::string_view, 1> kSteps = {"payment"};
constexpr ScenarioInfo kScenario{.name = "purchase",
                                 .about = "",
                                 .key_name = "ticket",
                                 .needs = {},
                                 .breakable = "",
                                 .parameters = {},
                                 .steps = kSteps,
                                 .facts = {}};
constexpr GuardInfo kGuard{
    .name = "lock", .about = "", .promises = {.exclusive = true, .waits = true, .per_key = true}};

LockRow lock_of(Key key, std::optional<std::uint32_t> owner, std::uint32_t waiters = 1) {
  LockRow lock{.address = 0x1000 + key,
               .kind = LockKind::mutex,
               .waiters = waiters,
               .owner_tid = owner ? 100 + static_cast<int>(*owner) : 0,
               .owner = owner,
               .place = Place::in_guard(key)};
  return lock;
}

ThreadRow waiter(std::uint32_t thread, std::uint32_t lock) {
  return {.thread = thread,
          .tid = 100 + static_cast<int>(thread),
          .place = Place::in_guard(lock),
          .state = ThreadState::blocked,
          .stable = true,
          .lock = lock};
}

/// T0 and T1 each hold what the other waits for; T2 waits behind them.
Snapshot deadlock() {
  Snapshot snapshot;
  snapshot.locks = {lock_of(0, 1, 2), lock_of(1, 0)};
  snapshot.threads = {waiter(0, 0), waiter(1, 1), waiter(2, 0)};
  snapshot.cycles = {{{.thread = 0, .holds = 1, .waits_for = 0}, {.thread = 1, .holds = 0, .waits_for = 1}}};
  return snapshot;
}

Hang explain(const Snapshot& snapshot, bool over_time = false, double cpus_wanted = 0,
             std::vector<WorkerProgress> workers = {}, Nanos still = 0) {
  workers.resize(snapshot.threads.size());
  return explain_hang({.guard = kGuard,
                       .scenario = kScenario,
                       .snapshot = snapshot,
                       .workers = workers,
                       .over_time = over_time,
                       .trial = 10 * kSecond,
                       .still = still,
                       .longest_step = 2 * kSecond,
                       .cpus_wanted = cpus_wanted,
                       .limit = "the limit"});
}

TEST(Hang, ADeadlockSaysWhoHoldsWhatAndWaitsForWhat) {
  const Hang hang = explain(deadlock());
  EXPECT_EQ(hang.kind, "deadlock");
  EXPECT_EQ(
      hang.sentence,
      "deadlock: T0 holds lock[ticket-2], waits for lock[ticket-1] → T1 holds lock[ticket-1], waits for "
      "lock[ticket-2]; 1 more waits behind it");
  ASSERT_EQ(hang.cycle.size(), 2U);
  // It is one also where the hard limit came first.
  EXPECT_EQ(explain(deadlock(), true).kind, "deadlock");
}

TEST(Hang, ADeadlockTellsLocksOfOneNameApart) {
  constexpr GuardInfo kStripes{
      .name = "stripes", .about = "", .promises = {.exclusive = true, .waits = true}};
  const Snapshot snapshot = deadlock();
  EXPECT_EQ(describe(snapshot.cycles.front(), snapshot, kStripes, kScenario),
            "T0 holds stripes 0x1001, waits for stripes 0x1000 → T1 holds stripes 0x1000, waits for stripes "
            "0x1001");
}

TEST(Hang, AThreadCanWaitForItself) {
  Snapshot snapshot;
  snapshot.locks = {lock_of(0, 0)};
  snapshot.threads = {waiter(0, 0)};
  snapshot.cycles = {{{.thread = 0, .holds = 0, .waits_for = 0}}};
  EXPECT_EQ(explain(snapshot).sentence, "deadlock: T0 holds lock[ticket-1], waits for it itself");
}

TEST(Hang, AStallNamesTheHolderOrSaysThatThereIsNone) {
  Snapshot snapshot;
  snapshot.locks = {lock_of(0, 1, 3)};
  snapshot.threads = {waiter(0, 0), {.thread = 1, .tid = 101, .place = Place::finished()}};
  EXPECT_EQ(explain(snapshot).kind, "stalled");
  EXPECT_EQ(explain(snapshot).sentence,
            "stalled: 3 wait for lock[ticket-1], which T1 holds, and T1 has ended; the limit");
  snapshot.threads[1].place = Place::in_step(0, 0);
  EXPECT_EQ(explain(snapshot).sentence,
            "stalled: 3 wait for lock[ticket-1], which T1 holds in step:payment; the limit");
  snapshot.locks = {lock_of(0, {}, 1)};
  snapshot.locks[0].kind = LockKind::futex;
  EXPECT_EQ(explain(snapshot).sentence,
            "stalled: 1 waits for lock[ticket-1] (a futex), whose holder cannot be seen; the limit");
  snapshot.locks[0].kind = LockKind::shared_mutex;
  snapshot.locks[0].readers = 2;
  EXPECT_EQ(explain(snapshot).sentence,
            "stalled: 1 waits for lock[ticket-1], which 2 readers hold; the limit");
  snapshot.locks[0].readers = 0;
  snapshot.locks[0].kind = LockKind::condition_variable;
  EXPECT_EQ(explain(snapshot).sentence,
            "stalled: 1 waits for lock[ticket-1], a condition variable that nobody signals; the limit");
}

TEST(Hang, WordsOfOneLockAreNamedOnce) {
  Snapshot snapshot;
  for (std::uint64_t word = 0; word < 6; ++word) {
    snapshot.locks.push_back(lock_of(word % 2, {}, word == 1 ? 3 : 1));
    snapshot.locks.back().address = 0x1000 + word;
    snapshot.locks.back().kind = LockKind::futex;
  }
  EXPECT_EQ(explain(snapshot).sentence,
            "stalled: 5 wait for lock[ticket-2] (a futex each), whose holder cannot be seen; 3 wait for "
            "lock[ticket-1] (a futex each), whose holder cannot be seen; the limit");
  // Two mutexes of a key are two locks, each with a holder of its own.
  for (LockRow& lock : snapshot.locks) lock.kind = LockKind::mutex;
  EXPECT_NE(explain(snapshot).sentence.find("; and 3 more locks; the limit"), std::string::npos);
}

TEST(Hang, WithoutProgressAndWithCpuTimeItIsALivelock) {
  Snapshot snapshot;
  snapshot.threads = {{.thread = 0, .tid = 100, .place = Place::in_guard(0)}};
  EXPECT_EQ(explain(snapshot, false, 0.1).kind, "stalled");
  EXPECT_EQ(explain(snapshot, false, 1.94).kind, "livelock");
  EXPECT_EQ(explain(snapshot, false, 1.94).sentence,
            "livelock: 1.9 CPUs were wanted meanwhile: 1 in the guard; the limit");
}

TEST(Hang, OverTimeItIsStarvationOnlyIfOneWaitsWhileTheOthersGoOn) {
  Snapshot snapshot;
  snapshot.threads = {{.thread = 0, .tid = 100, .place = Place::in_guard(0)},
                      {.thread = 1, .tid = 101, .place = Place::in_step(0, 0)}};
  EXPECT_EQ(explain(snapshot, true, 0, {{.still = 9 * kSecond, .overtaken = 500}, {}}).kind, "starvation");
  EXPECT_EQ(explain(snapshot, true, 0, {{.still = 9 * kSecond, .overtaken = 500}, {}}).sentence,
            "starvation: T0 has been in the guard for 9s and was overtaken by 500 requests; the limit");
  EXPECT_EQ(explain(snapshot, true, 0, {{.still = 4 * kSecond, .overtaken = 500}, {}}).kind, "slow");
  EXPECT_EQ(explain(snapshot, true, 0, {{.still = 9 * kSecond, .overtaken = 1}, {}}).kind, "slow");
  // A long step is no starvation.
  EXPECT_EQ(explain(snapshot, true, 0, {{}, {.still = 9 * kSecond, .overtaken = 500}}).kind, "slow");
}

TEST(Hang, OverTimeItIsAStallWhereNothingMovedForLong) {
  Snapshot snapshot;
  snapshot.locks = {lock_of(0, 1, 1)};
  snapshot.threads = {waiter(0, 0), {.thread = 1, .tid = 101, .place = Place::finished()}};
  EXPECT_EQ(explain(snapshot, true, 0, {}, 9 * kSecond).kind, "stalled");
  EXPECT_EQ(explain(snapshot, true, 1.5, {}, 9 * kSecond).kind, "livelock");
  EXPECT_EQ(explain(snapshot, true, 0, {}, 4 * kSecond).kind, "slow") << "less than half of the trial";
  EXPECT_EQ(explain(snapshot, true, 0, {}, 4 * kSecond).sentence,
            "slow: 1 waits for lock[ticket-1], which T1 holds, and T1 has ended; the limit");
}

TEST(Hang, OfATrialThatNeverBeganHasNoSnapshot) {
  EXPECT_EQ(explain(Snapshot{}).sentence, "stalled; the limit");
  EXPECT_EQ(explain(Snapshot{}, true).sentence, "slow; the limit");
}

// --- trials ---

/// The one trial of the experiment, without a control.
TrialResult run_alone(Experiment experiment) {
  experiment.control = ControlMode::never;
  return run_quietly(experiment).trials.at(0);
}

/// One trial of the purchase, four requests at once, under a guard of the test's own.
template <class G>
TrialResult run_guard(Experiment experiment, Promises promises = {.exclusive = true, .waits = true}) {
  const GuardPlugin plugin{.info = {.name = "tested", .about = "", .promises = promises},
                           .make = [](const GuardContext&) { return std::make_unique<G>(); }};
  const ScenarioPlugin& scenario = *scenarios().find("lotto-purchase");
  experiment.scenario = &scenario;
  experiment.parameters = ParameterValues(scenario.info.parameters);
  experiment.parameters.set("payment", "1ms");
  experiment.parameters.set("db", "0");
  experiment.guards = {&plugin};
  experiment.seed = 1;
  experiment.threads = 4;
  return run_alone(experiment);
}

Experiment four_requests() {
  Experiment experiment;
  experiment.requests = 4;
  return experiment;
}

/// Asks over and over whether it may go, and may not.
class Insistent final : public AnyGuard {
  Result run(const Request& /*request*/, Section /*section*/) override {
    while (!free_) std::this_thread::yield();
    return success();
  }
  std::atomic<bool> free_{false};
};

TEST(HungTrial, ThatBurnsCpuTimeIsALivelock) {
  Experiment experiment = four_requests();
  experiment.stall = 500 * kMillisecond;
  const TrialResult trial = run_guard<Insistent>(experiment);
  EXPECT_EQ(trial.verdict, Verdict::hung);
  ASSERT_TRUE(trial.hang);
  EXPECT_EQ(trial.hang->kind, "livelock") << trial.hang->sentence;
}

/// The first request waits for a signal that never comes; the others go in and out.
class Unfair final : public AnyGuard {
  Result run(const Request& request, Section section) override {
    if (request.index == 0) {
      std::unique_lock lock(mutex_);
      never_.wait(lock, [] { return false; });
    }
    return section(Entry{});
  }
  std::mutex mutex_;
  std::condition_variable never_;
};

TEST(HungTrial, InWhichOneWaitsWhileTheOthersGoOnIsStarvation) {
  // With a record of each request, and counted.
  for (const std::uint64_t most_records : {kMostRecords, std::uint64_t{0}}) {
    Experiment experiment;
    experiment.requests = experiment.keys = 100'000;
    experiment.most_records = most_records;
    experiment.timeout = 2 * kSecond;
    experiment.stall = 30 * kSecond;
    const TrialResult trial = run_guard<Unfair>(experiment);
    EXPECT_EQ(trial.verdict, Verdict::hung);
    ASSERT_TRUE(trial.hang);
    EXPECT_EQ(trial.hang->kind, "starvation") << trial.hang->sentence;
  }
}

/// One trial of the counter, whose section takes `work`, that is over its time after `timeout`.
TrialResult run_counter(std::string_view guard, std::uint64_t requests, std::uint32_t threads,
                        std::string_view work, Nanos timeout) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("work", work);
  experiment.guards = {guards().find(guard)};
  experiment.requests = requests;
  experiment.threads = threads;
  experiment.timeout = timeout;
  return run_alone(experiment);
}

TEST(HungTrial, ThatOnlyTakesLongIsSlow) {
  const TrialResult trial = run_counter("synchronized", 1'000'000, 1, "1ms", kSecond);
  ASSERT_TRUE(trial.hang);
  EXPECT_EQ(trial.hang->kind, "slow") << trial.hang->sentence;
}

TEST(HungTrial, OfAQueueThatIsTooLongIsSlowAndNoStarvation) {
  // Time for fifteen of twenty: nobody was overtaken.
  const TrialResult trial = run_counter("global", 20, 20, "100ms", 1500 * kMillisecond);
  ASSERT_TRUE(trial.hang);
  EXPECT_EQ(trial.hang->kind, "slow") << trial.hang->sentence;
}

/// Locked again by whoever holds it.
class SelfLocking final : public AnyGuard {
  Result run(const Request& /*request*/, Section section) override {
    mutex_.lock();
    mutex_.lock();
    return section(Entry{});
  }
  std::mutex mutex_;
};

TEST(HungTrial, WithADeadlockEndsLongBeforeTheStallRule) {
  Experiment experiment = four_requests();
  experiment.stall = 60 * kSecond;
  const TrialResult trial = run_guard<SelfLocking>(experiment);
  EXPECT_EQ(trial.verdict, Verdict::hung);
  ASSERT_TRUE(trial.hang);
  EXPECT_EQ(trial.hang->kind, "deadlock") << trial.hang->sentence;
  EXPECT_EQ(trial.hang->cycle.size(), 1U);
  EXPECT_EQ(trial.snapshots.back().cycles.size(), 1U);
  EXPECT_EQ(trial.tally.unfinished(), 4U);
}

/// Waits with a limit of time in a circle: no deadlock, since the waits end.
class Patient final : public AnyGuard {
  Result run(const Request& /*request*/, Section section) override {
    mutex_.lock();
    if (!mutex_.try_lock_for(std::chrono::milliseconds(300))) mutex_.unlock();
    return section(Entry{});
  }
  std::timed_mutex mutex_;
};

TEST(HungTrial, IsNoneWhereTheWaitsEndByThemselves) {
  Experiment experiment = four_requests();
  experiment.stall = 60 * kSecond;
  const TrialResult trial = run_guard<Patient>(experiment);
  EXPECT_FALSE(trial.hang);
  EXPECT_EQ(trial.tally.unfinished(), 0U);
}

}  // namespace
}  // namespace ccbench
