// What a worker counts of its requests where there are too many of them to have a record each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/duration.h"
#include "core/label.h"
#include "core/outcome.h"
#include "stats/histogram.h"

namespace ccbench {

/// Of one key, by one worker. Aligned so that a cache line holds a whole number.
struct alignas(32) KeyCounts {
  std::atomic<std::uint64_t> requests;
  std::atomic<std::uint64_t> successes;
  std::atomic<std::uint64_t> reads;  ///< of the successes, who only read
};

/// When a section of a key was last left, by whomever. On a cache line of its own.
struct alignas(64) LastLeave {
  std::atomic<Nanos> at;  ///< on the steady clock; 0: never
};

/// Failures of one outcome with one reason.
struct ReasonCount {
  std::atomic<const char*> text;  ///< null: no reason was given
  std::atomic<Outcome> outcome;
  std::atomic<std::uint64_t> failures;  ///< 0: the slot is free, and so are all behind it
};

/// On cache lines of its own, in memory shared with the parent. Only the worker writes; who reads after the
/// worker was killed finds what had ended until then, and of the one request that was just being counted
/// perhaps a part.
struct alignas(64) WorkerCounts {
  static constexpr std::size_t kReasons = 32;

  std::atomic<std::uint64_t> requests;  ///< taken
  std::atomic<std::uint64_t> request;   ///< index of the one last taken
  /// Of the requests that ended. Raised with release after all else of a request: those raised are complete.
  std::array<std::atomic<std::uint64_t>, kOutcomes> outcomes;
  std::atomic<std::uint64_t> sections;          ///< requests that entered one
  std::atomic<std::uint64_t> sections_in_vain;  ///< runs of a section whose result was thrown away
  std::atomic<std::uint64_t> lost_events;       ///< that its queue had no room for
  std::atomic<Nanos> first_start;               ///< on the steady clock; 0: never, as below
  std::atomic<Nanos> last_end;
  std::atomic<Nanos> last_delay;         ///< in an open loop: of the request last taken, arrival to start
  std::atomic<Nanos> left_before_entry;  ///< last leave of the key of its request, as it entered
  std::array<ReasonCount, kReasons> reasons;
  std::array<std::atomic<std::uint64_t>, kOutcomes> other_reasons;  ///< that found no slot
  Histogram wait;
  Histogram hold;
  Histogram latency;
  Histogram hand_over;

  std::uint64_t ended() const {
    std::uint64_t sum = 0;
    for (const auto& count : outcomes) sum += count.load(std::memory_order_acquire);
    return sum;
  }

  void count_failure(Outcome outcome, Reason reason) {
    for (ReasonCount& slot : reasons) {
      if (slot.failures.load(std::memory_order_relaxed) == 0) {
        slot.text.store(reason.address(), std::memory_order_relaxed);
        slot.outcome.store(outcome, std::memory_order_relaxed);
      } else if (slot.text.load(std::memory_order_relaxed) != reason.address() ||
                 slot.outcome.load(std::memory_order_relaxed) != outcome) {
        continue;
      }
      raise(slot.failures);
      return;
    }
    raise(other_reasons.at(index_of(outcome)));
  }

  /// One writer: a load and a store do what an atomic addition would, without its price.
  static void raise(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_release);
  }
};

}  // namespace ccbench
