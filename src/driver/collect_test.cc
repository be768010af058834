// What is found by walking through the records is what src/stats finds on a copy of them.
#include "driver/collect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "driver/build.h"
#include "driver/failing_scenario.h"
#include "driver/plan.h"
#include "driver/quiet_run.h"
#include "driver/run.h"
#include "stats/fairness.h"

namespace ccbench {
namespace {

/// One request; 0: did not happen.
struct Times {
  std::uint64_t request;
  Key key;
  Nanos start;
  Nanos enter;
  Nanos leave;
  Nanos end;
  Nanos arrival = 0;  ///< in an open loop

  Nanos came() const { return arrival != 0 ? arrival : start; }
};

std::optional<std::uint64_t> overtakes_in(const std::vector<Times>& requests) {
  std::vector<Arrival> arrivals;
  for (const Times& times : requests) {
    if (times.start == 0 || (times.enter == 0 && times.end != 0)) continue;
    arrivals.push_back(
        {.key = times.key, .start = times.came(), .enter = times.enter == 0 ? kNever : times.enter});
  }
  return arrivals.empty() ? std::nullopt : std::optional(overtakes(arrivals));
}

Percentiles hand_overs_in(const std::vector<Times>& requests) {
  std::vector<Passage> passages;
  for (const Times& times : requests) {
    if (times.enter == 0) continue;
    passages.push_back({.request = times.request,
                        .key = times.key,
                        .start = times.came(),
                        .enter = times.enter,
                        .leave = times.leave == 0 ? kNever : times.leave});
  }
  std::vector<Nanos> gaps;
  hand_overs(passages, [&](const Passage&, const Passage&, Nanos gap) { gaps.push_back(gap); });
  return percentiles_of([&](const auto& visit) { std::ranges::for_each(gaps, visit); });
}

/// Every worker has one request at a time and takes the lowest number that nobody has. Few moments, so that
/// most are those of several; but no key is entered twice in one, where order would be anybody's guess.
std::vector<Times> random_requests(std::mt19937_64& random, std::uint32_t workers, Key keys,
                                   std::vector<std::uint32_t>& worker_of) {
  std::vector<Nanos> now(workers, 1);
  std::vector<bool> stuck(workers);
  std::set<std::pair<Key, Nanos>> entered;
  std::vector<Times> requests;
  worker_of.clear();
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto worker = static_cast<std::uint32_t>(random() % workers);
    Times times{.request = i, .key = i % keys, .start = 0, .enter = 0, .leave = 0, .end = 0};
    worker_of.push_back(worker);
    const auto later = [&](std::uint64_t most) { return now[worker] += static_cast<Nanos>(random() % most); };
    if (!stuck[worker]) {
      times.start = later(4);
      const auto fate = random() % 20;
      stuck[worker] = fate < 2;  // Waits forever, or is inside forever.
      if (fate != 0 && fate < 17) {
        times.enter = later(12);
        while (!entered.emplace(times.key, times.enter).second) times.enter = ++now[worker];
        if (fate != 1) times.leave = later(6);
      }
      if (!stuck[worker]) times.end = later(2);
    }
    requests.push_back(times);
  }
  return requests;
}

/// Days that are thought up, in one thread.
constexpr int kRounds = kSanitized ? 60 : 300;

Experiment experiment_of(const ScenarioPlugin& scenario, std::uint32_t workers, Key keys) {
  Experiment experiment = failing_experiment(scenario, {&control_guard()}, 60);
  experiment.threads = workers;
  experiment.keys = keys;
  return experiment;
}

void expect_same(const Percentiles& found, const Percentiles& wanted) {
  EXPECT_EQ(found.samples, wanted.samples);
  EXPECT_EQ(found.p50, wanted.p50);
  EXPECT_EQ(found.p99, wanted.p99);
  EXPECT_EQ(found.max, wanted.max);
}

TEST(Collect, FindsTheOvertakesAndHandOversOfStats) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  std::mt19937_64 random(5);
  std::uint64_t all_overtakes = 0;
  std::uint64_t all_hand_overs = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto workers = static_cast<std::uint32_t>(1 + random() % 12);
    const Key keys = 1 + random() % 3;
    std::vector<std::uint32_t> worker_of;
    const std::vector<Times> requests = random_requests(random, workers, keys, worker_of);
    const Experiment experiment = experiment_of(scenario, workers, keys);
    TrialMemory memory({.requests = 60, .threads = workers, .keys = keys, .facts = 1});
    for (const Times& times : requests) {
      Record& record = memory.records()[times.request];
      record.worker = worker_of[times.request];
      record.start = times.start;
      record.enter = times.enter;
      record.leave = times.leave;
      record.end = times.end;
    }
    TrialResult result;
    collect(experiment, control_guard(), RequestSource(experiment, 1), memory, result, 100);
    EXPECT_EQ(result.overtakes, overtakes_in(requests)) << "round " << round;
    expect_same(result.hand_over, hand_overs_in(requests));
    all_overtakes += result.overtakes.value_or(0);
    all_hand_overs += result.hand_over.samples;
  }
  EXPECT_GT(all_overtakes, 4U * kRounds);
  EXPECT_GT(all_hand_overs, 4U * kRounds);
}

