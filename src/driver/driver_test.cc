// Trials are real here: forked processes with threads, some of which misbehave on purpose.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <set>
#include <thread>

#include "core/registry.h"
#include "driver/build.h"
#include "driver/collect.h"
#include "driver/judge.h"
#include "driver/plan.h"
#include "driver/quiet_run.h"
#include "driver/request_source.h"
#include "driver/run.h"
#include "driver/trial_memory.h"
#include "driver/worker_threads.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

/// What the section of the probe does to itself.
enum class Deed : std::uint8_t {
  none,
  fault,
  abort,
  kill,
  leave,
  throw_bad_alloc,
  throw_other,
  stand_still,
  breed,
  race,
  leave_group,
  real_time_signal,
};

enum Fact : FactId { kEffects, kChild };
constexpr std::array<std::string_view, 2> kFacts = {"effects", "child"};
constexpr std::array<std::string_view, 1> kSteps = {"deed"};

std::ptrdiff_t threads_of_this_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

/// A scenario for one deed, done by the request `doer` after every other has ended or stands still.
struct Probe {
  Deed deed = Deed::none;
  std::uint64_t doer = 0;
  std::int64_t effects_before = 0;  ///< raised by the doer before its deed
};

void do_deed(Deed deed, Facts& facts) {
  switch (deed) {
    case Deed::none:
    case Deed::race: return;  // Done by every request.
    case Deed::leave_group:
      setpgid(0, getpgid(getppid()));
      while (true) pause();
    case Deed::real_time_signal: raise(SIGRTMIN); return;
    case Deed::fault: {
      volatile int* nowhere = nullptr;
      *nowhere = 1;
      return;
    }
    case Deed::abort: std::abort();
    case Deed::kill: raise(SIGKILL); return;
    case Deed::leave: _exit(3);
    case Deed::throw_bad_alloc: throw std::bad_alloc();
    case Deed::throw_other: throw 42;
    case Deed::stand_still:
      while (true) pause();
    case Deed::breed: {
      const pid_t child = fork();
      if (child == 0) {
        while (true) pause();
      }
      facts.set(kChild, 0, child);
      return;
    }
  }
}

class ProbeScenario final : public AnyScenario {
 public:
  ProbeScenario(const TrialContext& trial, Probe probe) : trial_(trial), probe_(probe) {}

  Result handle(const Request& request, const Entry& /*entry*/) override {
    trial_.steps.enter_step(request, 0);
    if (probe_.deed == Deed::race) ++unprotected_;
    if (request.index == probe_.doer) {
      while (left_.load() + 1 < static_cast<int>(trial_.requests)) std::this_thread::yield();
      // The trial's first thread and the doer remain: everybody else has written its record. A sanitizer
      // has threads of its own.
      while (!kSanitized && threads_of_this_process() > 2) std::this_thread::yield();
      for (std::int64_t i = 0; i < probe_.effects_before; ++i) trial_.facts.raise(kEffects, request.key);
      do_deed(probe_.deed, trial_.facts);
    }
    ++left_;
    return success();
  }

  void settle() override {}

 private:
  const TrialContext& trial_;
  const Probe probe_;
  std::atomic<int> left_{0};  ///< requests that are about to leave the section
  int unprotected_ = 0;
};

ScenarioPlugin make_probe(Probe probe) {
  return {
      .info = {.name = "probe",
               .about = "",
               .key_name = "key",
               .needs = {},
               .breakable = "at most one effect",
               .parameters = {},
               .steps = kSteps,
               .facts = kFacts,
               .effect = kEffects},
      .make = [probe](const TrialContext& trial) { return std::make_unique<ProbeScenario>(trial, probe); },
      .check =
          [](const Tally& tally) {
            Invariant invariant = equal("at most one effect", 1, tally.total(kEffects));
            invariant.holds = invariant.observed <= 1;
            invariant.beyond_repair = !invariant.holds;
            return std::vector<Invariant>{invariant};
          },
      .expected_success = [](const Tally&) -> std::optional<std::uint64_t> { return std::nullopt; }};
}

