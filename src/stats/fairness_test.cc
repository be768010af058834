#include "stats/fairness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

namespace ccbench {
namespace {

constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

std::uint64_t overtakes_of(std::vector<Arrival> arrivals) { return overtakes(arrivals); }

/// Every pair by itself. `Earlier` and `Later` other than `<` and `>` make mutants.
template <class Earlier = std::less<>, class Later = std::greater<>>
std::uint64_t overtakes_by_pairs(const std::vector<Arrival>& arrivals) {
  return static_cast<std::uint64_t>(std::ranges::count_if(arrivals, [&](const Arrival& overtaker) {
    return std::ranges::any_of(arrivals, [&](const Arrival& other) {
      return &other != &overtaker && other.key == overtaker.key && Earlier()(other.start, overtaker.start) &&
             Later()(other.enter, overtaker.enter);
    });
  }));
}

/// Times so few that many are equal; a tenth never enters.
std::vector<Arrival> random_arrivals(std::mt19937_64& random) {
  std::vector<Arrival> arrivals(1 + random() % 40);
  for (Arrival& arrival : arrivals) {
    arrival.key = random() % 3;
    arrival.start = static_cast<Nanos>(random() % 30);
    arrival.enter = random() % 10 == 0 ? kNever : arrival.start + static_cast<Nanos>(random() % 10);
  }
  return arrivals;
}

struct HandOver {
  std::uint64_t left;
  std::uint64_t entered;
  Nanos gap;
  bool operator==(const HandOver&) const = default;
};

std::vector<HandOver> hand_overs_of(std::vector<Passage> passages) {
  std::vector<HandOver> result;
  hand_overs(passages, [&](const Passage& left, const Passage& entered, Nanos gap) {
    result.push_back({.left = left.request, .entered = entered.request, .gap = gap});
  });
  return result;
}

/// Of all that entered before `passage`, the last to leave.
std::optional<Passage> last_before(const std::vector<Passage>& passages, const Passage& passage) {
  const auto order = [](const Passage& p) { return std::tie(p.enter, p.leave, p.request); };
  const auto departure = [](const Passage& p) { return std::tie(p.leave, p.enter, p.request); };
  std::optional<Passage> result;
  for (const Passage& other : passages) {
    if (other.key != passage.key || order(other) >= order(passage)) continue;
    if (!result || departure(other) > departure(*result)) result = other;
  }
  return result;
}

/// Every passage by itself, sorted by the request that entered. `Waiting` and `Free` other than `<=` make
/// mutants.
template <class Waiting = std::less_equal<>, class Free = std::less_equal<>>
std::vector<HandOver> hand_overs_by_pairs(const std::vector<Passage>& passages) {
  std::vector<HandOver> result;
  for (const Passage& passage : passages) {
    const auto last = last_before(passages, passage);
    if (last && Waiting()(passage.start, last->leave) && Free()(last->leave, passage.enter))
      result.push_back(
          {.left = last->request, .entered = passage.request, .gap = passage.enter - last->leave});
  }
  return result;
}

/// Requests numbered in their order; times so few that many are equal, sections that overlap or have no
/// length.
std::vector<Passage> random_passages(std::mt19937_64& random) {
  std::vector<Passage> passages(1 + random() % 40);
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const auto start = static_cast<Nanos>(random() % 60);
    const Nanos enter = start + static_cast<Nanos>(random() % 20);
    const Nanos leave = random() % 30 == 0 ? kNever : enter + static_cast<Nanos>(random() % 4);
    passages[i] = {.request = i, .key = random() % 3, .start = start, .enter = enter, .leave = leave};
  }
  return passages;
}

TEST(Overtakes, AreNoneWhereThoseWhoComeFirstEnterFirst) {
  EXPECT_EQ(overtakes_of({}), 0U);
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = 5}}), 0U);
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 2, .enter = 6}, {.key = 1, .start = 0, .enter = 5}}), 0U);
}

TEST(Overtakes, CountOvertakersAndNotWhomTheyOvertake) {
  // The last overtakes both others.
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = 7},
                          {.key = 1, .start = 1, .enter = 8},
                          {.key = 1, .start = 2, .enter = 6}}),
            1U);
  // Both others overtake the first.
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = 9},
                          {.key = 1, .start = 1, .enter = 7},
                          {.key = 1, .start = 2, .enter = 8}}),
            2U);
}

TEST(Overtakes, CountWhoEntersBeforeOneThatNeverDoes) {
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = kNever},
                          {.key = 1, .start = 1, .enter = 2},
                          {.key = 1, .start = 3, .enter = kNever}}),
            1U);
}

TEST(Overtakes, AreNoneBetweenKeysOrFromTheSameMoment) {
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = 9}, {.key = 2, .start = 1, .enter = 2}}), 0U);
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = 9}, {.key = 1, .start = 0, .enter = 2}}), 0U);
  EXPECT_EQ(overtakes_of({{.key = 1, .start = 0, .enter = 9}, {.key = 1, .start = 1, .enter = 9}}), 0U);
}