std::vector<Times> recorded(const TrialResult& trial) {
  std::vector<Times> requests;
  for (const RequestRow& row : trial.requests) {
    // The release is no moment of a request.
    const auto since = [](const std::optional<Nanos>& time) { return time ? *time + kSecond : 0; };
    requests.push_back({.request = row.request,
                        .key = row.key,
                        .start = since(row.start),
                        .enter = since(row.enter),
                        .leave = since(row.leave),
                        .end = since(row.end)});
  }
  return requests;
}

TEST(Collect, CountsFromTheArrivalsOfAnOpenLoop) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  Experiment experiment = experiment_of(scenario, 2, 1);
  experiment.rate = 1;
  TrialMemory memory({.requests = 60, .threads = 2, .keys = 1, .facts = 1});
  // Both are taken late and at once. The one that came later enters first; the other was waiting by then, and
  // takes the key over although no worker had taken it when it was left, at 21.
  const std::vector<Times> requests = {
      {.request = 0, .key = 0, .start = 22, .enter = 30, .leave = 31, .end = 32, .arrival = 10},
      {.request = 1, .key = 0, .start = 20, .enter = 20, .leave = 21, .end = 22, .arrival = 11}};
  for (const Times& times : requests) {
    Record& record = memory.records()[times.request];
    record.worker = static_cast<std::uint32_t>(times.request);
    record.arrival = times.arrival;
    record.start = times.start;
    record.enter = times.enter;
    record.leave = times.leave;
    record.end = times.end;
  }
  TrialResult result;
  collect(experiment, control_guard(), RequestSource(experiment, 1), memory, result, 100);
  EXPECT_EQ(result.overtakes, 1U);
  EXPECT_EQ(result.hand_over.max, 9);
  EXPECT_EQ(result.overtakes, overtakes_in(requests));
  expect_same(result.hand_over, hand_overs_in(requests));
}

TEST(Collect, FindsThoseOfATrialThatRan) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  // Asleep inside, whoever has a lock lets the others come and wait for it.
  experiment.parameters.set("work", "1ms");
  experiment.parameters.set("work-kind", "sleep");
  experiment.guards = {guards().find("synchronized")};
  experiment.requests = 120;
  experiment.keys = 2;
  experiment.seed = 1;
  experiment.control = ControlMode::never;
  experiment.keep_requests = true;
  for (const std::uint32_t threads : {8U, 120U}) {
    experiment.threads = threads;
    const Interruption interruption;
    Listening silent;
    const RunResult result = run(experiment, {}, interruption, silent);
    const TrialResult& trial = result.trials.at(0);
    EXPECT_EQ(trial.overtakes, overtakes_in(recorded(trial)));
    expect_same(trial.hand_over, hand_overs_in(recorded(trial)));
    EXPECT_GT(trial.hand_over.samples, 0U) << "8 and more wait for two locks";
  }
}

