// How a trial keeps what its requests did: a record of each, or counts. Chosen once per trial.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

#include "core/request.h"
#include "driver/live_events.h"
#include "driver/trial_memory.h"

namespace ccbench {

/// Told by the worker that carries a request how it gets on, or by a thread of the guard's that runs its
/// section while the worker waits for it. A worker carries one at a time, so what belongs to a worker is
/// written by one thread at a time. On the hot path: waits for nobody, allocates nothing.
///
/// `begin` answers where the request is written down until its end: all zero but for what it may have
/// filled in itself. `entered` is called when `Record::enter` is set, `left` when `Record::leave` is, which
/// is after every run of the section, and `ended` at `end` with all else of the record complete.
template <class R>
concept Recorder = requires(R& recorder, const Request& request, Record& record, Nanos end) {
  requires std::constructible_from<R, TrialMemory&>;
  { recorder.begin(request) } -> std::same_as<Record&>;
  { recorder.record_of(request) } -> std::same_as<Record&>;
  recorder.entered(request, record);
  recorder.left(request, record);
  recorder.ended(request, record, end);
};

/// From the last leave of its key to the entry of a request that was waiting by then, in an open loop perhaps
/// for a worker; nothing for who came later.
inline std::optional<Nanos> hand_over_of(const WorkerCounts& worker, const Record& record) {
  const Nanos left = worker.left_before_entry.load(std::memory_order_relaxed);
  if (left == 0 || left < arrival_of(record) || left > record.enter) return std::nullopt;
  return record.enter - left;
}

/// A record of each request.
class Recording {
 public:
  explicit Recording(TrialMemory& memory) : records_(memory.records()) {}

  Record& begin(const Request& request) { return record_of(request); }
  Record& record_of(const Request& request) { return records_[request.index]; }
  void entered(const Request& /*request*/, const Record& /*record*/) {}
  void left(const Request& /*request*/, const Record& /*record*/) {}
  void ended(const Request& /*request*/, Record& record, Nanos end) {
    record.end.store(end, std::memory_order_release);
  }

 private:
  const std::span<Record> records_;
};

/// Counts and histograms: memory by worker and key, none by request. Of the request that a worker carries
/// there is a record, because a trial may end in the middle of it.
class Counting {
 public:
  explicit Counting(TrialMemory& memory)
      : memory_(memory),
        records_(memory.records()),
        workers_(memory.worker_counts()),
        last_leaves_(memory.last_leaves()) {}

  Record& begin(const Request& request);
  Record& record_of(const Request& request) { return records_[request.worker]; }
  /// Read here, because during the section others of the key may leave, and stored away, because looking at
  /// it would wait for another CPU's cache line.
  void entered(const Request& request, const Record& /*record*/) {
    workers_[request.worker].left_before_entry.store(
        last_leaves_[request.key].at.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  void left(const Request& request, const Record& record) {
    last_leaves_[request.key].at.store(record.leave, std::memory_order_relaxed);
  }
  void ended(const Request& request, Record& record, Nanos end);

 private:
  KeyCounts& key_counts(const Request& request) { return memory_.key_counts(request.worker)[request.key]; }

  const TrialMemory& memory_;
  const std::span<Record> records_;  ///< by worker
  const std::span<WorkerCounts> workers_;
  const std::span<LastLeave> last_leaves_;
};

/// Counts, and tells the parent of every request that ended: an event that it may be too slow to take.
class CountingLive : public Counting {
 public:
  explicit CountingLive(TrialMemory& memory)
      : Counting(memory), workers_(memory.worker_counts()), queues_(memory.event_queues()) {}

  void ended(const Request& request, Record& record, Nanos end) {
    if (!queues_[request.worker].push(event_of(request.index, request.key, record, end)))
      WorkerCounts::raise(workers_[request.worker].lost_events);
    Counting::ended(request, record, end);
  }

 private:
  const std::span<WorkerCounts> workers_;
  const std::span<EventQueue> queues_;
};

static_assert(Recorder<Recording> && Recorder<Counting> && Recorder<CountingLive>);

}  // namespace ccbench
