// What trials keep of their requests: counts against records, duration, open loops, live events, and that
// keeping it costs neither a system call nor an allocation.
#include "driver/recorder.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <new>
#include <numeric>
#include <set>

#include "core/registry.h"
#include "driver/arrival_schedule.h"
#include "driver/build.h"
#include "driver/collect.h"
#include "driver/counted_allocations.h"
#include "driver/distrust.h"
#include "driver/quiet_run.h"
#include "driver/request_source.h"
#include "driver/run.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

TrialResult run_one(const Experiment& experiment) { return run_quietly(experiment).trials.at(0); }

Experiment counter(std::string_view guard_name = "synchronized") {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.guards = {&guard(guard_name)};
  experiment.control = ControlMode::never;
  experiment.snapshots = {};
  experiment.seed = 1;
  experiment.threads = 2;
  experiment.stall = 30 * kSecond;
  return experiment;
}

Experiment for_a_time(Nanos duration, std::string_view guard_name = "synchronized") {
  Experiment experiment = counter(guard_name);
  experiment.requests = 0;
  experiment.duration = duration;
  return experiment;
}

// Counts against records

std::size_t facts_of_counter() { return scenarios().find("counter")->info.facts.size(); }

/// Carries made-up requests past both recorders: `workers` workers at one lock per key, every kind of end.
class BothRecorders {
 public:
  BothRecorders(const Experiment& experiment, const RequestSource& requests)
      : experiment_(experiment),
        requests_(requests),
        records_({.requests = experiment.requests,
                  .threads = experiment.threads,
                  .keys = experiment.keys,
                  .facts = facts_of_counter()}),
        counts_({.requests = experiment.requests,
                 .threads = experiment.threads,
                 .keys = experiment.keys,
                 .facts = facts_of_counter(),
                 .counts = true}),
        recording_(records_),
        counting_(counts_),
        free_at_(experiment.threads, kRelease),
        left_at_(experiment.keys, 0) {
    for (TrialMemory* memory : {&records_, &counts_}) {
      memory->header().release = kRelease;
      memory->header().stage = Stage::ended;
    }
  }

  void carry_all(std::uint64_t unfinished) {
    for (std::uint64_t index = 0; index < experiment_.requests; ++index) {
      const auto worker = static_cast<std::uint32_t>(std::ranges::min_element(free_at_) - free_at_.begin());
      const bool ends = index + unfinished < experiment_.requests;
      carry({.index = index, .worker = worker, .key = requests_.key_of(index)}, ends);
    }
  }

  TrialResult from_records() { return collected(experiment_, records_); }
  TrialResult from_counts() {
    Experiment counted = experiment_;
    counted.most_records = 0;
    return collected(counted, counts_);
  }

 private:
  static constexpr Nanos kRelease = 1'000'000;
  static constexpr Nanos kGone = kRelease + 3600 * kSecond;
  static constexpr std::array<Reason, 3> kReasons = {"first", "second", {}};

  void carry(const Request& request, bool ends) {
    Record made{};
    made.worker = request.worker;
    made.start = free_at_[request.worker] + static_cast<Nanos>(random_() % 1000);
    if (experiment_.rate > 0) {
      made.arrival = kRelease + requests_.arrival_of(request.index);
      made.start = std::max(made.start, made.arrival);
    }
    const std::uint64_t kind = random_() % 8;
    Nanos end = made.start + 50 + static_cast<Nanos>(random_() % 500);
    made.outcome = Outcome::turned_away;
    made.reason = kReasons.at(random_() % 3);
    if (kind > 0) {
      made.enter = std::max(made.start + 20, left_at_[request.key] + static_cast<Nanos>(random_() % 5000));
      made.leave = made.enter + static_cast<Nanos>(random_() % (std::uint64_t{1} << (10 + random_() % 12)));
      made.calls = kind == 1 ? 3 : 1;
      made.outcome = Outcome::success;
      if (kind == 2) made.outcome = Outcome::refused;
      if (kind == 3) made.outcome = Outcome::error;
      if (!is_failure(made.outcome)) made.reason = {};
      end = made.leave + static_cast<Nanos>(random_() % 300);
    }
    tell(recording_, request, made, ends, end);
    tell(counting_, request, made, ends, end);
    // Of a worker that is in the middle of a request there is no next one.
    free_at_[request.worker] = ends ? end : std::numeric_limits<Nanos>::max();
    if (made.enter != 0) left_at_[request.key] = made.leave;
  }

