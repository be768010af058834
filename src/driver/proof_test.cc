// What records and snapshots prove of a guard's promises. Every proof is planted, and so is what looks like
// one and is none.
#include "driver/proof.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "driver/build.h"
#include "driver/collect.h"
#include "driver/failing_scenario.h"
#include "driver/plan.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

constexpr std::string_view kTurnedAway = "nobody turned away";
constexpr std::string_view kAfterSuccess = "nobody enters after a success";
constexpr std::string_view kTwice = "no section runs twice";
constexpr std::string_view kOtherKey = "nobody waits for another key";
constexpr std::string_view kOvertaken = "nobody overtaken";

/// One request; times since the release, 0: did not happen. Its worker and its key are given by its number.
struct Told {
  Nanos start = 0;
  Nanos enter = 0;
  Nanos leave = 0;
  Nanos end = 0;
  Outcome outcome = Outcome::success;
  std::uint16_t calls = 1;
  bool several_keys = false;
};

struct Setting {
  Promises promises;
  std::uint32_t workers = 0;  ///< 0: as many as requests
  Key keys = 1;
  double read_ratio = 0;
};

constexpr Nanos kRelease = 1000;

/// By name: what `collect` finds.
std::map<std::string, Invariant> found(const Setting& setting, const std::vector<Told>& requests,
                                       std::vector<Snapshot> snapshots = {}) {
  const ScenarioPlugin scenario = failing_scenario([](const TrialContext&) { return false; });
  GuardPlugin guard = control_guard();
  guard.info.promises = setting.promises;
  guard.promised = {};
  Experiment experiment = failing_experiment(scenario, {&guard}, requests.size());
  if (setting.workers != 0) experiment.threads = setting.workers;
  experiment.keys = setting.keys;
  experiment.read_ratio = setting.read_ratio;
  TrialMemory memory(
      {.requests = requests.size(), .threads = experiment.threads, .keys = setting.keys, .facts = 1});
  memory.header().release = kRelease;
  const auto since_boot = [](Nanos time) { return time == 0 ? 0 : kRelease + time; };
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Told& told = requests[i];
    Record& record = memory.records()[i];
    record.worker = static_cast<std::uint32_t>(i % experiment.threads);
    record.start = since_boot(told.start);
    record.enter = since_boot(told.enter);
    record.leave = since_boot(told.leave);
    record.end = since_boot(told.end);
    record.outcome = told.outcome;
    record.calls = told.enter == 0 ? 0 : told.calls;
    record.several_keys = told.several_keys;
  }
  TrialResult result;
  result.snapshots = std::move(snapshots);
  collect(experiment, guard, RequestSource(experiment, 1), memory, result, kRelease + 1000);
  std::map<std::string, Invariant> by_name;
  for (const Invariant& invariant : result.invariants) by_name[invariant.name] = invariant;
  return by_name;
}

bool is_watched(std::string_view name, const Setting& setting, std::vector<Snapshot> snapshots = {}) {
  return found(setting, {{.start = 1, .enter = 2, .leave = 3, .end = 4}}, std::move(snapshots))
      .contains(std::string(name));
}

/// How often it is broken. What is broken is beyond repair.
std::int64_t breaches(std::string_view name, const std::map<std::string, Invariant>& invariants) {
  const Invariant& invariant = invariants.at(std::string(name));
  EXPECT_EQ(invariant.expected, 0);
  EXPECT_EQ(invariant.holds, invariant.observed == 0);
  EXPECT_EQ(invariant.beyond_repair, !invariant.holds);
  return invariant.observed;
}

// Waits

Told left_without(Outcome outcome) { return {.start = 1, .end = 9, .outcome = outcome}; }

