#include "stats/percentile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace ccbench {
namespace {

/// 1 … `count`, out of order: the value of each sample is its rank.
std::vector<Nanos> ranks(std::size_t count) {
  std::vector<Nanos> samples(count);
  std::iota(samples.begin(), samples.end(), Nanos{1});
  std::ranges::shuffle(samples, std::mt19937{count == 0 ? 1U : static_cast<unsigned>(count)});
  return samples;
}

Percentiles percentiles(const std::vector<Nanos>& samples) {
  return percentiles_of([&](const auto& visit) { std::ranges::for_each(samples, visit); });
}

TEST(Percentiles, SayNothingWithoutASample) {
  std::vector<Nanos> none;
  const Percentiles result = percentiles(none);
  EXPECT_EQ(result.samples, 0U);
  EXPECT_EQ(result.p50, std::nullopt);
  EXPECT_EQ(result.p99, std::nullopt);
  EXPECT_EQ(result.max, std::nullopt);
  EXPECT_EQ(percentile(none, 0.5), std::nullopt);
}

TEST(Percentiles, OfOneSampleAreThatSample) {
  std::vector<Nanos> one = {42};
  const Percentiles result = percentiles(one);
  EXPECT_EQ(result.p50, 42);
  EXPECT_EQ(result.p99, std::nullopt);
  EXPECT_EQ(result.max, 42);
}

TEST(Percentiles, ShowTheNinetyNinthFromAHundredSamplesOn) {
  auto samples = ranks(99);
  EXPECT_EQ(percentiles(samples).p99, std::nullopt);
  samples = ranks(100);
  const Percentiles result = percentiles(samples);
  EXPECT_EQ(result.samples, 100U);
  EXPECT_EQ(result.p50, 50);
  EXPECT_EQ(result.p99, 99);
  EXPECT_EQ(result.max, 100);
}

TEST(Percentiles, AreTheNearestRankForEveryHundredthOfAHundred) {
  // Many of these products are not whole numbers in binary.
  for (int hundredth = 1; hundredth <= 100; ++hundredth) {
    auto samples = ranks(100);
    EXPECT_EQ(percentile(samples, hundredth / 100.0), hundredth);
  }
}

TEST(Percentiles, AreThoseOfTheSortedSamplesHoweverLargeTheyAre) {
  std::mt19937_64 random(1);
  for (const int bits : {1, 8, 15, 16, 17, 31, 32, 33, 48, 63}) {
    std::vector<Nanos> samples(1'000);
    for (Nanos& sample : samples) sample = static_cast<Nanos>(random() >> (64 - bits));
    samples[500] = samples[501];
    const Percentiles result = percentiles(samples);
    std::ranges::sort(samples);
    EXPECT_EQ(result.p50, samples[499]) << bits;
    EXPECT_EQ(result.p99, samples[989]) << bits;
    EXPECT_EQ(result.max, samples[999]) << bits;
  }
}

TEST(Percentiles, OfZerosAreZero) { EXPECT_EQ(percentiles(std::vector<Nanos>(100)).p99, 0); }

TEST(Percentiles, TakeTheLowerOfTwoMiddles) {
  auto samples = ranks(4);
  EXPECT_EQ(percentile(samples, 0.5), 2);
  samples = ranks(5);
  EXPECT_EQ(percentile(samples, 0.5), 3);
}

TEST(Percentiles, NeverLeaveTheSamples) {
  auto samples = ranks(7);
  EXPECT_EQ(percentile(samples, 1e-9), 1);
  EXPECT_EQ(percentile(samples, 1), 7);
}

TEST(JainIndex, IsOneForEqualSharesAndOneOverNForOneThatHasAll) {
  EXPECT_DOUBLE_EQ(jain_index(std::vector<std::uint64_t>{5, 5, 5, 5}).value(), 1.0);
  EXPECT_DOUBLE_EQ(jain_index(std::vector<std::uint64_t>{9, 0, 0, 0}).value(), 0.25);
  EXPECT_DOUBLE_EQ(jain_index(std::vector<std::uint64_t>{1, 3}).value(), 0.8);
}

TEST(JainIndex, SaysNothingWithoutAShare) {
  EXPECT_EQ(jain_index({}), std::nullopt);
  EXPECT_EQ(jain_index(std::vector<std::uint64_t>{0, 0}), std::nullopt);
}

TEST(BoundOfCleanTrials, ShrinksAsTheRuleOfThreeSays) {
  EXPECT_DOUBLE_EQ(bound_of_clean_trials(0), 1.0);  // Nothing was tried, nothing is excluded.
  EXPECT_NEAR(bound_of_clean_trials(1), 0.95, 1e-12);
  EXPECT_NEAR(bound_of_clean_trials(20), 0.1391, 1e-4);
  EXPECT_NEAR(bound_of_clean_trials(1000), 3.0 / 1000, 1e-4);
}

}  // namespace
}  // namespace ccbench