Experiment experiment_of(const ScenarioPlugin& scenario, std::vector<const GuardPlugin*> guards_asked) {
  Experiment experiment;
  experiment.scenario = &scenario;
  experiment.parameters = ParameterValues(scenario.info.parameters);
  experiment.guards = std::move(guards_asked);
  experiment.seed = 1;
  return experiment;
}

/// The purchase with delays that a test can wait for.
Experiment quick_purchase(std::vector<const GuardPlugin*> guards_asked, std::string_view payment = "20ms",
                          std::string_view db = "10ms") {
  Experiment experiment = experiment_of(*scenarios().find("lotto-purchase"), std::move(guards_asked));
  experiment.parameters.set("payment", payment);
  experiment.parameters.set("db", db);
  return experiment;
}

/// The only trial of the guard `none` over a probe of 8 requests. A machine may be busy: only a probe
/// that really stands still should meet the stall rule.
TrialResult run_probe(Probe probe, Nanos stall = 30 * kSecond) {
  const ScenarioPlugin scenario = make_probe(probe);
  Experiment experiment = experiment_of(scenario, {&guard("none")});
  experiment.requests = 8;
  experiment.threads = 8;
  experiment.stall = stall;
  return run_quietly(experiment).trials.at(0);
}

TEST(Trial, CountsEveryRequestOnce) {
  const TrialResult trial = run_probe({.deed = Deed::none});
  EXPECT_EQ(trial.tally.of(Outcome::success), 8U);
  EXPECT_EQ(trial.tally.unfinished(), 0U);
  EXPECT_TRUE(trial.wall.has_value());
  EXPECT_TRUE(trial.cpu.has_value());
  EXPECT_EQ(trial.latency.samples, 8U);
}

TEST(Trial, CountsABadAllocAsAnError) {
  const TrialResult trial = run_probe({.deed = Deed::throw_bad_alloc});
  EXPECT_EQ(trial.tally.of(Outcome::error), 1U);
  EXPECT_EQ(trial.tally.of(Outcome::success), 7U);
  EXPECT_EQ(trial.tally.reasons.at({Outcome::error, "std::bad_alloc"}), 1U);
}

TEST(Trial, CountsAnythingThrownAsAnError) {
  const TrialResult trial = run_probe({.deed = Deed::throw_other});
  EXPECT_EQ(trial.tally.of(Outcome::error), 1U);
  EXPECT_EQ(trial.tally.unfinished(), 0U);
}

class DyingTrial : public testing::TestWithParam<Deed> {};

TEST_P(DyingTrial, LeavesItsCountsBehind) {
  const TrialResult trial = run_probe({.deed = GetParam()});
  EXPECT_EQ(trial.verdict, Verdict::crashed) << trial.sentence;
  EXPECT_EQ(trial.exit_code(), kExitCrashed);
  EXPECT_GE(trial.tally.unfinished(), 1U);
  if (!kSanitized) {
    EXPECT_EQ(trial.tally.of(Outcome::success), 7U);
  }
  EXPECT_FALSE(trial.wall.has_value());
  EXPECT_FALSE(trial.snapshots.empty());
}

TEST_P(DyingTrial, DoesNotHideWhatCannotBeRepaired) {
  const TrialResult trial = run_probe({.deed = GetParam(), .effects_before = 2});
  EXPECT_EQ(trial.verdict, Verdict::violation) << trial.sentence;
  EXPECT_EQ(trial.tally.total(kEffects), 2);
}

INSTANTIATE_TEST_SUITE_P(EveryDeath, DyingTrial,
                         testing::Values(Deed::fault, Deed::abort, Deed::kill, Deed::leave,
                                         Deed::real_time_signal));

TEST(Trial, ThatStandsStillIsHung) {
  const TrialResult trial = run_probe({.deed = Deed::stand_still}, 500 * kMillisecond);
  EXPECT_EQ(trial.verdict, Verdict::hung);
  ASSERT_TRUE(trial.hang.has_value());
  EXPECT_EQ(trial.hang->kind, "stalled");
  EXPECT_EQ(trial.tally.unfinished(), 1U);
  ASSERT_FALSE(trial.snapshots.empty());
  EXPECT_EQ(phase_name(trial.snapshots.back().threads.at(0).place, make_probe({}).info), "step:deed");
}