TEST(Overtakes, AreThoseThatEveryPairShows) {
  std::mt19937_64 random(1);
  int same_moment_differs = 0;
  int same_entry_differs = 0;
  int reversed_differs = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::vector<Arrival> arrivals = random_arrivals(random);
    const std::uint64_t found = overtakes_of(arrivals);
    ASSERT_EQ(found, overtakes_by_pairs(arrivals));
    same_moment_differs += found != overtakes_by_pairs<std::less_equal<>>(arrivals) ? 1 : 0;
    same_entry_differs += found != overtakes_by_pairs<std::less<>, std::greater_equal<>>(arrivals) ? 1 : 0;
    reversed_differs += found != overtakes_by_pairs<std::less<>, std::less<>>(arrivals) ? 1 : 0;
  }
  // The check can fail: it tells mutants apart.
  EXPECT_GT(same_moment_differs, 0);
  EXPECT_GT(same_entry_differs, 0);
  EXPECT_GT(reversed_differs, 0);
}

TEST(HandOvers, AreTheGapsBetweenOneAndTheNextThatWaited) {
  EXPECT_EQ(hand_overs_of({{.request = 3, .key = 1, .start = 2, .enter = 25, .leave = 30},
                           {.request = 1, .key = 1, .start = 0, .enter = 1, .leave = 10},
                           {.request = 2, .key = 1, .start = 1, .enter = 13, .leave = 20}}),
            (std::vector<HandOver>{{1, 2, 3}, {2, 3, 5}}));
}

TEST(HandOvers, MayTakeNoTimeAndBeginAsTheOtherLeaves) {
  EXPECT_EQ(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 1, .leave = 10},
                           {.request = 2, .key = 1, .start = 10, .enter = 10, .leave = 20}}),
            (std::vector<HandOver>{{1, 2, 0}}));
}

TEST(HandOvers, AreNoneToLateComersOrToWhoEntersBesideAnother) {
  EXPECT_TRUE(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 1, .leave = 10},
                             {.request = 2, .key = 1, .start = 11, .enter = 12, .leave = 20}})
                  .empty());
  EXPECT_TRUE(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 1, .leave = 10},
                             {.request = 2, .key = 1, .start = 0, .enter = 9, .leave = 20}})
                  .empty());
  EXPECT_TRUE(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 1, .leave = kNever},
                             {.request = 2, .key = 1, .start = 0, .enter = 9, .leave = 20}})
                  .empty());
}

TEST(HandOvers, StayWithinAKey) {
  EXPECT_EQ(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 1, .leave = 10},
                           {.request = 2, .key = 2, .start = 0, .enter = 11, .leave = 20},
                           {.request = 3, .key = 1, .start = 0, .enter = 15, .leave = 20}}),
            (std::vector<HandOver>{{1, 3, 5}}));
}

TEST(HandOvers, ComeFromTheLastOfManyReadersAndNotFromTheLastThatEntered) {
  EXPECT_EQ(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 0, .leave = 100},
                           {.request = 2, .key = 1, .start = 10, .enter = 10, .leave = 20},
                           {.request = 3, .key = 1, .start = 15, .enter = 101, .leave = 110}}),
            (std::vector<HandOver>{{1, 3, 1}}));
  // Somebody is still inside.
  EXPECT_TRUE(hand_overs_of({{.request = 1, .key = 1, .start = 0, .enter = 0, .leave = 100},
                             {.request = 2, .key = 1, .start = 10, .enter = 10, .leave = 20},
                             {.request = 3, .key = 1, .start = 15, .enter = 30, .leave = 110}})
                  .empty());
}

TEST(HandOvers, AreThoseThatEveryPairShows) {
  std::mt19937_64 random(1);
  int same_moment_differs = 0;
  int no_gap_differs = 0;
  int reversed_differs = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::vector<Passage> passages = random_passages(random);
    std::vector<HandOver> found = hand_overs_of(passages);
    std::ranges::sort(found, {}, &HandOver::entered);
    ASSERT_EQ(found, hand_overs_by_pairs(passages));
    same_moment_differs += found != hand_overs_by_pairs<std::less<>>(passages) ? 1 : 0;
    no_gap_differs += found != hand_overs_by_pairs<std::less_equal<>, std::less<>>(passages) ? 1 : 0;
    reversed_differs += found != hand_overs_by_pairs<std::greater_equal<>>(passages) ? 1 : 0;
  }
  // The check can fail: it tells mutants apart.
  EXPECT_GT(same_moment_differs, 0);
  EXPECT_GT(no_gap_differs, 0);
  EXPECT_GT(reversed_differs, 0);
}

}  // namespace
}  // namespace ccbench
