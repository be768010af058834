// What is planted in a guard must come out in the report, and nothing of it where it is not planted.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "driver/quiet_run.h"
#include "driver/run.h"
#include "report/comparison.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

/// One mutex for everything.
class PlainGuard : public AnyGuard {
 public:
  Result run(const Request& request, Section section) override {
    before(request);
    const std::lock_guard lock(mutex_);
    locked(request);
    return section(Entry{});
  }

 protected:
  virtual void before(const Request& /*request*/) {}
  virtual void locked(const Request& /*request*/) {}

 private:
  std::mutex mutex_;
};

/// Needs a fifth of the section's time for itself.
class SlowGuard final : public PlainGuard {
  void locked(const Request& /*request*/) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(4));
  }
};

/// Lets nobody in for a while after the last has left.
class ConvoyGuard final : public PlainGuard {
  void locked(const Request& /*request*/) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
};

/// Of four workers, 2 comes last, always; the others take turns.
class StarvingGuard final : public PlainGuard {
  static constexpr std::uint32_t kVictim = 2;
  static constexpr int kOthersFirst = 300;

  void before(const Request& request) override {
    while (request.worker == kVictim ? sum() < kOthersFirst : is_ahead(request.worker))
      std::this_thread::yield();
  }
  void locked(const Request& request) override { ++entered_.at(request.worker); }

  int sum() const { return entered_[0] + entered_[1] + entered_[3]; }
  bool is_ahead(std::uint32_t worker) const {
    return entered_.at(worker) > std::min({entered_[0].load(), entered_[1].load(), entered_[3].load()});
  }

  std::array<std::atomic<int>, 4> entered_{};
};

template <class Plain>
GuardPlugin plugin(std::string_view name) {
  return {.info = {.name = name, .about = "", .promises = {.exclusive = true, .waits = true}},
          .make = [](const GuardContext&) { return std::make_unique<Plain>(); }};
}

const GuardPlugin kPlain = plugin<PlainGuard>("plain");

Experiment counter_experiment(std::vector<const GuardPlugin*> guards_asked, std::string_view work) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("work", work);
  experiment.guards = std::move(guards_asked);
  return experiment;
}

const Cost& cost_of(const RunResult& run, const Comparison& comparison, std::string_view guard) {
  for (const Cost& cost : comparison.costs) {
    if (run.guards.at(cost.guard).guard == guard) return cost;
  }
  throw std::logic_error("no row of that guard");
}

std::string said_about(const RunResult& run, std::string_view topic) {
  std::string text;
  for (const Topic& one : remarks_on(run)) {
    if (one.label != topic) continue;
    for (const Remark& remark : one.remarks) text += remark.of + ": " + remark.text + '\n';
  }
  return text;
}

TEST(Planted, AGuardThatIsAFifthSlowerIsRankedAndSized) {
  const GuardPlugin slow = plugin<SlowGuard>("slow");
  Experiment experiment = counter_experiment({&slow, &kPlain}, "20ms");
  experiment.parameters.set("work-kind", "sleep");  // So that who else uses the CPUs matters little.
  experiment.requests = experiment.threads = 2;
  experiment.trials = 15;
  experiment.reference = &kPlain;
  const RunResult run = run_quietly(experiment);
  const Comparison comparison = compare(run).front();
  const Cost& cost = cost_of(run, comparison, "slow");
  EXPECT_EQ(cost.rank, 2U);
  EXPECT_EQ(cost_of(run, comparison, "plain").rank, 1U);
  ASSERT_TRUE(cost.ratio && cost.ratio->interval);
  // Starting and handing over costs both the same: the truth lies a little below 1.2.
  EXPECT_LE(cost.ratio->interval->low, 1.205);
  EXPECT_GE(cost.ratio->interval->high, 1.18);
  EXPECT_GT(cost.ratio->interval->low, 1);
}

TEST(Planted, AGuardThatStarvesAWorkerIsUnfairAndItsVictimNamed) {
  const GuardPlugin starving = plugin<StarvingGuard>("starving");
  Experiment experiment = counter_experiment({&starving}, "20us");
  experiment.requests = 301;
  experiment.threads = 4;
  const RunResult run = run_quietly(experiment);
  const TrialResult& trial = run.trials.back();
  ASSERT_TRUE(trial.fairness);
  EXPECT_NEAR(*trial.fairness, 0.757, 0.01);  // Three of four share all but one section.
  const std::string said = said_about(run, "fairness");
  EXPECT_TRUE(std::regex_search(said, std::regex("starving: Jain's index 0.7[56]: T2 entered [01] section")))
      << said;
}

TEST(Planted, AConvoyShowsAsTimeOfHandingOver) {
  const GuardPlugin convoy = plugin<ConvoyGuard>("convoy");
  Experiment experiment = counter_experiment({&convoy}, "1ms");
  experiment.parameters.set("work-kind", "spin");
  experiment.requests = experiment.threads = 8;
  const TrialResult held_up = run_quietly(experiment).trials.back();
  ASSERT_TRUE(held_up.hand_over.p50 && held_up.hold.p50);
  EXPECT_EQ(held_up.hand_over.samples, 7U);
  EXPECT_GE(*held_up.hand_over.p50, 30 * kMillisecond);
  EXPECT_GE(*held_up.hold.p50, kMillisecond);
  // The same without the plant: whoever is next gets in when the lock is free, if anybody waits at all.
  experiment.guards = {&kPlain};
  const TrialResult plain = run_quietly(experiment).trials.back();
  EXPECT_LT(plain.hand_over.p50.value_or(0), 30 * kMillisecond);
}

