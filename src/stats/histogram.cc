#include "stats/histogram.h"

namespace ccbench {

Nanos Histogram::upper_of(std::size_t bucket) {
  if (bucket + 1 == kBuckets) return std::numeric_limits<Nanos>::max();
  if (bucket < kSubBuckets) return static_cast<Nanos>(bucket);
  const std::size_t shift = bucket / kSubBuckets - 1;
  return static_cast<Nanos>(((bucket % kSubBuckets + kSubBuckets + 1) << shift) - 1);
}

void Histogram::merge(const Histogram& other) {
  // The buckets first: what is added to `other` meanwhile may then be in its extremes alone, as while adding.
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t count = other.buckets_[i].load(std::memory_order_acquire);
    if (count != 0) increase(buckets_[i], count);
  }
  const auto raise = [](std::atomic<std::uint64_t>& mine, const std::atomic<std::uint64_t>& others) {
    const std::uint64_t value = others.load(std::memory_order_relaxed);
    if (value > mine.load(std::memory_order_relaxed)) mine.store(value, std::memory_order_relaxed);
  };
  raise(most_, other.most_);
  raise(least_inverted_, other.least_inverted_);
  add_to_sum(other.sum_.load(std::memory_order_relaxed));
}

std::uint64_t Histogram::samples() const {
  // Counted, not kept: a number of its own could disagree with the buckets.
  std::uint64_t samples = 0;
  for (const std::atomic<std::uint64_t>& bucket : buckets_) samples += bucket.load(std::memory_order_acquire);
  return samples;
}

std::optional<Nanos> Histogram::min() const {
  const std::uint64_t inverted = least_inverted_.load(std::memory_order_relaxed);
  if (inverted == 0) return std::nullopt;
  return static_cast<Nanos>(~inverted);
}

std::optional<Nanos> Histogram::max() const {
  if (least_inverted_.load(std::memory_order_acquire) == 0) return std::nullopt;
  return static_cast<Nanos>(most_.load(std::memory_order_relaxed));
}

Nanos Histogram::sample_of_rank(std::uint64_t rank) const {
  std::size_t bucket = 0;
  for (; bucket + 1 < kBuckets; ++bucket) {
    const std::uint64_t count = buckets_[bucket].load(std::memory_order_acquire);
    if (rank <= count) break;
    rank -= count;
  }
  return std::min(upper_of(bucket), static_cast<Nanos>(most_.load(std::memory_order_relaxed)));
}

std::optional<Nanos> Histogram::at(double fraction) const {
  const std::uint64_t count = samples();
  if (count == 0) return std::nullopt;
  return sample_of_rank(nearest_rank(fraction, count));
}

Percentiles Histogram::percentiles() const {
  Percentiles result;
  result.samples = samples();
  if (result.samples == 0) return result;
  result.p50 = sample_of_rank(nearest_rank(0.5, result.samples));
  if (result.samples >= kSamplesForP99) result.p99 = sample_of_rank(nearest_rank(0.99, result.samples));
  result.max = max();
  return result;
}

void Histogram::for_each_bucket(FunctionRef<void(Nanos upper, std::uint64_t count)> visit) const {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t count = buckets_[i].load(std::memory_order_acquire);
    if (count == 0) continue;
    visit(std::min(upper_of(i), static_cast<Nanos>(most_.load(std::memory_order_relaxed))), count);
  }
}

}  // namespace ccbench
