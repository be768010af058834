#include "driver/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <utility>

#include "driver/collect_counts.h"
#include "driver/lanes.h"
#include "driver/proof.h"
#include "driver/trial_history.h"

namespace ccbench {
namespace {

void count(const RequestSource& requests, TrialMemory& memory, Tally& tally) {
  tally.requests = requests.count();
  tally.requests_of_key.assign(tally.keys, 0);
  tally.successes_of_key.assign(tally.keys, 0);
  tally.reads_of_key.assign(tally.keys, 0);
  // By address first: the texts are few, the requests may be millions.
  std::map<std::pair<Outcome, const char*>, std::uint64_t> reasons;
  const auto records = memory.records();
  for (std::uint64_t index = 0; index < records.size(); ++index) {
    const Record& record = records[index];
    const Key key = requests.key_of(index);
    ++tally.requests_of_key[key];
    if (end_of(record) == 0) continue;
    ++tally.outcomes.at(index_of(record.outcome));
    if (record.outcome == Outcome::success) {
      ++tally.successes_of_key[key];
      if (requests.kind_of(index) == Kind::read) ++tally.reads_of_key[key];
    }
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

/// Most requests between their start and their end at once; in an open loop from their arrival on, also while
/// no worker is free.
std::uint64_t in_flight_peak(std::span<const Record> records, const Lanes& lanes) {
  std::priority_queue<Nanos, std::vector<Nanos>, std::greater<>> ends;
  std::size_t peak = 0;
  lanes.in_order_of(arrival_of, [&](std::uint32_t i) {
    while (!ends.empty() && ends.top() <= arrival_of(records[i])) ends.pop();
    ends.push(end_of(records[i]) != 0 ? end_of(records[i]) : kNever);
    peak = std::max(peak, ends.size());
  });
  return peak;
}

/// How long keys lay free between two sections: what `hand_overs` finds, without a copy of the requests.
Percentiles hand_overs_of(const RequestSource& requests, std::span<const Record> records, Key keys,
                          const Lanes& lanes) {
  std::vector<Nanos> last_leave(keys);
  std::deque<Nanos> gaps;
  lanes.in_order_of(&Record::enter, [&](std::uint32_t i) {
    const Record& record = records[i];
    Nanos& last = last_leave[requests.key_of(i)];
    if (last != 0 && arrival_of(record) <= last && last <= record.enter) gaps.push_back(record.enter - last);
    last = std::max(last, record.leave != 0 ? record.leave : kNever);
  });
  return percentiles_of([&](const auto& visit) { std::ranges::for_each(gaps, visit); });
}

/// What `overtakes` counts, without a copy of the requests.
std::optional<std::uint64_t> overtakes_of(const RequestSource& requests, std::span<const Record> records,
                                          Key keys, const Lanes& lanes) {
  struct Earlier {
    Nanos latest_entry = 0;  ///< of those that came before `arrival`
    Nanos arrival = 0;       ///< of the last that came
    Nanos entry = 0;         ///< the latest of those that came at `arrival`
  };
  std::vector<Earlier> earlier(keys);
  std::uint64_t count = 0;
  bool any = false;
  lanes.in_order_of(arrival_of, [&](std::uint32_t i) {
    const Record& record = records[i];
    if (record.enter == 0 && end_of(record) != 0) return;  // It never wanted to enter any more.
    any = true;
    Earlier& key = earlier[requests.key_of(i)];
    const Nanos entry = record.enter != 0 ? record.enter : kNever;
    if (arrival_of(record) != key.arrival) {
      key.latest_entry = std::max(key.latest_entry, key.entry);
      key.arrival = arrival_of(record);
      key.entry = 0;
    }
    if (entry < key.latest_entry) ++count;
    key.entry = std::max(key.entry, entry);
  });
  return any ? std::optional(count) : std::nullopt;
}

/// The first start of every worker that started anything, ascending.
std::vector<Nanos> first_starts(std::span<const Record> records, std::size_t workers) {
  std::vector<Nanos> first(workers, kNever);
  for (const Record& record : records) {
    if (record.start != 0) first[record.worker] = std::min(first[record.worker], record.start);
  }
  std::erase(first, kNever);
  std::ranges::sort(first);
  return first;
}

void measure_start(const TrialMemory& memory, std::uint32_t workers, StartReport& start) {
  const std::vector<Nanos> first = first_starts(memory.records(), workers);
  if (first.size() >= 2) {
    start.spread = first.back() - first.front();
    start.first_gap = first[1] - first[0];
  }
}

void measure_order(const RequestSource& requests, const TrialMemory& memory, std::uint32_t workers, Key keys,
                   TrialResult& result) {
  const Lanes lanes(memory.records(), workers);
  result.start.in_flight_peak = in_flight_peak(memory.records(), lanes);
  result.hand_over = hand_overs_of(requests, memory.records(), keys, lanes);
  result.overtakes = overtakes_of(requests, memory.records(), keys, lanes);
  result.invariants = proven({.requests = requests,
                              .records = memory.records(),
                              .lanes = lanes,
                              .tally = result.tally,
                              .release = memory.header().release,
                              .snapshots = result.snapshots});
}

void judge_histories(const Experiment& experiment, const RequestSource& requests, const TrialMemory& memory,
                     TrialResult& result) {
  auto report = history_of_trial(experiment, result.tally.promises, result.seed, requests, memory.records());
  if (!report) return;
  if (report->invariant) result.invariants.push_back(*std::move(report->invariant));
  result.unknown_history = report->unknown > 0;
}

/// Start of the request, or its arrival in an open loop, to entry, or to the result for those who never
/// enter.
std::optional<Nanos> wait_of(const Record& record) {
  if (record.enter != 0) return record.enter - arrival_of(record);
  return end_of(record) != 0 ? std::optional(end_of(record) - arrival_of(record)) : std::nullopt;
}

/// How long a request that started waited, or had waited when the trial's process was gone.
Nanos waited(const Record& record, Nanos gone) {
  return wait_of(record).value_or(std::max<Nanos>(0, gone - arrival_of(record)));
}

std::optional<Nanos> hold_of(const Record& record) {
  return record.leave != 0 ? std::optional(record.leave - record.enter) : std::nullopt;
}

std::optional<Nanos> latency_of(const Record& record) {
  return end_of(record) != 0 ? std::optional(end_of(record) - arrival_of(record)) : std::nullopt;
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

void measure_fairness(TrialResult& result) {
  std::vector<std::uint64_t> sections;
  sections.reserve(result.workers.size());
  for (const WorkerReport& worker : result.workers) sections.push_back(worker.sections);
  result.fairness = jain_index(sections);
}

/// A section that has not ended has not been thrown away.
WasteReport measure_waste(std::span<const Record> records) {
  WasteReport waste;
  for (const Record& record : records) {
    if (end_of(record) != 0)
      waste.sections += sections_in_vain(record.calls, record.outcome == Outcome::success);
  }
  return waste;
}

void measure_wasted_effects(const Experiment& experiment, TrialResult& result) {
  const ScenarioInfo& scenario = experiment.scenario->info;
  if (result.expected_success && (result.tally.settled || !scenario.facts_at_end)) {
    const auto wanted = static_cast<std::int64_t>(*result.expected_success);
    const std::int64_t beyond = result.tally.total(scenario.effect) - wanted;
    if (result.waste) result.waste->effects = std::max<std::int64_t>(0, beyond);
  }
}

void measure_workers(TrialMemory& memory, std::uint32_t workers, Nanos gone, TrialResult& result) {
  result.workers.assign(workers, {});
  for (const Record& record : memory.records()) {
    if (record.start == 0) continue;
    WorkerReport& worker = result.workers[record.worker];
    if (end_of(record) != 0) ++worker.requests;
    if (record.enter != 0) ++worker.sections;
    worker.longest_wait = std::max(worker.longest_wait, waited(record, gone));
  }
}

void keep_steps(const Record& record, const StepSlots& slots, RequestRow& row,
                std::vector<StepEntry>& steps) {
  row.first_step = static_cast<std::uint32_t>(steps.size());
  row.step_count = record.steps;
  for (std::size_t i = 0; i < record.steps; ++i) {
    const std::uint64_t entered = slots.entered.at(i).load(std::memory_order_relaxed);
    steps.push_back({.step = entered & ((1U << StepSlots::kStepBits) - 1),
                     .at = static_cast<Nanos>(entered >> StepSlots::kStepBits)});
  }
}

/// Of the first requests, `most`, and of those that started and have not ended.
void keep_requests(const RequestSource& requests, TrialMemory& memory, std::uint64_t most,
                   TrialResult& result) {
  const Nanos release = memory.header().release.load();
  std::map<std::string_view, std::uint32_t> texts = {{"", 0}};
  result.reason_texts = {""};
  const auto since = [release](Nanos time) {
    return time == 0 ? std::nullopt : std::optional(time - release);
  };
  for (std::uint64_t index = 0; index < requests.count(); ++index) {
    const Record& record = memory.records()[index];
    if (index >= most && (record.start == 0 || end_of(record) != 0)) {
      ++result.lost_events;
      continue;
    }
    RequestRow row{.request = index,
                   .thread = {},
                   .key = requests.key_of(index),
                   .kind = requests.kind_of(index),
                   .outcome = {},
                   .start = since(record.start),
                   .enter = since(record.enter),
                   .leave = since(record.leave),
                   .end = since(end_of(record)),
                   .arrival = since(record.arrival)};
    if (row.start) row.thread = record.worker;
    if (row.end) {
      row.outcome = record.outcome;
      const auto [text, is_new] =
          texts.try_emplace(record.reason.text(), static_cast<std::uint32_t>(result.reason_texts.size()));
      if (is_new) result.reason_texts.emplace_back(text->first);
      row.reason = text->second;
    }
    if (index < memory.steps().size()) keep_steps(record, memory.steps()[index], row, result.steps);
    result.requests.push_back(row);
  }
}

/// Requests are started in the order of their arrivals.
ArrivalReport measure_arrivals(std::span<const Record> records, Nanos release) {
  ArrivalReport report;
  for (const Record& record : records) {
    if (record.start == 0) continue;
    ++report.started;
    report.delay = record.start - arrival_of(record);
    report.last_start = record.start - release;
  }
  return report;
}

void collect_records(const Experiment& experiment, const RequestSource& requests, TrialMemory& memory,
                     Nanos gone, TrialResult& result) {
  count(requests, memory, result.tally);
  measure_start(memory, experiment.threads, result.start);
  measure_times(memory, result);
  measure_order(requests, memory, experiment.threads, experiment.keys, result);
  result.waste = measure_waste(memory.records());
  if (experiment.pool()) measure_workers(memory, experiment.threads, gone, result);
  if (experiment.rate > 0) result.arrivals = measure_arrivals(memory.records(), memory.header().release);
}

}  // namespace

std::uint64_t collect(const Experiment& experiment, const GuardPlugin& guard, const RequestSource& requests,
                      TrialMemory& memory, TrialResult& result, Nanos gone,
                      std::span<const RequestEvent> events) {
  const std::uint64_t damaged = memory.discard_damaged_records();
  Tally& tally = result.tally;
  tally.promises = experiment.promises_of(guard);
  tally.settled = memory.header().stage.load(std::memory_order_acquire) == Stage::ended;
  tally.keys = experiment.keys;
  if (experiment.counts()) {
    collect_counts(experiment, requests, memory, gone, result);
  } else {
    collect_records(experiment, requests, memory, gone, result);
    // Of a history with gaps nothing follows.
    if (damaged == 0) judge_histories(experiment, requests, memory, result);
  }
  read_facts(memory, experiment.scenario->info.facts.size(), tally);
  result.expected_success = experiment.scenario->expected_success(tally);
  measure_cpu(memory, result);
  measure_wasted_effects(experiment, result);
  if (experiment.pool()) measure_fairness(result);
  for (const Snapshot& snapshot : result.snapshots) {
    result.blocked_peak = std::max(result.blocked_peak.value_or(0), blocked(snapshot));
  }
  if (experiment.live_events()) {
    keep_events(events, requests, memory, result);
  } else if (experiment.keep_requests || experiment.keep_timeline) {
    keep_requests(requests, memory, experiment.most_rows(), result);
  }
  return damaged;
}

}  // namespace ccbench
