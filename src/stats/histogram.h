// How long many things took, in memory that does not grow with them.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "core/duration.h"
#include "core/function_ref.h"
#include "stats/percentile.h"

namespace ccbench {

/// A histogram of durations that says each of them at most 1 % too long: 128 buckets of equal width between a
/// power of two and the next, up to 2^47 ns, which is 39 hours. Below 256 ns every duration has a bucket of
/// its own. What is longer than 39 hours falls into the last bucket, of which only the maximum is known.
/// Algorithm: log-linear buckets, as in G. Tene's HdrHistogram (hdrhistogram.org).
///
/// Made for zeroed memory that processes share: all zero is the empty histogram, and there is neither a
/// pointer nor an allocation. One thread writes. Any thread or process may read meanwhile, or after the
/// writer was killed, and finds a histogram of what had been added until then; only `sum`, `min` and `max`
/// may know the one duration more that was just being added.
///
/// 41 KiB. Counters have 64 bits: requests of 20 ns would overflow 32 within a minute and a half. A cache
/// holds only the few lines whose buckets are in use, so that the width is not felt.
class alignas(64) Histogram {
 public:
  /// `duration` must not be negative. For the one writer; waits for nobody and allocates nothing.
  void add(Nanos duration) {
    const auto value = static_cast<std::uint64_t>(duration);
    if (value > most_.load(std::memory_order_relaxed)) most_.store(value, std::memory_order_relaxed);
    if (~value > least_inverted_.load(std::memory_order_relaxed))
      least_inverted_.store(~value, std::memory_order_release);
    add_to_sum(value);
    increase(buckets_[bucket_of(value)], 1);
  }

  /// As if all that `other` has were added here. `other` may be written meanwhile, but nobody may read this.
  void merge(const Histogram& other);

  std::uint64_t samples() const;
  /// 2^63 - 1 if it would be more.
  Nanos sum() const { return static_cast<Nanos>(sum_.load(std::memory_order_relaxed)); }
  /// Exact; nothing without samples.
  std::optional<Nanos> min() const;
  std::optional<Nanos> max() const;

  /// The sample at nearest rank `fraction` (0 < fraction <= 1), or up to 1 % more, but never more than the
  /// maximum; nothing without samples.
  std::optional<Nanos> at(double fraction) const;

  /// `at` for those that these samples are enough for; the maximum is exact.
  Percentiles percentiles() const;

  /// Calls `visit(upper, count)` for every bucket that is not empty, in ascending order: `count` samples are
  /// `upper` or less, and more than any of the buckets before. No `upper` is above the maximum, and the last
  /// is the maximum.
  void for_each_bucket(FunctionRef<void(Nanos upper, std::uint64_t count)> visit) const;

 private:
  static constexpr unsigned kSubBucketBits = 7;
  static constexpr std::uint64_t kSubBuckets = std::uint64_t{1} << kSubBucketBits;
  static constexpr unsigned kValueBits = 47;
  /// One more than are needed below 2^47, for all from there on.
  static constexpr std::size_t kBuckets = (kValueBits - kSubBucketBits + 1) * kSubBuckets + 1;

  /// One writer: a load and a store do what an atomic addition would, without its price. Released last of all
  /// that `add` writes, so that who sees the count sees a maximum and a minimum that belong to it.
  static void increase(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_release);
  }

  static std::size_t bucket_of(std::uint64_t value) {
    const std::uint64_t bounded = std::min(value, std::uint64_t{1} << kValueBits);
    // The leading bit and the seven behind it tell the bucket; below 256 that is all there is.
    const auto shift =
        static_cast<unsigned>(std::bit_width(bounded | (2 * kSubBuckets - 1))) - (kSubBucketBits + 1);
    return static_cast<std::size_t>(shift * kSubBuckets + (bounded >> shift));
  }

  /// The longest duration of that bucket.
  static Nanos upper_of(std::size_t bucket);

  /// Rank from 1; at most the number of samples, which must not be 0.
  Nanos sample_of_rank(std::uint64_t rank) const;

  void add_to_sum(std::uint64_t value) {
    // Neither has more than 63 bits, so this cannot wrap.
    constexpr std::uint64_t kMost = std::numeric_limits<Nanos>::max();
    sum_.store(std::min(sum_.load(std::memory_order_relaxed) + value, kMost), std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> sum_;
  std::atomic<std::uint64_t> most_;
  std::atomic<std::uint64_t> least_inverted_;  ///< every bit of the minimum inverted; 0: there is none
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_;
};
static_assert(std::is_standard_layout_v<Histogram> && std::is_trivially_destructible_v<Histogram>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "another process reads them");

}  // namespace ccbench