TEST(Waits, IsBrokenByWhoIsTurnedAwayOrGivesUp) {
  const Setting waits{.promises = {.waits = true}};
  const auto broken = [&](const Told& told) { return breaches(kTurnedAway, found(waits, {told})); };
  EXPECT_EQ(broken(left_without(Outcome::turned_away)), 1);
  EXPECT_EQ(broken(left_without(Outcome::timed_out)), 1);
  for (const Outcome outcome :
       {Outcome::success, Outcome::shared, Outcome::refused, Outcome::cancelled, Outcome::error})
    EXPECT_EQ(broken(left_without(outcome)), 0) << name_of(outcome);
  EXPECT_EQ(broken({.start = 1, .end = 0, .outcome = Outcome::turned_away}), 0) << "it may wait still";
  EXPECT_EQ(broken({.start = 1, .enter = 2, .leave = 3, .end = 4, .outcome = Outcome::timed_out}), 0)
      << "its section says so";
}

TEST(Waits, IsToldOfTheKeyThatIsWorst) {
  const Setting waits{.promises = {.waits = true}, .keys = 2};
  const Told away = left_without(Outcome::turned_away);
  const Told in{.start = 1, .enter = 2, .leave = 3, .end = 4};
  const Invariant worst = found(waits, {away, away, in, away}).at(std::string(kTurnedAway));
  EXPECT_EQ(worst.observed, 2);
  EXPECT_EQ(worst.key, Key{1});
}

TEST(Waits, IsNotBrokenByWhoSharesWhatASectionSays) {
  const Told leader{.start = 1, .enter = 2, .leave = 3, .end = 4, .outcome = Outcome::timed_out};
  const Told follower = left_without(Outcome::timed_out);
  EXPECT_EQ(breaches(kTurnedAway, found({.promises = {.shares = true, .waits = true}}, {leader, follower})),
            0);
  EXPECT_EQ(breaches(kTurnedAway, found({.promises = {.waits = true}}, {leader, follower})), 1);
  EXPECT_EQ(breaches(kTurnedAway, found({.promises = {.shares = true, .waits = true}}, {follower})), 1);
}

TEST(Waits, IsWatchedWhereItIsPromisedAndThereIsSomethingToWaitFor) {
  EXPECT_TRUE(is_watched(kTurnedAway, {.promises = {.waits = true}}));
  EXPECT_FALSE(is_watched(kTurnedAway, {.promises = {}}));
  EXPECT_FALSE(is_watched(kTurnedAway, {.promises = {.once = true, .waits = true}}));
  EXPECT_FALSE(is_watched(kTurnedAway, {.promises = {.cancels = true, .waits = true}}));
}

// Once

constexpr Promises kOnce{.exclusive = true, .once = true};

/// Of two requests of one key, the first of which has left at 20.
std::int64_t entered_after(Outcome first, const Told& second, Nanos once_for = 0) {
  Promises promises = kOnce;
  promises.once_for = once_for;
  const Told left{.start = 8, .enter = 10, .leave = 20, .end = 22, .outcome = first};
  return breaches(kAfterSuccess, found({.promises = promises}, {left, second}));
}

TEST(Once, IsBrokenByWhoEntersAfterASuccess) {
  const auto enters = [](Nanos when) {
    return Told{.start = 1, .enter = when, .leave = when + 5, .end = when + 6};
  };
  EXPECT_EQ(entered_after(Outcome::success, enters(21)), 1);
  EXPECT_EQ(entered_after(Outcome::success, enters(500)), 1) << "however late";
  EXPECT_EQ(entered_after(Outcome::success, {.start = 1, .enter = 21}), 1) << "whatever becomes of it";
  EXPECT_EQ(entered_after(Outcome::success, enters(20)), 0) << "they may have met or not";
  EXPECT_EQ(entered_after(Outcome::success,
                          {.start = 1, .enter = 2, .leave = 7, .end = 8, .outcome = Outcome::refused}),
            0);
  EXPECT_EQ(entered_after(Outcome::refused, enters(21)), 0);
  EXPECT_EQ(entered_after(Outcome::error, enters(21)), 0);
  EXPECT_EQ(entered_after(Outcome::success, left_without(Outcome::turned_away)), 0);
  // That both are inside at once breaks another promise.
  EXPECT_EQ(entered_after(Outcome::success, enters(19)), 0);
}

