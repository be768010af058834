// Every rule on a run that has one reason to be distrusted, and on one that falls just short of it.
#include "driver/distrust.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "driver/noise.h"

namespace ccbench {
namespace {

constexpr std::size_t kTrials = 10;  ///< of each guard

/// Nothing speaks against it: two guards that held, on 8 cores for 4 threads.
RunResult sound_run() {
  RunResult run{.run_id = "",
                .machine = {.host = "", .cpu_model = "", .kernel = "", .cpus = 8, .cpus_online = 8},
                .build = {.version = "",
                          .compiler = "",
                          .build_type = "Release",
                          .sanitizer = "none",
                          .optimized = true},
                .configurations = {{.experiment = {}}},
                .trials = {},
                .guards = {},
                .stacks = {},
                .shrunk = {}};
  run.machine.core_of_cpu = {0, 1, 2, 3, 4, 5, 6, 7};
  run.machine.governor = "performance";
  run.machine.hypervisor = "KVM";
  run.machine.cpu_quota = 4.0;
  run.calibration = {.clock_read = 20, .harness = 100};
  Experiment& experiment = run.configurations[0].experiment;
  experiment.requests = 4;
  experiment.threads = 4;
  for (const std::string name : {"global", "cas"}) {
    GuardResult guard{
        .guard = name, .verdict = Verdict::ok, .sentence = {}, .trials = {}, .lacking = {}, .noisy = {}};
    for (std::size_t i = 0; i < kTrials; ++i) {
      guard.trials.push_back(run.trials.size());
      TrialResult& trial = run.trials.emplace_back();
      trial.guard = name;
      trial.tally.requests = 4;
      trial.tally.outcomes = {4};
      trial.wall = kSecond;
      trial.elapsed = kSecond;
      trial.steal = 0;
      trial.load1 = 3.99;
      trial.cpu = CpuReport{.user = kSecond / 10};
      trial.wait = {.samples = 1000, .p50 = 200, .p99 = 300, .max = 400};
      trial.hold = {.samples = 1000, .p50 = 200, .p99 = 300, .max = 400};
    }
    run.guards.push_back(guard);
  }
  return run;
}

template <class Change>
RunResult but(Change change) {
  RunResult run = sound_run();
  change(run);
  return run;
}

template <class Change>
RunResult but_every_trial(Change change) {
  RunResult run = sound_run();
  for (TrialResult& trial : run.trials) change(trial);
  return run;
}

/// `what: spoils`, all of them.
std::string said_of(const RunResult& run) {
  std::string text;
  for (const auto& [what, spoils] : distrust_of(run)) text.append(what).append(": ").append(spoils);
  return text;
}

Experiment& experiment_of(RunResult& run) { return run.configurations[0].experiment; }

TEST(Distrust, HasNothingAgainstASoundRun) { EXPECT_EQ(said_of(sound_run()), ""); }

TEST(Distrust, OfWhatWasNotMeasuredIsNone) {
  RunResult run = sound_run();
  run.machine = {.host = "", .cpu_model = "", .kernel = "", .cpus = 8};
  run.calibration = {};
  for (TrialResult& trial : run.trials) trial = {};
  for (TrialResult& trial : run.trials) trial.guard = "cas";
  EXPECT_EQ(said_of(run), "");
  run.trials.clear();
  run.guards.clear();
  EXPECT_EQ(said_of(run), "");
}

TEST(Distrust, IsOfTheBuild) {
  EXPECT_EQ(said_of(but([](RunResult& run) { run.build.sanitizer = "thread"; })),
            "built with the thread sanitizer: every time is several times too long");
  EXPECT_EQ(said_of(but([](RunResult& run) { run.build.optimized = false; })),
            "built without optimization (Release): times of a microsecond and less are too long");
}

TEST(Distrust, IsOfTheLoadBeforeTheFirstTrial) {
  EXPECT_EQ(said_of(but([](RunResult& run) { run.trials[0].load1 = 4; })),
            "load average 4.00 on 8 CPUs before the first trial: waiting and wall times are too long and "
            "scatter");
  // Later it is the trials' own.
  EXPECT_EQ(said_of(but([](RunResult& run) { run.trials[1].load1 = 100; })), "");
}

TEST(Distrust, IsOfStolenTimeAboveHalfAPercent) {
  const auto stolen = [](Nanos all) {
    return said_of(but([&](RunResult& run) { run.trials[3].steal = all; }));
  };
  // 20 trials of a second on 8 CPUs: 160 s.
  EXPECT_EQ(stolen(801 * kMillisecond),
            "the host took away 0.5 % of the CPUs: waits and wall times contain that");
  EXPECT_EQ(stolen(800 * kMillisecond), "");
}

TEST(Distrust, IsNotOfASingleTickOfStolenTime) {
  const auto stolen = [](Nanos all) {
    RunResult run = but_every_trial([](TrialResult& trial) { trial.elapsed = kMillisecond; });
    run.trials[3].steal = all;
    return said_of(run);
  };
  EXPECT_EQ(stolen(10 * kMillisecond), "");
  EXPECT_NE(stolen(20 * kMillisecond), "");
}

TEST(Distrust, CountsOnlyTrialsWhoseStolenTimeIsKnown) {
  RunResult run = sound_run();
  for (std::size_t i = 1; i < run.trials.size(); ++i) run.trials[i].steal.reset();
  run.trials[0].steal = 80 * kMillisecond;
  EXPECT_EQ(stolen_share(run), 0.01);
  EXPECT_EQ(stolen_share(run, run.guards[0]), 0.01);
  EXPECT_EQ(stolen_share(run, run.guards[1]), std::nullopt);
}

TEST(Distrust, IsOfMoreThreadsThanCpus) {
  EXPECT_EQ(said_of(but([](RunResult& run) {
              experiment_of(run).threads = 9;
              run.machine.cpu_quota.reset();
            })),
            "9 threads on 8 CPUs: at most 8 run at once, so waits contain waiting for a CPU, and guards that "
            "spin look worse than with a CPU each");
  EXPECT_EQ(said_of(but([](RunResult& run) {
              experiment_of(run).threads = 8;
              run.machine.cpu_quota.reset();
            })),
            "");
}

TEST(Distrust, IsOfTheMostThreadsOfASweep) {
  RunResult run = sound_run();
  run.configurations.push_back(run.configurations[0]);
  EXPECT_EQ(said_of(run), "");
  run.configurations[1].experiment.threads = 200;
  EXPECT_EQ(said_of(run).substr(0, 28), "up to 200 threads on 8 CPUs:");
}

TEST(Distrust, IsOfThreadsThatShareACore) {
  const auto on_cores = [](std::vector<int> cores, StartMode start) {
    return said_of(but([&](RunResult& run) {
      run.machine.core_of_cpu = std::move(cores);
      experiment_of(run).start = start;
    }));
  };
  EXPECT_EQ(
      on_cores({0, 0, 2, 2, 4, 4, 6, 6}, StartMode::aligned),
      "4 threads on 2 cores: CPUs that share a core slow each other down, so spinning looks dearer, and "
      "throughput is below that of a core each");
  // Nobody is bound to the first four: the kernel takes a core for each.
  EXPECT_EQ(on_cores({0, 0, 2, 2, 4, 4, 6, 6}, StartMode::latch), "");
  EXPECT_EQ(on_cores({0, 1, 2, 3, 0, 1, 2, 3}, StartMode::aligned), "");
  EXPECT_NE(on_cores({0, 1, 2, 2, 0, 1, 2, 2}, StartMode::latch), "");
  EXPECT_EQ(on_cores({}, StartMode::latch), "");
}

TEST(Distrust, IsOfAQuotaThatTheThreadsCanUseUp) {
  EXPECT_EQ(
      said_of(but([](RunResult& run) { run.machine.cpu_quota = 3.5; })),
      "the control group grants the time of 3.5 of 8 CPUs: once that is used up all threads stand still "
      "until the next period, which shows in the longest waits");
}

TEST(Distrust, IsOfAClockThatGoesUpAndDown) {
  EXPECT_EQ(said_of(but([](RunResult& run) { run.machine.governor = "powersave"; })),
            "frequency governor powersave: times of a few milliseconds and less are too long until the clock "
            "has gone up, and scatter");
}

TEST(Distrust, IsOfWhoTakesAWorkersCpu) {
  // 2 s of CPU time, so more than 100 switches are often.
  const auto switched = [](std::uint64_t times, std::uint32_t threads) {
    RunResult run = sound_run();
    run.trials[0].cpu->involuntary_switches = times;
    experiment_of(run).threads = threads;
    return said_of(run);
  };
  EXPECT_EQ(switched(101, 4),
            "something else took a worker's CPU 101 times in 2 s: the longest waits contain "
            "that");
  EXPECT_EQ(switched(99, 4), "");
  EXPECT_EQ(switched(101, 9).find("something else"), std::string::npos);  // They take it from each other.
}

TEST(Distrust, IsOfSignalsThatChangeWhatTheyWatch) {
  EXPECT_EQ(
      said_of(but([](RunResult& run) { run.trials[2].perturbed = true; })),
      "the threads of 1 of 20 trials were signalled for their stacks (--snapshot-full): that changes who "
      "gets a lock next, and can cut system calls short");
}

TEST(Distrust, IsOfTimesThatAreMostlyTheHarness) {
  RunResult run = sound_run();
  for (const std::size_t trial : run.guards[1].trials) run.trials[trial].wait.p50 = 199;
  EXPECT_EQ(said_of(run),
            "median wait of cas under 200 ns, with 20 ns for a clock read and 100 ns per request for the "
            "harness: times of that size are mostly the harness's own");
  for (TrialResult& trial : run.trials) trial.hold.p50 = 50;
  EXPECT_EQ(said_of(run).substr(0, 60), "median wait of cas and median hold of cas, global under 200 ");
  run.calibration.clock_read = 5;
  run.calibration.harness = 51;
  EXPECT_EQ(said_of(run).substr(0, 39), "median hold of cas, global under 51 ns,");
  run.calibration.harness = 50;
  EXPECT_EQ(said_of(run), "");
}

TEST(Distrust, IsNotOfWaitsWhereNobodyWaits) {
  RunResult run = sound_run();
  run.guards.resize(1);
  run.guards[0].guard = "none";
  for (TrialResult& trial : run.trials) trial.wait.p50 = 20;
  EXPECT_EQ(said_of(run), "");
  run.guards[0].guard = "global";
  EXPECT_NE(said_of(run), "");
  run.guards[0].role = Role::control;
  EXPECT_EQ(said_of(run), "");
}

TEST(Distrust, IsOfPoolsWhoseRequestsAreShort) {
  const auto with_wall = [](Nanos wall) {
    RunResult run = sound_run();
    experiment_of(run).requests = 1'000'000;
    for (TrialResult& trial : run.trials) {
      trial.tally.requests = 1'000'000;
      trial.tally.outcomes = {1'000'000};
      trial.wall = kSecond;
    }
    for (const std::size_t trial : run.guards[1].trials) run.trials[trial].wall = wall;
    return said_of(run);
  };
  // 4 workers side by side.
  EXPECT_EQ(
      with_wall(250 * kMillisecond),
      "a request of cas takes 1000 ns, and the harness alone 100 ns: wall times and rates are partly the "
      "harness's own, so guards differ by more than they show");
  EXPECT_EQ(with_wall(251 * kMillisecond), "");
  // A thread for each request: what they do is not done in a row.
  EXPECT_EQ(said_of(but_every_trial([](TrialResult& trial) { trial.wall = 400; })), "");
}

TEST(Distrust, IsOfTooFewTrialsToCompareGuards) {
  const auto with_trials = [](std::size_t trials) {
    return but([&](RunResult& run) { run.guards[1].trials.resize(trials); });
  };
  EXPECT_EQ(said_of(with_trials(5)),
            "5 trials per guard: below 6 there is no interval, so differences between guards may be chance");
  EXPECT_EQ(said_of(with_trials(6)), "");
  // One guard alone is compared with nothing.
  RunResult broken = with_trials(1);
  broken.guards[0].verdict = Verdict::violation;
  EXPECT_EQ(said_of(broken), "");
}

TEST(Distrust, IsOfPercentilesWithLittleBeyondThem) {
  const auto with_samples = [](std::uint64_t samples) {
    return said_of(but([&](RunResult& run) { run.trials[7].wait.samples = samples; }));
  };
  EXPECT_EQ(with_samples(999),
            "p99 has 9 of 999 samples beyond it: it is little steadier than the longest wait");
  EXPECT_EQ(with_samples(1000), "");
  EXPECT_EQ(said_of(but([](RunResult& run) { run.trials[7].wait.p99.reset(); })), "");
}

/// The walls of the first guard's trials, in milliseconds.
RunResult with_walls(const std::vector<Nanos>& walls) {
  RunResult run = sound_run();
  run.guards[0].trials.resize(walls.size());
  for (std::size_t i = 0; i < walls.size(); ++i) run.trials[i].wall = walls[i] * kMillisecond;
  return run;
}

std::string noise_of_first(const RunResult& run) { return noise_of(run, run.guards[0]); }

const std::vector<Nanos> kQuiet = {100, 103, 97, 101, 99, 104, 98, 102, 96, 100};

TEST(Noise, IsNotInQuietTrials) { EXPECT_EQ(noise_of_first(with_walls(kQuiet)), ""); }

TEST(Noise, IsInTrialsThatScatter) {
  EXPECT_EQ(noise_of_first(with_walls({100, 80, 120, 100, 81, 119, 100, 80, 120, 100})),
            "its wall time scatters by 40 % (p10 to p90 of 10 trials); nothing that was measured beside it "
            "explains that");
  EXPECT_EQ(noise_of_first(with_walls({100, 88, 113, 100, 88, 113, 100, 88, 113, 100})), "");  // By 25 %.
  EXPECT_NE(noise_of_first(with_walls({100, 88, 114, 100, 88, 114, 100, 88, 114, 100})), "");
}

TEST(Noise, IsNotInASingleOutlier) {
  std::vector<Nanos> walls = kQuiet;
  walls[3] = 900;
  EXPECT_EQ(noise_of_first(with_walls(walls)), "");
}

TEST(Noise, NeedsFiveTrialsThatWereMeasured) {
  RunResult run = with_walls({100, 300, 100, 300, 100});
  EXPECT_NE(noise_of_first(run), "");
  run.trials[2].wall.reset();
  EXPECT_EQ(noise_of_first(run), "");
}

TEST(Noise, IsInTrialsThatDrift) {
  EXPECT_EQ(
      noise_of_first(with_walls({100, 101, 99, 100, 100, 115, 116, 114, 115, 115})),
      "drifts: its wall time rose by 15 % from the first half of its trials to the second; nothing that "
      "was measured beside it explains that");
  EXPECT_EQ(noise_of_first(with_walls({120, 121, 119, 120, 120, 100, 101, 99, 100, 100})).substr(0, 34),
            "drifts: its wall time fell by 17 %");
  // No more than a tenth, no more than the trials of a half differ by, too few.
  EXPECT_EQ(noise_of_first(with_walls({100, 101, 99, 100, 100, 110, 111, 109, 110, 110})), "");
  EXPECT_EQ(noise_of_first(with_walls({100, 90, 102, 90, 102, 112, 100, 112, 102, 112})), "");
  EXPECT_EQ(noise_of_first(with_walls({100, 100, 100, 115, 115, 115, 115})), "");
}

TEST(Noise, NamesWhatWasMeasuredBesideIt) {
  RunResult run = with_walls({100, 80, 120, 100, 81, 119, 100, 80, 120, 100});
  run.machine.cpus = 2;
  run.machine.cpus_online = 2;
  for (std::size_t i = 0; i < kTrials; ++i) {
    run.trials[i].steal = 42 * kMillisecond;
    run.trials[i].cpu->involuntary_switches = 12;
  }
  EXPECT_EQ(noise_of_first(run),
            "its wall time scatters by 40 % (p10 to p90 of 10 trials); the host took away 2.1 % of the CPUs; "
            "load 3.99 on 2 CPUs; 12 involuntary switches per trial");
}

TEST(Noise, LeavesOutTheSectionWhereMoreThanThatIsMeasured) {
  RunResult run = with_walls({110, 108, 112, 110, 108, 112, 110, 108, 112, 110});
  EXPECT_EQ(noise_of_first(run), "");
  experiment_of(run).window.length = 100 * kMillisecond;
  EXPECT_EQ(noise_of_first(run).substr(0, 49), "its wall time beyond the section scatters by 40 %");
  // What is beyond is a hundredth of the wall time, then a little more.
  run = with_walls({1008, 1010, 1012, 1008, 1010, 1012, 1008, 1010, 1012, 1010});
  experiment_of(run).window.length = kSecond;
  EXPECT_EQ(noise_of_first(run), "");
  for (std::size_t i = 0; i < kTrials; ++i) *run.trials[i].wall += kMillisecond / 2;
  EXPECT_NE(noise_of_first(run), "");
}

TEST(Noise, IsInWhatGuardsAreRankedBy) {
  RunResult run = with_walls(kQuiet);
  for (std::size_t i = 0; i < kTrials; ++i) {
    run.trials[i].tally.requests = i % 2 == 0 ? 10 : 20;
    run.trials[i].tally.outcomes = {run.trials[i].tally.requests};
    run.trials[i].latency.p50 = i % 2 == 0 ? 10 : 30;
  }
  EXPECT_EQ(noise_of_first(run), "");
  experiment_of(run).duration = kSecond;
  EXPECT_EQ(noise_of_first(run).substr(0, 29), "its time per request scatters");
  experiment_of(run).rate = 1000;
  EXPECT_EQ(noise_of_first(run).substr(0, 27), "its median latency scatters");
}

}  // namespace
}  // namespace ccbench
