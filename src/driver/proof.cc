#include "driver/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace ccbench {
namespace {

using Counts = std::vector<std::int64_t>;  // by key

Counts none_of(const Evidence& evidence) { return Counts(evidence.tally.keys); }

bool writes(const Evidence& evidence, std::size_t i) { return evidence.requests.kind_of(i) == Kind::write; }

/// How many a guard lets into a key at once, by what it promises.
struct Bound {
  std::int64_t most;
  bool reads;  ///< whether requests that only read count as well
};

std::optional<Bound> bound_of(const Promises& promises) {
  if (promises.exclusive) return Bound{.most = 1, .reads = false};
  if (promises.admits > 0) return Bound{.most = promises.admits, .reads = true};
  return std::nullopt;
}

/// Entry and leaving are stamped inside the section, so that sections whose stamps overlap did; those that
/// touch, or whose stamps are one, prove nothing. Nor does a request whose section was called again: it was
/// outside in between.
Invariant most_inside(Bound bound, const Evidence& evidence) {
  using Leaves = std::priority_queue<Nanos, std::vector<Nanos>, std::greater<>>;
  const Key keys = evidence.tally.keys;
  std::vector<Leaves> inside(keys);
  Invariant most = equal(fmt::format("at most {} inside", bound.most), bound.most, 0);
  evidence.lanes.in_order_of(&Record::enter, [&](std::uint32_t i) {
    const Record& record = evidence.records[i];
    if (record.calls != 1 || (!bound.reads && !writes(evidence, i))) return;
    const Key key = evidence.requests.key_of(i);
    Leaves& leaves = inside[key];
    while (!leaves.empty() && leaves.top() <= record.enter) leaves.pop();
    const Nanos leave = record.leave != 0 ? record.leave : kNever;
    if (leave > record.enter) leaves.push(leave);
    if (std::ssize(leaves) <= most.observed) return;
    most.observed = std::ssize(leaves);
    most.key = keys > 1 ? std::optional(key) : std::nullopt;
  });
  most.holds = most.observed <= bound.most;
  most.beyond_repair = !most.holds;
  return most;
}

/// Requests that ended before they were inside, because the guard said no or gave up waiting. A section may
/// say so as well; then those who share its answer have it at second hand.
Invariant turned_away(const Evidence& evidence) {
  Counts counts = none_of(evidence);
  bool sections_say_so = false;
  for (std::size_t i = 0; i < evidence.records.size(); ++i) {
    const Record& record = evidence.records[i];
    if (end_of(record) == 0) continue;
    if (record.outcome != Outcome::turned_away && record.outcome != Outcome::timed_out) continue;
    if (record.enter == 0) ++counts[evidence.requests.key_of(i)];
    sections_say_so = sections_say_so || record.enter != 0;
  }
  if (sections_say_so && evidence.tally.promises.shares) counts = none_of(evidence);
  return each_key("nobody turned away", 0, counts, evidence.tally);
}

Invariant run_again(const Evidence& evidence) {
  Counts counts = none_of(evidence);
  for (std::size_t i = 0; i < evidence.records.size(); ++i) {
    if (evidence.records[i].calls > 1) ++counts[evidence.requests.key_of(i)];
  }
  return each_key("no section runs twice", 0, counts, evidence.tally);
}

/// A key's successes in the order in which they left. Walked by a request that enters ever later.
class Successes {
 public:
  void add(const Record& record) { left_.push_back({.leave = record.leave, .start = record.start}); }

  /// When the last one came, of those that had left by then.
  std::optional<Nanos> last_start_before(Nanos enter) {
    for (; next_ < left_.size() && left_[next_].leave < enter; ++next_)
      last_start_ = std::max(last_start_.value_or(0), left_[next_].start);
    return last_start_;
  }