TEST(Once, IsNotBrokenByWhatMayNotBeASuccessYet) {
  const Told unfinished{.start = 8, .enter = 10, .leave = 20, .end = 0};
  const Told second{.start = 1, .enter = 30, .leave = 40, .end = 41, .outcome = Outcome::refused};
  EXPECT_EQ(breaches(kAfterSuccess, found({.promises = kOnce}, {unfinished, second})), 0);
}

TEST(Once, IsOfOneKey) {
  const Told left{.start = 8, .enter = 10, .leave = 20, .end = 22};
  const Told second{.start = 1, .enter = 21, .leave = 30, .end = 31, .outcome = Outcome::refused};
  const Told third{.start = 1, .enter = 35, .leave = 40, .end = 41, .outcome = Outcome::refused};
  EXPECT_EQ(breaches(kAfterSuccess, found({.promises = kOnce, .keys = 2}, {left, second})), 0);
  const Invariant worst =
      found({.promises = kOnce, .keys = 2}, {left, second, third}).at(std::string(kAfterSuccess));
  EXPECT_EQ(worst.observed, 1);
  EXPECT_EQ(worst.key, Key{0});
}

TEST(Once, EndsWhereItIsPromisedForATime) {
  const auto enters = [](Nanos when) {
    return Told{.start = 1, .enter = when, .leave = when + 5, .end = when + 6};
  };
  // The flag was set after the start at 8, nobody knows when, and lives for 100.
  EXPECT_EQ(entered_after(Outcome::success, enters(107), 100), 1);
  EXPECT_EQ(entered_after(Outcome::success, enters(108), 100), 0);
  EXPECT_EQ(entered_after(Outcome::success, enters(21), 5), 0) << "it was over before the success";
  // The second success, at 110, counts for itself.
  const Told first{.start = 8, .enter = 10, .leave = 20, .end = 22};
  const Told second{.start = 109, .enter = 110, .leave = 120, .end = 121};
  const Told third{.start = 1, .enter = 130, .leave = 140, .end = 141};
  Promises promises = kOnce;
  promises.once_for = 100;
  EXPECT_EQ(breaches(kAfterSuccess, found({.promises = promises}, {first, second, third})), 1);
}

TEST(Once, IsWatchedOfGuardsThatAreExclusive) {
  EXPECT_TRUE(is_watched(kAfterSuccess, {.promises = kOnce}));
  EXPECT_FALSE(is_watched(kAfterSuccess, {.promises = {.once = true}}));
  EXPECT_FALSE(is_watched(kAfterSuccess, {.promises = {.exclusive = true}}));
}

// Retries

TEST(Retries, AreForThoseWhoPromiseThem) {
  const Told once{.start = 1, .enter = 2, .leave = 3, .end = 4};
  const Told twice{.start = 1, .enter = 2, .leave = 3, .end = 4, .calls = 2};
  EXPECT_EQ(breaches(kTwice, found({.promises = {}}, {once, twice, twice})), 2);
  EXPECT_EQ(breaches(kTwice, found({.promises = {}}, {once, left_without(Outcome::turned_away)})), 0);
  EXPECT_FALSE(is_watched(kTwice, {.promises = {.retries = true}}));
}

// Per key

constexpr Promises kPerKey{.per_key = true};

Snapshot looked(Nanos at, Nanos done) {
  Snapshot snapshot;
  snapshot.at = at;
  snapshot.done = done;
  snapshot.mode = "kernel";
  return snapshot;
}

LockRow lock_of(LockKind kind, std::optional<std::uint32_t> owner = {}) {
  LockRow lock;
  lock.address = 64;
  lock.kind = kind;
  lock.waiters = 1;
  lock.owner = owner;
  return lock;
}

ThreadRow asleep(std::uint32_t thread, Place place, std::uint32_t lock = kNoIndex) {
  return {.thread = thread, .place = place, .state = ThreadState::blocked, .stable = true, .lock = lock};
}

/// Taken between 10 and 20. Worker 0 waits in the guard for the mutex that worker 1 holds in its section.
Snapshot waiting_for_other(Place waiter, Place holder) {
  Snapshot snapshot = looked(10, 20);
  snapshot.threads = {asleep(0, waiter, 0), asleep(1, holder)};
  snapshot.locks = {lock_of(LockKind::mutex, 1)};
  return snapshot;
}

