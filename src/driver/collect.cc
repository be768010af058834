#include "driver/collect.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <utility>

namespace ccbench {
namespace {

Nanos end_of(const Record& record) { return record.end.load(std::memory_order_acquire); }

void count(const RequestSource& requests, TrialMemory& memory, Tally& tally) {
  tally.requests = requests.count();
  tally.requests_of_key.assign(tally.keys, 0);
  tally.successes_of_key.assign(tally.keys, 0);
  // By address first: the texts are few, the requests may be millions.
  std::map<std::pair<Outcome, const char*>, std::uint64_t> reasons;
  const auto records = memory.records();
  for (std::uint64_t index = 0; index < records.size(); ++index) {
    const Record& record = records[index];
    const Key key = requests.key_of(index);
    ++tally.requests_of_key[key];
    if (end_of(record) == 0) continue;
    ++tally.outcomes.at(index_of(record.outcome));
    if (record.outcome == Outcome::success) ++tally.successes_of_key[key];
    if (is_failure(record.outcome)) ++reasons[{record.outcome, record.reason.address()}];
  }
  for (const auto& [reason, times] : reasons) {
    tally.reasons[{reason.first, reason.second == nullptr ? "" : reason.second}] += times;
  }
}

void read_facts(TrialMemory& memory, std::size_t facts, Tally& tally) {
  tally.facts_of_key.assign(facts, std::vector<std::int64_t>(tally.keys));
  for (FactId fact = 0; fact < facts; ++fact) {
    for (Key key = 0; key < tally.keys; ++key) tally.facts_of_key[fact][key] = memory.facts().get(fact, key);
  }
}

/// Most requests between their start and their end at once. Walks the requests of every worker, which
/// follow each other, side by side in order of time: that takes memory by the worker and not by the request.
std::uint64_t in_flight_peak(std::span<Record> records, std::uint32_t workers) {
  constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> first(workers, kNone);
  for (std::size_t i = records.size(); i-- > 0;) {
    if (records[i].start != 0)
      records[i].next = std::exchange(first[records[i].worker], static_cast<std::uint32_t>(i));
  }
  using Start = std::pair<Nanos, std::uint32_t>;  // and the record that it is of
  std::priority_queue<Start, std::vector<Start>, std::greater<>> starts;
  for (const std::uint32_t i : first) {
    if (i != kNone) starts.emplace(records[i].start, i);
  }
  std::priority_queue<Nanos, std::vector<Nanos>, std::greater<>> ends;
  std::size_t peak = 0;
  while (!starts.empty()) {
    const auto [start, i] = starts.top();
    starts.pop();
    while (!ends.empty() && ends.top() <= start) ends.pop();
    ends.push(end_of(records[i]) != 0 ? end_of(records[i]) : std::numeric_limits<Nanos>::max());
    peak = std::max(peak, ends.size());
    if (const std::uint32_t next = records[i].next; next != kNone) starts.emplace(records[next].start, next);
  }
  return peak;
}

/// The first start of every worker that started anything, ascending.
std::vector<Nanos> first_starts(std::span<const Record> records, std::size_t workers) {
  constexpr Nanos kNever = std::numeric_limits<Nanos>::max();
  std::vector<Nanos> first(workers, kNever);
  for (const Record& record : records) {
    if (record.start != 0) first[record.worker] = std::min(first[record.worker], record.start);
  }
  std::erase(first, kNever);
  std::ranges::sort(first);
  return first;
}

void measure_start(TrialMemory& memory, std::uint32_t workers, StartReport& start) {
  const std::vector<Nanos> first = first_starts(memory.records(), workers);
  if (first.size() >= 2) {
    start.spread = first.back() - first.front();
    start.first_gap = first[1] - first[0];
  }
  start.in_flight_peak = in_flight_peak(memory.records(), workers);
}

/// Start of the request to entry, or to the result for those who never enter.
std::optional<Nanos> wait_of(const Record& record) {
  if (record.enter != 0) return record.enter - record.start;
  return end_of(record) != 0 ? std::optional(end_of(record) - record.start) : std::nullopt;
}

std::optional<Nanos> hold_of(const Record& record) {
  return record.leave != 0 ? std::optional(record.leave - record.enter) : std::nullopt;
}

std::optional<Nanos> latency_of(const Record& record) {
  return end_of(record) != 0 ? std::optional(end_of(record) - record.start) : std::nullopt;
}

Percentiles percentiles_over(std::span<const Record> records,
                             std::optional<Nanos> (*time_of)(const Record&)) {
  return percentiles_of([&](const auto& visit) {
    for (const Record& record : records) {
      if (const auto time = time_of(record)) visit(*time);
    }
  });
}

void measure_times(TrialMemory& memory, TrialResult& result) {
  result.wait = percentiles_over(memory.records(), wait_of);
  result.hold = percentiles_over(memory.records(), hold_of);
  result.latency = percentiles_over(memory.records(), latency_of);
  if (result.tally.unfinished() > 0) return;
  Nanos last = 0;
  for (const Record& record : memory.records()) last = std::max(last, end_of(record));
  result.wall = last - memory.header().release.load();
}

void measure_cpu(TrialMemory& memory, TrialResult& result) {
  CpuReport sum;
  for (const WorkerUsage& usage : memory.usages()) {
    if (!usage.complete.load(std::memory_order_acquire)) return;  // Part of a sum is no sum.
    sum.user += usage.user;
    sum.system += usage.system;
    sum.voluntary_switches += usage.voluntary_switches;
    sum.involuntary_switches += usage.involuntary_switches;
  }
  result.cpu = sum;
}

void measure_fairness(TrialMemory& memory, std::uint32_t workers, TrialResult& result) {
  std::vector<std::uint64_t> sections(workers);
  for (const Record& record : memory.records()) {
    if (record.enter != 0) ++sections[record.worker];
  }
  result.fairness = jain_index(sections);
}

void keep_requests(const RequestSource& requests, TrialMemory& memory, TrialResult& result) {
  const Nanos release = memory.header().release.load();
  std::map<std::string_view, std::uint32_t> texts = {{"", 0}};
  result.reason_texts = {""};
  const auto since = [release](Nanos time) {
    return time == 0 ? std::nullopt : std::optional(time - release);
  };
  for (std::uint64_t index = 0; index < requests.count(); ++index) {
    const Record& record = memory.records()[index];
    RequestRow row{.request = index,
                   .thread = {},
                   .key = requests.key_of(index),
                   .outcome = {},
                   .start = since(record.start),
                   .enter = since(record.enter),
                   .leave = since(record.leave),
                   .end = since(end_of(record))};
    if (row.start) row.thread = record.worker;
    if (row.end) {
      row.outcome = record.outcome;
      const auto [text, is_new] =
          texts.try_emplace(record.reason.text(), static_cast<std::uint32_t>(result.reason_texts.size()));
      if (is_new) result.reason_texts.emplace_back(text->first);
      row.reason = text->second;
    }
    result.requests.push_back(row);
  }
}

}  // namespace

std::uint64_t collect(const Experiment& experiment, const GuardPlugin& guard, const RequestSource& requests,
                      TrialMemory& memory, TrialResult& result) {
  const std::uint64_t damaged = memory.discard_damaged_records();
  Tally& tally = result.tally;
  tally.promises = guard.info.promises;
  tally.settled = memory.header().stage.load(std::memory_order_acquire) == Stage::ended;
  tally.keys = experiment.keys;
  count(requests, memory, tally);
  read_facts(memory, experiment.scenario->info.facts.size(), tally);
  result.expected_success = experiment.scenario->expected_success(tally);
  measure_start(memory, experiment.threads, result.start);
  measure_times(memory, result);
  measure_cpu(memory, result);
  if (experiment.pool()) measure_fairness(memory, experiment.threads, result);
  for (const Snapshot& snapshot : result.snapshots) {
    result.blocked_peak = std::max(result.blocked_peak.value_or(0), blocked(snapshot));
  }
  if (experiment.keep_requests) keep_requests(requests, memory, result);
  return damaged;
}

}  // namespace ccbench
