// The histories of explored schedules.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "explore/search.h"
#include "sync/explore_sync.h"

namespace ccbench::explore {
namespace {

/// Threads are a hundred times slower, and sanitizers' builds have no others.
constexpr bool kQuick = kDefaultBackend == Backend::fibers;

ExploredTrial trial_of(const GuardPlugin& guard, std::string_view scenario_name, std::uint32_t requests) {
  const ScenarioPlugin* scenario = scenarios().find(scenario_name);
  return {.guard = &guard,
          .scenario = scenario,
          .parameters = ParameterValues(scenario->info.parameters),
          .guard_parameters = ParameterValues(guard.info.parameters),
          .requests = requests};
}

bool breaks_histories(const SearchResult& result) {
  return result.found &&
         result.found->sentence.find("linearizable histories: 0 instead of 1") != std::string::npos;
}

TEST(ExploredHistories, AreLinearizableUnderEveryGuardThatFits) {
  for (const std::string_view scenario : {"seat-reservation", "point-balance"}) {
    for (const std::string account : {"balance", "entries"}) {
      for (const GuardPlugin& guard : guards().all()) {
        ExploredTrial trial = trial_of(guard, scenario, kQuick ? 3 : 2);
        if (scenario == "point-balance") {
          trial.parameters.set("start-balance", "40");
          trial.parameters.set("account", account);
        } else if (account == "entries") {
          continue;
        }
        trial.reads = 1;
        if (guard.info.faulty() || guard.info.name == "none" || !why_not(trial).empty()) continue;
        if (!lacking(trial.scenario->info, guard.promises(GuardContext(guard.info))).empty()) continue;
        const SearchResult result = search(trial, {.strategy = SearchStrategy::dpor, .schedules = 5000});
        EXPECT_FALSE(result.found) << guard.info.name << " " << scenario << ": " << result.sentence;
        EXPECT_GT(result.schedules, 1U) << guard.info.name;
      }
    }
  }
}

TEST(ExploredHistories, AreNotUnderGuardsThatAreWrong) {
  for (const std::string_view name : {"none", "faulty-early-unlock", "faulty-unchecked-version"}) {
    const SearchResult result = search(trial_of(*guards().find(name), "seat-reservation", 2), {});
    EXPECT_EQ(result.verdict, Verdict::violation) << name;
    EXPECT_TRUE(breaks_histories(result)) << name << ": " << result.sentence;
  }
}

TEST(ExploredHistories, KnowTheReceiptsThatALockMustKeepRight) {
  // Cover for all, so that nothing is wrong but what two receipts say.
  ExploredTrial trial = trial_of(*guards().find("faulty-early-unlock"), "point-balance", 2);
  trial.parameters.set("start-balance", "1000");
  const SearchResult result = search(trial, {});
  EXPECT_TRUE(breaks_histories(result)) << result.sentence;
}

/// Wrong: tells who comes first that the seat is taken, and lets the others in one after the other.
class RefusesTheFirst final : public AnyGuard {
 public:
  Result run(const Request& /*request*/, Section section) override {
    const std::lock_guard lock(mutex_);
    if (come_.exchange(1) == 0) return refused("the seat is taken");
    return section(Entry{});
  }

 private:
  ExploreSync::mutex mutex_;
  ExploreSync::atomic<int> come_{0};
};

TEST(ExploredHistories, ShowWhatNoCountShows) {
  const GuardPlugin guard{
      .info = {.name = "refuses-the-first", .about = "", .promises = {.exclusive = true}},
      .make = {},
      .make_explored = [](const GuardContext&) { return std::make_unique<RefusesTheFirst>(); }};
  const SearchResult result = search(trial_of(guard, "seat-reservation", 2), {});
  ASSERT_TRUE(result.found);
  EXPECT_EQ(result.verdict, Verdict::violation);
  EXPECT_EQ(result.sentence,
            "linearizable histories: 0 instead of 1 (no order explains request 0 (refused): after 0 of 2 "
            "requests the state is 0)");
  EXPECT_TRUE(result.found && result.found->confirmed);
}

}  // namespace
}  // namespace ccbench::explore