/// Requests 0 and 1, of keys 0 and 1, both under way from before 10 until after 20.
std::vector<Told> under_way() {
  return {{.start = 5, .enter = 40, .leave = 50, .end = 51},
          {.start = 4, .enter = 6, .leave = 30, .end = 31}};
}

std::int64_t waits_for_other(const Snapshot& snapshot, const std::vector<Told>& requests = under_way()) {
  return breaches(kOtherKey, found({.promises = kPerKey, .workers = 2, .keys = 2}, requests, {snapshot}));
}

TEST(PerKey, IsBrokenByWhoSleepsForAHolderInsideAnotherKey) {
  const Snapshot snapshot = waiting_for_other(Place::in_guard(0), Place::in_section(1));
  const auto invariants =
      found({.promises = kPerKey, .workers = 2, .keys = 2}, under_way(), {snapshot, snapshot});
  EXPECT_EQ(breaches(kOtherKey, invariants), 1) << "a request counts once, however often it is seen";
  EXPECT_EQ(invariants.at(std::string(kOtherKey)).key, Key{0});
  EXPECT_EQ(waits_for_other(waiting_for_other(Place::in_guard(0), Place::in_step(3, 1))), 1);
}

TEST(PerKey, IsNotBrokenByLocksHeldForAMoment) {
  EXPECT_EQ(waits_for_other(waiting_for_other(Place::in_guard(0), Place::in_guard(1))), 0)
      << "the mutex of a part of the guard's map";
  EXPECT_EQ(waits_for_other(waiting_for_other(Place::in_section(0), Place::in_section(1))), 0)
      << "a lock of the scenario's";
  Snapshot nobodys = waiting_for_other(Place::in_guard(0), Place::in_section(1));
  nobodys.locks[0].owner.reset();
  EXPECT_EQ(waits_for_other(nobodys), 0);
  Snapshot sleeping = waiting_for_other(Place::in_guard(0), Place::in_section(1));
  sleeping.threads[0].lock = kNoIndex;
  EXPECT_EQ(waits_for_other(sleeping), 0);
}

TEST(PerKey, IsNotBrokenByRowsThatMayBeOfDifferentInstants) {
  for (const std::size_t moved : {0U, 1U}) {
    Snapshot snapshot = waiting_for_other(Place::in_guard(0), Place::in_section(1));
    snapshot.threads[moved].stable = false;
    EXPECT_EQ(waits_for_other(snapshot), 0) << "T" << moved << " ran";
  }
}

TEST(PerKey, IsNotBrokenByRequestsOfOneKey) {
  // Requests 0 and 2 are of key 0.
  Snapshot snapshot = waiting_for_other(Place::in_guard(0), Place::at_barrier());
  snapshot.threads.push_back(asleep(2, Place::in_section(0)));
  snapshot.locks[0].owner = 2;
  const Setting setting{.promises = kPerKey, .workers = 3, .keys = 2};
  const std::vector<Told> requests = {under_way()[0], {}, under_way()[1]};
  EXPECT_EQ(breaches(kOtherKey, found(setting, requests, {snapshot})), 0);
}

TEST(PerKey, IsNotBrokenByWhoIsBetweenTwoRequests) {
  const Snapshot snapshot = waiting_for_other(Place::in_guard(0), Place::in_section(1));
  std::vector<Told> ended = under_way();
  ended[0] = {.start = 2, .enter = 3, .leave = 4, .end = 12};
  EXPECT_EQ(waits_for_other(snapshot, ended), 0) << "it may have slept after its end";
  std::vector<Told> began = under_way();
  began[0].start = 11;
  EXPECT_EQ(waits_for_other(snapshot, began), 0) << "it may have slept before its start";
  std::vector<Told> left = under_way();
  left[1].end = 19;
  EXPECT_EQ(waits_for_other(snapshot, left), 0);
  std::vector<Told> just = under_way();
  just[0].start = 10;
  just[1].end = 20;
  EXPECT_EQ(waits_for_other(snapshot, just), 1);
  std::vector<Told> stuck = under_way();
  stuck[0] = {.start = 5};
  stuck[1] = {.start = 4, .enter = 6};
  EXPECT_EQ(waits_for_other(snapshot, stuck), 1) << "for ever";
}