TEST(Collect, CountsOvertakesOnlyWhereSomebodyCame) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  const Experiment experiment = experiment_of(scenario, 2, 1);
  TrialMemory memory({.requests = 60, .threads = 2, .keys = 1, .facts = 1});
  TrialResult result;
  collect(experiment, control_guard(), RequestSource(experiment, 1), memory, result, 100);
  EXPECT_FALSE(result.overtakes);
  EXPECT_EQ(result.hand_over.samples, 0U);
}

// What the harness itself sees of a guard's promises

GuardPlugin promising(const Promises& promises) {
  GuardPlugin guard = control_guard();
  guard.info.promises = promises;
  guard.promised = {};
  return guard;
}

constexpr Promises kExclusive = {.exclusive = true};
constexpr Promises kAdmitsTwo = {.admits = 2};

/// By comparing every two: the most that are inside a key right after somebody has entered it.
std::int64_t most_inside_of(const std::vector<Times>& requests, const std::vector<bool>& counted) {
  std::int64_t most = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::int64_t inside = 0;
    for (std::size_t j = 0; j < requests.size(); ++j) {
      const Nanos leave = requests[j].leave != 0 ? requests[j].leave : kNever;
      const bool is_in = requests[j].enter <= requests[i].enter && requests[i].enter < leave;
      if (counted[i] && counted[j] && requests[i].key == requests[j].key && is_in) ++inside;
    }
    most = std::max(most, inside);
  }
  return most;
}

TEST(Inside, IsCountedAsPairByPair) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  std::mt19937_64 random(7);
  std::set<std::int64_t> seen;
  for (int round = 0; round < kRounds; ++round) {
    const auto workers = static_cast<std::uint32_t>(1 + random() % 12);
    const Key keys = 1 + random() % 3;
    std::vector<std::uint32_t> worker_of;
    const std::vector<Times> requests = random_requests(random, workers, keys, worker_of);
    Experiment experiment = experiment_of(scenario, workers, keys);
    experiment.read_ratio = 0.5;
    const RequestSource source(experiment, static_cast<std::uint64_t>(round));
    TrialMemory memory({.requests = 60, .threads = workers, .keys = keys, .facts = 1});
    std::vector<bool> entered;
    std::vector<bool> wrote;
    for (const Times& times : requests) {
      Record& record = memory.records()[times.request];
      record.worker = worker_of[times.request];
      record.start = times.start;
      record.enter = times.enter;
      record.leave = times.leave;
      record.end = times.end;
      record.calls = times.enter != 0 ? 1 + static_cast<std::uint16_t>(random() % 8 == 0) : 0;
      entered.push_back(record.calls == 1);
      wrote.push_back(record.calls == 1 && source.kind_of(times.request) == Kind::write);
    }
    for (const Promises& promises : {kExclusive, kAdmitsTwo}) {
      TrialResult result;
      collect(experiment, promising(promises), source, memory, result, 100);
      ASSERT_FALSE(result.invariants.empty());
      const std::int64_t most = most_inside_of(requests, promises.exclusive ? wrote : entered);
      EXPECT_EQ(result.invariants[0].observed, most) << "round " << round;
      EXPECT_EQ(result.invariants[0].holds, most <= (promises.exclusive ? 1 : 2));
      seen.insert(most);
    }
  }
  EXPECT_GT(seen.size(), 4U) << "few or many are inside";
}

/// Of two writes on one key.
Invariant inside_of(const Times& first, const Times& second) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  const Experiment experiment = failing_experiment(scenario, {&control_guard()}, 2);
  TrialMemory memory({.requests = 2, .threads = 2, .keys = 1, .facts = 1});
  for (const Times& times : {first, second}) {
    Record& record = memory.records()[times.request];
    record.worker = static_cast<std::uint32_t>(times.request);
    record.start = times.start;
    record.enter = times.enter;
    record.leave = times.leave;
    record.end = times.end;
    record.calls = 1;
  }
  TrialResult result;
  collect(experiment, promising(kExclusive), RequestSource(experiment, 1), memory, result, 100);
  return result.invariants.at(0);
}

