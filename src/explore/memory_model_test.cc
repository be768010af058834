// What tasks see of each other's stores, by the orders of locks and atomics; and which guards that breaks.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

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
  Sync::shared_mutex shared;
  Sync::condition_variable said;

  /// Orders nothing.
  void send() { flag.store(1, kRelaxed); }
  bool sent() { return flag.load(kRelaxed) == 1; }
  void look() { log += std::to_string(data.load()); }
};

using Bodies = std::vector<std::function<void(Message&)>>;

std::set<std::string> outcomes_under(MemoryModel memory, const Bodies& bodies) {
  const auto all = outcomes<Message>(bodies, {}, Reduction::none, 0, memory);
  EXPECT_EQ(outcomes<Message>(bodies, {}, Reduction::source_sets, 0, memory), all);
  return all;
}

/// Whoever looks sees what was stored.
void expect_ordered(const Bodies& bodies, const std::string& about = {}) {
  const std::set<std::string> outcomes = outcomes_under(MemoryModel::release_acquire, bodies);
  EXPECT_TRUE(outcomes.contains("1")) << about;
  EXPECT_FALSE(outcomes.contains("0")) << about;
}

/// Whoever looks may see what was there before, but not where all have seen one order.
void expect_unordered(const Bodies& bodies, const std::string& about = {}) {
  EXPECT_TRUE(outcomes_under(MemoryModel::release_acquire, bodies).contains("0")) << about;
  const std::set<std::string> sequential = outcomes_under(MemoryModel::sequential, bodies);
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
  const auto say_after = [](std::memory_order fence) {
    return [fence](Message& message) {
      message.data.store(1);
      Sync::fence(fence);
      message.flag.store(1, kRelaxed);
    };
  };
  const auto look_after = [](std::memory_order fence) {
    return [fence](Message& message) {
      if (message.flag.load(kRelaxed) != 1) return;
      Sync::fence(fence);
      message.look();
    };
  };
  expect_ordered({say_after(kRelease), look_after(kAcquire)});
  expect_ordered({say_after(kRelease), look_if_said(kAcquire)});
  expect_ordered({say(kRelease), look_after(kAcquire)});
  expect_unordered({say_after(kAcquire), look_after(kAcquire)}, "no releasing fence");
  expect_unordered({say_after(kRelease), look_after(kRelease)}, "no acquiring fence");
  // What comes after a fence is not released by it.
  expect_unordered({[](Message& message) {
                      Sync::fence(kRelease);
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

TEST(MemoryModel, OrdersSectionsOfALock) {
  const auto write = [](Message& message) {
    const std::lock_guard lock(message.mutex);
    message.data.store(1);
    message.send();
  };
  expect_ordered({write, [](Message& message) {
                    const std::lock_guard lock(message.mutex);
                    if (message.sent()) message.look();
                  }});
  expect_ordered({write, [](Message& message) {
                    const std::unique_lock lock(message.mutex, std::try_to_lock);
                    if (lock && message.sent()) message.look();
                  }});
  expect_unordered({write, [](Message& message) {
                      if (message.sent()) message.look();
                    }});
}

TEST(MemoryModel, OrdersReadersAfterWritersButNotAmongThemselves) {
  const auto write = [](Message& message) {
    const std::lock_guard lock(message.shared);
    message.data.store(1);
    message.send();
  };
  const auto write_as_a_reader = [](Message& message) {
    const std::shared_lock lock(message.shared);
    message.data.store(1);
    message.send();
  };
  const auto look = [](Message& message) {
    const std::lock_guard lock(message.shared);
    if (message.sent()) message.look();
  };
  const auto look_as_a_reader = [](Message& message) {
    const std::shared_lock lock(message.shared);
    if (message.sent()) message.look();
  };
  expect_ordered({write, look});
  expect_ordered({write, look_as_a_reader});
  expect_ordered({write_as_a_reader, look});
  expect_unordered({write_as_a_reader, look_as_a_reader});
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
  const auto outcomes = outcomes_under(MemoryModel::release_acquire, {[](Message& message) {
                                         message.data.store(2);
                                         message.data.store(1);
                                         message.look();
                                       }});
  EXPECT_EQ(outcomes, std::set<std::string>{"1"});
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
    if (orders_.fences) Sync::fence(kAcquire);
    const Result result = section(Entry{});
    if (orders_.fences) Sync::fence(kRelease);
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
    EXPECT_EQ(found.memory, MemoryModel::release_acquire);
    ASSERT_TRUE(found.found);
    EXPECT_TRUE(found.found->confirmed);
    EXPECT_TRUE(std::ranges::any_of(found.found->trace, &TraceStep::old));
    for (const std::optional<MemoryModel> memory :
         {std::optional<MemoryModel>{}, {MemoryModel::release_acquire}}) {
      const SearchResult again = trial.search({.strategy = SearchStrategy::replay,
                                               .memory = memory,
                                               .replay = *parse_replay(found.found->replay)});
      EXPECT_EQ(again.verdict, Verdict::violation) << again.sentence;
      EXPECT_EQ(again.sentence, found.sentence);
    }

    const SearchResult sequential = trial.search({.memory = MemoryModel::sequential});
    EXPECT_EQ(sequential.verdict, Verdict::ok) << sequential.sentence;
    EXPECT_EQ(sequential.memory, MemoryModel::sequential);
  }
}

TEST(MemoryModel, LeavesAFlagAloneThatIsOrdered) {
  for (const Flag::Orders& orders : {Flag::Orders{kAcquire, kRelease},
                                     {std::memory_order_seq_cst, std::memory_order_seq_cst},
                                     {kRelaxed, kRelaxed, true}}) {
    const FlagTrial trial(orders);
    const SearchResult result = trial.search();
    EXPECT_EQ(result.verdict, Verdict::ok) << result.sentence;
    EXPECT_EQ(result.memory, MemoryModel::release_acquire);
    // Where all loads are ordered, there is nothing more to be tried.
    EXPECT_EQ(result.schedules, trial.search({.memory = MemoryModel::sequential}).schedules);
  }
}

TEST(MemoryModel, IsTriedWhereALoadIsNotOrdered) {
  // Reads that are validated afterwards may see anything.
  ExploredTrial trial = trial_of("stamped", "counter", 2);
  trial.reads = 1;
  const SearchResult both = search(trial, {.strategy = SearchStrategy::dpor});
  const SearchResult one =
      search(trial, {.strategy = SearchStrategy::dpor, .memory = MemoryModel::sequential});
  EXPECT_EQ(both.verdict, Verdict::ok) << both.sentence;
  EXPECT_EQ(both.memory, MemoryModel::release_acquire);
  EXPECT_GT(both.schedules, one.schedules);
  EXPECT_EQ(both.classes, one.classes);
}

}  // namespace
}  // namespace ccbench::explore
