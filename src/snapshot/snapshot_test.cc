#include "snapshot/snapshot.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <type_traits>

namespace ccbench {
namespace {

constexpr std::array<std::string_view, 2> kSteps = {"validate", "payment"};
const ScenarioInfo kScenario{.name = "purchase",
                             .about = "",
                             .key_name = "ticket",
                             .needs = {},
                             .breakable = "",
                             .parameters = {},
                             .steps = kSteps,
                             .facts = {}};

TEST(Place, GivesBackWhatItWasMadeOf) {
  constexpr Key kLargest = (Key{1} << 48) - 1;
  const Place place = Place::in_step(1, kLargest);
  EXPECT_EQ(place.phase(), Phase::step);
  EXPECT_EQ(place.step(), 1U);
  EXPECT_EQ(place.key(), kLargest);
  EXPECT_EQ(Place::in_section(3).step(), Place::kNoStep);
  EXPECT_EQ(Place(), Place::at_barrier());
}

TEST(Place, IsOneAtomicWordAndNeverReadTorn) {
  static_assert(std::is_trivially_copyable_v<Place>);
  static_assert(std::atomic<Place>::is_always_lock_free);
  static_assert(sizeof(std::atomic<Place>) == 8);

  // No byte is the same in both places, so that any mixture would be a third one.
  constexpr Place kOne = Place::in_step(0x00, 0x0000'0000'0000);
  constexpr Place kOther = Place::in_guard(0xffff'ffff'ffff);
  WorkerSlot slot{};
  slot.move_to(kOne);
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      slot.move_to(kOther);
      slot.move_to(kOne);
    }
  });
  while (slot.moves.load() < 100) std::this_thread::yield();  // Until the writer is at it.
  for (int i = 0; i < 200'000; ++i) {
    const Place seen = slot.place.load(std::memory_order_relaxed);
    ASSERT_TRUE(seen == kOne || seen == kOther) << static_cast<int>(seen.phase()) << ' ' << seen.key();
  }
}

TEST(WorkerSlot, CountsItsMovesAndStandsOnACacheLineOfItsOwn) {
  static_assert(sizeof(WorkerSlot) == 64 && alignof(WorkerSlot) == 64);
  WorkerSlot slot{};
  slot.move_to(Place::in_guard(0));
  slot.move_to(Place::in_guard(0));  // The same place again is a move: a retry is progress.
  EXPECT_EQ(slot.moves.load(), 2U);
}

TEST(TakeSnapshot, ReadsEverySlotOnce) {
  std::array<WorkerSlot, 3> slots{};
  slots[1].tid = 77;
  slots[1].move_to(Place::in_guard(5));
  slots[2].move_to(Place::finished());
  const Snapshot snapshot = published_snapshot(slots, 500 * kMillisecond);
  EXPECT_EQ(snapshot.at, 500 * kMillisecond);
  EXPECT_EQ(snapshot.mode, "published");
  EXPECT_GE(snapshot.capture, 0);
  ASSERT_EQ(snapshot.threads.size(), 3U);
  EXPECT_EQ(snapshot.threads[0].place, Place::at_barrier());
  EXPECT_EQ(snapshot.threads[1].thread, 1U);
  EXPECT_EQ(snapshot.threads[1].tid, 77);
  EXPECT_EQ(snapshot.threads[1].place, Place::in_guard(5));
  EXPECT_EQ(snapshot.threads[2].place, Place::finished());
}

TEST(PhaseName, NamesTheStepOnceTheSectionHas) {
  EXPECT_EQ(phase_name(Place::at_barrier(), kScenario), "barrier");
  EXPECT_EQ(phase_name(Place::in_guard(2), kScenario), "guard");
  EXPECT_EQ(phase_name(Place::in_section(2), kScenario), "step:section");
  EXPECT_EQ(phase_name(Place::in_step(1, 2), kScenario), "step:payment");
  EXPECT_EQ(phase_name(Place::finished(), kScenario), "finished");
}

Snapshot of(std::initializer_list<Place> places) {
  Snapshot snapshot;
  for (const Place place : places) snapshot.threads.push_back({.thread = 0, .tid = 0, .place = place});
  return snapshot;
}

TEST(Blocked, CountsWhoIsInAGuardAndNotInASection) {
  EXPECT_EQ(blocked(of({})), 0U);
  EXPECT_EQ(blocked(of({Place::at_barrier(), Place::in_guard(0), Place::in_guard(1), Place::in_section(0),
                        Place::finished()})),
            2U);
}

TEST(GroupByPlace, PutsTheFullestFirstAndEqualOnesInTheOrderOfTheirWay) {
  const auto groups = group_by_place(of({Place::finished(), Place::in_step(1, 0), Place::in_guard(7),
                                         Place::in_guard(4), Place::in_guard(4), Place::in_step(0, 0)}));
  ASSERT_EQ(groups.size(), 5U);
  EXPECT_EQ(groups[0].place, Place::in_guard(4));
  EXPECT_EQ(groups[0].threads, 2U);
  EXPECT_EQ(groups[1].place, Place::in_guard(7));
  EXPECT_EQ(groups[2].place, Place::in_step(0, 0));
  EXPECT_EQ(groups[3].place, Place::in_step(1, 0));
  EXPECT_EQ(groups[4].place, Place::finished());
}

}  // namespace
}  // namespace ccbench