/// The shortest time of the trials under one configuration: what a busy machine adds the most trials have,
/// and hardly all.
template <class Value>
Nanos shortest(const RunResult& run, std::size_t configuration, Value value) {
  std::optional<Nanos> least;
  for (const TrialResult& trial : run.trials) {
    const std::optional<Nanos> time = value(trial);
    if (trial.configuration == configuration && time) least = std::min(least.value_or(*time), *time);
  }
  return least.value_or(0);
}

Nanos shortest_wall(const RunResult& run, std::size_t configuration) {
  return shortest(run, configuration, [](const TrialResult& trial) { return trial.wall; });
}

/// One experiment after the other in every round, with nothing between them but the plant.
RunResult run_with_plants(Experiment experiment, std::initializer_list<Plant> plants) {
  std::vector<Experiment> experiments;
  for (const Plant& plant : plants) {
    experiment.plant = plant;
    experiments.push_back(experiment);
  }
  return run_quietly(experiments);
}

Experiment pool_of(std::uint32_t threads, std::string_view guard_name) {
  Experiment experiment = counter_experiment({&guard(guard_name)}, "2us");
  experiment.requests = 300;
  experiment.threads = threads;
  experiment.trials = 40;
  experiment.control = ControlMode::never;
  return experiment;
}

TEST(Planted, AFactorIsThatOfTheWallTime) {
  // Of one thread: how often two of them have to hand over depends on the machine, and on the plant.
  const RunResult run =
      run_with_plants(pool_of(1, "synchronized"), {{.factor = 1}, {.factor = 1.5}, {.factor = 3}});
  const auto base = static_cast<double>(shortest_wall(run, 0));
  ASSERT_GT(base, 0);
  EXPECT_NEAR(static_cast<double>(shortest_wall(run, 1)) / base, 1.5, 0.2);
  EXPECT_NEAR(static_cast<double>(shortest_wall(run, 2)) / base, 3, 0.5);
}

TEST(Planted, EveryFiftiethSectionShowsInTheTailAlone) {
  const RunResult run =
      run_with_plants(pool_of(1, "synchronized"), {{.factor = 1}, {.factor = 10, .every = 50}});
  const auto latency = [](auto figure) {
    return [figure](const TrialResult& trial) { return trial.latency.*figure; };
  };
  EXPECT_GE(shortest(run, 1, latency(&Percentiles::p99)), 20 * kMicrosecond);
  EXPECT_LT(shortest(run, 0, latency(&Percentiles::p99)), 20 * kMicrosecond);
  EXPECT_LT(shortest(run, 1, latency(&Percentiles::p50)), 4 * kMicrosecond);
  // One section in fifty takes nine more.
  const auto base = static_cast<double>(shortest_wall(run, 0));
  EXPECT_NEAR(static_cast<double>(shortest_wall(run, 1)) / base, 1.18, 0.1);
}

TEST(Planted, EveryFiftiethSectionShowsInHandingOver) {
  // Each thread has one request, so that nobody comes back and takes the lock before whoever waits wakes up.
  Experiment experiment = counter_experiment({&guard("synchronized")}, "1ms");
  experiment.parameters.set("work-kind", "sleep");
  experiment.requests = experiment.threads = 150;
  experiment.trials = 3;
  experiment.control = ControlMode::never;
  const RunResult run = run_with_plants(experiment, {{.factor = 1}, {.factor = 10, .every = 50}});
  const auto figure = [](auto percentile) {
    return [percentile](const TrialResult& trial) { return trial.hand_over.*percentile; };
  };
  // Of 149 hand-overs, those after the 50th and the 100th section.
  EXPECT_GE(shortest(run, 1, figure(&Percentiles::p99)), 9 * kMillisecond);
  EXPECT_LT(shortest(run, 0, figure(&Percentiles::p99)), 9 * kMillisecond);
  EXPECT_LT(shortest(run, 1, figure(&Percentiles::p50)), 9 * kMillisecond);
}

TEST(Planted, AGuardThatLetsSeveralInIsAsMuchSlower) {
  // Readers that sleep side by side: what is added must pass side by side, too.
  Experiment experiment = counter_experiment({&guard("rwlock")}, "3ms");
  experiment.parameters.set("work-kind", "sleep");
  experiment.read_ratio = 1;
  experiment.requests = 80;
  experiment.threads = 8;
  experiment.trials = 7;
  experiment.control = ControlMode::never;
  const RunResult run = run_with_plants(experiment, {{.factor = 1}, {.factor = 2}});
  const auto base = static_cast<double>(shortest_wall(run, 0));
  EXPECT_NEAR(static_cast<double>(shortest_wall(run, 1)) / base, 2, 0.4);
}

}  // namespace
}  // namespace ccbench