Times section(std::uint64_t request, Nanos enter, Nanos leave) {
  return {.request = request, .key = 0, .start = 1, .enter = enter, .leave = leave, .end = leave};
}

TEST(Inside, IsProvedByAMomentOfBothAndByNothingLess) {
  const Invariant broken = inside_of(section(0, 10, 20), section(1, 19, 30));
  EXPECT_EQ(broken.name, "at most 1 inside");
  EXPECT_EQ(broken.observed, 2);
  EXPECT_TRUE(!broken.holds && broken.beyond_repair);
  EXPECT_EQ(broken.key, std::nullopt) << "there is only one";
  EXPECT_FALSE(inside_of(section(0, 10, 20), section(1, 10, 20)).holds);
  EXPECT_FALSE(inside_of(section(0, 10, 0), section(1, 15, 20)).holds) << "the first is inside for ever";
  EXPECT_TRUE(inside_of(section(0, 10, 0), section(1, 5, 10)).holds);
  EXPECT_TRUE(inside_of(section(0, 10, 20), section(1, 20, 30)).holds) << "they may have met or not";
  // One of the two took less than the clock can tell: it may have come first.
  EXPECT_TRUE(inside_of(section(0, 10, 20), section(1, 10, 10)).holds);
  EXPECT_TRUE(inside_of(section(1, 10, 10), section(0, 10, 20)).holds);
}

/// Twelve requests for three counters, each inside for some milliseconds.
TrialResult counted_by(const GuardPlugin& guard, std::uint64_t most_records = kMostRecords) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("work", "5ms");
  experiment.parameters.set("work-kind", "sleep");
  experiment.guards = {&guard};
  experiment.requests = experiment.threads = 12;
  experiment.most_records = most_records;
  experiment.keys = 3;
  experiment.seed = 1;
  experiment.control = ControlMode::never;
  return run_quietly(experiment).trials.at(0);
}

/// The harness's own invariants, which stand behind the two of the scenario.
std::vector<Invariant> without_the_scenarios(const TrialResult& trial) {
  return {trial.invariants.begin() + 2, trial.invariants.end()};
}

TEST(Inside, IsWatchedInEveryTrialOfAGuardThatPromisesABound) {
  for (const char* name : {"synchronized", "global", "rwlock", "recursive", "single-flight", "cas"}) {
    const auto invariants = without_the_scenarios(counted_by(guard(name)));
    ASSERT_FALSE(invariants.empty()) << name;
    EXPECT_EQ(invariants[0].name, "at most 1 inside");
    EXPECT_TRUE(invariants[0].holds) << name;
    EXPECT_EQ(invariants[0].observed, 1) << name;
  }
  for (const Invariant& invariant : without_the_scenarios(counted_by(control_guard())))
    EXPECT_FALSE(invariant.name.starts_with("at most")) << "it promises nothing of the kind";
}

TEST(Inside, IsNotSeenWhereRequestsAreCounted) {
  EXPECT_TRUE(without_the_scenarios(counted_by(promising(kExclusive), 1)).empty());
}

TEST(Inside, ConvictsAGuardThatLetsTooManyIn) {
  const TrialResult open = counted_by(promising(kExclusive));
  EXPECT_EQ(open.verdict, Verdict::violation);
  EXPECT_NE(open.sentence.find("at most 1 inside: "), std::string::npos) << open.sentence;
  EXPECT_NE(open.sentence.find(" instead of 1 on counter-"), std::string::npos) << open.sentence;
  EXPECT_FALSE(without_the_scenarios(counted_by(promising(kAdmitsTwo))).at(0).holds);
  EXPECT_FALSE(without_the_scenarios(counted_by(guard("faulty-read-lock"))).at(0).holds);
}

/// Outcome and how often the guard called the section.
struct Fate {
  Outcome outcome;
  std::uint16_t calls;
  bool ended = true;
};