TEST(PerKey, IsNotBrokenByRequestsOfSeveralKeys) {
  const Snapshot snapshot = waiting_for_other(Place::in_guard(0), Place::in_section(1));
  for (const std::size_t of_both : {0U, 1U}) {
    std::vector<Told> requests = under_way();
    requests[of_both].several_keys = true;
    EXPECT_EQ(waits_for_other(snapshot, requests), 0);
  }
}

TEST(PerKey, FindsTheRequestThatAWorkerOfAPoolCarriedThen) {
  // Worker 0 carries requests 0, 2 and 4, all of key 0; the snapshots see it wait in its second and third.
  const std::vector<Told> requests = {{.start = 1, .enter = 2, .leave = 3, .end = 4},
                                      {.start = 1, .enter = 2, .leave = 200, .end = 201},
                                      {.start = 5, .enter = 40, .leave = 50, .end = 51},
                                      {},
                                      {.start = 60, .enter = 210, .leave = 220, .end = 221}};
  std::vector<Snapshot> snapshots(3, waiting_for_other(Place::in_guard(0), Place::in_section(1)));
  snapshots[1].at = 25;
  snapshots[1].done = 30;
  snapshots[2].at = 70;
  snapshots[2].done = 80;
  EXPECT_EQ(breaches(kOtherKey, found({.promises = kPerKey, .workers = 2, .keys = 2}, requests, snapshots)),
            2);
}

TEST(PerKey, IsWatchedWhereASnapshotShowsLocksOfSeveralKeys) {
  Snapshot snapshot = waiting_for_other(Place::at_barrier(), Place::finished());
  EXPECT_TRUE(is_watched(kOtherKey, {.promises = kPerKey, .keys = 2}, {snapshot}));
  EXPECT_FALSE(is_watched(kOtherKey, {.promises = kPerKey, .keys = 2}));
  EXPECT_FALSE(is_watched(kOtherKey, {.promises = kPerKey, .keys = 1}, {snapshot}));
  EXPECT_FALSE(is_watched(kOtherKey, {.promises = {}, .keys = 2}, {snapshot}));
  snapshot.mode = "published";
  EXPECT_FALSE(is_watched(kOtherKey, {.promises = kPerKey, .keys = 2}, {snapshot}));
}

// Fifo

constexpr Promises kFifo{.exclusive = true, .fifo = true};

/// Taken between 10 and 20, when nobody ran: worker 0 waits in the guard, worker 1 for its request to arrive.
Snapshot waiting_first() {
  Snapshot snapshot = looked(10, 20);
  snapshot.still = true;
  snapshot.threads = {asleep(0, Place::in_guard(0), 0), asleep(1, Place::idle())};
  snapshot.locks = {lock_of(LockKind::futex)};
  return snapshot;
}

/// Request 0 has come before the snapshot, request 1 after it, and enters first.
std::vector<Told> overtaking() {
  return {{.start = 5, .enter = 60, .leave = 70, .end = 71},
          {.start = 21, .enter = 30, .leave = 40, .end = 41}};
}

std::int64_t overtaken_in(const std::vector<Told>& requests, const Snapshot& snapshot = waiting_first(),
                          Setting setting = {.promises = kFifo}) {
  return breaches(kOvertaken, found(setting, requests, {snapshot}));
}

TEST(Fifo, IsBrokenByWhoComesLaterAndEntersFirst) {
  EXPECT_EQ(overtaken_in(overtaking()), 1);
  std::vector<Told> never_left = overtaking();
  never_left[1] = {.start = 21, .enter = 30};
  EXPECT_EQ(overtaken_in(never_left), 1);
}

