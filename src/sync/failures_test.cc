#include "sync/failures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <set>
#include <string_view>

#include "sync/std_sync.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 2> kParameters = {kFailureRate, kFailure};

class SilentSteps : public StepListener {
  void enter_step(const Request& /*request*/, StepId /*step*/) override {}
};

Failures<StdSync> failures(std::string_view rate, std::string_view kind, std::uint64_t seed = 1) {
  ParameterValues values(kParameters);
  EXPECT_EQ(values.set("failure-rate", rate), "");
  EXPECT_EQ(values.set("failure", kind), "");
  Facts facts({}, 0);
  SilentSteps steps;
  const TrialContext trial{.seed = seed, .parameters = values, .facts = facts, .steps = steps};
  return Failures<StdSync>(trial);
}

std::set<std::uint64_t> failing(const Failures<StdSync>& failures, std::uint64_t requests = 1000) {
  std::set<std::uint64_t> indices;
  for (std::uint64_t index = 0; index < requests; ++index) {
    const bool fails = failures.fails(Request{.index = index});
    EXPECT_EQ(failures.will_fail(Request{.index = index}), fails);
    if (fails) indices.insert(index);
  }
  return indices;
}

TEST(Failures, MeetNobodyEverybodyOrAsManyAsTheRate) {
  EXPECT_EQ(failing(failures("0", "fails")).size(), 0U);
  EXPECT_EQ(failing(failures("1", "fails")).size(), 1000U);
  // Six standard deviations.
  EXPECT_NEAR(static_cast<double>(failing(failures("0.3", "fails")).size()), 300, 87);
}

TEST(Failures, MeetTheSameRequestsForASeedAndOthersForAnother) {
  EXPECT_EQ(failing(failures("0.5", "fails", 7)), failing(failures("0.5", "fails", 7)));
  EXPECT_NE(failing(failures("0.5", "fails", 7)), failing(failures("0.5", "fails", 8)));
}

TEST(Failures, MeetMoreRequestsAtAHigherRateAndTheSameOnesToo) {
  const auto few = failing(failures("0.2", "fails"));
  const auto many = failing(failures("0.6", "fails"));
  EXPECT_TRUE(std::ranges::includes(many, few));
  EXPECT_GT(many.size(), few.size());
}

TEST(Failures, ThrowWhereThatIsAskedFor) {
  EXPECT_THROW((void)failures("1", "throws").fails(Request{}), StepFailed);
  EXPECT_TRUE(failures("1", "throws").will_fail(Request{}));
  EXPECT_FALSE(failures("0", "throws").fails(Request{}));
}

TEST(Failures, EndTheProcessAndFailNothingWhereItDies) {
  EXPECT_FALSE(failures("1", "dies").fails(Request{}));
  EXPECT_FALSE(failures("1", "dies").will_fail(Request{}));
  EXPECT_EXIT(failures("1", "dies").may_die(Request{}), testing::KilledBySignal(SIGKILL), "");
  failures("0", "dies").may_die(Request{});
  failures("1", "fails").may_die(Request{});
  failures("1", "throws").may_die(Request{});
}

}  // namespace
}  // namespace ccbench
