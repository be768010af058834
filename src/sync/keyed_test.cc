#include "sync/keyed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "driver/build.h"
#include "sync/start_line.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

/// Counts how many of it exist.
struct Counted {
  Counted() { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  std::atomic<int> value{0};
  static inline std::atomic<int> alive{0};
};

using CountedMap = Keyed<StdSync, Counted>;

TEST(Keyed, AnswersTheSameEntryForAKeyHoweverManyAreAdded) {
  CountedMap map;
  Counted& first = map.at(7);
  first.value = 42;
  for (Key key = 0; key < 10'000; ++key) map.at(key);
  EXPECT_EQ(&map.at(7), &first);
  EXPECT_EQ(map.at(7).value, 42);
}

TEST(Keyed, MakesAnEntryByDefaultConstructionOnFirstUseOnly) {
  CountedMap map;
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_EQ(map.at(1).value, 0);
  map.at(1);
  EXPECT_EQ(Counted::alive, 1);
}

TEST(Keyed, HoldsWhatCanNeitherBeCopiedNorMoved) {
  Keyed<StdSync, StdSync::mutex> map;
  const std::lock_guard first(map.at(0));
  const std::lock_guard second(map.at(1));
}

TEST(Keyed, FreesEveryEntryWithItself) {
  {
    CountedMap map;
    for (Key key = 0; key < 5'000; ++key) map.at(key * key);
    EXPECT_EQ(Counted::alive, 5'000);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Keyed, StaysUsableWithAMillionKeys) {
  constexpr Key kKeys = kSanitized ? 100'000 : 1'000'000;
  Keyed<StdSync, StdSync::atomic<Key>> map;
  for (Key key = 0; key < kKeys; ++key) map.at(key).store(key, std::memory_order_relaxed);
  for (Key key = 0; key < kKeys; ++key) ASSERT_EQ(map.at(key).load(std::memory_order_relaxed), key);
}

TEST(Keyed, KeepsKeysApartThatAreChosenToCollide) {
  // The multiplicative inverse of the hash's factor: the products of these keys with it are small numbers,
  // which all begin with the same bits.
  constexpr Key kInverse = 0xf1de83e19937733d;
  static_assert(kInverse * 0x9e3779b97f4a7c15 == 1);
  Keyed<StdSync, StdSync::atomic<Key>> map;
  for (Key i = 0; i < 10'000; ++i) map.at(i * kInverse).store(i);
  for (Key i = 0; i < 10'000; ++i) ASSERT_EQ(map.at(i * kInverse).load(), i);
  for (Key shift = 0; shift < 64; ++shift) map.at(Key{1} << shift).store(shift + 100'000);
  for (Key shift = 0; shift < 64; ++shift) ASSERT_EQ(map.at(Key{1} << shift).load(), shift + 100'000);
}

TEST(Keyed, LosesNoKeyThatSeveralThreadsAddAtOnce) {
  constexpr int kThreads = 4;
  constexpr Key kKeys = 20'000;
  CountedMap map;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&map] {
        for (Key key = 0; key < kKeys; ++key) map.at(key).value.fetch_add(1, std::memory_order_relaxed);
      });
    }
  }
  for (Key key = 0; key < kKeys; ++key) ASSERT_EQ(map.at(key).value, kThreads);
  EXPECT_EQ(Counted::alive, static_cast<int>(kKeys));
}

// ---------------------------------------------------------------- the race of two first users

using Lookup = std::function<const void*(Key)>;

/// Two threads on different CPUs ask for a new key at once, `rounds` times. Answers the first round in which
/// they got different entries, counted from 1; 0 if there was none.
int round_of_disagreement(const Lookup& lookup, int rounds) {
  std::array<std::vector<const void*>, 2> got;
  StartLine line;
  const auto ask = [&](int thread) {
    const auto place = static_cast<std::size_t>(thread);
    // Left to itself, the kernel may keep both on one CPU, where they never meet.
    pin_this_thread_to(allowed_cpus().at(place));
    got.at(place).reserve(static_cast<std::size_t>(rounds));
    for (int round = 0; round < rounds; ++round) {
      line.wait(thread, round);
      got.at(place).push_back(lookup(static_cast<Key>(round)));
    }
  };
  {
    const std::jthread first(ask, 0);
    const std::jthread second(ask, 1);
  }
  const auto [mine, others] = std::ranges::mismatch(got[0], got[1]);
  return mine == got[0].end() ? 0 : static_cast<int>(mine - got[0].begin()) + 1;
}

/// A mutant: looks, and then stores what it made without looking again.
class StoresBlindly {
 public:
  explicit StoresBlindly(std::size_t keys) : entries_(keys), pool_(2 * keys) {}

  const void* at(Key key) {
    const int* entry = entries_[key].load(std::memory_order_acquire);
    if (entry == nullptr) {
      entry = &pool_[made_.fetch_add(1)];
      entries_[key].store(entry, std::memory_order_release);
    }
    return entry;
  }

 private:
  std::vector<std::atomic<const int*>> entries_;
  std::vector<int> pool_;
  std::atomic<std::size_t> made_{0};
};

TEST(Keyed, GivesTwoFirstUsersOfAKeyTheSameEntry) {
  if (allowed_cpus().size() < 2) {
    GTEST_SKIP() << "one CPU: two first users never meet, this check has no power here";
  }

  constexpr int kMost = 100'000;
  StoresBlindly mutant(kMost);
  const int needed = round_of_disagreement([&](Key key) { return mutant.at(key); }, kMost);
  ASSERT_GT(needed, 0) << "the check has no power: the mutant passed it";

  CountedMap map;
  const int rounds = std::max(3 * needed, kSanitized ? 2'000 : 20'000);
  EXPECT_EQ(round_of_disagreement([&](Key key) { return &map.at(key); }, rounds), 0);
  EXPECT_EQ(Counted::alive, rounds) << "an entry that lost the race was not dropped";
}

}  // namespace
}  // namespace ccbench