  template <Recorder R>
  static void tell(R& recorder, const Request& request, const Record& made, bool ends, Nanos end) {
    Record& record = recorder.begin(request);
    record.worker = made.worker;
    record.arrival = made.arrival;
    record.start = made.start;
    record.calls = made.calls;
    if (!ends && request.index % 3 == 1) return;  // Waits.
    if (made.enter != 0) {
      record.enter = made.enter;
      recorder.entered(request, record);
      if (!ends && request.index % 2 == 0) return;  // In the section.
      record.leave = made.leave;
      recorder.left(request, record);
    }
    if (!ends) return;
    record.outcome = made.outcome;
    record.reason = made.reason;
    recorder.ended(request, record, end);
  }

  TrialResult collected(const Experiment& experiment, TrialMemory& memory) const {
    TrialResult result;
    EXPECT_EQ(collect(experiment, *experiment.guards.front(), requests_, memory, result, kGone), 0U);
    return result;
  }

  const Experiment& experiment_;
  const RequestSource& requests_;
  TrialMemory records_;
  TrialMemory counts_;
  Recording recording_;
  Counting counting_;
  StdSync::random random_{7};
  std::vector<Nanos> free_at_;  ///< by worker
  std::vector<Nanos> left_at_;  ///< by key
};

void expect_close(const Percentiles& counted, const Percentiles& exact, std::string_view what) {
  EXPECT_EQ(counted.samples, exact.samples) << what;
  EXPECT_EQ(counted.max, exact.max) << what;
  ASSERT_TRUE(counted.p50 && exact.p50 && counted.p99 && exact.p99) << what;
  for (const auto& [near, sample] :
       {std::pair(*counted.p50, *exact.p50), std::pair(*counted.p99, *exact.p99)}) {
    EXPECT_GE(near, sample) << what;
    EXPECT_LE(static_cast<double>(near), static_cast<double>(sample) * 1.01) << what;
  }
}

void expect_the_same_tally(const TrialResult& counted, const TrialResult& exact) {
  EXPECT_EQ(counted.tally.requests, exact.tally.requests);
  EXPECT_EQ(counted.tally.outcomes, exact.tally.outcomes);
  EXPECT_EQ(counted.tally.requests_of_key, exact.tally.requests_of_key);
  EXPECT_EQ(counted.tally.successes_of_key, exact.tally.successes_of_key);
  EXPECT_EQ(counted.tally.reasons, exact.tally.reasons);
}

void expect_the_same_counts(const TrialResult& counted, const TrialResult& exact) {
  EXPECT_EQ(counted.wall, exact.wall);
  EXPECT_EQ(counted.start.spread, exact.start.spread);
  EXPECT_EQ(counted.start.first_gap, exact.start.first_gap);
  EXPECT_EQ(counted.fairness, exact.fairness);
  ASSERT_TRUE(counted.waste && exact.waste);
  EXPECT_EQ(counted.waste->sections, exact.waste->sections);
  EXPECT_GT(exact.waste->sections, 0U);
}

void expect_the_same(const TrialResult& counted, const TrialResult& exact) {
  expect_the_same_tally(counted, exact);
  expect_the_same_counts(counted, exact);
  ASSERT_EQ(counted.workers.size(), exact.workers.size());
  for (std::size_t i = 0; i < counted.workers.size(); ++i) {
    EXPECT_EQ(counted.workers[i].requests, exact.workers[i].requests) << i;
    EXPECT_EQ(counted.workers[i].sections, exact.workers[i].sections) << i;
    EXPECT_EQ(counted.workers[i].longest_wait, exact.workers[i].longest_wait) << i;
  }
  expect_close(counted.wait, exact.wait, "wait");
  expect_close(counted.hold, exact.hold, "hold");
  expect_close(counted.latency, exact.latency, "latency");
  expect_close(counted.hand_over, exact.hand_over, "hand-over");
}

class Recorders : public testing::TestWithParam<double> {};

