// What a plant adds is measured from below, which no busy machine can make wrong: nobody returns early. Of
// single requests that is so where none before has passed too much; else of their sum.
#include "driver/plant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/clock.h"
#include "driver/distrust.h"
#include "driver/quiet_run.h"
#include "driver/trial.h"

namespace ccbench {
namespace {

constexpr Nanos kSection = 2 * kMillisecond;

/// Lets everybody in, and turns away those of key 1.
class OpenGuard final : public AnyGuard {
 public:
  Result run(const Request& request, Section section) override {
    return request.key == 1 ? turned_away("key 1") : section(Entry{});
  }
};

void sleep_for(Nanos time) { std::this_thread::sleep_for(std::chrono::nanoseconds(time)); }

const auto section_of_2_ms = [](const Entry& /*entry*/) {
  sleep_for(kSection);
  return success();
};

std::unique_ptr<AnyGuard> planted_open(const Plant& plant, const PlantGround& ground) {
  return planted(std::make_unique<OpenGuard>(), plant, ground);
}

template <class Body>
Nanos time_of(Body body) {
  const Nanos begin = steady_now();
  body();
  return steady_now() - begin;
}

/// How long requests of one worker take, one after the other.
std::vector<Nanos> times_of(AnyGuard& guard, int requests, Key key = 0) {
  std::vector<Nanos> times;
  for (int i = 0; i < requests; ++i) {
    times.push_back(time_of([&] { guard.run({.key = key}, section_of_2_ms); }));
  }
  return times;
}

TEST(ParsePlant, ReadsAFactorAndHowManySectionsAreOne) {
  for (const auto& [text, plant] :
       {std::pair("1", Plant{.factor = 1}), std::pair("1.50", Plant{.factor = 1.5}),
        std::pair("1000", Plant{.factor = 1000}), std::pair("10/50", Plant{.factor = 10, .every = 50}),
        std::pair("1.2/1", Plant{.factor = 1.2}),
        std::pair("2/1000000", Plant{.factor = 2, .every = 1'000'000})}) {
    EXPECT_EQ(parse_plant(text), plant) << text;
    EXPECT_EQ(parse_plant(to_text(plant)), plant) << text;
  }
  EXPECT_EQ(to_text({.factor = 1.5}), "1.5");
  EXPECT_EQ(to_text({.factor = 10, .every = 50}), "10/50");
}

TEST(ParsePlant, RefusesAnythingElse) {
  for (const char* text :
       {"",     "x", "0.99", "1000.1", "-2",   "+2",    "nan",    "inf",        "1e999",   "1.5x",
        " 1.5", "/", "/50",  "10/",    "10/0", "10/-1", "10/1.5", "10/1000001", "10/50/2", "10 / 50"}) {
    EXPECT_FALSE(parse_plant(text)) << text;
  }
}

TEST(Plant, ProlongsEverySection) {
  const auto guard = planted_open({.factor = 3}, {});
  const Nanos all = time_of([&] { times_of(*guard, 5); });
  EXPECT_GE(all, 15 * kSection);
}

TEST(Plant, AddsNothingWithAFactorOf1) {
  const auto guard = planted_open({.factor = 1}, {});
  const std::vector<Nanos> times = times_of(*guard, 9);
  EXPECT_GE(std::ranges::min(times), kSection);
  EXPECT_LT(std::ranges::min(times), 2 * kSection);  // The quickest of nine, however busy the machine.
}

TEST(Plant, ProlongsEveryNthSectionOfAKeyAlone) {
  const auto guard = planted_open({.factor = 10, .every = 4}, {.keys = 3});
  std::vector<Nanos> others;
  for (int i = 0; i < 12; ++i) {
    // Another key's sections in between are not counted.
    others.push_back(times_of(*guard, 1, 2).front());
    const Nanos time = times_of(*guard, 1).front();
    if (i % 4 == 3) {
      EXPECT_GE(time, 10 * kSection) << i;
      EXPECT_GE(others.back(), 10 * kSection) << i;
      others.pop_back();
    } else {
      others.push_back(time);
    }
  }
  std::ranges::sort(others);
  EXPECT_LT(others[others.size() / 2], 10 * kSection);
}

TEST(Plant, CountsTogetherWhereKeysWaitForEachOther) {
  const auto guard = planted_open({.factor = 10, .every = 2}, {.keys = 1});
  times_of(*guard, 1, 0);
  EXPECT_GE(times_of(*guard, 1, 2).front(), 10 * kSection);
}

TEST(Plant, DoesNotProlongWhatAWorkerDoesBetweenArrivals) {
  const auto guard = planted_open({.factor = 3}, {.arrivals = true});
  std::vector<Nanos> times;
  for (int i = 0; i < 3; ++i) {
    times.push_back(times_of(*guard, 1).front());
    sleep_for(50 * kMillisecond);
  }
  EXPECT_GE(std::accumulate(times.begin(), times.end(), Nanos{0}), 9 * kSection);
  EXPECT_LT(std::ranges::min(times), 100 * kMillisecond);
}

TEST(Plant, ProlongsInAClosedLoopWhatTheHarnessNeedsBetweenRequests) {
  const auto guard = planted_open({.factor = 3}, {});
  const Nanos all = time_of([&] {
    times_of(*guard, 1);
    sleep_for(10 * kMillisecond);
    times_of(*guard, 1);
  });
  EXPECT_GE(all, 3 * (10 * kMillisecond + 2 * kSection));
  // A worker that is turned away comes from there, and not from its last section.
  sleep_for(100 * kMillisecond);
  std::vector<Nanos> times;
  for (int i = 0; i < 3; ++i) {
    guard->run({.key = 1}, section_of_2_ms);
    times.push_back(times_of(*guard, 1).front());
  }
  EXPECT_LT(std::ranges::min(times), 100 * kMillisecond);
}

TEST(Plant, ProlongsTheHandOverOfAGuardThatLetsOneInAtATime) {
  // The second enters when the first has been prolonged, and is prolonged from then on.
  const GuardPlugin& synchronized = guard("synchronized");
  const auto guard =
      planted(synchronized.make(GuardContext(synchronized.info)), {.factor = 4}, {.threads = 3});
  const Nanos all = time_of([&] {
    std::vector<std::jthread> workers;
    for (std::uint32_t worker = 0; worker < 3; ++worker)
      workers.emplace_back([&, worker] { guard->run({.worker = worker}, section_of_2_ms); });
  });
  EXPECT_GE(all, 12 * kSection);
}

TEST(Plant, ProlongsOnceWhereTheSectionEntersAgain) {
  const auto guard = planted_open({.factor = 10}, {});
  std::vector<Nanos> times;
  for (int i = 0; i < 5; ++i) {
    times.push_back(time_of(
        [&] { guard->run({}, [&](const Entry& /*entry*/) { return guard->run({}, section_of_2_ms); }); }));
  }
  EXPECT_GE(std::accumulate(times.begin(), times.end(), Nanos{0}), 5 * 10 * kSection);
  EXPECT_LT(std::ranges::min(times), 50 * kSection);  // Twice would be a hundred times.
}

TEST(Plant, ProlongsASectionThatThrowsAndPassesItsExceptionOn) {
  const auto guard = planted_open({.factor = 5}, {});
  const auto throws = [](const Entry& /*entry*/) -> Result {
    sleep_for(kSection);
    throw std::runtime_error("of the section");
  };
  EXPECT_GE(time_of([&] { EXPECT_THROW(guard->run({}, throws), std::runtime_error); }), 5 * kSection);
  EXPECT_EQ(guard->run({}, section_of_2_ms).outcome, Outcome::success);
}

TEST(Plant, PassesOnWhatTheGuardAnswersAndGrants) {
  const auto guard = planted_open({.factor = 1.5}, {.keys = 2});
  EXPECT_EQ(guard->run({.key = 1}, section_of_2_ms).outcome, Outcome::turned_away);
  const Result result = guard->run({}, [](const Entry& /*entry*/) { return success(7); });
  EXPECT_EQ(result.value, 7);
  int calls = 0;
  const GuardPlugin& plugin = ccbench::guard("optimistic");
  const auto retrying = planted(plugin.make(GuardContext(plugin.info)), {.factor = 1.5}, {});
  const auto conflicts_twice = [&](const Entry& entry) {
    EXPECT_TRUE(entry.policy.check_versions);
    return ++calls < 3 ? conflicted() : success();
  };
  EXPECT_EQ(retrying->run({}, conflicts_twice).outcome, Outcome::success);
  EXPECT_EQ(calls, 3);
}

Experiment planted_counter(const Plant& plant) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("work", "5ms");
  experiment.parameters.set("work-kind", "sleep");
  experiment.guards = {&guard("synchronized"), &guard("none")};
  experiment.requests = experiment.threads = 2;
  experiment.plant = plant;
  return experiment;
}

TEST(PlantedRun, SlowsDownEveryGuardButTheControl) {
  const RunResult run = run_quietly(planted_counter({.factor = 100}));
  for (const TrialResult& trial : run.trials) {
    ASSERT_TRUE(trial.wall);
    if (trial.guard == "none") {
      EXPECT_LT(*trial.wall, 500 * kMillisecond);
    } else {
      EXPECT_GE(*trial.wall, kSecond);
      EXPECT_FALSE(has_failed(trial.verdict)) << trial.sentence;
    }
  }
}

TEST(PlantedRun, IsNotTakenForStandingStill) {
  Experiment experiment = planted_counter({.factor = 100});
  experiment.requests = experiment.threads = 1;
  experiment.stall = 20 * kMillisecond;  // A twentieth of what the plant takes.
  const RunResult run = run_quietly(experiment);
  for (const TrialResult& trial : run.trials) EXPECT_FALSE(trial.hang) << trial.sentence;
}

TEST(PlantedRun, SaysThatItsTimesAreNotThoseOfTheGuards) {
  RunResult run;
  run.configurations = {{.experiment = {}}, {.experiment = {}}};
  for (const Distrust& reason : distrust_of(run)) EXPECT_EQ(reason.what.find("plant"), std::string::npos);
  run.configurations[0].experiment.plant = Plant{.factor = 1};
  run.configurations[1].experiment.plant = Plant{.factor = 10, .every = 50};
  const std::vector<Distrust> reasons = distrust_of(run);
  ASSERT_FALSE(reasons.empty());
  EXPECT_EQ(reasons.front().what, "the guards are slowed down on purpose (--plant=1, --plant=10/50)");
  EXPECT_EQ(reasons.front().spoils, "no time here is one of theirs");
}

}  // namespace
}  // namespace ccbench
