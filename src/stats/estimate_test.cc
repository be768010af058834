#include "stats/estimate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>
#include <vector>

#include "stats/percentile.h"

namespace ccbench {
namespace {

/// 1 … `count`, out of order: the value of each sample is its rank.
std::vector<double> ranks(std::size_t count) {
  std::vector<double> samples(count);
  std::iota(samples.begin(), samples.end(), 1.0);
  std::ranges::shuffle(samples, std::mt19937{static_cast<unsigned>(count)});
  return samples;
}

Interval interval_of(const std::vector<double>& samples, double confidence = 0.95) {
  const auto estimate = estimate_median(samples, confidence);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return estimate ? estimate->interval.value_or(Interval{nan, nan}) : Interval{nan, nan};
}

/// The interval in ranks as the bootstrap is usually done, by drawing. An even number of samples has two
/// medians; the low end is of the lower ones and the high end of the upper ones.
Interval drawn_interval(std::size_t samples, double confidence) {
  constexpr std::size_t kResamples = 20'000;
  std::mt19937_64 random(samples);
  std::uniform_int_distribution<Nanos> draw(1, static_cast<Nanos>(samples));
  std::vector<Nanos> resample(samples);
  std::vector<Nanos> lower(kResamples);
  std::vector<Nanos> upper(kResamples);
  for (std::size_t i = 0; i < kResamples; ++i) {
    std::ranges::generate(resample, [&] { return draw(random); });
    std::ranges::sort(resample);
    lower[i] = resample[(samples - 1) / 2];
    upper[i] = resample[samples / 2];
  }
  return {.low = static_cast<double>(percentile(lower, (1 - confidence) / 2).value_or(0)),
          .high = static_cast<double>(percentile(upper, (1 + confidence) / 2).value_or(0))};
}

bool within_one_rank(const Interval& left, const Interval& right) {
  return std::abs(left.low - right.low) <= 1 && std::abs(left.high - right.high) <= 1;
}

/// The share of 2000 experiments in which the interval holds the true median.
template <class Distribution>
double coverage(Distribution distribution, double true_median, std::size_t samples, double confidence) {
  constexpr int kExperiments = 2'000;
  std::mt19937_64 random(samples);
  int held = 0;
  std::vector<double> drawn(samples);
  for (int i = 0; i < kExperiments; ++i) {
    std::ranges::generate(drawn, [&] { return distribution(random); });
    const Interval interval = interval_of(drawn, confidence);
    if (interval.low <= true_median && true_median <= interval.high) ++held;
  }
  return static_cast<double>(held) / kExperiments;
}

TEST(EstimateMedian, SaysNothingWithoutSamples) { EXPECT_FALSE(estimate_median({})); }

TEST(EstimateMedian, IsTheNearestRank) {
  for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 1000U, 1001U}) {
    const auto estimate = estimate_median(ranks(count));
    ASSERT_TRUE(estimate);
    const std::size_t middle = (count + 1) / 2;
    EXPECT_EQ(estimate->median, static_cast<double>(middle));
    EXPECT_EQ(estimate->samples, count);
    EXPECT_EQ(estimate->interval.has_value(), count >= 6);
  }
}

TEST(EstimateMedian, HasTheIntervalThatWholeNumbersGive) {
  struct Known {
    std::size_t samples;
    double low;
    double high;
  };
  // From the binomial sums in fractions of whole numbers, without rounding.
  for (const auto& [samples, low, high] :
       {Known{6, 1, 6}, Known{7, 2, 6}, Known{8, 2, 7}, Known{9, 2, 8}, Known{10, 2, 9}, Known{11, 3, 9},
        Known{20, 6, 15}, Known{30, 10, 21}, Known{31, 11, 21}, Known{100, 40, 61}, Known{501, 229, 273}}) {
    const Interval interval = interval_of(ranks(samples));
    EXPECT_EQ(interval.low, low) << samples;
    EXPECT_EQ(interval.high, high) << samples;
  }
}

TEST(EstimateMedian, IsWhereDrawnResamplesLead) {
  for (const std::size_t samples : {6U, 7U, 10U, 11U, 30U, 31U, 100U}) {
    for (const double confidence : {0.8, 0.95, 0.99}) {
      EXPECT_TRUE(
          within_one_rank(interval_of(ranks(samples), confidence), drawn_interval(samples, confidence)))
          << samples << " samples at " << confidence;
    }
  }
  EXPECT_FALSE(within_one_rank(interval_of(ranks(30), 0.5), drawn_interval(30, 0.95)));
}

TEST(EstimateMedian, HoldsTheTrueMedianAsOftenAsItSays) {
  for (const std::size_t samples : {6U, 10U, 30U}) {
    const std::normal_distribution<> normal(100, 15);
    const std::exponential_distribution<> exponential(2);
    EXPECT_GE(coverage(normal, 100, samples, 0.95), 0.9) << samples;
    EXPECT_GE(coverage(exponential, std::numbers::ln2 / 2, samples, 0.95), 0.9) << samples;
    // The check can fail: an interval that is too narrow does not pass.
    EXPECT_LT(coverage(normal, 100, samples, 0.5), 0.9) << samples;
    EXPECT_LT(coverage(exponential, std::numbers::ln2 / 2, samples, 0.5), 0.9) << samples;
  }
}

TEST(EstimateMedian, OfMirroredSamplesHasTheMirroredInterval) {
  for (const std::size_t count : {6U, 7U, 22U, 101U}) {
    std::vector<double> samples = ranks(count);
    const Interval interval = interval_of(samples);
    for (double& sample : samples) sample = -sample;
    EXPECT_EQ(interval_of(samples).low, -interval.high);
    EXPECT_EQ(interval_of(samples).high, -interval.low);
  }
}

