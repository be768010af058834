// What tasks see of each other's stores, by the orders of locks and atomics; and which guards that breaks.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "explore/random_walk.h"
#include "explore/replay.h"
#include "explore/search.h"
#include "explore/small_fixture.h"
#include "explore/trial_fixture.h"
#include "sync/explore_sync.h"

namespace ccbench::explore {
namespace {

using Sync = ExploreSync;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kBoth = std::memory_order_acq_rel;

/// One stores the datum and says so, another one looks.
struct Message {
  std::string log;
  Sync::cell<int> data{0};
  Sync::atomic<int> flag{0};
  Sync::mutex mutex;
  Sync::mutex other;
  Sync::recursive_mutex recursive;
  Sync::timed_mutex timed;
  Sync::shared_mutex shared;
  Sync::condition_variable said;

  /// Orders nothing.
  void send() { flag.store(1, kRelaxed); }
  bool sent() { return flag.load(kRelaxed) == 1; }
  void look() { log += std::to_string(data.load()); }
};

using Bodies = std::vector<std::function<void(Message&)>>;

std::set<std::string> outcomes_with(bool oldest, const Bodies& bodies) {
  const auto all = outcomes<Message>(bodies, {}, Reduction::none, 0, oldest);
  EXPECT_EQ(outcomes<Message>(bodies, {}, Reduction::source_sets, 0, oldest), all);
  return all;
}

/// Whoever looks sees what was stored.
void expect_ordered(const Bodies& bodies, const std::string& about = {}) {
  const std::set<std::string> outcomes = outcomes_with(true, bodies);
  EXPECT_TRUE(outcomes.contains("1")) << about;
  EXPECT_FALSE(outcomes.contains("0")) << about;
}

/// Whoever looks may see what was there before, but not where all have seen one order.
void expect_unordered(const Bodies& bodies, const std::string& about = {}) {
  EXPECT_TRUE(outcomes_with(true, bodies).contains("0")) << about;
  const std::set<std::string> sequential = outcomes_with(false, bodies);
  EXPECT_TRUE(sequential.contains("1")) << about;
  EXPECT_FALSE(sequential.contains("0")) << about;
}

auto say(std::memory_order order) {
  return [order](Message& message) {
    message.data.store(1);
    message.flag.store(1, order);
  };
}

auto look_if_said(std::memory_order order, int what = 1) {
  return [=](Message& message) {
    if (message.flag.load(order) == what) message.look();
  };
}

TEST(MemoryModel, OrdersWhatIsReleasedBeforeWhatAcquiresIt) {
  expect_ordered({say(kRelease), look_if_said(kAcquire)});
  expect_ordered({say(std::memory_order_seq_cst), look_if_said(std::memory_order_seq_cst)});
  expect_unordered({say(kRelaxed), look_if_said(kAcquire)}, "relaxed store");
  expect_unordered({say(kRelease), look_if_said(kRelaxed)}, "relaxed load");
  expect_unordered({say(kRelaxed), look_if_said(kRelaxed)}, "both relaxed");
}

TEST(MemoryModel, TakesFencesForOrders) {
  const auto say_after = [](void (*fence)()) {
    return [fence](Message& message) {
      message.data.store(1);
      fence();
      message.flag.store(1, kRelaxed);
    };
  };
  const auto add_after = [](void (*fence)()) {
    return [fence](Message& message) {
      message.data.store(1);
      fence();
      message.flag.fetch_add(1, kRelaxed);
    };
  };
  const auto look_after = [](void (*fence)()) {
    return [fence](Message& message) {
      if (message.flag.load(kRelaxed) != 1) return;
      fence();
      message.look();
    };
  };
  expect_ordered({say_after(&Sync::release_fence), look_after(&Sync::acquire_fence)});
  expect_ordered({say_after(&Sync::release_fence), look_if_said(kAcquire)});
  expect_ordered({add_after(&Sync::release_fence), look_if_said(kAcquire)});
  expect_ordered({say(kRelease), look_after(&Sync::acquire_fence)});
  expect_unordered({say_after(&Sync::acquire_fence), look_after(&Sync::acquire_fence)}, "no releasing fence");
  expect_unordered({add_after(&Sync::acquire_fence), look_if_said(kAcquire)}, "no releasing fence");
  expect_unordered({say_after(&Sync::release_fence), look_after(&Sync::release_fence)}, "no acquiring fence");
  // What comes after a fence is not released by it.
  expect_unordered({[](Message& message) {
                      Sync::release_fence();
                      message.data.store(1);
                      message.flag.store(1, kRelaxed);
                    },
                    look_if_said(kAcquire)},
                   "fence too early");
}

TEST(MemoryModel, GoesOnWithAReleaseSequenceOnlyByWhatModifies) {
  const auto modify = [](Message& message) { message.flag.fetch_add(1, kRelaxed); };
  const auto overwrite = [](Message& message) {
    if (message.flag.load(kRelaxed) == 1) message.flag.store(2, kRelaxed);
  };
  expect_ordered({say(kRelease), modify, look_if_said(kAcquire, 2)});
  expect_unordered({say(kRelease), overwrite, look_if_said(kAcquire, 2)});
}

TEST(MemoryModel, TakesAComparisonThatFailsForARead) {
  const auto compare = [](std::memory_order success, std::memory_order failure) {
    return [=](Message& message) {
      int expected = 7;
      message.flag.compare_exchange_strong(expected, 8, success, failure);
      if (expected == 1) message.look();
    };
  };
  const auto compare_with_one = [](std::memory_order order) {
    return [=](Message& message) {
      int expected = 7;
      message.flag.compare_exchange_weak(expected, 8, order);
      if (expected == 1) message.look();
    };
  };
  expect_ordered({say(kRelease), compare(kRelaxed, kAcquire)});
  expect_unordered({say(kRelease), compare(kBoth, kRelaxed)});
  expect_ordered({say(kRelease), compare_with_one(kBoth)});
  expect_unordered({say(kRelease), compare_with_one(kRelease)}, "release says nothing about a failure");
}

TEST(MemoryModel, TakesAComparisonThatSucceedsForBoth) {
  const auto set = [](std::memory_order order) {
    return [order](Message& message) {
      int expected = 0;
      message.data.store(1);
      message.flag.compare_exchange_strong(expected, 1, order, kRelaxed);
    };
  };
  const auto take = [](std::memory_order order) {
    return [order](Message& message) {
      if (message.flag.exchange(2, order) == 1) message.look();
    };
  };
  expect_ordered({set(kRelease), take(kAcquire)});
  expect_ordered({set(kBoth), take(kBoth)});
  expect_unordered({set(kAcquire), take(kAcquire)});
  expect_unordered({set(kRelease), take(kRelease)});
}

TEST(MemoryModel, OrdersThroughOthers) {
  const auto pass_on = [](std::memory_order load, std::memory_order store) {
    return [=](Message& message) {
      if (message.flag.load(load) == 1) message.flag.store(2, store);
    };
  };
  expect_ordered({say(kRelease), pass_on(kAcquire, kRelease), look_if_said(kAcquire, 2)});
  expect_unordered({say(kRelease), pass_on(kRelaxed, kRelease), look_if_said(kAcquire, 2)});
}

TEST(MemoryModel, OrdersWaitsOnAtomicsAsItDoesReads) {
  const auto say_and_notify = [](Message& message) {
    say(kRelease)(message);
    message.flag.notify_all();
  };
  const auto wait = [](std::memory_order order) {
    return [order](Message& message) {
      message.flag.wait(0, order);
      message.look();
    };
  };
  expect_ordered({say_and_notify, wait(kAcquire)});
  expect_unordered({say_and_notify, wait(kRelaxed)});
}

auto write_under(auto lock_of) {
  return [lock_of](Message& message) {
    const auto lock = lock_of(message);
    message.data.store(1);
    message.send();
  };
}

auto look_under(auto lock_of) {
  return [lock_of](Message& message) {
    const auto lock = lock_of(message);
    if (lock && message.sent()) message.look();
  };
}

TEST(MemoryModel, OrdersSectionsOfALock) {
  const auto lock = [](Message& message) { return std::unique_lock(message.mutex); };
  const auto try_lock = [](Message& message) { return std::unique_lock(message.mutex, std::try_to_lock); };
  const auto timed = [](Message& message) {
    return std::unique_lock(message.timed, std::chrono::nanoseconds(5));
  };
  const auto recursive = [](Message& message) { return std::unique_lock(message.recursive); };
  expect_ordered({write_under(lock), look_under(lock)});
  expect_ordered({write_under(lock), look_under(try_lock)});
  expect_ordered(
      {write_under([](Message& message) { return std::unique_lock(message.timed); }), look_under(timed)});
  expect_ordered({write_under(recursive), look_under(recursive)});
  expect_unordered({write_under(lock), [](Message& message) {
                      if (message.sent()) message.look();
                    }});
  expect_unordered(
      {write_under(lock), look_under([](Message& message) { return std::unique_lock(message.other); })},
      "another lock");
  expect_unordered({write_under(lock),
                    [](Message& message) {
                      const bool locked = message.mutex.try_lock();
                      if (!locked && message.sent()) message.look();
                      if (locked) message.mutex.unlock();
                    }},
                   "a lock that was not had");
}

TEST(MemoryModel, OrdersByTheLastUnlockOfARecursiveMutex) {
  const auto write_inside = [](Message& message) {
    const std::lock_guard outer(message.recursive);
    {
      const std::lock_guard inner(message.recursive);
    }
    message.data.store(1);
    message.send();
  };
  expect_ordered({write_inside, [](Message& message) {
                    const std::lock_guard lock(message.recursive);
                    if (message.sent()) message.look();
                  }});
}

TEST(MemoryModel, OrdersReadersAfterWritersButNotAmongThemselves) {
  const auto exclusive = [](Message& message) { return std::unique_lock(message.shared); };
  const auto shared = [](Message& message) { return std::shared_lock(message.shared); };
  const auto try_shared = [](Message& message) { return std::shared_lock(message.shared, std::try_to_lock); };
  expect_ordered({write_under(exclusive), look_under(exclusive)});
  expect_ordered({write_under(exclusive), look_under(shared)});
  expect_ordered({write_under(exclusive), look_under(try_shared)});
  expect_ordered({write_under(shared), look_under(exclusive)});
  expect_unordered({write_under(shared), look_under(shared)});
}

TEST(MemoryModel, OrdersWhoWaitsAfterWhoHadTheMutex) {
  expect_ordered({[](Message& message) {
                    {
                      const std::lock_guard lock(message.mutex);
                      message.data.store(1);
                      message.send();
                    }
                    message.said.notify_one();
                  },
                  [](Message& message) {
                    std::unique_lock lock(message.mutex);
                    message.said.wait(lock, [&] { return message.sent(); });
                    message.look();
                  }});
}

TEST(MemoryModel, OrdersWhoHasTheMutexAfterWhoWaits) {
  expect_ordered({[](Message& message) {
                    std::unique_lock lock(message.mutex);
                    message.data.store(1);
                    message.send();
                    message.said.wait(lock, [&] { return message.flag.load(kRelaxed) == 2; });
                  },
                  [](Message& message) {
                    const std::lock_guard lock(message.mutex);
                    if (message.sent()) message.look();
                    message.flag.store(2, kRelaxed);
                    message.said.notify_one();
                  }});
}

TEST(MemoryModel, OrdersThreadsWithTheirMakers) {
  expect_ordered({[](Message& message) {
    Sync::thread thread([&] { message.data.store(1); });
    thread.join();
    message.look();
  }});
  expect_ordered({[](Message& message) {
    message.data.store(1);
    Sync::thread thread([&] { message.look(); });
    thread.join();
  }});
  expect_unordered({[](Message& message) {
    Sync::thread thread([&] {
      message.data.store(1);
      message.send();
    });
    if (message.sent()) message.look();
    thread.join();
  }});
}

TEST(MemoryModel, LetsNobodyMissItsOwnStores) {
  const auto outcomes = outcomes_with(true, {[](Message& message) {
                                        message.data.store(2);
                                        message.data.store(1);
                                        message.look();
                                      }});
  EXPECT_EQ(outcomes, std::set<std::string>{"1"});
}

/// What a schedule came to, and the schedule.
struct Ran {
  std::string log;
  std::string replay;
};

Ran run_once(Scheduler& scheduler, Small<Message>& program, Strategy& strategy) {
  const Ending ending = scheduler.run(strategy);
  Ran ran{.log = program.state().log, .replay = to_replay(scheduler.steps())};
  strategy.end(scheduler, ending);
  scheduler.finish();
  program.end();
  return ran;
}

TEST(MemoryModel, KnowsNothingOfEarlierSchedules) {
  const auto pass_on = [](Message& message) {
    if (message.flag.load(kRelaxed) == 1) {
      Sync::acquire_fence();
      message.look();
    }
    message.data.store(2);
    Sync::release_fence();
    message.flag.fetch_add(1, kRelaxed);
  };
  const auto look = [](Message& message) {
    const std::shared_lock lock(message.shared);
    message.flag.load(kAcquire);
    message.look();
  };
  const auto store_as_a_reader = [](Message& message) {
    const std::shared_lock lock(message.shared);
    message.data.store(3);
  };
  const auto look_as_a_writer = [](Message& message) {
    const std::lock_guard lock(message.shared);
    message.look();
  };
  const Bodies bodies = {say(kRelease), pass_on, look, store_as_a_reader, look_as_a_writer};
  Small<Message> program(bodies);
  Scheduler scheduler(program);
  RandomWalk walk(1, 1000);
  std::set<std::string> logs;
  constexpr int kTurn = kDefaultBackend == Backend::fibers ? 100 : 20;  // Threads are slow.
  for (int i = 0; i < 6 * kTurn; ++i) {
    const bool oldest = i / kTurn % 2 == 1;
    scheduler.see_oldest(oldest);
    const Ran ran = run_once(scheduler, program, walk);
    Small<Message> fresh_program(bodies);
    Scheduler fresh(fresh_program);
    fresh.see_oldest(oldest);
    Replay replay(*parse_replay(ran.replay));
    EXPECT_EQ(run_once(fresh, fresh_program, replay).log, ran.log) << ran.replay;
    EXPECT_EQ(replay.diverged(), "") << ran.replay;
    if (oldest) logs.insert(ran.log);
  }
  EXPECT_GT(logs.size(), 12U);
}

TEST(MemoryModel, IsPartOfAReplay) {
  const Bodies bodies = {say(kRelaxed), look_if_said(kRelaxed)};
  const std::string schedule = "1:0.store+store,1.load+load";
  const auto diverged = [&](const std::string& text, bool oldest) {
    Small<Message> program(bodies);
    Scheduler scheduler(program);
    scheduler.see_oldest(oldest);
    Replay replay(*parse_replay(text));
    EXPECT_EQ(run_once(scheduler, program, replay).replay, schedule + (oldest ? "_old" : ""));
    return replay.diverged();
  };
  EXPECT_EQ(diverged(schedule, false), "");
  EXPECT_EQ(diverged(schedule + "_old", true), "");
  EXPECT_EQ(diverged(schedule + "_old", false),
            "DIVERGED at step 4: expected request 1 to load an old value, which loads the last one");
  EXPECT_EQ(diverged(schedule, true),
            "DIVERGED at step 4: expected request 1 to load the last value, which loads an old one");
  EXPECT_FALSE(parse_replay("1:0.store_old"));
}

/// A flag that is set to enter and cleared to leave, in whatever orders. Right but for them.
class Flag final : public AnyGuard {
 public:
  struct Orders {
    std::memory_order set;
    std::memory_order clear;
    bool fences = false;
  };

