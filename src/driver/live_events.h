// Requests that a trial which counts tells of as they end, for a file or a picture that shows some of them.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/outcome.h"
#include "core/request.h"
#include "driver/record.h"

namespace ccbench {

class TrialMemory;

/// One request that ended. Times on the steady clock, 0: did not happen.
struct RequestEvent {
  std::uint64_t index;
  Key key;
  Nanos arrival;
  Nanos start;
  Nanos enter;
  Nanos leave;
  Nanos end;
  Reason reason;
  std::uint32_t worker;
  Outcome outcome;
};

RequestEvent event_of(std::uint64_t index, Key key, const Record& record, Nanos end);

/// From one worker to the parent, in memory that they share; full: the event is lost.
inline constexpr std::size_t kEventsWaiting = 8192;
using EventQueue = boost::lockfree::spsc_queue<RequestEvent, boost::lockfree::capacity<kEventsWaiting>>;

/// The parent's end of the queues.
class LiveEvents {
 public:
  /// `memory` must outlive it. `most`: how many are kept; the others are lost, too.
  explicit LiveEvents(const TrialMemory& memory, std::size_t most);

  /// Takes over what has ended since the last time.
  void drain();

  std::vector<RequestEvent> hand_over() { return std::move(kept_); }
  /// How many were taken over and not kept.
  std::uint64_t beyond_most() const { return beyond_most_; }

 private:
  const TrialMemory& memory_;
  const std::size_t most_;
  std::vector<RequestEvent> kept_;
  std::uint64_t beyond_most_ = 0;
};

}  // namespace ccbench
