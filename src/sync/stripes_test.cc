#include "sync/stripes.h"

#include <gtest/gtest.h>

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
class Stripes : public testing::Test {};

using Policies = testing::Types<StdSync, ExploreSync>;
TYPED_TEST_SUITE(Stripes, Policies);

TYPED_TEST(Stripes, OneServesTheKeysThatHashToItAndNoOther) {
  ccbench::Stripes<TypeParam, Part> stripes;
  for (Key a = 0; a < 600; ++a) {
    for (Key b = 0; b < 600; ++b)
      ASSERT_EQ(&stripes.at(a) == &stripes.at(b), stripe_of(a) == stripe_of(b)) << a << " and " << b;
  }
}

TYPED_TEST(Stripes, EndWithTheMap) {
  {
    ccbench::Stripes<TypeParam, Part> stripes;
    for (Key key = 0; key < 600; ++key) stripes.at(key);
    EXPECT_EQ(Part::alive, static_cast<int>(kStripes));
  }
  EXPECT_EQ(Part::alive, 0);
}

TEST(StripesOfTheExplorer, AreMadeWhenTheyAreAskedFor) {
  ccbench::Stripes<ExploreSync, Part> stripes;
  EXPECT_EQ(Part::alive, 0);
  stripes.at(7);
  stripes.at(7);
  EXPECT_EQ(Part::alive, 1);
}

TEST(StripeOf, KeepsNeighbouringKeysApart) {
  for (const Key first : {Key{0}, Key{1'000'000}, ~Key{0} - 32}) {
    std::set<std::size_t> seen;
    for (Key key = first; key < first + 32; ++key) seen.insert(stripe_of(key));
    EXPECT_EQ(seen.size(), 32U) << "from " << first;
    EXPECT_LT(*seen.rbegin(), kStripes);
  }
}

}  // namespace
}  // namespace ccbench