 private:
  struct Left {
    Nanos leave;
    Nanos start;
  };
  std::vector<Left> left_;
  std::size_t next_ = 0;
  std::optional<Nanos> last_start_;
};

/// Of a guard that is exclusive. Who is let in while another is inside breaks that; else who enters after a
/// success has left was let in after it. A promise that ends counts from before the success entered, which
/// nobody outside the guard knows more exactly.
Invariant entered_after_success(const Evidence& evidence) {
  std::vector<Successes> successes(evidence.tally.keys);
  evidence.lanes.in_order_of(&Record::leave, [&](std::uint32_t i) {
    const Record& record = evidence.records[i];
    if (end_of(record) != 0 && record.outcome == Outcome::success && writes(evidence, i))
      successes[evidence.requests.key_of(i)].add(record);
  });
  const Nanos once_for = evidence.tally.promises.once_for;
  Counts counts = none_of(evidence);
  evidence.lanes.in_order_of(&Record::enter, [&](std::uint32_t i) {
    if (!writes(evidence, i)) return;
    const Key key = evidence.requests.key_of(i);
    const Nanos enter = evidence.records[i].enter;
    const auto start = successes[key].last_start_before(enter);
    if (start && (once_for == 0 || enter - *start < once_for)) ++counts[key];
  });
  return each_key("nobody enters after a success", 0, counts, evidence.tally);
}

/// Which request a worker carried; to be asked for ever later times.
class Carried {
 public:
  explicit Carried(const Evidence& evidence)
      : evidence_(evidence), at_(evidence.lanes.first().begin(), evidence.lanes.first().end()) {}

  /// The request that the worker had started before the snapshot and had not ended after it. Nothing where it
  /// was between two, where it may sleep on something of the scenario's or of the harness.
  std::optional<std::uint32_t> throughout(const Snapshot& snapshot, std::uint32_t worker) {
    std::uint32_t& at = at_.at(worker);
    const Nanos done = evidence_.release + snapshot.done;
    while (at != Lanes::kNone && end_of(record(at)) != 0 && end_of(record(at)) < done) at = record(at).next;
    if (at == Lanes::kNone || record(at).start > evidence_.release + snapshot.at) return std::nullopt;
    return at;
  }

 private:
  const Record& record(std::uint32_t i) const { return evidence_.records[i]; }

