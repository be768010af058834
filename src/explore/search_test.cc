// Guards and scenarios as they are, in every order of their steps.
#include "explore/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "explore/trial_fixture.h"

namespace ccbench::explore {
namespace {

/// Threads are a hundred times slower, and sanitizers' builds have no others.
constexpr bool kQuick = kDefaultBackend == Backend::fibers;

TEST(Search, ProvesEveryGuardThatFits) {
  for (const std::string_view scenario : {"counter", "lotto-purchase"}) {
    for (const GuardPlugin& guard : guards().all()) {
      const ExploredTrial trial = trial_of(guard.info.name, scenario, kQuick ? 3 : 2);
      if (guard.info.faulty() || guard.info.name == "none" || !why_not(trial).empty()) continue;
      GuardContext context(guard.info);
      if (!lacking(trial.scenario->info, guard.promises(context)).empty()) continue;
      const SearchResult result = search(trial, {.strategy = SearchStrategy::dpor});
      EXPECT_EQ(result.verdict, Verdict::ok) << guard.info.name << " " << scenario << ": " << result.sentence;
      EXPECT_TRUE(result.exhausted) << guard.info.name;
    }
  }
}

TEST(Search, SeesTheRaceWithoutAGuard) {
  const SearchResult result = search(trial_of("none", "lotto-purchase", 2), {});
  EXPECT_EQ(result.verdict, Verdict::violation);
  ASSERT_TRUE(result.found);
  EXPECT_TRUE(result.found->confirmed);
  EXPECT_NE(result.sentence.find("one payment sent: 2 instead of 1"), std::string::npos) << result.sentence;
  EXPECT_EQ(std::ranges::count(result.found->trace, true, &TraceStep::breaks), 1);
}

TEST(Search, RepeatsWhatItHasFound) {
  const SearchResult found = search(trial_of("faulty-load-store", "lotto-purchase", 2), {});
  ASSERT_TRUE(found.found);
  const SearchResult again =
      search(trial_of("faulty-load-store", "lotto-purchase", 2),
             {.strategy = SearchStrategy::replay, .replay = *parse_replay(found.found->replay)});
  EXPECT_EQ(again.verdict, found.verdict);
  EXPECT_EQ(again.sentence, found.sentence);
  const SearchResult other =
      search(trial_of("cas", "lotto-purchase", 2),
             {.strategy = SearchStrategy::replay, .replay = *parse_replay(found.found->replay)});
  EXPECT_EQ(other.verdict, Verdict::error);
  EXPECT_EQ(other.sentence.find("DIVERGED at step "), 0) << other.sentence;
}

TEST(Search, SaysThatItHasNotSeenAll) {
  const SearchResult result = search(trial_of("cas", "lotto-purchase", 3),
                                     {.strategy = SearchStrategy::dpor, .schedules = 2, .symmetry = false});
  EXPECT_EQ(result.verdict, Verdict::inconclusive);
  EXPECT_FALSE(result.exhausted);
  EXPECT_EQ(
      search(trial_of("cas", "lotto-purchase", 2), {.strategy = SearchStrategy::random, .schedules = 20})
          .verdict,
      Verdict::inconclusive);
}

TEST(Search, SaysWhatABoundHasLeftOut) {
  const SearchResult result =
      search(trial_of("cas", "lotto-purchase", 2), {.strategy = SearchStrategy::dfs, .preemptions = 1});
  EXPECT_EQ(result.verdict, Verdict::ok);
  EXPECT_EQ(result.sentence, "bounded: preemptions ≤ 1");
}

TEST(Search, FindsInEverySearchWhatThereIs) {
  for (const SearchStrategy strategy :
       {SearchStrategy::automatic, SearchStrategy::random, SearchStrategy::priorities, SearchStrategy::dfs,
        SearchStrategy::dpor}) {
    EXPECT_EQ(search(trial_of("none", "counter", 2), {.strategy = strategy}).verdict, Verdict::violation);
  }
}

TEST(Search, DoesTheSameForTheSameSeed) {
  const auto first = search(trial_of("faulty-loser-clears", "lotto-purchase", 3),
                            {.strategy = SearchStrategy::random, .seed = 5});
  const auto again = search(trial_of("faulty-loser-clears", "lotto-purchase", 3),
                            {.strategy = SearchStrategy::random, .seed = 5});
  ASSERT_TRUE(first.found && again.found);
  EXPECT_EQ(first.found->replay, again.found->replay);
  EXPECT_EQ(first.schedules, again.schedules);
}

}  // namespace
}  // namespace ccbench::explore