TEST_P(Recorders, CountTheSameAsRecords) {
  Experiment experiment = counter();
  experiment.requests = 50'000;
  experiment.threads = 5;
  experiment.keys = 3;
  experiment.zipf = 0.5;
  experiment.rate = GetParam();
  experiment.arrivals = Arrivals::poisson;
  const RequestSource requests(experiment, 1);
  for (const std::uint64_t unfinished : {0U, 3U}) {
    BothRecorders both(experiment, requests);
    both.carry_all(unfinished);
    const TrialResult exact = both.from_records();
    const TrialResult counted = both.from_counts();
    EXPECT_EQ(exact.tally.unfinished(), unfinished);
    const auto waits_on = [](const WorkerReport& worker) { return worker.longest_wait > 1800 * kSecond; };
    EXPECT_EQ(std::ranges::count_if(exact.workers, waits_on), unfinished > 0 ? 1 : 0);
    expect_the_same(counted, exact);
    ASSERT_EQ(counted.arrivals.has_value(), experiment.rate > 0);
    if (!counted.arrivals) continue;
    EXPECT_EQ(counted.arrivals->started, exact.arrivals->started);
    EXPECT_EQ(counted.arrivals->delay, exact.arrivals->delay);
    EXPECT_EQ(counted.arrivals->last_start, exact.arrivals->last_start);
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, Recorders, testing::Values(0.0, 10'000.0));

TEST(WorkerCounts, GatherReasonsBeyondItsSlots) {
  TrialMemory memory({.requests = 100, .threads = 1, .keys = 1, .facts = facts_of_counter(), .counts = true});
  WorkerCounts& worker = memory.worker_counts()[0];
  for (std::size_t i = 0; i < 40; ++i) {
    const Reason reason = memory.keep("reason " + std::to_string(i));
    for (std::size_t k = 0; k <= i; ++k) {
      worker.count_failure(Outcome::error, reason);
      WorkerCounts::raise(worker.outcomes.at(index_of(Outcome::error)));
      WorkerCounts::raise(worker.requests);
    }
  }
  memory.header().stage = Stage::ended;
  Experiment experiment = counter();
  experiment.requests = 820;
  experiment.threads = 1;
  experiment.most_records = 0;
  TrialResult result;
  EXPECT_EQ(
      collect(experiment, guard("none"), RequestSource(experiment, 1), memory, result, memory.release()), 0U);
  EXPECT_EQ(result.tally.reasons.size(), WorkerCounts::kReasons + 1);
  EXPECT_EQ(result.tally.reasons.at({Outcome::error, "reason 31"}), 32U);
  EXPECT_EQ(result.tally.reasons.at({Outcome::error, "other reasons"}),
            33U + 34 + 35 + 36 + 37 + 38 + 39 + 40);
}

TEST(TrialMemory, OfCountsDoesNotGrowWithTheRequests) {
  const auto bytes = [](std::uint64_t requests, bool counts) {
    return TrialMemory(
               {.requests = requests, .threads = 2, .keys = 1, .facts = facts_of_counter(), .counts = counts})
        .bytes();
  };
  EXPECT_EQ(bytes(1'000'000, true), bytes(10'000'000'000, true));
  EXPECT_LT(bytes(1'000'000, true), std::size_t{1} << 20);
  EXPECT_GT(bytes(1'000'000, false), 64'000'000U);
}

TEST(TrialMemory, DiscardsCountsThatNoWorkerCanHaveWritten) {
  TrialMemory memory({.requests = 9, .threads = 4, .keys = 1, .facts = facts_of_counter(), .counts = true});
  for (WorkerCounts& worker : memory.worker_counts()) worker.requests = worker.outcomes[0] = 5;
  memory.worker_counts()[1].requests = 4;
  memory.worker_counts()[2].reasons[0].text = reinterpret_cast<const char*>(std::uintptr_t{16});
  EXPECT_EQ(memory.discard_damaged_records(), 2U);
  EXPECT_EQ(memory.worker_counts()[0].ended(), 5U);
  EXPECT_EQ(memory.worker_counts()[2].ended(), 0U);
}

TEST(RequestSource, DrawsTheSameKeysWithoutATable) {
  Experiment experiment = counter();
  experiment.requests = 10'000;
  experiment.keys = 100;
  experiment.zipf = 1.0;
  const RequestSource table(experiment, 3);
  experiment.most_records = 0;
  const RequestSource drawn(experiment, 3);
  std::set<Key> seen;
  double weights = 0;
  for (Key key = 0; key < 100; ++key) weights += 1.0 / static_cast<double>(key + 1);
  StdSync::random stream(3);
  for (std::uint64_t i = 0; i < experiment.requests; ++i) {
    // One number of the stream for each request, in their order.
    double point = static_cast<double>(stream() >> 11) * 0x1p-53 * weights;
    Key key = 0;
    for (; key < 99 && point >= 1.0 / static_cast<double>(key + 1); ++key)
      point -= 1.0 / static_cast<double>(key + 1);
    ASSERT_EQ(drawn.key_of(i), key) << i;
    ASSERT_EQ(table.key_of(i), key) << i;
    seen.insert(drawn.key_of(i));
  }
  EXPECT_GT(seen.size(), 90U);
}

TEST(CountedTrial, LosesNoRequestAndNoIncrement) {
  Experiment experiment = counter();
  experiment.requests = 200'000;
  experiment.threads = 3;
  experiment.keys = 5;
  experiment.zipf = 1.0;
  experiment.most_records = 1000;
  const TrialResult trial = run_one(experiment);
  EXPECT_EQ(trial.tally.of(Outcome::success), 200'000U) << trial.sentence;
  EXPECT_EQ(trial.tally.unfinished(), 0U);
  EXPECT_EQ(trial.violations(), 0);
  EXPECT_EQ(trial.invariants.size(), 2U) << "none of the harness's own, which takes records";
  EXPECT_EQ(trial.latency.samples, 200'000U);
  EXPECT_TRUE(trial.wall);
  EXPECT_TRUE(trial.requests.empty());
}

TEST(CountedTrial, StillSellsTheTicketOnce) {
  Experiment experiment = for_a_time(50 * kMillisecond);
  experiment.scenario = scenarios().find("lotto-purchase");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("payment", "1ms");
  experiment.parameters.set("db", "0");
  experiment.keys = 3;
  const TrialResult trial = run_one(experiment);
  EXPECT_EQ(trial.violations(), 0) << trial.sentence;
  EXPECT_EQ(trial.tally.of(Outcome::success), 3U);
  EXPECT_EQ(trial.tally.of(Outcome::success) + trial.tally.of(Outcome::refused), trial.tally.requests);
  EXPECT_EQ(trial.tally.reasons.at({Outcome::refused, "already paid: the order has a purchase"}),
            trial.tally.of(Outcome::refused));
  EXPECT_GT(trial.tally.requests, 100U);
}

// Trials with a section of the test's own

using Handle = std::function<Result(const TrialContext&, const Request&)>;

class Sections final : public AnyScenario {
 public:
  Sections(const TrialContext& trial, const Handle& handle) : trial_(trial), handle_(handle) {}
  Result handle(const Request& request, const Entry& /*entry*/) override { return handle_(trial_, request); }
  void settle() override {}

 private:
  const TrialContext& trial_;
  const Handle& handle_;
};

constexpr std::array<std::string_view, 1> kSteps = {"step"};
constexpr std::array<std::string_view, 1> kFacts = {"fact"};

ScenarioPlugin scenario_of(const Handle& handle) {
  return {.info = {.name = "sections",
                   .about = "",
                   .key_name = "key",
                   .needs = {},
                   .breakable = "",
                   .parameters = {},
                   .steps = kSteps,
                   .facts = kFacts},
          .make = [&handle](const TrialContext& trial) { return std::make_unique<Sections>(trial, handle); },
          .check = [](const Tally&) { return std::vector<Invariant>{}; },
          .expected_success = [](const Tally&) -> std::optional<std::uint64_t> { return std::nullopt; }};
}

TrialResult run_sections(Experiment experiment, const Handle& handle) {
  const ScenarioPlugin scenario = scenario_of(handle);
  experiment.scenario = &scenario;
  experiment.parameters = ParameterValues(scenario.info.parameters);
  return run_one(experiment);
}

TEST(CountedTrial, KeepsItsCountsWhenItIsKilled) {
  Experiment experiment = for_a_time(60 * kSecond);
  experiment.threads = 1;
  experiment.keys = 2;
  experiment.keep_requests = true;
  const TrialResult trial = run_sections(experiment, [](const TrialContext&, const Request& request) {
    if (request.index == 1000) raise(SIGKILL);
    return request.index % 4 == 0 ? refused("every fourth") : success();
  });
  EXPECT_EQ(trial.verdict, Verdict::crashed) << trial.sentence;
  EXPECT_EQ(trial.tally.requests, 1001U);
  EXPECT_EQ(trial.tally.of(Outcome::success), 750U);
  EXPECT_EQ(trial.tally.of(Outcome::refused), 250U);
  EXPECT_EQ(trial.tally.unfinished(), 1U);
  EXPECT_EQ(trial.tally.reasons.at({Outcome::refused, "every fourth"}), 250U);
  EXPECT_EQ(trial.workers.at(0).sections, 1001U) << "the one that it died in was entered, too";
  EXPECT_EQ(trial.latency.samples, 1000U);
  EXPECT_EQ(trial.wait.samples, 1001U);
  EXPECT_FALSE(trial.wall);
  ASSERT_EQ(trial.requests.size(), 1001U);
  EXPECT_FALSE(trial.requests.back().outcome);
  EXPECT_EQ(trial.requests.back().request, 1000U);
}

TEST(CountedTrial, ThatStandsStillIsHung) {
  Experiment experiment = for_a_time(60 * kSecond, "global");
  experiment.stall = 500 * kMillisecond;
  const TrialResult trial = run_sections(experiment, [](const TrialContext&, const Request& request) {
    while (request.index >= 100) pause();
    return success();
  });
  EXPECT_EQ(trial.verdict, Verdict::hung) << trial.sentence;
  EXPECT_EQ(trial.tally.unfinished(), 2U);
  EXPECT_GT(trial.tally.of(Outcome::success), 0U);
}

// Duration

TEST(Duration, EndsEveryRequestThatBeganBeforeItsEndAndTakesNoOtherAfterOneThatEndedBeyondIt) {
  Experiment experiment = for_a_time(30 * kMillisecond);
  experiment.threads = 3;
  experiment.keys = 2;
  experiment.keep_requests = true;
  experiment.timeout = 30 * kSecond;
  experiment.parameters.set("work", "100us");
  experiment.parameters.set("work-kind", "sleep");
  const TrialResult trial = run_one(experiment);
  EXPECT_EQ(trial.tally.unfinished(), 0U) << trial.sentence;
  EXPECT_EQ(trial.violations(), 0) << trial.sentence;
  EXPECT_GT(trial.tally.requests, 0U);
  EXPECT_EQ(trial.lost_events, 0U);
  ASSERT_EQ(trial.requests.size(), trial.tally.ended());
  std::vector<Nanos> last_end(3);
  std::vector<std::uint64_t> of_worker(3);
  std::vector<std::uint64_t> of_key(2);
  // A worker may lose its CPU between taking a request in time and starting it, so only its last may start
  // late, and the one before that ended in time.
  std::vector<int> ended_late(3);
  for (const RequestRow& row : trial.requests) {
    if (*row.end >= experiment.duration) ++ended_late[*row.thread];
    EXPECT_FALSE(row.arrival);
    EXPECT_EQ(row.key, row.request % 2);
    last_end[row.thread.value()] = std::max(last_end[*row.thread], *row.end);
    ++of_worker[*row.thread];
    ++of_key[row.key];
  }
  EXPECT_EQ(trial.wall, *std::ranges::max_element(last_end));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GE(last_end[i], experiment.duration) << "a worker stopped before the end";
    EXPECT_EQ(ended_late[i], 1) << "a worker went on beyond the end";
    EXPECT_EQ(trial.workers.at(i).requests, of_worker[i]);
    EXPECT_EQ(trial.workers.at(i).sections, of_worker[i]);
  }
  EXPECT_EQ(trial.fairness, jain_index(of_worker));
  EXPECT_EQ(trial.tally.total(0), static_cast<std::int64_t>(of_key[0] + of_key[1]));
}

// Open loop

/// In an open loop all waiting counts from the arrival; in a closed one there is none.
void expect_times_from_arrival(const TrialResult& trial, bool open) {
  Nanos most_latency = 0;
  Nanos most_wait = 0;
  for (const RequestRow& row : trial.requests) {
    ASSERT_EQ(row.arrival.has_value(), open);
    const Nanos from = open ? *row.arrival : *row.start;
    EXPECT_LE(from, *row.start) << "none starts before it arrives";
    most_latency = std::max(most_latency, *row.end - from);
    most_wait = std::max(most_wait, *row.enter - from);
  }
  EXPECT_EQ(trial.latency.max, most_latency);
  EXPECT_EQ(trial.wait.max, most_wait);
}

Experiment slower_than_its_rate() {
  Experiment experiment = counter();
  experiment.requests = 50;
  experiment.threads = 1;
  experiment.keep_requests = true;
  experiment.parameters.set("work", "2ms");
  experiment.parameters.set("work-kind", "sleep");
  return experiment;
}

TEST(OpenLoop, LatencyContainsQueueing) {
  Experiment experiment = slower_than_its_rate();
  expect_times_from_arrival(run_one(experiment), false);
  experiment.rate = 10'000;
  const TrialResult open = run_one(experiment);
  expect_times_from_arrival(open, true);
  // Fifty sections of 2 ms one after the other, while all fifty arrive within 5 ms.
  EXPECT_GE(open.latency.max, 95 * kMillisecond);
  EXPECT_GE(open.latency.p50, 47 * kMillisecond);
  EXPECT_GE(open.start.in_flight_peak, 48U);
  for (const RequestRow& row : open.requests) EXPECT_EQ(row.arrival, row.request * 100 * kMicrosecond);
  ASSERT_TRUE(open.arrivals);
  EXPECT_EQ(open.arrivals->delay, *open.requests.back().start - *open.requests.back().arrival);
}

TEST(OpenLoop, LatencyContainsQueueingAlsoWhereRequestsAreCounted) {
  Experiment experiment = slower_than_its_rate();
  experiment.requests = 0;
  experiment.duration = 100 * kMillisecond;
  experiment.rate = 10'000;
  const TrialResult open = run_one(experiment);
  expect_times_from_arrival(open, true);
  EXPECT_GE(open.latency.max, 50 * kMillisecond);
  ASSERT_TRUE(open.arrivals);
  EXPECT_EQ(open.arrivals->started, open.tally.requests);
  EXPECT_EQ(open.arrivals->started + open.arrivals->queued, 1000U);
  EXPECT_GT(open.arrivals->delay, 0);
}

TEST(OpenLoop, WaitingForTheNextRequestIsNoHang) {
  Experiment experiment = counter();
  experiment.requests = 3;
  experiment.rate = 2.5;
  experiment.stall = 100 * kMillisecond;
  const TrialResult trial = run_one(experiment);
  EXPECT_EQ(trial.tally.of(Outcome::success), 3U) << trial.sentence;
  EXPECT_GE(trial.wall, 800 * kMillisecond);
}

TEST(ArrivalSchedule, SpacesEvenly) {
  const ArrivalSchedule schedule(4000, Arrivals::even, 0, 1);
  EXPECT_EQ(schedule.at(0), 0);
  EXPECT_EQ(schedule.at(3), 750 * kMicrosecond);
  EXPECT_EQ(schedule.at(4'000'000'000), 1'000'000 * kSecond);
  EXPECT_EQ(schedule.before(kSecond), 4000U);
  EXPECT_EQ(schedule.before(kSecond + 1), 4001U);
}

TEST(ArrivalSchedule, DrawsIndependentCallersTheSameForASeed) {
  constexpr std::uint64_t kArrivals = 500'000;
  constexpr double kMean = 10'000;  // nanoseconds, of 100000 per second
  const ArrivalSchedule schedule(100'000, Arrivals::poisson, 0, 5);
  const ArrivalSchedule again(100'000, Arrivals::poisson, 0, 5);
  const ArrivalSchedule other(100'000, Arrivals::poisson, 0, 6);
  double sum = 0;
  double squares = 0;
  std::uint64_t same = 0;
  for (std::uint64_t i = 0; i < kArrivals; ++i) {
    ASSERT_EQ(schedule.at(i), again.at(i));
    same += schedule.at(i) == other.at(i) ? 1 : 0;
    const auto gap = static_cast<double>(schedule.at(i + 1) - schedule.at(i));
    ASSERT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
  }
  EXPECT_LT(same, kArrivals / 100);
  const double mean = sum / kArrivals;
  // Seven standard errors of the mean; the deviation of exponential gaps is their mean.
  EXPECT_NEAR(mean, kMean, 0.01 * kMean);
  EXPECT_NEAR(std::sqrt(squares / kArrivals - mean * mean), kMean, 0.02 * kMean);
}

TEST(ArrivalSchedule, GoesOnBehindItsPattern) {
  const ArrivalSchedule schedule(1000, Arrivals::poisson, 0, 5);
  constexpr std::uint64_t kPattern = std::uint64_t{1} << 20;
  for (std::uint64_t i = kPattern - 5; i < kPattern + 5; ++i) EXPECT_GT(schedule.at(i + 1), schedule.at(i));
  EXPECT_EQ(schedule.at(3 * kPattern + 7) - schedule.at(2 * kPattern + 7),
            schedule.at(kPattern + 7) - schedule.at(7));
  for (const std::uint64_t i : {std::uint64_t{1}, kPattern, 5 * kPattern + 17})
    EXPECT_EQ(schedule.before(schedule.at(i)), i);
}

// Live events

TEST(LiveEvents, CountsEveryOneThatIsLost) {
  constexpr std::uint64_t kRequests = 10'000;
  TrialMemory memory({.requests = kRequests,
                      .threads = 1,
                      .keys = 1,
                      .facts = facts_of_counter(),
                      .counts = true,
                      .events = true});
  CountingLive recorder(memory);
  LiveEvents events(memory, 5000);
  for (std::uint64_t index = 0; index < kRequests; ++index) {
    const Request request{.index = index};
    Record& record = recorder.begin(request);
    record.start = 1;
    recorder.ended(request, record, 2);
  }
  events.drain();
  const std::uint64_t lost = memory.worker_counts()[0].lost_events;
  EXPECT_EQ(lost, kRequests - kEventsWaiting);
  EXPECT_EQ(events.beyond_most(), kEventsWaiting - 5000);
  const std::vector<RequestEvent> kept = events.hand_over();
  EXPECT_EQ(kept.size() + lost + events.beyond_most(), memory.worker_counts()[0].ended());
  EXPECT_EQ(kept.front().index, 0U);
  EXPECT_EQ(kept.back().index, 4999U);
}

TEST(LiveEvents, OfATrialAddUpToTheRequestsThatEnded) {
  Experiment experiment = for_a_time(200 * kMillisecond, "none");
  experiment.keep_requests = true;
  const TrialResult trial = run_one(experiment);
  EXPECT_EQ(trial.requests.size() + trial.lost_events, trial.tally.ended());
  EXPECT_EQ(trial.tally.unfinished(), 0U);
  EXPECT_GT(trial.requests.size(), 0U);
  EXPECT_TRUE(std::ranges::is_sorted(trial.requests, {}, &RequestRow::request));
}

TEST(Rows, AreNoMoreThanPicturesNeedUnlessAFileIsAskedFor) {
  for (const std::uint64_t most_records : {kMostRecords, std::uint64_t{1}}) {
    Experiment experiment = counter();
    experiment.requests = kMostDrawn + 1000;
    experiment.most_records = most_records;
    experiment.keep_timeline = true;
    const TrialResult trial = run_one(experiment);
    EXPECT_LE(trial.requests.size(), kMostDrawn);
    EXPECT_GT(trial.requests.size(), 0U);
    EXPECT_EQ(trial.requests.size() + trial.lost_events, experiment.requests);
    EXPECT_GE(trial.lost_events, 1000U);
    experiment.keep_requests = true;
    const TrialResult all = run_one(experiment);
    EXPECT_EQ(all.requests.size() + all.lost_events, experiment.requests);
    if (!experiment.counts()) {
      EXPECT_EQ(all.requests.size(), experiment.requests);
    }
  }
}

// What is said of it

RunResult one_trial(const Experiment& experiment, TrialResult trial) {
  RunResult run{
      .run_id = "",
      .machine = {},
      .build = {.version = "", .compiler = "", .build_type = "", .sanitizer = "none", .optimized = true},
      .configurations = {{.experiment = experiment}},
      .trials = {},
      .guards = {},
      .stacks = {},
      .shrunk = {}};
  run.machine.cpus = 64;
  trial.guard = "slow";
  run.trials.push_back(std::move(trial));
  return run;
}

/// What is distrusted, with what it spoils, of a rule whose `what` begins so; empty: nothing.
std::string distrusted(const RunResult& run, std::string_view what) {
  for (const Distrust& reason : distrust_of(run)) {
    if (reason.what.find(what) != std::string::npos) return reason.what + ": " + reason.spoils;
  }
  return {};
}

TEST(DistrustOf, SaysThatARateWasNotReached) {
  Experiment experiment = counter();
  experiment.rate = 1000;
  TrialResult trial;
  trial.arrivals = ArrivalReport{.started = 500, .delay = 500 * kMillisecond, .last_start = kSecond};
  EXPECT_EQ(
      distrusted(one_trial(experiment, trial), "the rate"),
      "the rate of 1000/s was not reached: slow started 500/s, the last request 500ms after its arrival");
  trial.arrivals->queued = 7;
  EXPECT_EQ(
      distrusted(one_trial(experiment, trial), "the rate"),
      "the rate of 1000/s was not reached: slow started 500/s, and at the end 7 requests were queued, the "
      "first of them for 500ms");
  trial.arrivals->delay = 5 * kMillisecond;
  EXPECT_EQ(distrusted(one_trial(experiment, trial), "the rate"), "");
}

TEST(DistrustOf, SaysWhereFiguresComeFrom) {
  Experiment experiment = counter();
  experiment.requests = 2'000'000;
  TrialResult trial;
  trial.tally.requests = 9;
  EXPECT_EQ(distrusted(one_trial(experiment, trial), "more than"), "");
  experiment.requests = 2'000'001;
  EXPECT_EQ(distrusted(one_trial(experiment, trial), "more than"),
            "more than 2000000 requests: percentiles are from histograms, within 1 %");
  EXPECT_EQ(distrusted(one_trial(experiment, trial), "have no row"), "");
  trial.lost_events = 4;
  EXPECT_EQ(
      distrusted(one_trial(experiment, trial), "have no row"),
      "4 of 9 requests are counted and have no row: they ended faster than they could be taken over, or "
      "were more than 50000 in a trial");
}

// The hot path

enum class Plant : std::uint8_t { none, allocation, system_call };

/// From now on the calling thread is killed by any system call but those with which a worker ends, and the
/// sleep until an arrival where there is one.
void allow_no_system_calls(bool sleep) {
  const auto allow = [](unsigned number) {
    return std::array<sock_filter, 2>{
        {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  };
  std::vector<sock_filter> rules = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  std::vector<unsigned> numbers = {SYS_clock_gettime, SYS_getrusage, SYS_rt_sigprocmask, SYS_madvise,
                                   SYS_exit};
  if (sleep) numbers.push_back(SYS_clock_nanosleep);
  for (const unsigned number : numbers) {
    for (const sock_filter& rule : allow(number)) rules.push_back(rule);
  }
  rules.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  const sock_fprog program{.len = static_cast<unsigned short>(rules.size()), .filter = rules.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    std::abort();
}

TEST(Allocations, AreCountedByThread) {
  const std::uint64_t before = allocations_of_this_thread();
  ::operator delete(::operator new(1));
  EXPECT_EQ(allocations_of_this_thread(), before + 1);
}

/// The fact counts allocations between two sections of a worker, and in them.
TrialResult run_watched(const Experiment& experiment, Plant plant) {
  return run_sections(
      experiment, [plant, sleep = experiment.rate > 0](const TrialContext& trial, const Request& request) {
        thread_local bool watched = false;
        thread_local std::uint64_t before = 0;
        if (!watched) {
          allow_no_system_calls(sleep);
          watched = true;
          before = allocations_of_this_thread();
        }
        for (; before < allocations_of_this_thread(); ++before) trial.facts.raise(0, 0);
        if (request.index == 50 && plant == Plant::allocation) ::operator delete(::operator new(1));
        if (request.index == 50 && plant == Plant::system_call) (void)syscall(SYS_getppid);
        return request.index % 3 == 0 ? refused("every third") : success();
      });
}

struct HotPath {
  std::string_view name;
  void (*change)(Experiment&);
};

class HotPaths : public testing::TestWithParam<HotPath> {
 protected:
  static Experiment experiment() {
    Experiment experiment = counter("none");
    experiment.requests = 20'000;
    GetParam().change(experiment);
    if (experiment.duration > 0) experiment.requests = 0;
    return experiment;
  }
};

TEST_P(HotPaths, MakeNoSystemCallAndNoAllocation) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make both";
  const TrialResult trial = run_watched(experiment(), Plant::none);
  EXPECT_EQ(trial.tally.total(0), 0) << "allocations";
  EXPECT_EQ(trial.tally.unfinished(), 0U) << trial.sentence;
  EXPECT_GT(trial.tally.of(Outcome::success), 100U);
}

TEST_P(HotPaths, WouldShowAnAllocation) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make some, too";
  EXPECT_EQ(run_watched(experiment(), Plant::allocation).tally.total(0), 1);
}

TEST_P(HotPaths, WouldShowASystemCall) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make some, too";
  const TrialResult trial = run_watched(experiment(), Plant::system_call);
  EXPECT_EQ(trial.verdict, Verdict::crashed);
  EXPECT_NE(trial.sentence.find("SIGSYS"), std::string::npos) << trial.sentence;
}

std::string name_of_mode(const testing::TestParamInfo<HotPath>& mode) { return std::string(mode.param.name); }

INSTANTIATE_TEST_SUITE_P(
    Modes, HotPaths,
    testing::Values(HotPath{"records", [](Experiment& /*experiment*/) {}},
                    HotPath{"timeline", [](Experiment& experiment) { experiment.keep_timeline = true; }},
                    HotPath{"counts", [](Experiment& experiment) { experiment.most_records = 0; }},
                    HotPath{"drawn_keys",
                            [](Experiment& experiment) {
                              experiment.most_records = 0;
                              experiment.keys = 10;
                              experiment.zipf = 1.0;
                            }},
                    HotPath{"duration",
                            [](Experiment& experiment) { experiment.duration = 20 * kMillisecond; }},
                    HotPath{"live_events",
                            [](Experiment& experiment) {
                              experiment.duration = 20 * kMillisecond;
                              experiment.keep_requests = true;
                            }},
                    HotPath{"open_loop",
                            [](Experiment& experiment) {
                              experiment.requests = 1000;
                              experiment.rate = 20'000;
                              experiment.arrivals = Arrivals::poisson;
                            }},
                    HotPath{"open_loop_for_a_time",
                            [](Experiment& experiment) {
                              experiment.duration = 50 * kMillisecond;
                              experiment.rate = 20'000;
                              experiment.keep_requests = true;
                            }}),
    name_of_mode);

}  // namespace
}  // namespace ccbench