  explicit Flag(const Orders& orders) : orders_(orders) {}

  Result run(const Request& /*request*/, Section section) override {
    int clear = 0;
    if (!flag_.compare_exchange_strong(clear, 1, orders_.set, kRelaxed))
      return turned_away("the flag is set");
    if (orders_.fences) Sync::acquire_fence();
    const Result result = section(Entry{});
    if (orders_.fences) Sync::release_fence();
    flag_.store(0, orders_.clear);
    return result;
  }

 private:
  const Orders orders_;
  Sync::atomic<int> flag_{0};
};

class FlagTrial {
 public:
  explicit FlagTrial(Flag::Orders orders) : plugin_(*guards().find("cas")) {
    plugin_.info.promises = {.exclusive = true, .per_key = false};
    plugin_.make_explored = [orders](const GuardContext&) -> std::unique_ptr<AnyGuard> {
      return std::make_unique<Flag>(orders);
    };
    trial_ = trial_of("cas", "counter", 3);
    trial_.guard = &plugin_;
  }

  SearchResult search(const SearchOptions& options = {}) const { return explore::search(trial_, options); }

 private:
  GuardPlugin plugin_;
  ExploredTrial trial_;
};

TEST(MemoryModel, BreaksAFlagThatIsSetOrClearedWithRelaxedOrder) {
  for (const Flag::Orders& orders :
       {Flag::Orders{kRelaxed, kRelaxed}, {kAcquire, kRelaxed}, {kRelaxed, kRelease}}) {
    const FlagTrial trial(orders);
    const SearchResult found = trial.search();
    EXPECT_EQ(found.verdict, Verdict::violation) << found.sentence;
    EXPECT_EQ(found.memory, MemoryModel::oldest);
    ASSERT_TRUE(found.found);
    EXPECT_TRUE(found.found->confirmed);
    EXPECT_TRUE(std::ranges::any_of(found.found->trace, &TraceStep::old));
    const SearchResult again =
        trial.search({.strategy = SearchStrategy::replay, .replay = *parse_replay(found.found->replay)});
    EXPECT_EQ(again.verdict, Verdict::violation) << again.sentence;
    EXPECT_EQ(again.sentence, found.sentence);

    const SearchResult sequential = trial.search({.older_values = false});
    EXPECT_EQ(sequential.verdict, Verdict::ok) << sequential.sentence;
    EXPECT_EQ(sequential.memory, MemoryModel::sequential);
  }
}

TEST(MemoryModel, IsTriedByEveryStrategy) {
  const FlagTrial trial({kRelaxed, kRelaxed});
  for (const SearchOptions& options : {SearchOptions{.strategy = SearchStrategy::random},
                                       SearchOptions{.strategy = SearchStrategy::random, .schedules = 50},
                                       SearchOptions{.strategy = SearchStrategy::priorities, .schedules = 50},
                                       SearchOptions{.strategy = SearchStrategy::dfs, .preemptions = 1},
                                       SearchOptions{.strategy = SearchStrategy::dpor}}) {
    const SearchResult found = trial.search(options);
    EXPECT_EQ(found.verdict, Verdict::violation) << static_cast<int>(options.strategy) << found.sentence;
    EXPECT_EQ(found.memory, MemoryModel::oldest);
  }
}

TEST(MemoryModel, ClaimsNothingOfWhatWasNotTried) {
  const FlagTrial trial({kRelaxed, kRelaxed});
  const SearchResult sequential = trial.search({.strategy = SearchStrategy::dpor, .older_values = false});
  ASSERT_TRUE(sequential.exhausted);
  const SearchResult cut =
      trial.search({.strategy = SearchStrategy::dpor, .schedules = sequential.schedules});
  EXPECT_EQ(cut.verdict, Verdict::inconclusive) << cut.sentence;
  EXPECT_FALSE(cut.exhausted);
  EXPECT_EQ(cut.sentence, "budget: older values have not been tried in all schedules");
}

TEST(MemoryModel, LeavesAFlagAloneThatIsOrdered) {
  for (const Flag::Orders& orders : {Flag::Orders{kAcquire, kRelease},
                                     {std::memory_order_seq_cst, std::memory_order_seq_cst},
                                     {kRelaxed, kRelaxed, true}}) {
    const FlagTrial trial(orders);
    const SearchResult result = trial.search();
    EXPECT_EQ(result.verdict, Verdict::ok) << result.sentence;
    EXPECT_EQ(result.memory, MemoryModel::release_acquire);
    EXPECT_NE(result.sentence.find(", sequentially consistent, symmetric"), std::string::npos)
        << result.sentence;
    // Where all loads are ordered, there is nothing more to be tried.
    EXPECT_EQ(result.schedules, trial.search({.older_values = false}).schedules);
  }
}

TEST(MemoryModel, IsTriedWhereALoadIsNotOrdered) {
  // Reads that are validated afterwards may see anything.
  ExploredTrial trial = trial_of("stamped", "counter", 2);
  trial.reads = 1;
  for (const SearchStrategy strategy : {SearchStrategy::dpor, SearchStrategy::automatic}) {
    const SearchResult both = search(trial, {.strategy = strategy});
    const SearchResult one = search(trial, {.strategy = strategy, .older_values = false});
    EXPECT_EQ(both.verdict, Verdict::ok) << both.sentence;
    EXPECT_EQ(both.memory, MemoryModel::oldest);
    EXPECT_NE(both.sentence.find("sequentially consistent and with oldest values"), std::string::npos)
        << both.sentence;
    EXPECT_GT(both.schedules, one.schedules);
    EXPECT_EQ(both.classes, one.classes);
  }
  // And where they are not validated, the last value is what breaks them: two loads of the oldest are not
  // torn.
  trial.guard = guards().find("faulty-unvalidated-read");
  trial.guard_parameters = explored(trial.guard->info.parameters);
  for (const SearchStrategy strategy : {SearchStrategy::dpor, SearchStrategy::automatic}) {
    const SearchResult torn = search(trial, {.strategy = strategy});
    EXPECT_EQ(torn.verdict, Verdict::violation) << torn.sentence;
    EXPECT_EQ(torn.memory, MemoryModel::sequential);
  }
}

/// Does more where it happens to see the last value.
class Curious final : public AnyGuard {
 public:
  Result run(const Request& request, Section section) override {
    const Result result = [&] {
      const std::lock_guard lock(mutex_);
      return section(Entry{});
    }();
    if (request.index == 0) turn_.store(1);
    if (request.index == 0 || turn_.load() == 1) seen_.fetch_add(1);
    return result;
  }

