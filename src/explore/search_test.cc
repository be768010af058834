// Guards and scenarios as they are, in every order of their steps.
#include "explore/search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "explore/replay.h"
#include "explore/tree_search.h"
#include "explore/trial_fixture.h"
#include "sync/explore_sync.h"

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

TEST(Search, ProvesEightRequests) {
  if (!kQuick) GTEST_SKIP() << "on threads it takes too long";
  for (const std::string_view guard : {"cas", "synchronized", "global", "recursive", "rwlock"}) {
    const SearchResult result = search(trial_of(guard, "counter", 8), {.strategy = SearchStrategy::dpor});
    EXPECT_EQ(result.verdict, Verdict::ok) << guard << ": " << result.sentence;
    EXPECT_TRUE(result.exhausted) << guard;
  }
}

std::vector<std::string> broken_in(TrialProgram& program, Ending ending) {
  std::vector<std::string> names;
  for (const Invariant& invariant : program.broken(ending)) names.push_back(invariant.name);
  return names;
}

/// What breaks in a schedule, as a program says that has seen no other.
std::vector<std::string> broken_alone(const ExploredTrial& trial, const std::string& schedule) {
  TrialProgram program(trial);
  Scheduler scheduler(program);
  Replay replay(*parse_replay(schedule));
  const Ending ending = scheduler.run(replay);
  replay.end(scheduler, ending);
  EXPECT_EQ(replay.diverged(), "");
  auto names = broken_in(program, ending);
  scheduler.finish();
  program.end();
  return names;
}

/// Counts that held are not judged again. In the counter sound and broken ones differ by its value alone.
TEST(TrialProgram, JudgesEveryScheduleAsIfThereWereNoOther) {
  for (const std::string_view scenario : {"counter", "lotto-purchase"}) {
    const ExploredTrial trial = trial_of("none", scenario, 2);
    TrialProgram program(trial);
    Scheduler scheduler(program);
    TreeSearch tree({.reduction = Reduction::source_sets});
    std::size_t sound = 0;
    std::size_t broken = 0;
    for (bool more = true; more;) {
      const Ending ending = scheduler.run(tree);
      more = tree.end(scheduler, ending);
      const std::string schedule = to_replay(scheduler.steps());
      const auto names = broken_in(program, ending);
      EXPECT_EQ(broken_in(program, ending), names) << "the second time: " << schedule;
      scheduler.finish();
      program.end();
      if (ending != Ending::done) continue;
      EXPECT_EQ(names, broken_alone(trial, schedule)) << schedule;
      ++(names.empty() ? sound : broken);
    }
    EXPECT_GT(sound, 1U) << scenario;
    EXPECT_GT(broken, 1U) << scenario;
  }
}

/// A schedule's class as text, the same for all schedules that differ only in the order of steps that
/// commute: what each step touches, by how many steps of a chain come before it (P. Cartier, D. Foata 1969).
std::string class_of(std::span<const Step> steps) {
  std::vector<std::size_t> levels(steps.size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (std::size_t before = 0; before < i; ++before) {
      if (steps[before].task == steps[i].task || steps[before].touched.conflicts_with(steps[i].touched))
        levels[i] = std::max(levels[i], levels[before] + 1);
    }
    names.push_back(fmt::format("{:03} {} {}", levels[i], steps[i].task, to_text(steps[i].kind)));
    for (const Access& access : steps[i].touched.all)
      names.back() += fmt::format(" {}:{}", access.object(), static_cast<int>(access.mode()));
  }
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, "; "));
}

std::set<std::string> classes_of(const ExploredTrial& trial, Reduction reduction) {
  TrialProgram program(trial);
  Scheduler scheduler(program);
  TreeSearch tree({.reduction = reduction});
  std::set<std::string> classes;
  for (bool more = true; more;) {
    const Ending ending = scheduler.run(tree);
    more = tree.end(scheduler, ending);
    if (ending != Ending::cut) classes.insert(class_of(scheduler.steps()));
    scheduler.finish();
    program.end();
  }
  EXPECT_FALSE(tree.diverged());
  return classes;
}