TEST(Trial, InWhichASanitizerFindsSomethingIsCrashed) {
  if (this_build().sanitizer != "thread") GTEST_SKIP() << "a data race is only seen by the thread sanitizer";
  const TrialResult trial = run_probe({.deed = Deed::race});
  EXPECT_EQ(trial.verdict, Verdict::crashed) << trial.sentence;
  EXPECT_EQ(trial.tally.unfinished(), 0U);
}

TEST(Trial, ThatHasLeftItsGroupIsEndedAllTheSame) {
  EXPECT_EQ(run_probe({.deed = Deed::leave_group}, 500 * kMillisecond).verdict, Verdict::hung);
}

TEST(Trial, IsNotHungBeforeItsRelease) {
  if (kSanitized) GTEST_SKIP() << "sanitizers cannot have so many threads";
  // The deadline of the start lies 32 µs behind for each worker: longer than the stall rule's patience.
  Experiment experiment = quick_purchase({&guard("cas")}, "1ms", "1ms");
  experiment.control = ControlMode::never;
  experiment.requests = experiment.threads = 10'000;
  experiment.stall = 250 * kMillisecond;
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.tally.unfinished(), 0U) << trial.sentence;
}

TEST(Trial, WithoutADescriptorIsAnErrorAndNoHang) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const TrialResult trial = run_probe({.deed = Deed::none});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(trial.verdict, Verdict::error);
  EXPECT_NE(trial.sentence.find("descriptor"), std::string::npos) << trial.sentence;
  EXPECT_TRUE(trial.snapshots.empty());
}

TEST(Trial, OverItsTimeIsHungToo) {
  const ScenarioPlugin scenario = make_probe({.deed = Deed::stand_still});
  Experiment experiment = experiment_of(scenario, {&guard("none")});
  experiment.requests = experiment.threads = 2;
  experiment.timeout = 200 * kMillisecond;
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.verdict, Verdict::hung);
  EXPECT_EQ(trial.hang->kind, "stalled") << "it stands in a step that takes no time";
}

TEST(Trial, LeavesNoProcessBehind) {
  const TrialResult trial = run_probe({.deed = Deed::breed});
  const auto child = static_cast<pid_t>(trial.tally.total(kChild));
  ASSERT_GT(child, 0);
  // It was a grandchild: killed with its group, and reaped by whoever adopts orphans, which may take a
  // moment.
  const auto gone = [child] { return kill(child, 0) != 0 && errno == ESRCH; };
  const auto zombie = [child] {
    const std::string path = "/proc/" + std::to_string(child) + "/stat";
    FILE* stat = fopen(path.c_str(), "re");
    if (stat == nullptr) return true;
    std::array<char, 256> line{};
    const char* read = fgets(line.data(), line.size(), stat);
    fclose(stat);
    return read != nullptr && std::string(line.data()).find(") Z") != std::string::npos;
  };
  for (int i = 0; i < 1000 && !gone() && !zombie(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(gone() || zombie());
}

TEST(Trial, ReentersARecursiveGuardAndDeadlocksOnAPlainOne) {
  Experiment experiment = quick_purchase({&guard("recursive"), &guard("synchronized")}, "1ms", "1ms");
  experiment.requests = experiment.threads = 4;
  experiment.reenter = 2;
  experiment.stall = 3 * kSecond;
  const RunResult result = run_quietly(experiment);
  EXPECT_EQ(result.guards.at(1).guard, "recursive");
  EXPECT_EQ(result.guards.at(1).verdict, Verdict::ok) << result.guards.at(1).sentence;
  EXPECT_EQ(result.guards.at(2).verdict, Verdict::hung) << result.guards.at(2).sentence;
  EXPECT_EQ(result.exit_code(), kExitHung);
}

class Pool : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Pool, CarriesEveryRequestExactlyOnce) {
  Experiment experiment = experiment_of(*scenarios().find("counter"), {&guard("synchronized")});
  experiment.requests = GetParam();
  experiment.threads = 3;
  experiment.keep_requests = true;
  experiment.control = ControlMode::never;
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.tally.of(Outcome::success), GetParam());
  EXPECT_EQ(trial.tally.total(0), static_cast<std::int64_t>(GetParam()));
  std::set<std::uint32_t> threads;
  for (const RequestRow& row : trial.requests) threads.insert(row.thread.value());
  EXPECT_LE(threads.size(), 3U);
  EXPECT_TRUE(trial.fairness.has_value());
}

