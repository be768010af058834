#include "driver/live_events.h"

#include "driver/trial_memory.h"

namespace ccbench {

RequestEvent event_of(std::uint64_t index, Key key, const Record& record, Nanos end) {
  return {.index = index,
          .key = key,
          .arrival = record.arrival,
          .start = record.start,
          .enter = record.enter,
          .leave = record.leave,
          .end = end,
          .reason = record.reason,
          .worker = record.worker,
          .outcome = record.outcome};
}

LiveEvents::LiveEvents(const TrialMemory& memory, std::size_t most) : memory_(memory), most_(most) {}

void LiveEvents::drain() {
  for (EventQueue& queue : memory_.event_queues()) {
    queue.consume_all([this](const RequestEvent& event) {
      if (kept_.size() < most_) {
        kept_.push_back(event);
      } else {
        ++beyond_most_;
      }
    });
  }
}

}  // namespace ccbench
