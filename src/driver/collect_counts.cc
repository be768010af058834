#include "driver/collect_counts.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "driver/recorder.h"

namespace ccbench {
namespace {

std::uint64_t load(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}
Nanos load(const std::atomic<Nanos>& time) { return time.load(std::memory_order_relaxed); }

/// Whether the worker was in the middle of a request when the trial ended.
bool carries(const WorkerCounts& worker) { return load(worker.requests) > worker.ended(); }

void count_reasons(const WorkerCounts& worker, Tally& tally) {
  for (const ReasonCount& slot : worker.reasons) {
    if (load(slot.failures) == 0) break;
    const char* text = slot.text.load(std::memory_order_relaxed);
    const Outcome outcome = slot.outcome.load(std::memory_order_relaxed);
    tally.reasons[{outcome, text == nullptr ? "" : text}] += load(slot.failures);
  }
  for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
    if (const std::uint64_t others = load(worker.other_reasons.at(outcome)); others > 0)
      tally.reasons[{static_cast<Outcome>(outcome), "other reasons"}] += others;
  }
}

void count(const RequestSource& requests, const TrialMemory& memory, Tally& tally) {
  tally.requests = requests.count();
  tally.requests_of_key.assign(tally.keys, 0);
  tally.successes_of_key.assign(tally.keys, 0);
  tally.reads_of_key.assign(tally.keys, 0);
  for (std::uint32_t i = 0; i < memory.worker_counts().size(); ++i) {
    const WorkerCounts& worker = memory.worker_counts()[i];
    if (requests.count() == 0) tally.requests += load(worker.requests);
    for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome)
      tally.outcomes.at(outcome) += load(worker.outcomes.at(outcome));
    count_reasons(worker, tally);
    const std::span<KeyCounts> keys = memory.key_counts(i);
    for (Key key = 0; key < tally.keys; ++key) {
      tally.requests_of_key[key] += load(keys[key].requests);
      tally.successes_of_key[key] += load(keys[key].successes);
      tally.reads_of_key[key] += load(keys[key].reads);
    }
  }
}

/// The histograms of all workers in one, and the times that a request which did not end has all the same.
Percentiles merged(const TrialMemory& memory, Histogram WorkerCounts::* histogram,
                   std::optional<Nanos> (*of_unfinished)(const WorkerCounts&, const Record&)) {
  const auto all = std::make_unique<Histogram>();
  for (std::size_t i = 0; i < memory.worker_counts().size(); ++i) {
    const WorkerCounts& worker = memory.worker_counts()[i];
    all->merge(worker.*histogram);
    if (!carries(worker)) continue;
    if (const auto time = of_unfinished(worker, memory.records()[i])) all->add(*time);
  }
  return all->percentiles();
}

std::optional<Nanos> wait_of_unfinished(const WorkerCounts& /*worker*/, const Record& record) {
  return record.enter != 0 ? std::optional(record.enter - arrival_of(record)) : std::nullopt;
}

std::optional<Nanos> hold_of_unfinished(const WorkerCounts& /*worker*/, const Record& record) {
  return record.leave != 0 ? std::optional(record.leave - record.enter) : std::nullopt;
}

std::optional<Nanos> hand_over_of_unfinished(const WorkerCounts& worker, const Record& record) {
  return record.enter != 0 ? hand_over_of(worker, record) : std::nullopt;
}

std::optional<Nanos> latency_of_unfinished(const WorkerCounts& /*worker*/, const Record& /*record*/) {
  return std::nullopt;
}

void measure_times(const TrialMemory& memory, TrialResult& result) {
  result.wait = merged(memory, &WorkerCounts::wait, wait_of_unfinished);
  result.hold = merged(memory, &WorkerCounts::hold, hold_of_unfinished);
  result.latency = merged(memory, &WorkerCounts::latency, latency_of_unfinished);
  result.hand_over = merged(memory, &WorkerCounts::hand_over, hand_over_of_unfinished);
  if (result.tally.unfinished() > 0) return;
  Nanos last = memory.release();
  for (const WorkerCounts& worker : memory.worker_counts()) last = std::max(last, load(worker.last_end));
  result.wall = last - memory.release();
}

void measure_start(const TrialMemory& memory, StartReport& start) {
  std::vector<Nanos> first;
  for (std::size_t i = 0; i < memory.worker_counts().size(); ++i) {
    const WorkerCounts& worker = memory.worker_counts()[i];
    const bool in_its_first = load(worker.first_start) == 0 && carries(worker);
    first.push_back(in_its_first ? memory.records()[i].start : load(worker.first_start));
  }
  std::erase(first, 0);
  std::ranges::sort(first);
  if (first.size() < 2) return;
  start.spread = first.back() - first.front();
  start.first_gap = first[1] - first[0];
}