TEST(Search, ReachesWithReductionWhatThereIsWithout) {
  if (!kQuick) GTEST_SKIP() << "on threads it takes too long";
  struct Pinned {
    std::string_view guard;
    std::string_view scenario;
    std::size_t classes;
    Reduction without = Reduction::none;
  };
  // What has times has too many schedules, but not with those left out that only exchange steps that commute.
  for (const auto& [guard, scenario, count, without] : {
           Pinned{"none", "counter", 4},
           Pinned{"cas", "counter", 4},
           Pinned{"synchronized", "counter", 2},
           Pinned{"rwlock", "lotto-purchase", 2},
           Pinned{"single-flight", "counter", 14},
           Pinned{"faulty-load-store", "counter", 10},
           Pinned{"faulty-lost-wakeup", "counter", 6},
           Pinned{"try-lock", "counter", 64, Reduction::sleep_sets},
           Pinned{"idempotency-key", "counter", 2},
       }) {
    const ExploredTrial trial = trial_of(guard, scenario, 2);
    const std::set<std::string> all = classes_of(trial, without);
    const std::set<std::string> reached = classes_of(trial, Reduction::source_sets);
    for (const std::string& each : all) EXPECT_TRUE(reached.contains(each)) << guard << ": " << each;
    EXPECT_EQ(reached.size(), count) << guard << " " << scenario;
    EXPECT_EQ(all.size(), count) << guard << " " << scenario;
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

SearchResult search_with(ExploredTrial trial,
                         const std::vector<std::pair<std::string, std::string>>& settings) {
  for (const auto& [name, value] : settings) {
    const auto has = [&](std::span<const Parameter> parameters) {
      return std::ranges::find(parameters, name, &Parameter::name) != parameters.end();
    };
    if (has(trial.scenario->info.parameters)) trial.parameters.set(name, value);
    if (has(trial.guard->info.parameters)) trial.guard_parameters.set(name, value);
  }
  return search(trial, {});
}

/// That the faulty one breaks this, and the correct one, explored by the same search, nothing.
void expect_only(std::string_view faulty, std::string_view correct, std::string_view scenario,
                 std::string_view breaks, std::uint32_t requests, Key keys,
                 const std::vector<std::pair<std::string, std::string>>& settings) {
  ExploredTrial wrong = trial_of(faulty, scenario, requests);
  wrong.keys = keys;
  const SearchResult found = search_with(wrong, settings);
  EXPECT_EQ(found.verdict, Verdict::violation) << faulty << ": " << found.sentence;
  EXPECT_NE(found.sentence.find(breaks), std::string::npos) << faulty << ": " << found.sentence;
  ExploredTrial right = trial_of(correct, scenario, requests);
  right.keys = keys;
  const SearchResult none = search_with(right, settings);
  EXPECT_EQ(none.verdict, Verdict::ok) << correct << ": " << none.sentence;
}

TEST(Search, SeesWhoIsOvertaken) {
  expect_only("faulty-barging", "fair", "counter", "nobody overtaken", 3, 1, {});
}

TEST(Search, SeesWhoWaitsForAnotherKey) {
  expect_only("faulty-shared-lock", "synchronized", "counter", "nobody waits for another key", 2, 2, {});
}

TEST(Search, SeesAnswersThatAreStale) {
  if (!kQuick) GTEST_SKIP() << "on threads it takes too long";
  expect_only("faulty-erase-late", "single-flight", "vm-lookup", "no stale answer", 3, 1, {{"call", "5ms"}});
}

TEST(Search, SeesAnswersThatAreOlderThanPromised) {
  if (!kQuick) GTEST_SKIP() << "on threads it takes too long";
  ExploredTrial wrong = trial_of("faulty-no-expiry", "vm-lookup", 2);
  const std::vector<std::pair<std::string, std::string>> settings = {{"call", "5ms"}, {"ttl", "20ms"}};
  const auto older = [](const SearchResult& result) {
    return result.sentence.find("no answer older than promised") != std::string::npos;
  };
  EXPECT_TRUE(older(search_with(trial_of("faulty-no-expiry", "vm-lookup", 2), settings)));
  // It makes two calls of a key at once, as it says, and nothing worse.
  EXPECT_FALSE(older(search_with(trial_of("ttl-cache", "vm-lookup", 2), settings)));
}

TEST(Search, SeesThatWhatExpiresLetsTheNextOneIn) {
  // Within the time to live a second success is too late; beyond it, it is not; but then the first may still
  // be inside.
  const SearchResult result =
      search(trial_of("idempotency-key", "lotto-purchase", 2), {.scheduler = {.time = TimeOrder::free}});
  EXPECT_NE(result.sentence.find("at most 1 inside: 2 instead of 1"), std::string::npos) << result.sentence;
  EXPECT_EQ(result.sentence.find("nobody enters after a success"), std::string::npos) << result.sentence;
}

/// Counts its calls where no schedule makes them anew.
class Moody final : public AnyGuard {
 public:
  Result run(const Request& /*request*/, Section section) override {
    ExploreSync::atomic<int> word(0);
    if (++calls_ % 3 == 0) word.load();
    word.store(1);
    return section(Entry{});
  }

 private:
  static inline int calls_ = 0;
};

TEST(Search, ReportsAGuardThatDoesNotDoTheSameAgain) {
  GuardPlugin plugin = *guards().find("none");
  plugin.make_explored = [](const GuardContext&) -> std::unique_ptr<AnyGuard> {
    return std::make_unique<Moody>();
  };
  ExploredTrial trial = trial_of("none", "counter", 2);
  trial.guard = &plugin;
  for (const SearchStrategy strategy : {SearchStrategy::automatic, SearchStrategy::dpor}) {
    const SearchResult result = search(trial, {.strategy = strategy});
    EXPECT_EQ(result.verdict, Verdict::error) << result.sentence;
    EXPECT_NE(result.sentence.find("did not do the same again"), std::string::npos) << result.sentence;
  }
}

/// A lock that takes every wake-up for a notification. Two requests see no difference, unless somebody wakes
/// unasked.
class Trusting final : public AnyGuard {
 public:
  Result run(const Request& /*request*/, Section section) override {
    {
      std::unique_lock lock(mutex_);
      if (held_) left_.wait(lock);
      held_ = true;
    }
    const Result result = section(Entry{});
    const std::lock_guard lock(mutex_);
    held_ = false;
    left_.notify_one();
    return result;
  }

 private:
  ExploreSync::mutex mutex_;
  ExploreSync::condition_variable left_;
  bool held_ = false;
};

TEST(Search, WakesWaitsUnasked) {
  GuardPlugin plugin = *guards().find("synchronized");
  plugin.make_explored = [](const GuardContext&) -> std::unique_ptr<AnyGuard> {
    return std::make_unique<Trusting>();
  };
  ExploredTrial trial = trial_of("synchronized", "counter", 2);
  trial.guard = &plugin;
  EXPECT_EQ(search(trial, {}).verdict, Verdict::ok);
  const SearchResult unasked = search(trial, {.spurious = 1});
  EXPECT_EQ(unasked.verdict, Verdict::violation) << unasked.sentence;
  EXPECT_TRUE(unasked.found && unasked.found->confirmed);
}

TEST(Search, FindsWhatIsWaitedForInVainAlsoWhereWaitsWakeUnasked) {
  const SearchResult lost = search(trial_of("faulty-lost-wakeup", "counter", 2), {.spurious = 1});
  EXPECT_EQ(lost.verdict, Verdict::hung) << lost.sentence;
  const SearchResult holds =
      search(trial_of("synchronized", "counter", 2), {.strategy = SearchStrategy::dpor, .spurious = 1});
  EXPECT_EQ(holds.verdict, Verdict::ok) << holds.sentence;
  EXPECT_NE(holds.sentence.find("spurious wake-ups ≤ 1 each"), std::string::npos) << holds.sentence;
}

TEST(Search, ClaimsNoSpuriousWakesThatWereNotTried) {
  const ExploredTrial trial = trial_of("synchronized", "counter", 2);
  const SearchResult plain = search(trial, {.strategy = SearchStrategy::dpor});
  ASSERT_TRUE(plain.exhausted);
  const SearchResult cut =
      search(trial, {.strategy = SearchStrategy::dpor, .schedules = plain.schedules, .spurious = 1});
  EXPECT_EQ(cut.verdict, Verdict::inconclusive) << cut.sentence;
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
