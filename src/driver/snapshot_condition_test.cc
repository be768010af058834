#include "driver/snapshot_condition.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace ccbench {
namespace {

using Metric = SnapshotCondition::Metric;

TEST(ParseCondition, ReadsAWordAComparisonAndANumberWithOrWithoutSpaces) {
  for (const char* text : {"blocked >= 19", "blocked>=19", " blocked\t>=  19 "}) {
    EXPECT_EQ(parse_condition(text),
              (SnapshotCondition{.metric = Metric::blocked, .relation = Relation::at_least, .value = 19}))
        << text;
  }
  EXPECT_EQ(parse_condition("inside!=0"),
            (SnapshotCondition{.metric = Metric::inside, .relation = Relation::unequal, .value = 0}));
  EXPECT_EQ(parse_condition("finished == 18446744073709551615"),
            (SnapshotCondition{.metric = Metric::finished,
                               .relation = Relation::equal,
                               .value = std::numeric_limits<std::uint64_t>::max()}));
}

TEST(ParseCondition, RefusesAnythingElse) {
  for (const char* text :
       {"", "blocked", "blocked >=", "blocked 19", ">= 19", "blocked = 19", "blocked => 19", "blocked > = 19",
        "blocked >= -1", "blocked >= +1", "blocked >= 1.5", "blocked >= 19x", "blocked >= 1 9",
        "blocked >= 18446744073709551616", "Blocked >= 19", "waiting >= 19", "blockedx >= 19"}) {
    EXPECT_FALSE(parse_condition(text)) << text;
  }
}

TEST(SnapshotCondition, ComparesTheCountThatItNames) {
  struct Case {
    const char* comparison;
    std::array<bool, 3> holds;  ///< of 4, 5 and 6 with 5
  };
  for (const auto& [comparison, expected] :
       {Case{"<", {true, false, false}}, Case{"<=", {true, true, false}}, Case{">", {false, false, true}},
        Case{">=", {false, true, true}}, Case{"==", {false, true, false}}, Case{"!=", {true, false, true}}}) {
    const auto blocked = parse_condition(std::string("blocked") + comparison + "5");
    const auto inside = parse_condition(std::string("inside") + comparison + "5");
    const auto finished = parse_condition(std::string("finished") + comparison + "5");
    ASSERT_TRUE(blocked && inside && finished);
    for (std::uint64_t i = 0; i < 3; ++i) {
      EXPECT_EQ(blocked->holds(4 + i, 9, 0), expected.at(i)) << comparison << 4 + i;
      EXPECT_EQ(inside->holds(9, 4 + i, 0), expected.at(i)) << comparison << 4 + i;
      EXPECT_EQ(finished->holds(9, 0, 4 + i), expected.at(i)) << comparison << 4 + i;
    }
  }
}

TEST(SnapshotCondition, IsWrittenAsItIsRead) {
  for (const char* text :
       {"blocked<1", "inside<=2", "finished>3", "blocked>=4", "inside==5", "finished!=6"}) {
    const auto condition = parse_condition(text);
    ASSERT_TRUE(condition) << text;
    EXPECT_EQ(to_text(*condition), text);
  }
}

}  // namespace
}  // namespace ccbench