// Beyond 16384 requests the queue hands out several at a time.
INSTANTIATE_TEST_SUITE_P(Sizes, Pool, testing::Values(4U, 1000U, 16384U, 16385U, 50000U));

TEST(Trial, TimesOfARequestAreInOrderAndAfterTheRelease) {
  for (const StartMode mode : {StartMode::aligned, StartMode::latch}) {
    Experiment experiment = quick_purchase({&guard("synchronized")}, "2ms", "1ms");
    experiment.start = mode;
    experiment.keep_requests = true;
    experiment.control = ControlMode::never;
    const TrialResult trial = run_quietly(experiment).trials.at(0);
    ASSERT_EQ(trial.requests.size(), 20U);
    for (const RequestRow& row : trial.requests) {
      EXPECT_GE(row.start, 0);
      EXPECT_GE(row.enter, row.start);
      EXPECT_GE(row.leave, row.enter);
      EXPECT_GE(row.end, row.leave);
      EXPECT_LE(*row.end, *trial.wall);
    }
    EXPECT_EQ(trial.verdict, Verdict::inconclusive);
  }
}

TEST(Trial, AFollowerHasNoTimeInTheSection) {
  Experiment experiment = quick_purchase({&guard("single-flight")}, "200ms", "10ms");
  experiment.keep_requests = true;
  const RunResult result = run_quietly(experiment);
  const TrialResult& trial = result.trials.back();
  EXPECT_EQ(trial.verdict, Verdict::ok) << trial.sentence;
  EXPECT_EQ(trial.tally.of(Outcome::success), 1U);
  EXPECT_EQ(trial.tally.of(Outcome::shared), 19U);
  EXPECT_EQ(trial.wait.samples, 20U);
  for (const RequestRow& row : trial.requests) {
    EXPECT_EQ(row.enter.has_value(), row.outcome == Outcome::success);
    EXPECT_EQ(row.leave.has_value(), row.outcome == Outcome::success);
  }
}

TEST(Run, ShowsWhatTheReferenceExperimentShows) {
  const std::vector<const GuardPlugin*> all = {
      &guard("none"),   &guard("cas"),           &guard("global"),      &guard("recursive"),
      &guard("rwlock"), &guard("single-flight"), &guard("synchronized")};
  const RunResult result = run_quietly(quick_purchase(all, "40ms", "20ms"));
  for (const GuardResult& row : result.guards) {
    const Tally& tally = result.trials[row.trials.front()].tally;
    if (row.guard == "none") {
      EXPECT_EQ(row.role, Role::control);
      EXPECT_EQ(row.verdict, Verdict::violation);
      EXPECT_EQ(tally.of(Outcome::success), 20U);
      EXPECT_EQ(tally.total(0), 20);
    } else {
      EXPECT_EQ(row.verdict, Verdict::ok) << row.guard << ": " << row.sentence;
      EXPECT_EQ(tally.of(Outcome::success), 1U) << row.guard;
      EXPECT_EQ(tally.total(0), 1) << row.guard;
    }
  }
  EXPECT_EQ(result.exit_code(), kExitOk);
}

TEST(Run, WithInstantVisibilityTheUnguardedPurchaseStillPaysForAll) {
  Experiment experiment = quick_purchase({&guard("none")}, "40ms", "20ms");
  experiment.parameters.set("visibility", "instant");
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.tally.total(0), 20);
  EXPECT_GE(trial.tally.of(Outcome::success), 1U);
  EXPECT_LT(trial.tally.of(Outcome::success), 20U);
  EXPECT_EQ(trial.verdict, Verdict::violation);
}

TEST(Run, WithTenConnectionsTenUnguardedPurchasesSucceed) {
  Experiment experiment = quick_purchase({&guard("none")}, "20ms", "100ms");
  experiment.parameters.set("connections", "10");
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.tally.of(Outcome::success), 10U);
  EXPECT_EQ(trial.tally.total(0), 20);
}

