#include "stats/rate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace ccbench {
namespace {

/// How probably at least `hits` of `trials` hit, added up term by term.
double at_least(std::uint64_t hits, std::uint64_t trials, double rate) {
  const auto n = static_cast<double>(trials);
  double sum = 0;
  for (std::uint64_t i = hits; i <= trials; ++i) {
    const auto k = static_cast<double>(i);
    const double choices = std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
    sum += std::exp(choices + k * std::log(rate) + (n - k) * std::log1p(-rate));
  }
  return sum;
}

TEST(RateInterval, IsThatOfClopperAndPearson) {
  struct Known {
    std::uint64_t hits;
    std::uint64_t trials;
    double confidence;
    double low;
    double high;
  };
  // scipy.stats.binomtest(hits, trials).proportion_ci(confidence, 'exact')
  const std::vector<Known> known = {
      {0, 1, 0.95, 0, 0.975},
      {0, 20, 0.95, 0, 0.16843347098308548},
      {1, 10, 0.95, 0.0025285785444625728, 0.44501611702819543},
      {5, 10, 0.95, 0.1870860284474045, 0.8129139715525955},
      {5, 10, 0.99, 0.12831055393508328, 0.8716894460649167},
      {10, 10, 0.95, 0.6915028921812371, 1},
      {8, 100, 0.95, 0.035171562517808085, 0.1515576358644209},
      {199, 200, 0.95, 0.9724581015424416, 0.9998734189719902},
  };
  for (const Known& one : known) {
    const Interval interval = rate_interval(one.hits, one.trials, one.confidence);
    EXPECT_NEAR(interval.low, one.low, 1e-9) << one.hits << " of " << one.trials;
    EXPECT_NEAR(interval.high, one.high, 1e-9) << one.hits << " of " << one.trials;
  }
}

TEST(RateInterval, IsWhatItSaysOfEveryCount) {
  // At either end, what was seen or what is farther from it has half of what confidence leaves.
  constexpr std::uint64_t kTrials = 30;
  for (std::uint64_t hits = 0; hits <= kTrials; ++hits) {
    const Interval interval = rate_interval(hits, kTrials, 0.9);
    if (hits > 0) {
      EXPECT_NEAR(at_least(hits, kTrials, interval.low), 0.05, 1e-9) << hits;
    }
    if (hits < kTrials) {
      EXPECT_NEAR(1 - at_least(hits + 1, kTrials, interval.high), 0.05, 1e-9) << hits;
    }
    EXPECT_LE(interval.low, static_cast<double>(hits) / kTrials);
    EXPECT_GE(interval.high, static_cast<double>(hits) / kTrials);
  }
}

TEST(RateInterval, IsWideOpenWithoutATrial) {
  const Interval interval = rate_interval(0, 0);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 1);
}

TEST(TrialsToSee, AreTheFewestThatDo) {
  EXPECT_EQ(trials_to_see(1), 1U);
  EXPECT_EQ(trials_to_see(0.5), 5U);  // 1 - 1/32 is the first above 95 %.
  EXPECT_EQ(trials_to_see(1 / 51.0), 152U);
}

/// One hit leaves the rate open to far below one in so many.
TEST(TrialsToSee, AgainAreMoreThanTheRateAloneSays) {
  EXPECT_NEAR(static_cast<double>(trials_to_see_again(1, 51)), 969, 1);  // 51 / (51 + 969) is 5 %.
  EXPECT_NEAR(static_cast<double>(trials_to_see_again(1, 1)), 19, 1);
  EXPECT_EQ(trials_to_see_again(10, 10), 2U);
  EXPECT_LT(trials_to_see_again(10, 510), 200U);
  EXPECT_GT(trials_to_see_again(10, 510), trials_to_see(10 / 510.0));
}

}  // namespace
}  // namespace ccbench