TEST(Fifo, IsNotBrokenByOrdersThatMayBeRight) {
  std::vector<Told> requests = overtaking();
  requests[1].start = 20;
  EXPECT_EQ(overtaken_in(requests), 0) << "it may have come before the other";
  requests = overtaking();
  requests[0].start = 11;
  EXPECT_EQ(overtaken_in(requests), 0) << "the row is not known to be this request's";
  requests = overtaking();
  requests[0].enter = 30;
  EXPECT_EQ(overtaken_in(requests), 0) << "in one moment, nobody knows who was first";
  requests[0].enter = 29;
  EXPECT_EQ(overtaken_in(requests), 0);
  requests = overtaking();
  requests[0] = {.start = 5, .end = 50, .outcome = Outcome::timed_out};
  EXPECT_EQ(overtaken_in(requests), 0) << "it may have given up before the other entered";
  requests[0] = {.start = 5};
  EXPECT_EQ(overtaken_in(requests), 0) << "likewise";
  requests = overtaking();
  requests[1] = {.start = 21, .end = 30, .outcome = Outcome::turned_away};
  EXPECT_EQ(overtaken_in(requests), 0) << "it never entered";
  requests = overtaking();
  requests[0] = {.start = 5, .enter = 8, .leave = 60, .end = 61, .calls = 2};
  EXPECT_EQ(overtaken_in(requests), 0) << "it has been inside and waits after it";
  requests = overtaking();
  requests[0].several_keys = true;
  EXPECT_EQ(overtaken_in(requests), 0) << "it may wait for another key";
}

TEST(Fifo, IsNotBrokenByWhoMayNotHaveBeenInTheQueue) {
  Snapshot snapshot = waiting_first();
  snapshot.still = false;
  EXPECT_FALSE(found({.promises = kFifo}, overtaking(), {snapshot}).contains(std::string(kOvertaken)))
      << "it may sleep on a mutex that another holds for a moment";
  snapshot = waiting_first();
  snapshot.threads[0].place = Place::in_section(0);
  EXPECT_EQ(overtaken_in(overtaking(), snapshot), 0);
  snapshot = waiting_first();
  snapshot.threads[0].lock = kNoIndex;
  EXPECT_EQ(overtaken_in(overtaking(), snapshot), 0) << "it sleeps, and waits for nothing";
  snapshot = waiting_first();
  snapshot.threads[0].limited = true;
  EXPECT_EQ(overtaken_in(overtaking(), snapshot), 0) << "it will wake up by itself, and may queue then";
}

TEST(Fifo, IsOfOneKeyAndOfWrites) {
  EXPECT_EQ(overtaken_in(overtaking(), waiting_first(), {.promises = kFifo, .keys = 2}), 0);
  // Reads may be inside together, so that their stamps have no order.
  Setting reads{.promises = kFifo, .read_ratio = 1};
  EXPECT_EQ(overtaken_in(overtaking(), waiting_first(), reads), 0);
}

TEST(Fifo, CountsTheOvertaken) {
  // Two wait when a third comes, who enters first.
  Snapshot snapshot = waiting_first();
  snapshot.threads = {asleep(0, Place::in_guard(0), 0), asleep(1, Place::in_guard(0), 0),
                      asleep(2, Place::idle())};
  const std::vector<Told> requests = {{.start = 5, .enter = 60, .leave = 70, .end = 71},
                                      {.start = 6, .enter = 50, .leave = 55, .end = 56},
                                      {.start = 21, .enter = 30, .leave = 40, .end = 41}};
  EXPECT_EQ(overtaken_in(requests, snapshot), 2) << "not the first of them by the second: both were there";
}

TEST(Fifo, IsWatchedOfGuardsThatAreExclusiveWhereNobodyRan) {
  EXPECT_TRUE(is_watched(kOvertaken, {.promises = kFifo}, {waiting_first()}));
  EXPECT_FALSE(is_watched(kOvertaken, {.promises = kFifo}));
  EXPECT_FALSE(is_watched(kOvertaken, {.promises = {.fifo = true}}, {waiting_first()}));
  EXPECT_FALSE(is_watched(kOvertaken, {.promises = {.exclusive = true}}, {waiting_first()}));
}

/// A day of a lock by its true times: when requests came to the queue, were let in, and let the next one in.
/// Before and after each of them their threads may be kept from running for any time.
struct Day {
  std::vector<Told> requests;
  std::vector<Snapshot> snapshots;
};