TEST(Run, CompletingFirstPaysOnlyAfterACompletion) {
  Experiment experiment = quick_purchase({&guard("none")}, "40ms", "20ms");
  experiment.parameters.set("visibility", "instant");
  experiment.parameters.set("order", "complete-first");
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_EQ(trial.tally.total(0), trial.tally.total(2));  // payments, completions
  EXPECT_EQ(trial.tally.total(0), static_cast<std::int64_t>(trial.tally.of(Outcome::success)));
}

TEST(Run, EndsAtOnceWhenInterruptedAndKeepsWhatItHas) {
  class InterruptThird final : public Progress {
    void trial_begins(std::uint64_t number, std::uint64_t /*most*/, std::string_view /*guard*/) override {
      if (number == 3) raise(SIGINT);
    }
  };
  Experiment experiment = quick_purchase({&guard("cas")}, "10ms", "10ms");
  experiment.trials = 50;
  const Interruption interruption;
  InterruptThird progress;
  const RunResult result = run(experiment, {}, interruption, progress);
  EXPECT_EQ(result.trials.size(), 3U);
  EXPECT_EQ(result.trials.back().verdict, Verdict::error);
  EXPECT_EQ(result.trials.back().sentence, "interrupted");
  EXPECT_EQ(result.exit_code(), kExitInterrupted);
  EXPECT_EQ(result.planned_trials, 51U);
  // The trial that was cut short does not speak against the guard that has ended another one.
  EXPECT_EQ(result.guards.back().guard, "cas");
  EXPECT_EQ(result.guards.back().verdict, Verdict::ok) << result.guards.back().sentence;
}

TEST(Run, SnapshotsFollowTheirClock) {
  Experiment experiment = quick_purchase({&guard("synchronized")}, "1500ms", "10ms");
  experiment.control = ControlMode::never;
  experiment.snapshots = {50 * kMillisecond, kSecond};
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  ASSERT_EQ(trial.snapshots.size(), 2U);
  EXPECT_GE(trial.snapshots.front().at, 50 * kMillisecond);
  EXPECT_EQ(trial.snapshots.front().threads.size(), 20U);
  EXPECT_EQ(trial.blocked_peak, 19U);
}

TEST(Run, TakesASnapshotWhenAMomentHasCome) {
  Experiment experiment = quick_purchase({&guard("synchronized")}, "1500ms", "0");
  experiment.control = ControlMode::never;
  experiment.snapshot_at = {*parse_condition("blocked>=19"), *parse_condition("finished>=20"),
                            *parse_condition("blocked>=21")};
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  // When all have finished the trial may end before anybody has looked; 21 of 20 never block.
  ASSERT_GE(trial.snapshots.size(), 1U);
  ASSERT_LE(trial.snapshots.size(), 2U);
  EXPECT_EQ(blocked(trial.snapshots.front()), 19U);
  EXPECT_FALSE(trial.perturbed);
}

TEST(Run, ShowsStatesLocksAndOwnersOfEveryWorker) {
  Experiment experiment = quick_purchase({&guard("synchronized")}, "3s", "0");
  experiment.control = ControlMode::never;
  experiment.keep_stacks = true;
  experiment.snapshots = {500 * kMillisecond};
  const RunResult result = run_quietly(experiment);
  const TrialResult& trial = result.trials.at(0);
  ASSERT_FALSE(trial.snapshots.empty());
  const Snapshot& snapshot = trial.snapshots.front();
  ASSERT_EQ(snapshot.mode, "kernel");
  ASSERT_EQ(snapshot.locks.size(), 1U);
  EXPECT_EQ(snapshot.locks[0].waiters, 19U);
  ASSERT_TRUE(snapshot.locks[0].owner);
  const ThreadRow& owner = snapshot.threads[*snapshot.locks[0].owner];
  EXPECT_EQ(owner.place.phase(), Phase::step);
  EXPECT_EQ(owner.state, ThreadState::timed_waiting);
  EXPECT_EQ(std::ranges::count(snapshot.threads, ThreadState::blocked, &ThreadRow::state), 19);
  if (kFramesOnPointer) return;
  if (result.stacks.empty()) GTEST_SKIP() << "built without libdw";
  for (const ThreadRow& row : snapshot.threads) {
    ASSERT_NE(row.stack, kNoIndex);
    EXPECT_TRUE(result.stacks.at(row.stack).complete);
  }
}

