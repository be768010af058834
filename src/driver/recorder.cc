#include "driver/recorder.h"

namespace ccbench {

Record& Counting::begin(const Request& request) {
  WorkerCounts& worker = workers_[request.worker];
  Record& record = record_of(request);
  record.end.store(0, std::memory_order_relaxed);
  record.start = record.enter = record.leave = 0;
  record.calls = 0;
  record.several_keys = false;
  worker.request.store(request.index, std::memory_order_relaxed);
  WorkerCounts::raise(key_counts(request).requests);
  WorkerCounts::raise(worker.requests);
  return record;
}

void Counting::ended(const Request& request, Record& record, Nanos end) {
  WorkerCounts& worker = workers_[request.worker];
  const Nanos arrived = arrival_of(record);
  if (record.enter != 0) {
    worker.hold.add(record.leave - record.enter);
    WorkerCounts::raise(worker.sections);
    if (const auto time = hand_over_of(worker, record)) worker.hand_over.add(*time);
  }
  worker.wait.add((record.enter != 0 ? record.enter : end) - arrived);
  worker.latency.add(end - arrived);
  const bool succeeded = record.outcome == Outcome::success;
  if (succeeded) {
    WorkerCounts::raise(key_counts(request).successes);
    if (request.kind == Kind::read) WorkerCounts::raise(key_counts(request).reads);
  }
  if (is_failure(record.outcome)) worker.count_failure(record.outcome, record.reason);
  if (const std::uint64_t in_vain = sections_in_vain(record.calls, succeeded); in_vain > 0)
    WorkerCounts::raise(worker.sections_in_vain, in_vain);
  if (worker.first_start.load(std::memory_order_relaxed) == 0)
    worker.first_start.store(record.start, std::memory_order_relaxed);
  worker.last_delay.store(record.start - arrived, std::memory_order_relaxed);
  worker.last_end.store(end, std::memory_order_relaxed);
  WorkerCounts::raise(worker.outcomes.at(index_of(record.outcome)));
  record.end.store(end, std::memory_order_release);
}

}  // namespace ccbench
