#include "snapshot/wait_graph.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace ccbench {
namespace {

/// Thread i waits for a lock that thread `owners[i]` holds; -1: for none. Every lock is waited for by one
/// thread.
Snapshot waiting(std::initializer_list<int> owners) {
  Snapshot snapshot;
  for (const int owner : owners) {
    const auto thread = static_cast<std::uint32_t>(snapshot.threads.size());
    ThreadRow row{.thread = thread, .place = Place::in_guard(0), .stable = true};
    if (owner >= 0) {
      row.lock = static_cast<std::uint32_t>(snapshot.locks.size());
      LockRow lock;
      lock.owner = static_cast<std::uint32_t>(owner);
      snapshot.locks.push_back(lock);
    }
    snapshot.threads.push_back(row);
  }
  snapshot.cycles = find_cycles(snapshot.threads, snapshot.locks);
  return snapshot;
}

std::vector<std::vector<std::uint32_t>> threads_of(const std::vector<Cycle>& cycles) {
  std::vector<std::vector<std::uint32_t>> threads;
  for (const Cycle& cycle : cycles) {
    threads.emplace_back();
    for (const CycleMember& member : cycle) threads.back().push_back(member.thread);
  }
  return threads;
}

using Cycles = std::vector<std::vector<std::uint32_t>>;

TEST(WaitGraph, AChainIsNoCycle) {
  EXPECT_EQ(threads_of(waiting({1, 2, -1}).cycles), Cycles{});
  EXPECT_EQ(threads_of(waiting({}).cycles), Cycles{});
}

TEST(WaitGraph, FindsEveryCycleAndItsMembersAlone) {
  // 0 → 1 → 2 → 0 with 3 behind it, 4 behind 3, and 5 ⇄ 6; 7 waits for itself, 8 for nobody.
  const Snapshot snapshot = waiting({1, 2, 0, 0, 3, 6, 5, 7, -1});
  EXPECT_EQ(threads_of(snapshot.cycles), (Cycles{{0, 1, 2}, {5, 6}, {7}}));
  EXPECT_EQ(waiting_behind(snapshot), 2U);
}

TEST(WaitGraph, WhoComesFromOutsideIsNoMemberThoughItIsLookedAtFirst) {
  const Snapshot snapshot = waiting({1, 2, 1});
  EXPECT_EQ(threads_of(snapshot.cycles), (Cycles{{1, 2}}));
  EXPECT_EQ(waiting_behind(snapshot), 1U);
}

TEST(WaitGraph, AMemberHoldsWhatTheOneBeforeItWaitsFor) {
  const Snapshot snapshot = waiting({1, 2, 0});
  ASSERT_EQ(snapshot.cycles.size(), 1U);
  for (const CycleMember& member : snapshot.cycles[0]) {
    EXPECT_EQ(snapshot.locks[member.holds].owner, member.thread);
    EXPECT_EQ(snapshot.threads[member.thread].lock, member.waits_for);
  }
}

TEST(WaitGraph, ARowThatMovedOrWaitsWithALimitClosesNoCycle) {
  Snapshot snapshot = waiting({1, 0});
  ASSERT_EQ(snapshot.cycles.size(), 1U);
  snapshot.threads[1].stable = false;
  EXPECT_TRUE(find_cycles(snapshot.threads, snapshot.locks).empty());
  EXPECT_EQ(find_cycles(snapshot.threads, snapshot.locks, Trust::all).size(), 1U);
  snapshot.threads[1].stable = true;
  snapshot.threads[1].limited = true;
  EXPECT_TRUE(find_cycles(snapshot.threads, snapshot.locks).empty());
}

}  // namespace
}  // namespace ccbench