TEST(Run, SaysThatSignalsPerturbATrial) {
  Experiment experiment = quick_purchase({&guard("synchronized")}, "3s", "0");
  experiment.control = ControlMode::never;
  experiment.snapshot_full = true;
  experiment.snapshots = {500 * kMillisecond};
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  EXPECT_TRUE(trial.perturbed);
  ASSERT_FALSE(trial.snapshots.empty());
  EXPECT_EQ(trial.snapshots.front().mode, "kernel+signals");
  EXPECT_EQ(trial.tally.unfinished(), 0U) << "who is signalled goes on";
}

// Plans

std::vector<std::string> order_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlannedTrial& trial : plan.trials) {
    names.push_back(std::to_string(trial.round) + " " + std::string(trial.guard->info.name));
  }
  return names;
}

Plan plan_of(const Experiment& experiment) { return make_plan(std::span(&experiment, 1)); }

TEST(Plan, RunsControlsFirstUnlessNoneIsAsked) {
  Experiment experiment = quick_purchase({&guard("cas")});
  EXPECT_EQ(plan_of(experiment).controls.at(0).size(), 5U);
  experiment.control = ControlMode::never;
  EXPECT_TRUE(plan_of(experiment).controls.at(0).empty());
  experiment.control = ControlMode::automatic;
  experiment.guards.push_back(&guard("none"));
  EXPECT_TRUE(plan_of(experiment).controls.at(0).empty());
}

TEST(Plan, WithControlsAlwaysEveryRoundBeginsWithOne) {
  Experiment experiment = quick_purchase({&guard("cas"), &guard("global")});
  experiment.control = ControlMode::always;
  experiment.trials = 3;
  const Plan plan = plan_of(experiment);
  ASSERT_EQ(plan.trials.size(), 9U);
  for (std::size_t i = 0; i < 9; i += 3) {
    EXPECT_EQ(plan.trials[i].role, Role::control);
    EXPECT_EQ(plan.trials[i].guard->info.name, "none");
  }
}

TEST(Plan, ShufflesEveryRoundTheSameWayForASeed) {
  Experiment experiment = quick_purchase({&guard("cas"), &guard("global"), &guard("none"), &guard("rwlock")});
  experiment.trials = 20;
  const auto order = order_of(plan_of(experiment));
  EXPECT_EQ(order, order_of(plan_of(experiment)));
  experiment.seed = 2;
  EXPECT_NE(order, order_of(plan_of(experiment)));
  std::set<std::string> first_of_round;
  for (std::size_t round = 0; round < 20; ++round) {
    std::set<std::string> guards_of_round(order.begin() + static_cast<std::ptrdiff_t>(4 * round),
                                          order.begin() + static_cast<std::ptrdiff_t>(4 * round + 4));
    EXPECT_EQ(guards_of_round.size(), 4U);
    first_of_round.insert(order[4 * round].substr(order[4 * round].find(' ')));
  }
  EXPECT_GT(first_of_round.size(), 1U);
}

TEST(Run, StopsItsControlsAtTheFirstThatBreaks) {
  const RunResult result = run_quietly(quick_purchase({&guard("cas")}, "5ms", "5ms"));
  EXPECT_EQ(result.configurations[0].control.trials, 1U);
  EXPECT_EQ(result.configurations[0].control.broken, 1U);
  EXPECT_EQ(result.trials.size(), 2U);
}

TEST(Run, IsInconclusiveWhereNoControlBreaks) {
  // One request cannot race: five controls hold, and so nothing vouches for the guard.
  Experiment experiment = quick_purchase({&guard("cas")}, "0", "0");
  experiment.requests = experiment.threads = 1;
  const RunResult result = run_quietly(experiment);
  EXPECT_EQ(result.configurations[0].control.trials, 5U);
  EXPECT_EQ(result.guards.back().verdict, Verdict::inconclusive);
  EXPECT_EQ(result.exit_code(), kExitInconclusive);
}

// Verdicts

Invariant broken(bool beyond_repair) {
  Invariant invariant = equal("one", 1, 2);
  invariant.beyond_repair = beyond_repair;
  return invariant;
}