WasteReport waste_of(const std::vector<Fate>& fates, std::int64_t effects,
                     std::optional<std::uint64_t> wanted) {
  ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  scenario.expected_success = [wanted](const Tally&) { return wanted; };
  Experiment experiment = failing_experiment(scenario, {&control_guard()}, fates.size());
  TrialMemory memory({.requests = fates.size(), .threads = experiment.threads, .keys = 1, .facts = 1});
  for (std::size_t i = 0; i < fates.size(); ++i) {
    Record& record = memory.records()[i];
    record.worker = static_cast<std::uint32_t>(i);
    record.start = 1;
    record.calls = fates[i].calls;
    record.outcome = fates[i].outcome;
    if (fates[i].ended) record.end = 9;
  }
  for (std::int64_t i = 0; i < effects; ++i) memory.facts().raise(0, 0);
  TrialResult result;
  collect(experiment, control_guard(), RequestSource(experiment, 1), memory, result, 100);
  return result.waste.value();
}

TEST(Collect, CountsSectionsWhoseResultWasThrownAway) {
  EXPECT_EQ(waste_of({{Outcome::success, 1}, {Outcome::success, 1}}, 0, {}).sections, 0U);
  EXPECT_EQ(waste_of({{Outcome::success, 3}}, 0, {}).sections, 2U) << "it ran again";
  EXPECT_EQ(waste_of({{Outcome::refused, 1}, {Outcome::error, 2}}, 0, {}).sections, 3U) << "it failed";
  EXPECT_EQ(waste_of({{Outcome::turned_away, 0}, {Outcome::shared, 0}}, 0, {}).sections, 0U);
  EXPECT_EQ(waste_of({{Outcome::success, 5, false}}, 0, {}).sections, 0U) << "not ended, not thrown away";
}

TEST(Collect, CountsEffectsBeyondThoseWanted) {
  EXPECT_EQ(waste_of({{Outcome::success, 1}}, 20, 1).effects, 19);
  EXPECT_EQ(waste_of({{Outcome::success, 1}}, 1, 1).effects, 0);
  EXPECT_EQ(waste_of({{Outcome::success, 1}}, 0, 1).effects, 0) << "too few are no waste";
  EXPECT_EQ(waste_of({{Outcome::success, 1}}, 20, {}).effects, std::nullopt);
}

TEST(Collect, TellsWhatEveryWorkerOfAPoolGot) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  Experiment experiment = failing_experiment(scenario, {&control_guard()}, 5);
  experiment.threads = 2;
  TrialMemory memory({.requests = 5, .threads = 2, .keys = 1, .facts = 1});
  // Worker 0 enters twice, after 2 and 40; worker 1 enters once and is turned away after 7, then waits until
  // the end.
  const std::vector<std::pair<std::uint32_t, Times>> requests = {
      {0, {.request = 0, .key = 0, .start = 1, .enter = 3, .leave = 4, .end = 5}},
      {1, {.request = 1, .key = 0, .start = 1, .enter = 2, .leave = 3, .end = 4}},
      {0, {.request = 2, .key = 0, .start = 10, .enter = 50, .leave = 51, .end = 52}},
      {1, {.request = 3, .key = 0, .start = 10, .enter = 0, .leave = 0, .end = 17}},
      {1, {.request = 4, .key = 0, .start = 20, .enter = 0, .leave = 0, .end = 0}}};
  for (const auto& [worker, times] : requests) {
    Record& record = memory.records()[times.request];
    record.worker = worker;
    record.start = times.start;
    record.enter = times.enter;
    record.leave = times.leave;
    record.end = times.end;
  }
  TrialResult result;
  collect(experiment, control_guard(), RequestSource(experiment, 1), memory, result, 100);
  ASSERT_EQ(result.workers.size(), 2U);
  EXPECT_EQ(result.workers[0].requests, 2U);
  EXPECT_EQ(result.workers[0].sections, 2U);
  EXPECT_EQ(result.workers[0].longest_wait, 40);
  EXPECT_EQ(result.workers[1].requests, 2U);
  EXPECT_EQ(result.workers[1].sections, 1U);
  EXPECT_EQ(result.workers[1].longest_wait, 80) << "from 20 to the end of the trial";
  EXPECT_DOUBLE_EQ(result.fairness.value(), 9.0 / 10) << "(2 + 1)² / (2 · (4 + 1))";
}

}  // namespace
}  // namespace ccbench
