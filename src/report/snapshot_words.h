// Words for what a snapshot shows: who waits for what, who holds it, and in which functions. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// What the names in a snapshot come from. Refers to its parts and owns none.
struct SnapshotContext {
  const ScenarioInfo& scenario;
  std::string_view guard;
  const Promises& promises;
  std::span<const Stack> stacks;  ///< what `ThreadRow::stack` counts through
};
SnapshotContext context_of(const RunResult& run, const TrialResult& trial);

/// The fullest first, and among equals the first of their order.
template <class Key>
std::vector<std::pair<Key, std::uint64_t>> fullest_first(const std::map<Key, std::uint64_t>& counts) {
  std::vector<std::pair<Key, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return sorted;
}

/// Whether it holds nothing but the workers' own words.
bool is_published(const Snapshot& snapshot);

/// `T7`
std::string worker_name(std::uint32_t thread);

/// `T1-T6, T8, T10-T19` of ascending numbers; beyond `most` ranges `and 12 more`, which counts threads.
std::string worker_ranges(std::span<const std::uint32_t> threads,
                          std::size_t most = std::numeric_limits<std::size_t>::max());

/// By the row of a lock, by its index in the snapshot.
std::string lock_name(const SnapshotContext& context, const Snapshot& snapshot, std::uint32_t lock);

/// What the worker waits for: the lock that it sleeps on or, where nobody but the worker was asked, by its
/// own word. Empty: nothing that is known.
std::string lock_of(const SnapshotContext& context, const Snapshot& snapshot, const ThreadRow& row);

/// Whether the worker had ended when it was looked at, also where its own last word was still another.
bool is_over(const ThreadRow& row);

/// Whether a lock of this kind has an owner: not what is only waited on until it changes.
bool is_held(LockKind kind);

/// `held by T7`, `held by T3, which has finished`, `held by 3 readers`, `held by thread 4711, no worker`;
/// empty: nobody is known to hold it.
std::string holder_of(const LockRow& lock, const Snapshot& snapshot);

/// The same to put behind the name of the lock: ` held by T7`, `, held by T3 which has finished`.
std::string held_clause(const LockRow& lock, const Snapshot& snapshot);

/// `in step payment`, `in the guard`, `at the start barrier`, `finished`
std::string whereabouts(Place place, const ScenarioInfo& scenario);

/// `19 BLOCKED, 1 TIMED_WAITING`, the fullest first; empty where no thread that is alive has a state.
std::string states_of(const Snapshot& snapshot);

/// `deadlock: T3 holds A, waits for it itself`
std::string text_of(const Hang& hang);

/// `SynchronizedGuard<StdSync>::run (synchronized.cc:24)`, `__lll_lock_wait (libc.so.6)`
std::string text_of(const Frame& frame);

/// Threads whose stacks read the same.
struct StackGroup {
  std::vector<std::string> frames;    ///< innermost first, without those of the harness and of no name
  std::vector<std::uint32_t> stacks;  ///< their numbers, the fullest first
  std::uint64_t threads = 0;
};
/// The fullest first. Threads without a stack are in none.
std::vector<StackGroup> group_by_stack(const SnapshotContext& context, const Snapshot& snapshot);

}  // namespace ccbench
