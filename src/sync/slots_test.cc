#include "sync/slots.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>

#include "sync/explore_sync.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

/// Counts how many of it exist.
struct Part {
  Part() { ++alive; }
  ~Part() { --alive; }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  static inline int alive = 0;
};

template <class Sync>
class SlotsOf : public testing::Test {};

using Policies = testing::Types<StdSync, ExploreSync>;
TYPED_TEST_SUITE(SlotsOf, Policies);

TYPED_TEST(SlotsOf, KeysAreTheSlotsThatTheyHashTo) {
  for (const std::size_t count : {1U, 2U, 7U, 64U, 256U}) {
    Slots<TypeParam, Part> slots(count);
    EXPECT_EQ(slots.size(), count);
    for (Key key = 0; key < 1000; ++key) ASSERT_EQ(&slots.of(key), &slots[slot_of(key, count)]) << key;
  }
}

TYPED_TEST(SlotsOf, NumbersAreObjectsOfTheirOwn) {
  Slots<TypeParam, Part> slots(7);
  std::set<Part*> seen;
  for (std::size_t slot = 0; slot < slots.size(); ++slot) seen.insert(&slots[slot]);
  EXPECT_EQ(seen.size(), 7U);
}

TYPED_TEST(SlotsOf, EndWithTheirMap) {
  {
    Slots<TypeParam, Part> slots(256);
    for (Key key = 0; key < 1000; ++key) slots.of(key);
    EXPECT_EQ(Part::alive, 256);
  }
  EXPECT_EQ(Part::alive, 0);
}

TEST(SlotsOfTheExplorer, AreMadeWhenTheyAreAskedFor) {
  Slots<ExploreSync, Part> slots(256);
  EXPECT_EQ(Part::alive, 0);
  slots.of(7);
  slots.of(7);
  EXPECT_EQ(Part::alive, 1);
}

TEST(SlotOf, KeepsNeighbouringKeysApart) {
  for (const Key first : {Key{0}, Key{1'000'000}, ~Key{0} - 32}) {
    std::set<std::size_t> seen;
    for (Key key = first; key < first + 32; ++key) seen.insert(slot_of(key, 256));
    EXPECT_EQ(seen.size(), 32U) << "from " << first;
  }
}

TEST(SlotOf, ReachesEverySlotAndNoOther) {
  for (const std::size_t count : {1U, 2U, 7U, 64U, 4096U}) {
    std::set<std::size_t> seen;
    for (Key key = 0; key < 20 * count; ++key) seen.insert(slot_of(key, count));
    EXPECT_EQ(seen.size(), count);
    EXPECT_EQ(*seen.rbegin(), count - 1);
  }
}

}  // namespace
}  // namespace ccbench