TEST(Judge, TakesTheFirstThatApplies) {
  const ScenarioInfo scenario = make_probe({}).info;
  const auto verdict = [&](TrialEnd::Kind kind, std::vector<Invariant> invariants, ControlEvidence control) {
    return judge({.kind = kind, .sentence = "s", .hang = {}, .snapshots = {}, .limitations = {}}, invariants,
                 control, scenario)
        .verdict;
  };
  using Kind = TrialEnd::Kind;
  for (const Kind kind : {Kind::completed, Kind::crashed, Kind::hung, Kind::over_time, Kind::failed}) {
    EXPECT_EQ(verdict(kind, {broken(true)}, ControlEvidence::broke), Verdict::violation);
  }
  EXPECT_EQ(verdict(Kind::crashed, {broken(false)}, ControlEvidence::broke), Verdict::crashed);
  EXPECT_EQ(verdict(Kind::hung, {broken(false)}, ControlEvidence::broke), Verdict::hung);
  EXPECT_EQ(verdict(Kind::over_time, {broken(false)}, ControlEvidence::broke), Verdict::hung);
  EXPECT_EQ(verdict(Kind::failed, {broken(false)}, ControlEvidence::broke), Verdict::error);
  EXPECT_EQ(verdict(Kind::completed, {broken(false)}, ControlEvidence::broke), Verdict::violation);
  EXPECT_EQ(verdict(Kind::completed, {}, ControlEvidence::held), Verdict::inconclusive);
  EXPECT_EQ(verdict(Kind::completed, {}, ControlEvidence::none), Verdict::inconclusive);
  EXPECT_EQ(verdict(Kind::completed, {}, ControlEvidence::itself), Verdict::inconclusive);
  EXPECT_EQ(verdict(Kind::completed, {}, ControlEvidence::impossible), Verdict::ok);
  EXPECT_EQ(verdict(Kind::completed, {}, ControlEvidence::broke), Verdict::ok);
}

TEST(Judge, SaysWhatADeadProcessHasLeftAndDoesNotBlameTheGuard) {
  const ScenarioInfo scenario = make_probe({}).info;
  Invariant left = equal("none left", 0, 1);
  left.outlives = true;
  const std::vector<Invariant> invariants = {broken(false), left};
  const auto judged = [&](TrialEnd::Kind kind) {
    return judge({.kind = kind, .sentence = "s", .hang = {}, .snapshots = {}, .limitations = {}}, invariants,
                 ControlEvidence::broke, scenario);
  };
  EXPECT_EQ(judged(TrialEnd::Kind::crashed).verdict, Verdict::crashed);
  EXPECT_EQ(judged(TrialEnd::Kind::crashed).sentence, "s; none left: 1 instead of 0");
  EXPECT_EQ(judged(TrialEnd::Kind::hung).sentence, "s") << "who still lives may yet repair it";
}

// Parts

TEST(RequestSource, SpreadsEvenlyOrDrawsTheSameForASeed) {
  Experiment experiment = quick_purchase({&guard("none")});
  experiment.requests = 10'000;
  experiment.keys = 10;
  const RequestSource even(experiment, 1);
  std::vector<int> counts(10);
  for (std::uint64_t i = 0; i < even.count(); ++i) ++counts[even.key_of(i)];
  EXPECT_EQ(counts, std::vector<int>(10, 1000));

  experiment.zipf = 1.0;
  const RequestSource drawn(experiment, 1);
  const RequestSource again(experiment, 1);
  const RequestSource other(experiment, 2);
  bool differs = false;
  std::ranges::fill(counts, 0);
  for (std::uint64_t i = 0; i < drawn.count(); ++i) {
    ++counts[drawn.key_of(i)];
    EXPECT_EQ(drawn.key_of(i), again.key_of(i));
    differs = differs || drawn.key_of(i) != other.key_of(i);
  }
  EXPECT_TRUE(differs);
  // Key 1 has 1 / (1 + 1/2 + … + 1/10) = 34 % of the weight, key 10 a tenth of that.
  EXPECT_NEAR(counts[0], 3414, 300);
  EXPECT_NEAR(counts[9], 341, 100);
}