void measure_workers(const TrialMemory& memory, Nanos gone, TrialResult& result) {
  result.workers.clear();
  for (std::size_t i = 0; i < memory.worker_counts().size(); ++i) {
    const WorkerCounts& counts = memory.worker_counts()[i];
    WorkerReport worker{.requests = counts.ended(),
                        .sections = load(counts.sections),
                        .longest_wait = counts.wait.max().value_or(0)};
    const Record& record = memory.records()[i];
    if (carries(counts) && record.enter != 0) ++worker.sections;
    if (carries(counts) && record.start != 0) {
      const Nanos waited_until = record.enter != 0 ? record.enter : gone;
      worker.longest_wait = std::max(worker.longest_wait, waited_until - arrival_of(record));
    }
    result.workers.push_back(worker);
  }
}

/// The request with the highest index is the last to have been taken.
void measure_arrivals(const Experiment& experiment, const RequestSource& requests, const TrialMemory& memory,
                      TrialResult& result) {
  ArrivalReport report;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < memory.worker_counts().size(); ++i) {
    const WorkerCounts& worker = memory.worker_counts()[i];
    const std::uint64_t index = load(worker.request);
    const Record& record = memory.records()[i];
    if (load(worker.requests) == 0 || index < last || record.start == 0) continue;
    last = index;
    report.delay = record.start - arrival_of(record);
    report.last_start = record.start - memory.release();
  }
  for (const WorkerCounts& worker : memory.worker_counts()) report.started += load(worker.requests);
  if (experiment.duration > 0 && result.tally.settled) {
    const std::uint64_t arrived = requests.arrivals_before(experiment.duration);
    report.queued = arrived - std::min(arrived, report.started);
    if (report.queued > 0) {
      report.delay = std::max(report.delay, experiment.duration - requests.arrival_of(report.started));
      report.last_start = experiment.duration;
    }
  }
  result.arrivals = report;
}

}  // namespace

void collect_counts(const Experiment& experiment, const RequestSource& requests, const TrialMemory& memory,
                    Nanos gone, TrialResult& result) {
  count(requests, memory, result.tally);
  if (!memory.released()) return;
  measure_start(memory, result.start);
  measure_times(memory, result);
  measure_workers(memory, gone, result);
  WasteReport waste;
  for (const WorkerCounts& worker : memory.worker_counts()) waste.sections += load(worker.sections_in_vain);
  result.waste = waste;
  if (experiment.rate > 0) measure_arrivals(experiment, requests, memory, result);
}

void keep_events(std::span<const RequestEvent> events, const RequestSource& requests,
                 const TrialMemory& memory, TrialResult& result) {
  const Nanos release = memory.release();
  const auto since = [release](Nanos time) {
    return time == 0 ? std::nullopt : std::optional(time - release);
  };
  std::map<std::string_view, std::uint32_t> texts = {{"", 0}};
  result.reason_texts = {""};
  result.requests.clear();
  result.requests.reserve(events.size());
  for (const RequestEvent& event : events) {
    const auto [text, is_new] =
        texts.try_emplace(event.reason.text(), static_cast<std::uint32_t>(result.reason_texts.size()));
    if (is_new) result.reason_texts.emplace_back(text->first);
    result.requests.push_back({.request = event.index,
                               .thread = event.worker,
                               .key = event.key,
                               .kind = requests.kind_of(event.index),
                               .outcome = event.outcome,
                               .reason = text->second,
                               .start = since(event.start),
                               .enter = since(event.enter),
                               .leave = since(event.leave),
                               .end = since(event.end),
                               .arrival = since(event.arrival)});
  }
  for (std::uint32_t i = 0; i < memory.worker_counts().size(); ++i) {
    const WorkerCounts& worker = memory.worker_counts()[i];
    result.lost_events += load(worker.lost_events);
    const Record& record = memory.records()[i];
    if (!carries(worker) || record.start == 0) continue;
    const std::uint64_t index = load(worker.request);
    result.requests.push_back({.request = index,
                               .thread = i,
                               .key = requests.key_of(index),
                               .outcome = {},
                               .start = since(record.start),
                               .enter = since(record.enter),
                               .leave = since(record.leave),
                               .end = {},
                               .arrival = since(record.arrival)});
  }
  std::ranges::sort(result.requests, {}, &RequestRow::request);
}

}  // namespace ccbench