  const Evidence& evidence_;
  std::vector<std::uint32_t> at_;
};

bool sleeps_on_a_lock(const ThreadRow& row) {
  return row.stable && row.place.phase() == Phase::guard && row.lock != kNoIndex;
}

/// Who holds what the row waits for, if that one is asleep in a section; null if not. What a guard holds for
/// a moment, as the mutex of a part of its map, it holds outside of sections.
const ThreadRow* holder_in_section(const ThreadRow& row, const Snapshot& snapshot) {
  const auto owner = snapshot.locks[row.lock].owner;
  if (!owner || *owner >= snapshot.threads.size()) return nullptr;
  const ThreadRow& holder = snapshot.threads[*owner];
  return holder.stable && holder.place.phase() == Phase::step ? &holder : nullptr;
}

/// Rows that are stable are true of one instant: at that one somebody sleeps on a lock, and its holder sleeps
/// in a section of another key, and holds it there for as long as the section takes. A request whose guard
/// has said that it waits for another key, too, is one of both.
Invariant waited_for_another_key(const Evidence& evidence) {
  Carried carried(evidence);
  std::unordered_set<std::uint32_t> waited;
  const auto key_of = [&](std::uint32_t i) { return evidence.requests.key_of(i); };
  for (const Snapshot& snapshot : evidence.snapshots) {
    for (const ThreadRow& row : snapshot.threads) {
      if (!sleeps_on_a_lock(row)) continue;
      const ThreadRow* holder = holder_in_section(row, snapshot);
      if (holder == nullptr) continue;
      const auto waits = carried.throughout(snapshot, row.thread);
      const auto holds = carried.throughout(snapshot, holder->thread);
      if (!waits || !holds || key_of(*waits) == key_of(*holds)) continue;
      if (evidence.records[*waits].several_keys || evidence.records[*holds].several_keys) continue;
      waited.insert(*waits);
    }
  }
  Counts counts = none_of(evidence);
  for (const std::uint32_t i : waited) ++counts[key_of(i)];
  return each_key("nobody waits for another key", 0, counts, evidence.tally);
}

/// By request, of those that are seen to wait for their turn: by when they had come. Who sleeps in the guard
/// may not have got into its queue yet, but sleep on a mutex that another holds for a moment. Where nobody
/// ran there is no such other.
std::unordered_map<std::uint32_t, Nanos> seen_waiting(const Evidence& evidence) {
  Carried carried(evidence);
  std::unordered_map<std::uint32_t, Nanos> come;
  for (const Snapshot& snapshot : evidence.snapshots) {
    if (!snapshot.still) continue;
    const Nanos done = evidence.release + snapshot.done;
    for (const ThreadRow& row : snapshot.threads) {
      if (!sleeps_on_a_lock(row) || row.limited) continue;
      const auto waits = carried.throughout(snapshot, row.thread);
      if (!waits) continue;
      const Record& record = evidence.records[*waits];
      const bool has_not_been_inside = record.enter == 0 || record.enter > done;
      if (has_not_been_inside && !record.several_keys && writes(evidence, *waits))
        come.try_emplace(*waits, done);
    }
  }
  return come;
}

/// Of a guard that is exclusive: who is let in first has entered, and left, before the other is let in, so
/// that their stamps have the guard's order. Came later: started when the other had been seen to wait.
Invariant overtaken(const Evidence& evidence) {
  struct Entered {
    Nanos last_start = 0;  ///< of those that entered before `at`
    Nanos at = 0;          ///< the last entry
    Nanos start = 0;       ///< the last of those that entered then: in which order, nobody knows
  };
  const std::unordered_map<std::uint32_t, Nanos> come = seen_waiting(evidence);
  std::vector<Entered> entered(evidence.tally.keys);
  Counts counts = none_of(evidence);
  evidence.lanes.in_order_of(&Record::enter, [&](std::uint32_t i) {
    if (!writes(evidence, i)) return;
    const Record& record = evidence.records[i];
    const Key key = evidence.requests.key_of(i);
    Entered& earlier = entered[key];
    if (record.enter != earlier.at) {
      earlier.last_start = std::max(earlier.last_start, earlier.start);
      earlier.at = record.enter;
      earlier.start = 0;
    }
    const auto waited = come.find(i);
    if (waited != come.end() && earlier.last_start > waited->second) ++counts[key];
    earlier.start = std::max(earlier.start, record.start);
  });
  return each_key("nobody overtaken", 0, counts, evidence.tally);
}

bool shows_locks(const Snapshot& snapshot) { return snapshot.mode != "published"; }

}  // namespace

std::vector<Invariant> proven(const Evidence& evidence) {
  const Promises& promises = evidence.tally.promises;
  std::vector<Invariant> invariants;
  if (const auto bound = bound_of(promises)) invariants.push_back(most_inside(*bound, evidence));
  // After a success, or a failure that cancels its siblings, a request cannot enter however long it waits.
  if (promises.waits && !promises.once && !promises.cancels) invariants.push_back(turned_away(evidence));
  if (promises.once && promises.exclusive) invariants.push_back(entered_after_success(evidence));
  if (!promises.retries) invariants.push_back(run_again(evidence));
  const auto any = [&](auto which) { return std::ranges::any_of(evidence.snapshots, which); };
  if (promises.per_key && evidence.tally.keys > 1 && any(shows_locks))
    invariants.push_back(waited_for_another_key(evidence));
  if (promises.fifo && promises.exclusive && any(&Snapshot::still)) invariants.push_back(overtaken(evidence));
  return invariants;
}

}  // namespace ccbench
