// What one request did.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "core/duration.h"
#include "core/label.h"
#include "core/outcome.h"

namespace ccbench {

/// What one request did. Times on the steady clock, 0: did not happen. On a cache line of its own, so
/// that workers writing neighbouring records do not slow each other down.
struct alignas(64) Record {
  Nanos arrival;  ///< in an open loop: when it was meant to start; else 0
  Nanos start;
  Nanos enter;
  Nanos leave;
  std::atomic<Nanos> end;  ///< stored last, with release: where it is set, the rest is complete
  Reason reason;
  std::uint32_t worker;
  std::uint32_t next;   ///< for who reads the records: the worker's next one
  std::uint16_t calls;  ///< how often the guard called the section; stays at the most that it can count
  std::uint8_t steps;   ///< how many of its step slots are filled
  Outcome outcome;
  bool several_keys;  ///< its guard has said that it waits for something of another key, too
};
static_assert(sizeof(Record) == 64);

/// Later than every time: for what has not happened yet.
inline constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

/// 0: it has not ended. Where it has, the rest of the record is complete.
inline Nanos end_of(const Record& record) { return record.end.load(std::memory_order_acquire); }

/// When a request came: in an open loop it may have waited for a worker.
inline Nanos arrival_of(const Record& record) { return record.arrival != 0 ? record.arrival : record.start; }

/// Of `calls` runs of a section, those whose result was thrown away: one that succeeds keeps its last.
constexpr std::uint64_t sections_in_vain(std::uint64_t calls, bool succeeded) {
  return calls - (succeeded && calls > 0 ? 1 : 0);
}

}  // namespace ccbench