Day random_day(std::mt19937_64& random, bool in_order) {
  constexpr std::size_t kRequests = 12;
  const auto up_to = [&](Nanos most) {
    return static_cast<Nanos>(random() % static_cast<std::uint64_t>(most + 1));
  };
  Day day;
  std::vector<Nanos> queued(kRequests);
  std::vector<Nanos> let_in(kRequests);
  for (Nanos& when : queued) when = 10 + up_to(300);
  std::vector<std::size_t> waiting(kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) waiting[i] = i;
  std::ranges::sort(waiting, {}, [&](std::size_t i) { return queued[i]; });
  day.requests.resize(kRequests);
  for (Nanos now = 0; !waiting.empty();) {
    const auto come = std::ranges::count_if(waiting, [&](std::size_t i) { return queued[i] <= now; });
    const auto next = waiting.begin() + (in_order || come == 0 ? 0 : up_to(come - 1));
    const std::size_t i = *next;
    waiting.erase(next);
    let_in[i] = std::max(now, queued[i]);
    Told& told = day.requests[i];
    told.start = std::max<Nanos>(1, queued[i] - up_to(40));
    told.enter = let_in[i] + up_to(40);
    told.leave = told.enter + 1 + up_to(30);
    now = told.leave + up_to(40);
    told.end = now + up_to(40);
  }
  for (Nanos at = 2; at < 900; at += 1 + up_to(60)) {
    Snapshot snapshot = looked(at - up_to(2), at + 1 + up_to(20));
    snapshot.still = true;
    snapshot.locks = {lock_of(LockKind::futex)};
    for (std::uint32_t i = 0; i < kRequests; ++i) {
      // Between its start and the queue it runs, or is kept from it: then nothing is still.
      if (day.requests[i].start <= at && at < queued[i]) snapshot.still = false;
      const bool waits = queued[i] <= at && at < let_in[i];
      snapshot.threads.push_back(waits ? asleep(i, Place::in_guard(0), 0) : asleep(i, Place::idle()));
    }
    day.snapshots.push_back(snapshot);
  }
  return day;
}

TEST(Fifo, IsNeverBrokenByALockThatKeepsItsOrderHoweverItsThreadsRun) {
  std::mt19937_64 random(3);
  std::int64_t convicted = 0;
  std::int64_t watched = 0;
  constexpr int kRounds = kSanitized ? 80 : 400;  // In one thread.
  for (int round = 0; round < kRounds; ++round) {
    const Day kept = random_day(random, true);
    const auto of_kept = found({.promises = kFifo}, kept.requests, kept.snapshots);
    if (of_kept.contains(std::string(kOvertaken))) {
      ++watched;
      ASSERT_EQ(breaches(kOvertaken, of_kept), 0) << "round " << round;
    }
    const Day lost = random_day(random, false);
    const auto of_lost = found({.promises = kFifo}, lost.requests, lost.snapshots);
    if (of_lost.contains(std::string(kOvertaken)) && breaches(kOvertaken, of_lost) > 0) ++convicted;
  }
  EXPECT_GT(watched, kRounds * 3 / 4);
  EXPECT_GT(convicted, kRounds / 4) << "the days do not show what a lock without order does";
}

// Trials of guards

/// A ticket lock per trial, for one key: correct, and with a mutex that its requests sleep on for a moment.
class TicketGuard final : public AnyGuard {
 public:
  Result run(const Request& /*request*/, Section section) override {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_++;
    left_.wait(lock, [&] { return serving_ == ticket; });
    lock.unlock();
    const Result result = section(Entry{});
    lock.lock();
    ++serving_;
    left_.notify_all();
    return result;
  }

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  std::uint64_t next_ = 0;
  std::uint64_t serving_ = 0;
};

GuardPlugin ticket_guard() {
  return {
      .info = {.name = "ticket", .about = "", .promises = {.exclusive = true, .waits = true, .fifo = true}},
      .make = [](const GuardContext&) { return std::make_unique<TicketGuard>(); }};
}

