#include "sync/pause.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

#include "sync/std_sync.h"

namespace ccbench {
namespace {

/// A clock of the test's own, on which time passes by sleeping and by looking.
struct ManualSync : StdSync {
  static inline time_point time;
  static inline std::vector<Nanos> sleeps;
  static inline int looks = 0;

  static time_point now() {
    ++looks;
    return time += std::chrono::nanoseconds(1);
  }
  static void sleep_for(std::chrono::nanoseconds duration) {
    sleeps.push_back(duration.count());
    time += duration;
  }
  static void spin_for(std::chrono::nanoseconds duration) {
    for (const auto end = now() + duration; now() < end;) {
    }
  }
};

/// How long the pauses of requests 0 to `count` are; those of 50 µs and more are slept.
std::vector<Nanos> pauses(Window window, std::uint64_t seed, std::uint64_t count) {
  const Pause<ManualSync> pause(window, seed);
  std::vector<Nanos> lengths;
  for (std::uint64_t index = 0; index < count; ++index) {
    const auto begin = ManualSync::time;
    pause({.index = index});
    lengths.push_back((ManualSync::time - begin).count());
  }
  return lengths;
}

constexpr Window kJittered{.length = kMillisecond, .kind = Window::Kind::jittered};

double mean_of(const std::vector<Nanos>& lengths) {
  double sum = 0;
  for (const Nanos length : lengths) sum += static_cast<double>(length);
  return sum / static_cast<double>(lengths.size());
}

TEST(Pause, IsNoneWithoutAWindowAndLooksAtNoClock) {
  ManualSync::looks = 0;
  ManualSync::sleeps.clear();
  for (const Window::Kind kind : {Window::Kind::fixed, Window::Kind::jittered}) {
    EXPECT_EQ(pauses({.length = 0, .kind = kind}, 7, 3), std::vector<Nanos>(3, 0));
  }
  EXPECT_EQ(ManualSync::looks, 0);
  EXPECT_TRUE(ManualSync::sleeps.empty());
}

TEST(Pause, IsAlwaysTheSameIfFixed) {
  const Window window{.length = 3 * kMillisecond, .kind = Window::Kind::fixed};
  EXPECT_EQ(pauses(window, 7, 20), std::vector<Nanos>(20, 3 * kMillisecond));
  EXPECT_EQ(pauses(window, 8, 20), std::vector<Nanos>(20, 3 * kMillisecond));
}

TEST(Pause, IsNeverLongerThanItsWindowSays) {
  const Nanos longest = std::ranges::max(pauses(kJittered, 7, 2000));
  EXPECT_LE(longest, kJittered.longest());
  EXPECT_GT(longest, kJittered.longest() * 9 / 10) << "and the bound is not far above";
  const Window fixed{.length = kMillisecond, .kind = Window::Kind::fixed};
  EXPECT_EQ(fixed.longest(), kMillisecond);
}

TEST(Pause, SpinsWhereATimerWouldBeTooLate) {
  ManualSync::sleeps.clear();
  const Window window{.length = 100, .kind = Window::Kind::fixed};
  for (const Nanos length : pauses(window, 7, 5)) {
    EXPECT_GE(length, 100);
    EXPECT_LE(length, 102) << "a look at the clock takes 1 ns here";
  }
  EXPECT_TRUE(ManualSync::sleeps.empty());
  pauses({.length = 50 * kMicrosecond, .kind = Window::Kind::fixed}, 7, 1);
  EXPECT_EQ(ManualSync::sleeps, std::vector<Nanos>{50 * kMicrosecond});
}

TEST(Pause, IsFromNothingToTwiceTheWindowIfJittered) {
  const std::vector<Nanos> lengths = pauses(kJittered, 7, 10'000);
  const auto [least, most] = std::ranges::minmax(lengths);
  EXPECT_GE(least, 0);
  EXPECT_LT(least, kMillisecond / 100);
  EXPECT_LE(most, 2 * kMillisecond);
  EXPECT_GT(most, 2 * kMillisecond - kMillisecond / 100);
  // The mean of 10 000 has a standard deviation of 2 ms / √12 / 100, 5.8 µs.
  EXPECT_NEAR(mean_of(lengths), kMillisecond, 30'000);
  // Even in between: a quarter in each quarter, with a standard deviation of 43.
  for (Nanos quarter = 0; quarter < 4; ++quarter) {
    const auto count =
        std::ranges::count_if(lengths, [&](Nanos length) { return length / (kMillisecond / 2) == quarter; });
    EXPECT_NEAR(static_cast<double>(count), 2500, 220) << quarter;
  }
}

TEST(Pause, IsThatOfItsRequest) {
  const std::vector<Nanos> lengths = pauses(kJittered, 7, 1000);
  EXPECT_GT(std::set(lengths.begin(), lengths.end()).size(), 990U);
}

TEST(Pause, IsTheSameForASeedAndOtherForAnother) {
  const std::vector<Nanos> lengths = pauses(kJittered, 7, 64);
  EXPECT_EQ(lengths, pauses(kJittered, 7, 64));
  for (const std::uint64_t other : {6U, 8U, 1007U}) EXPECT_NE(lengths, pauses(kJittered, other, 64)) << other;
}

TEST(Pause, OfNeighbouringSeedsAreNotTheSameOnesInAnotherOrder) {
  std::vector<Nanos> lengths = pauses(kJittered, 6, 64);
  std::vector<Nanos> others = pauses(kJittered, 7, 64);
  std::ranges::sort(lengths);
  std::ranges::sort(others);
  EXPECT_NE(lengths, others);
}

}  // namespace
}  // namespace ccbench