TEST(EstimateMedian, IsStableForManySamples) {
  // The binomial distribution is a normal one by then: 1.96 standard errors, each sqrt(n) / 2 ranks.
  for (const std::size_t count : {10'000U, 100'000U}) {
    const auto half = static_cast<double>(count) / 2;
    const double width = 1.959964 * std::sqrt(static_cast<double>(count)) / 2;
    const Interval interval = interval_of(ranks(count));
    EXPECT_NEAR(interval.low, half - width, 1.5);
    EXPECT_NEAR(interval.high, half + width, 1.5);
  }
}

TEST(EstimateMedian, TakesTiesAndConstants) {
  const Interval constant = interval_of(std::vector<double>(20, 3.5));
  EXPECT_EQ(constant.low, 3.5);
  EXPECT_EQ(constant.high, 3.5);
  const Interval tied = interval_of({1, 1, 1, 1, 1, 2, 2, 2, 2, 9});
  EXPECT_EQ(tied.low, 1);
  EXPECT_EQ(tied.high, 2);
}

TEST(EstimateRatio, FindsAKnownFactorThroughNoiseThatPairsShare) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<> shared(0, 1);
  std::normal_distribution<> own(1, 0.02);
  std::vector<std::pair<double, double>> pairs(30);
  for (auto& [first, second] : pairs) {
    const double round = shared(random);
    second = round * own(random);
    first = 1.2 * round * own(random);
  }
  const auto estimate = estimate_ratio(pairs);
  ASSERT_TRUE(estimate && estimate->interval);
  EXPECT_LE(estimate->interval->low, 1.2);
  EXPECT_GE(estimate->interval->high, 1.2);
  EXPECT_GT(estimate->interval->low, 1.15);
  EXPECT_LT(estimate->interval->high, 1.25);

  // Of other rounds' seconds the quotients say much less.
  std::vector<std::pair<double, double>> parted = pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) parted[i].second = pairs[(i + 1) % pairs.size()].second;
  const auto vague = estimate_ratio(parted);
  ASSERT_TRUE(vague && vague->interval);
  EXPECT_GT(vague->interval->high - vague->interval->low, 0.5);
}

TEST(EstimateRatio, LeavesOutWhatCannotBeDivided) {
  const std::vector<std::pair<double, double>> pairs = {{1, 0}, {6, 3}, {0, 0}, {8, 2}, {1, 1}};
  const auto estimate = estimate_ratio(pairs);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->samples, 3U);
  EXPECT_EQ(estimate->median, 2);
  EXPECT_FALSE(estimate->interval);
  EXPECT_FALSE(estimate_ratio(std::span(pairs).first(1)));
}

TEST(RelativeScatter, IsTheRangeOfTheMiddleEightTenthsOverTheMedian) {
  EXPECT_DOUBLE_EQ(relative_scatter(ranks(10)), (9.0 - 1.0) / 5);
  EXPECT_DOUBLE_EQ(relative_scatter(ranks(100)), (90.0 - 10.0) / 50);
  std::vector<double> with_outlier = ranks(100);
  std::ranges::replace(with_outlier, 100.0, 1e9);
  EXPECT_DOUBLE_EQ(relative_scatter(with_outlier), 1.6);
}

TEST(RelativeScatter, IsZeroWhereNothingScatters) {
  EXPECT_EQ(relative_scatter({}), 0);
  EXPECT_EQ(relative_scatter(std::array{7.0}), 0);
  EXPECT_EQ(relative_scatter(std::array{7.0, 7.0, 7.0}), 0);
  EXPECT_EQ(relative_scatter(std::array{0.0, 0.0}), 0);
}

TEST(RelativeScatter, IsInfiniteAroundAMedianOfZero) {
  EXPECT_EQ(relative_scatter(std::array{0.0, 0.0, 5.0}), std::numeric_limits<double>::infinity());
}

TEST(Ecdf, HasAPointForEveryDifferentSample) {
  std::vector<Nanos> samples = {5, 1, 5, 9, 1, 5, 5, 1, 5, 9};
  const std::vector<std::pair<Nanos, double>> expected = {{1, 0.3}, {5, 0.8}, {9, 1.0}};
  EXPECT_EQ(ecdf(samples, 100), expected);
  EXPECT_EQ(ecdf(samples, 3), expected);
  EXPECT_TRUE(ecdf({}, 10).empty());
}

TEST(Ecdf, IsThinnedWithoutMovingAPoint) {
  std::mt19937_64 random(1);
  std::vector<Nanos> samples(1'000);
  for (Nanos& sample : samples) sample = static_cast<Nanos>(random() % 5'000);
  const auto all = ecdf(samples, samples.size());
  for (const std::size_t most : {2U, 3U, 10U, 499U, 500U}) {
    const auto thinned = ecdf(samples, most);
    ASSERT_EQ(thinned.size(), most);
    EXPECT_EQ(thinned.front(), all.front());
    EXPECT_EQ(thinned.back(), all.back());
    EXPECT_EQ(std::ranges::adjacent_find(thinned, std::ranges::greater_equal()), thinned.end());
    EXPECT_TRUE(std::ranges::includes(all, thinned));
    std::size_t widest = 0;
    for (std::size_t i = 1; i < most; ++i) {
      const auto gap = std::ranges::find(all, thinned[i]) - std::ranges::find(all, thinned[i - 1]);
      widest = std::max(widest, static_cast<std::size_t>(gap));
    }
    EXPECT_LE(widest, (all.size() - 1) / (most - 1) + 1);
  }
  EXPECT_EQ(ecdf(samples, 1), (std::vector{all.back()}));
  EXPECT_TRUE(ecdf(samples, 0).empty());
}

}  // namespace
}  // namespace ccbench