/// A pool that comes back for its next request at once, inside for 10 ms each time, looked at every
/// millisecond.
Experiment experiment_of(const GuardPlugin& guard, Key keys, std::uint32_t threads = 4) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.parameters.set("work", "10ms");
  experiment.parameters.set("work-kind", "sleep");
  experiment.guards = {&guard};
  experiment.requests = 16;
  experiment.threads = threads;
  experiment.keys = keys;
  experiment.snapshot_every = kMillisecond;
  experiment.seed = 1;
  experiment.control = ControlMode::never;
  return experiment;
}

std::map<std::string, Invariant> seen_of(const GuardPlugin& guard, Key keys = 1, std::uint32_t threads = 4) {
  const RunResult result = run_quietly(experiment_of(guard, keys, threads));
  std::map<std::string, Invariant> by_name;
  for (const Invariant& invariant : result.trials.at(0).invariants) by_name[invariant.name] = invariant;
  return by_name;
}

/// As seen in one of some trials, because on a busy machine a snapshot may come too late to see anything.
bool is_seen_broken(std::string_view name, const GuardPlugin& guard, Key keys = 1,
                    std::uint32_t threads = 4) {
  for (int trial = 0; trial < 10; ++trial) {
    const auto seen = seen_of(guard, keys, threads);
    const auto invariant = seen.find(std::string(name));
    if (invariant != seen.end() && !invariant->second.holds) return true;
  }
  return false;
}

TEST(Proof, ConvictsTheGuardThatBreaksAPromiseOfItsOwn) {
  EXPECT_TRUE(is_seen_broken(kTurnedAway, guard("faulty-impatient")));
  // By one worker, whose second request comes when the first has been served.
  EXPECT_TRUE(is_seen_broken(kAfterSuccess, guard("faulty-reopens"), 1, 1));
  EXPECT_TRUE(is_seen_broken(kOtherKey, guard("faulty-shared-lock"), 2));
  if (!kSanitized) {
    EXPECT_TRUE(is_seen_broken(kOvertaken, guard("faulty-barging")));
  }
}

TEST(Proof, ConvictsNobodyElse) {
  const GuardPlugin ticket = ticket_guard();
  std::vector<const GuardPlugin*> correct = {&ticket};
  for (const GuardPlugin& plugin : guards().all()) {
    if (!plugin.info.faulty() && &plugin != &control_guard()) correct.push_back(&plugin);
  }
  for (const GuardPlugin* plugin : correct) {
    for (const auto& [name, invariant] : seen_of(*plugin, plugin == &ticket ? 1 : 2)) {
      EXPECT_TRUE(invariant.holds || !name.starts_with("no")) << plugin->info.name << ": " << name;
    }
  }
}

TEST(Proof, HearsAGuardSayThatItWaitsForAnotherKey) {
  const GuardPlugin& both = guard("faulty-lock-order");
  Experiment experiment = experiment_of(both, 2);
  experiment.guard_settings["fault-window"] = "0";  // Requests of both keys get both locks and go in.
  experiment.stall = 100 * kMillisecond;
  std::int64_t entered = 0;
  // How many get in before two of them stand still is luck.
  for (int trial = 0; trial < 10 || (entered == 0 && trial < 200); ++trial) {
    const RunResult result = run_quietly(experiment);
    entered += static_cast<std::int64_t>(result.trials.at(0).tally.of(Outcome::success));
    const auto& invariants = result.trials.at(0).invariants;
    const auto found = std::ranges::find(invariants, kOtherKey, &Invariant::name);
    ASSERT_NE(found, invariants.end());
    EXPECT_TRUE(found->holds) << found->observed;
  }
  EXPECT_GT(entered, 0);
}

TEST(Proof, WatchesTheOrderOfAGuardThatPromisesIt) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has a thread of its own";
  const GuardPlugin ticket = ticket_guard();
  bool watched = false;
  for (int trial = 0; trial < 10 && !watched; ++trial)
    watched = seen_of(ticket).contains(std::string(kOvertaken));
  EXPECT_TRUE(watched);
}

}  // namespace
}  // namespace ccbench
