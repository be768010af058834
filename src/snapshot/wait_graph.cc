#include "snapshot/wait_graph.h"

#include <algorithm>

namespace ccbench {
namespace {

/// For every thread the one whose lock it waits for; `kNoIndex` where there is none.
std::vector<std::uint32_t> waits_for(std::span<const ThreadRow> threads, std::span<const LockRow> locks,
                                     Trust trust) {
  std::vector<std::uint32_t> next(threads.size(), kNoIndex);
  for (const ThreadRow& row : threads) {
    if (row.lock == kNoIndex || row.limited || (trust == Trust::unmoved && !row.stable)) continue;
    next[row.thread] = locks[row.lock].owner.value_or(kNoIndex);
  }
  return next;
}

Cycle cycle_from(std::uint32_t first, const std::vector<std::uint32_t>& next,
                 std::span<const ThreadRow> threads) {
  Cycle cycle;
  std::uint32_t thread = first;
  do {
    cycle.push_back({.thread = thread, .holds = 0, .waits_for = threads[thread].lock});
    thread = next[thread];
  } while (thread != first);
  // What a member holds is what the one before it waits for.
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    cycle[(i + 1) % cycle.size()].holds = cycle[i].waits_for;
  }
  return cycle;
}

}  // namespace

std::vector<Cycle> find_cycles(std::span<const ThreadRow> threads, std::span<const LockRow> locks,
                               Trust trust) {
  const std::vector<std::uint32_t> next = waits_for(threads, locks, trust);
  constexpr std::uint32_t kNotSeen = 0;
  std::vector<std::uint32_t> seen_by(threads.size(), kNotSeen);  // the walk, numbered from 1, that came by
  std::vector<Cycle> cycles;
  std::uint32_t walk = kNotSeen;
  for (std::uint32_t start = 0; start < threads.size(); ++start) {
    ++walk;
    std::uint32_t at = start;
    while (at != kNoIndex && seen_by[at] == kNotSeen) {
      seen_by[at] = walk;
      at = next[at];
    }
    // Only who meets its own track has gone round.
    if (at != kNoIndex && seen_by[at] == walk) cycles.push_back(cycle_from(at, next, threads));
  }
  return cycles;
}

std::uint64_t waiting_behind(const Snapshot& snapshot) {
  enum class Fate : std::uint8_t { unknown, free, member, behind };
  const std::vector<std::uint32_t> next = waits_for(snapshot.threads, snapshot.locks, Trust::all);
  std::vector<Fate> fates(snapshot.threads.size(), Fate::unknown);
  for (const Cycle& cycle : snapshot.cycles) {
    for (const CycleMember& member : cycle) fates[member.thread] = Fate::member;
  }
  std::vector<std::uint32_t> path;
  for (std::uint32_t start = 0; start < next.size(); ++start) {
    path.clear();
    std::uint32_t at = start;
    while (at != kNoIndex && fates[at] == Fate::unknown) {
      fates[at] = Fate::free;  // Until known better; it also ends the walk in a circle that is not confirmed.
      path.push_back(at);
      at = next[at];
    }
    const bool stuck = at != kNoIndex && fates[at] != Fate::free;
    if (stuck) {
      for (const std::uint32_t thread : path) fates[thread] = Fate::behind;
    }
  }
  return static_cast<std::uint64_t>(std::ranges::count(fates, Fate::behind));
}

}  // namespace ccbench
