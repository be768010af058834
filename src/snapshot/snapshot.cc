#include "snapshot/snapshot.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

namespace ccbench {
namespace {

// A place that needed a lock, or two words, could be read half old and half new.
static_assert(std::atomic<Place>::is_always_lock_free && sizeof(Place) == sizeof(std::uint64_t));

auto order_of(Place place) { return std::tuple(place.phase(), place.step(), place.key()); }

struct ByPlace {
  bool operator()(Place a, Place b) const { return order_of(a) < order_of(b); }
};

}  // namespace

Snapshot take_snapshot(std::span<const WorkerSlot> slots, Nanos since_release) {
  Snapshot snapshot{.at = since_release, .capture = 0, .mode = "published", .threads = {}};
  snapshot.threads.resize(slots.size());  // Before the clock starts: an allocation is no part of reading.
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t thread = 0; thread < slots.size(); ++thread) {
    const WorkerSlot& slot = slots[thread];
    snapshot.threads[thread] = {.thread = thread,
                                .tid = slot.tid.load(std::memory_order_relaxed),
                                .place = slot.place.load(std::memory_order_relaxed)};
  }
  snapshot.capture = std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count();
  return snapshot;
}

std::string phase_name(Place place, const ScenarioInfo& scenario) {
  switch (place.phase()) {
    case Phase::barrier: return "barrier";
    case Phase::guard: return "guard";
    case Phase::finished: return "finished";
    case Phase::step: break;
  }
  if (place.step() >= scenario.steps.size()) return "step:section";
  return "step:" + std::string(scenario.steps[place.step()]);
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