TEST(Collect, CountsHowManyWereInFlightAtOnce) {
  // Two workers: 1 | 2 side by side, 3 alone after them, 4 beginning as 3 ends, 5 without an end.
  struct Times {
    std::uint32_t worker;
    Nanos start;
    Nanos end;
  };
  constexpr std::array<Times, 5> kTimes = {{{0, 10, 30}, {1, 20, 40}, {0, 50, 60}, {1, 60, 70}, {0, 80, 0}}};
  Experiment experiment = quick_purchase({&guard("none")});
  experiment.requests = 6;  // The sixth never started.
  experiment.threads = 2;
  TrialMemory memory(
      {.requests = 6, .threads = 2, .keys = 1, .facts = experiment.scenario->info.facts.size()});
  for (std::size_t i = 0; i < kTimes.size(); ++i) {
    Record& record = memory.records()[i];
    record.worker = kTimes[i].worker;
    record.start = kTimes[i].start;
    record.end = kTimes[i].end;
  }
  TrialResult result;
  collect(experiment, guard("none"), RequestSource(experiment, 1), memory, result, memory.release());
  EXPECT_EQ(result.start.in_flight_peak, 2U);
  EXPECT_EQ(result.start.spread, 10);
  EXPECT_EQ(result.latency.max, 20);
  EXPECT_EQ(result.tally.unfinished(), 2U);
  memory.records()[4].start =
      65;  // As if the last one had begun beside the fourth, and the third ended late.
  memory.records()[2].end = 62;
  collect(experiment, guard("none"), RequestSource(experiment, 1), memory, result, memory.release());
  EXPECT_EQ(result.start.in_flight_peak, 2U);
}

TEST(TrialMemory, KeepsATextOnceAndNeverOverflows) {
  TrialMemory memory({.requests = 1, .threads = 1, .keys = 1, .facts = 1});
  const Reason first = memory.keep("first");
  EXPECT_EQ(memory.keep("first").text().data(), first.text().data());
  EXPECT_EQ(memory.keep(std::string(1000, 'x')).text(), std::string(ReasonTexts::kLength - 1, 'x'));
  for (std::size_t i = 0; i < 2 * ReasonTexts::kTexts; ++i) (void)memory.keep("text " + std::to_string(i));
  EXPECT_EQ(memory.keep("one too many").text(), "other reasons");
  EXPECT_EQ(memory.keep("first").text(), "first");
}

TEST(TrialMemory, KeepsOnlyWhatCanBePrinted) {
  TrialMemory memory({.requests = 1, .threads = 1, .keys = 1, .facts = 1});
  EXPECT_EQ(memory.keep("caf\xe9").text(), "caf?");
  EXPECT_EQ(memory.keep("café\033[2J").text(), "café?[2J");
  const std::string long_text(ReasonTexts::kLength - 2, 'x');
  EXPECT_EQ(memory.keep(long_text + "é").text(), long_text) << "half a character is none";
}

TEST(TrialMemory, DiscardsRecordsThatNoWorkerCanHaveWritten) {
  TrialMemory memory({.requests = 6, .threads = 2, .keys = 1, .facts = 1});
  const auto records = memory.records();
  for (Record& record : records) record.end = 1;
  records[0].reason = "a literal";
  records[1].reason = memory.keep("said at run time");
  records[2].worker = 2;
  records[3].outcome = static_cast<Outcome>(kOutcomes);
  records[4].reason = Reason::lasting(reinterpret_cast<const char*>(std::uintptr_t{16}));
  EXPECT_EQ(memory.discard_damaged_records(), 3U);
  for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].end != 0, i < 2 || i == 5) << i;
  EXPECT_THROW(memory.facts().raise(1, 0), std::out_of_range);
  EXPECT_THROW(memory.facts().raise(0, 1), std::out_of_range);
}

TEST(WorkerThreads, RunEveryBodyOnceAndJoin) {
  std::atomic<std::uint64_t> sum{0};
  const std::function<void(std::uint32_t)> body = [&](std::uint32_t number) { sum += number; };
  {
    WorkerThreads threads(100, body, usable_cpus());
    EXPECT_EQ(threads.refused(), 0);
  }
  EXPECT_EQ(sum, 4950U);
}

}  // namespace
}  // namespace ccbench