 private:
  Sync::mutex mutex_;
  Sync::cell<int> turn_{0};
  Sync::atomic<int> seen_{0};
};

TEST(MemoryModel, TriesTheLastValuesWhereTheOldestWereDrawnFirst) {
  GuardPlugin plugin = *guards().find("synchronized");
  plugin.info.tells_apart = true;
  plugin.make_explored = [](const GuardContext&) -> std::unique_ptr<AnyGuard> {
    return std::make_unique<Curious>();
  };
  ExploredTrial trial = trial_of("synchronized", "counter", 2);
  trial.guard = &plugin;
  const SearchResult both = search(trial, {});
  EXPECT_EQ(both.verdict, Verdict::ok) << both.sentence;
  EXPECT_EQ(both.memory, MemoryModel::oldest);
  EXPECT_EQ(both.classes, search(trial, {.older_values = false}).classes);
}

/// Waits for a datum to change, as nobody should.
class Polling final : public AnyGuard {
 public:
  Result run(const Request& request, Section section) override {
    if (request.index == 0) {
      const Result result = section(Entry{});
      turn_.store(1);
      return result;
    }
    while (turn_.load() == 0) Sync::yield();
    return turned_away("late");
  }

 private:
  Sync::cell<int> turn_{0};
};

TEST(MemoryModel, DoesNotTakeAStoreThatIsNeverSeenForALivelock) {
  GuardPlugin plugin = *guards().find("cas");
  plugin.info.promises = {};
  plugin.info.tells_apart = true;
  plugin.make_explored = [](const GuardContext&) -> std::unique_ptr<AnyGuard> {
    return std::make_unique<Polling>();
  };
  ExploredTrial trial = trial_of("cas", "counter", 2);
  trial.guard = &plugin;
  SearchOptions options{.strategy = SearchStrategy::dpor};
  options.scheduler.most_steps = 50;
  const SearchResult result = search(trial, options);
  EXPECT_EQ(result.verdict, Verdict::inconclusive) << result.sentence;
  EXPECT_EQ(result.sentence, "with older values some schedules do not end");
  options.older_values = false;
  EXPECT_EQ(search(trial, options).verdict, Verdict::ok);
}

}  // namespace
}  // namespace ccbench::explore
