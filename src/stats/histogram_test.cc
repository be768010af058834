#include "stats/histogram.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace ccbench {
namespace {

using Buckets = std::vector<std::pair<Nanos, std::uint64_t>>;

constexpr Nanos kLongest = std::numeric_limits<Nanos>::max();
constexpr Nanos kLastPrecise = (Nanos{1} << 47) - 1;

std::unique_ptr<Histogram> histogram_of(const std::vector<Nanos>& samples) {
  auto result = std::make_unique<Histogram>();
  for (const Nanos sample : samples) result->add(sample);
  return result;
}

Buckets buckets_of(const Histogram& histogram) {
  Buckets result;
  histogram.for_each_bucket([&](Nanos upper, std::uint64_t count) { result.emplace_back(upper, count); });
  return result;
}

void expect_same(const Histogram& left, const Histogram& right) {
  EXPECT_EQ(left.samples(), right.samples());
  EXPECT_EQ(left.sum(), right.sum());
  EXPECT_EQ(left.min(), right.min());
  EXPECT_EQ(left.max(), right.max());
  EXPECT_EQ(buckets_of(left), buckets_of(right));
}

void expect_empty(const Histogram& histogram) {
  EXPECT_EQ(histogram.samples(), 0U);
  EXPECT_EQ(histogram.sum(), 0);
  EXPECT_EQ(histogram.min(), std::nullopt);
  EXPECT_EQ(histogram.max(), std::nullopt);
  EXPECT_EQ(histogram.at(0.5), std::nullopt);
  EXPECT_EQ(histogram.percentiles().samples, 0U);
  EXPECT_EQ(histogram.percentiles().max, std::nullopt);
  EXPECT_TRUE(buckets_of(histogram).empty());
}

/// The greatest relative error of a reading of percentiles, in steps of 0.1 %; infinite if it is ever too
/// low, above the maximum, or missing.
double worst_error(std::vector<Nanos> samples, FunctionRef<std::optional<Nanos>(double)> reading) {
  std::ranges::sort(samples);
  double worst = 0;
  for (int thousandth = 1; thousandth <= 1000; ++thousandth) {
    const double fraction = thousandth / 1000.0;
    const Nanos exact = samples[static_cast<std::size_t>(nearest_rank(fraction, samples.size()) - 1)];
    const std::optional<Nanos> read = reading(fraction);
    if (!read || *read < exact || *read > samples.back()) return std::numeric_limits<double>::infinity();
    if (*read > exact)
      worst = std::max(worst, static_cast<double>(*read - exact) / static_cast<double>(exact));
  }
  return worst;
}

double worst_error(const std::vector<Nanos>& samples) {
  const auto histogram = histogram_of(samples);
  return worst_error(samples, [&](double fraction) { return histogram->at(fraction); });
}

/// A faulty twin: a histogram with 8 buckets to an octave.
double worst_error_of_coarse(const std::vector<Nanos>& samples) {
  Histogram coarse;
  for (const Nanos sample : samples) {
    const auto value = static_cast<std::uint64_t>(sample);
    const int shift = std::max(static_cast<int>(std::bit_width(value)) - 4, 0);
    coarse.add(static_cast<Nanos>((((value >> shift) + 1) << shift) - 1));
  }
  const Nanos most = std::ranges::max(samples);
  return worst_error(samples,
                     [&](double fraction) { return std::min(coarse.at(fraction).value_or(0), most); });
}

/// A faulty twin: reads the bounds of all buckets an octave too high, or that of the bucket below.
enum class Fault : std::uint8_t { octave_high, bucket_low };
double worst_error_of_misread(const std::vector<Nanos>& samples, Fault fault) {
  const Buckets buckets = buckets_of(*histogram_of(samples));
  return worst_error(samples, [&](double fraction) -> std::optional<Nanos> {
    std::uint64_t rank = nearest_rank(fraction, samples.size());
    std::size_t i = 0;
    while (rank > buckets[i].second) rank -= buckets[i++].second;
    if (fault == Fault::octave_high) return std::min(2 * buckets[i].first, buckets.back().first);
    return buckets[i == 0 ? 0 : i - 1].first;
  });
}

struct Distribution {
  std::string_view name;
  std::vector<Nanos> samples;
};

std::vector<Distribution> distributions() {
  constexpr std::size_t kSamples = 20'000;
  std::mt19937_64 random(1);
  const auto drawn = [&](auto draw) {
    std::vector<Nanos> samples(kSamples);
    for (Nanos& sample : samples) sample = static_cast<Nanos>(draw());
    return samples;
  };
  std::uniform_int_distribution<Nanos> uniform(0, 5 * kMillisecond);
  std::exponential_distribution<> exponential(1.0 / (20 * kMicrosecond));
  std::normal_distribution<> fast(300, 20);
  std::normal_distribution<> slow(4e6, 3e5);
  std::bernoulli_distribution is_slow(0.3);
  std::uniform_real_distribution<> open(1e-9, 1);
  std::uniform_int_distribution<int> bits(0, 46);
  return {
      {.name = "uniform", .samples = drawn([&] { return uniform(random); })},
      {.name = "exponential", .samples = drawn([&] { return exponential(random); })},
      {.name = "bimodal", .samples = drawn([&] { return is_slow(random) ? slow(random) : fast(random); })},
      {.name = "Pareto", .samples = drawn([&] { return 100 * std::pow(open(random), -1 / 0.8); })},
      {.name = "all octaves", .samples = drawn([&] { return std::exp2(bits(random) + open(random)); })},
  };
}

TEST(Histogram, IsWithinOnePercentAtEveryPercentile) {
  for (const Distribution& distribution : distributions()) {
    EXPECT_LE(worst_error(distribution.samples), 0.01) << distribution.name;
    EXPECT_GT(worst_error(distribution.samples), 0.0) << distribution.name;
  }
}

TEST(Histogram, WouldNotPassWithCoarserOrMisreadBuckets) {
  for (const Distribution& distribution : distributions()) {
    EXPECT_GT(worst_error_of_coarse(distribution.samples), 0.01) << distribution.name;
    EXPECT_GT(worst_error_of_misread(distribution.samples, Fault::octave_high), 0.01) << distribution.name;
    EXPECT_GT(worst_error_of_misread(distribution.samples, Fault::bucket_low), 0.01) << distribution.name;
  }
}

TEST(Histogram, IsExactForConstantsAndBelow256) {
  for (const Nanos constant :
       {Nanos{0}, Nanos{1}, Nanos{255}, Nanos{257}, Nanos{12'345}, kLastPrecise, kLongest})
    EXPECT_EQ(worst_error(std::vector<Nanos>(150, constant)), 0.0) << constant;
  std::vector<Nanos> small(256);
  for (std::size_t i = 0; i < small.size(); ++i) small[i] = static_cast<Nanos>(i);
  EXPECT_EQ(worst_error(small), 0.0);
}

TEST(Histogram, IsWithinOnePercentAtTheEdgesOfEveryBucketSize) {
  for (int bits = 0; bits < 47; ++bits) {
    const Nanos power = Nanos{1} << bits;
    for (const Nanos value :
         {power - 1, power, power + 1, power + power / 128, power + power / 2, 2 * power - 1}) {
      Histogram histogram;
      histogram.add(value);
      histogram.add(kLongest);
      const Nanos read = histogram.at(0.5).value_or(-1);
      EXPECT_GE(read, value);
      EXPECT_LE(static_cast<double>(read - value), 0.01 * static_cast<double>(value)) << value;
    }
  }
}

TEST(Histogram, KeepsTheMaximumOfWhatIsTooLong) {
  const auto histogram = histogram_of({kLastPrecise + 1, kLongest - 1, 3});
  EXPECT_EQ(histogram->samples(), 3U);
  EXPECT_EQ(histogram->max(), kLongest - 1);
  EXPECT_EQ(histogram->min(), 3);
  EXPECT_EQ(histogram->at(1), kLongest - 1);
  EXPECT_EQ(buckets_of(*histogram), (Buckets{{3, 1}, {kLongest - 1, 2}}));
}

TEST(Histogram, StopsTheSumWhereItWouldWrap) {
  auto histogram = histogram_of({5, 7});
  EXPECT_EQ(histogram->sum(), 12);
  histogram = histogram_of({kLongest, kLongest, kLongest});
  EXPECT_EQ(histogram->sum(), kLongest);
  histogram->merge(*histogram_of({kLongest}));
  EXPECT_EQ(histogram->sum(), kLongest);
  EXPECT_EQ(histogram->samples(), 4U);
}

TEST(Histogram, ShowsTheNinetyNinthFromAHundredSamplesOn) {
  Histogram histogram;
  for (Nanos sample = 1; sample < 100; ++sample) histogram.add(sample);
  EXPECT_EQ(histogram.percentiles().samples, 99U);
  EXPECT_EQ(histogram.percentiles().p50, 50);
  EXPECT_EQ(histogram.percentiles().p99, std::nullopt);
  histogram.add(100'000);
  EXPECT_EQ(histogram.percentiles().p99, 99);
  EXPECT_EQ(histogram.percentiles().max, 100'000);
}

TEST(Histogram, WalksItsBucketsInAscendingOrder) {
  const auto histogram = histogram_of({1'000'000, 7, 1000, 7, 1001});
  // Buckets around 1000 are 4 wide.
  EXPECT_EQ(buckets_of(*histogram), (Buckets{{7, 2}, {1003, 2}, {1'000'000, 1}}));
}

TEST(Histogram, MergesAsIfAllHadBeenAddedToOne) {
  const std::vector<Distribution> parts = distributions();
  Histogram merged;
  Histogram added;
  for (const Distribution& part : parts) {
    merged.merge(*histogram_of(part.samples));
    for (const Nanos sample : part.samples) added.add(sample);
  }
  expect_same(merged, added);
  merged.merge(Histogram());
  expect_same(merged, added);
  added.add(1);
  EXPECT_NE(buckets_of(merged), buckets_of(added));
}

TEST(Histogram, IsEmptyWhereAllBytesAreZero) {
  expect_empty(Histogram());
  Histogram merged;
  merged.merge(Histogram());
  expect_empty(merged);

  alignas(Histogram) std::array<std::byte, sizeof(Histogram)> memory{};
  auto* const mapped = std::launder(reinterpret_cast<Histogram*>(memory.data()));
  expect_empty(*mapped);
  mapped->add(0);
  expect_same(*mapped, *histogram_of({0}));
  EXPECT_EQ(mapped->min(), 0);
  EXPECT_EQ(mapped->max(), 0);
}

TEST(Histogram, CanBeReadWhileItIsWritten) {
  Histogram histogram;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (Nanos i = 0; i < 300'000; ++i) histogram.add(10'000 + i);
    done.store(true);
  });
  std::uint64_t samples = 0;
  while (!done.load()) {
    const Percentiles read = histogram.percentiles();
    EXPECT_GE(read.samples, samples);
    samples = read.samples;
    if (samples == 0) continue;
    EXPECT_GE(read.p50, 10'000);
    EXPECT_LE(read.p50, read.max);
    EXPECT_LE(read.max, histogram.max());
  }
  writer.join();
  EXPECT_EQ(histogram.samples(), 300'000U);
}

TEST(Histogram, OutlivesTheProcessThatWasWritingIt) {
  void* const mapping =
      mmap(nullptr, sizeof(Histogram), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  auto& histogram = *static_cast<Histogram*>(mapping);
  const pid_t writer = fork();
  ASSERT_GE(writer, 0);
  if (writer == 0) {
    alarm(60);  // Ends it if this test does not.
    for (Nanos i = 1;; ++i) histogram.add(i);
  }
  while (histogram.samples() < 100'000) std::this_thread::yield();
  EXPECT_EQ(kill(writer, SIGKILL), 0);
  EXPECT_EQ(waitpid(writer, nullptr, 0), writer);

  // The durations were 1, 2, 3, …: the last may have got as far as the sum and the maximum.
  const auto samples = static_cast<Nanos>(histogram.samples());
  EXPECT_EQ(histogram.min(), 1);
  EXPECT_GE(histogram.max(), samples);
  EXPECT_LE(histogram.max(), samples + 1);
  EXPECT_GE(histogram.sum(), samples * (samples + 1) / 2);
  EXPECT_LE(histogram.sum(), (samples + 1) * (samples + 2) / 2);
  EXPECT_NEAR(static_cast<double>(histogram.at(0.5).value_or(0)), 0.5 * static_cast<double>(samples),
              0.005 * static_cast<double>(samples) + 1);
  munmap(mapping, sizeof(Histogram));
}

}  // namespace
}  // namespace ccbench
