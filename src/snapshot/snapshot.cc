#include "snapshot/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace ccbench {
namespace {

// A place that needed a lock, or two words, could be read half old and half new.
static_assert(std::atomic<Place>::is_always_lock_free && sizeof(Place) == sizeof(std::uint64_t));

bool lets_wait(const Promises& promises) { return promises.waits || promises.gives_up; }

auto order_of(Place place) { return std::tuple(place.phase(), place.step(), place.key()); }

struct ByPlace {
  bool operator()(Place a, Place b) const { return order_of(a) < order_of(b); }
};

}  // namespace

std::string_view name_of(ThreadState state) {
  constexpr std::array<std::string_view, 7> kNames = {
      "", "RUNNABLE", "BLOCKED", "WAITING", "TIMED_WAITING", "IN_SYSCALL", "TERMINATED"};
  return kNames.at(static_cast<std::size_t>(state));
}

std::string_view name_of(LockKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {
      "", "mutex", "recursive_mutex", "timed_mutex", "shared_mutex", "condition_variable", "futex"};
  return kNames.at(static_cast<std::size_t>(kind));
}

Snapshot published_snapshot(std::span<const WorkerSlot> slots, Nanos since_release) {
  Snapshot snapshot{.at = since_release,
                    .done = since_release,
                    .capture = 0,
                    .still = false,
                    .resolve = {},
                    .mode = "published",
                    .threads = {},
                    .locks = {},
                    .cycles = {}};
  snapshot.threads.resize(slots.size());  // Before the clock starts: an allocation is no part of reading.
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t thread = 0; thread < slots.size(); ++thread) {
    const WorkerSlot& slot = slots[thread];
    ThreadRow& row = snapshot.threads[thread];
    row.thread = thread;
    row.tid = slot.tid.load(std::memory_order_relaxed);
    row.place = slot.place.load(std::memory_order_relaxed);
    if (row.place.phase() == Phase::finished) row.state = ThreadState::terminated;
  }
  snapshot.capture = std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count();
  return snapshot;
}

std::string phase_name(Place place, const ScenarioInfo& scenario) {
  switch (place.phase()) {
    case Phase::barrier: return "barrier";
    case Phase::guard: return "guard";
    case Phase::finished: return "finished";
    case Phase::idle: return "idle";
    case Phase::step: break;
  }
  if (place.step() >= scenario.steps.size()) return "step:section";
  return "step:" + std::string(scenario.steps[place.step()]);
}

std::string lock_name(Place place, std::string_view guard, const Promises& promises,
                      const ScenarioInfo& scenario) {
  if (place.phase() != Phase::guard || !lets_wait(promises)) return {};
  if (!promises.per_key) return std::string(guard);
  return fmt::format("{}[{}]", guard, scenario.name_of(place.key()));
}

bool has_name(const LockRow& lock, const Promises& promises) {
  return lock.place && lets_wait(promises) && !(promises.per_key && lock.disputed);
}

std::string lock_name(const LockRow& lock, std::string_view guard, const Promises& promises,
                      const ScenarioInfo& scenario) {
  if (lock.place && has_name(lock, promises)) return lock_name(*lock.place, guard, promises, scenario);
  return fmt::format("{} {:#x}", name_of(lock.kind), lock.address);
}

std::vector<LockGroup> group_by_lock(const Snapshot& snapshot, std::string_view guard,
                                     const Promises& promises, const ScenarioInfo& scenario) {
  std::vector<LockGroup> groups;
  std::map<std::pair<LockKind, std::string>, std::size_t> words;  // their groups
  for (std::uint32_t i = 0; i < snapshot.locks.size(); ++i) {
    const LockRow& lock = snapshot.locks[i];
    groups.push_back({.first = i, .waiters = lock.waiters});
    if (lock.kind != LockKind::futex && lock.kind != LockKind::condition_variable) continue;
    const auto [group, is_new] =
        words.try_emplace({lock.kind, lock_name(lock, guard, promises, scenario)}, groups.size() - 1);
    if (is_new) continue;
    groups.pop_back();
    ++groups[group->second].words;
    groups[group->second].waiters += lock.waiters;
  }
  std::ranges::sort(groups, [](const LockGroup& a, const LockGroup& b) {
    return a.waiters != b.waiters ? a.waiters > b.waiters : a.first < b.first;
  });
  return groups;
}

std::string_view java_state(const ThreadRow& row, const Snapshot& snapshot) {
  const LockKind kind = row.lock == kNoIndex ? LockKind::none : snapshot.locks[row.lock].kind;
  switch (row.state) {
    case ThreadState::unknown: return "";
    case ThreadState::runnable:
    case ThreadState::in_syscall: return "RUNNABLE";  // A JVM does not look into native calls.
    case ThreadState::terminated: return "TERMINATED";
    case ThreadState::blocked:
      // A ReentrantReadWriteLock parks its waiters; only monitors, which may be re-entered, block them.
      return kind == LockKind::shared_mutex ? "WAITING (parking)" : "BLOCKED (on object monitor)";
    case ThreadState::waiting:
      return kind == LockKind::condition_variable ? "WAITING (on object monitor)" : "WAITING (parking)";
    case ThreadState::timed_waiting: break;
  }
  if (kind == LockKind::none) return "TIMED_WAITING (sleeping)";
  return kind == LockKind::condition_variable ? "TIMED_WAITING (on object monitor)"
                                              : "TIMED_WAITING (parking)";
}

std::uint64_t blocked(const Snapshot& snapshot) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      snapshot.threads, [](const ThreadRow& row) { return row.place.phase() == Phase::guard; }));
}

std::vector<PlaceCount> group_by_place(const Snapshot& snapshot) {
  std::map<Place, std::uint64_t, ByPlace> counts;
  for (const ThreadRow& row : snapshot.threads) ++counts[row.place];
  std::vector<PlaceCount> groups;
  groups.reserve(counts.size());
  for (const auto& [place, threads] : counts) groups.push_back({.place = place, .threads = threads});
  // Equally full places stand in the order in which a request passes them.
  std::ranges::sort(groups, [](const PlaceCount& a, const PlaceCount& b) {
    return a.threads != b.threads ? a.threads > b.threads : ByPlace{}(a.place, b.place);
  });
  return groups;
}

}  // namespace ccbench
