// The counts are those of another implementation of the same searches, over the same program (fixture.h). A
// search that leaves out what it must not leave out still finds most faults: that it does shows in these
// counts alone.
#include "explore/tree_search.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "explore/fixture.h"

namespace ccbench::explore {
namespace {

using namespace fixture;  // NOLINT(google-build-using-namespace)

struct Counts {
  std::uint64_t schedules = 0;
  std::uint64_t classes = 0;
  std::uint64_t oversold = 0;   ///< of the classes
  std::uint64_t deadlocks = 0;  ///< likewise
};

template <class G>
Counts explored(Task tasks, const TreeOptions& options, Backend backend = kDefaultBackend) {
  Lotto<G> program(tasks);
  Scheduler scheduler(program, {.backend = backend});
  TreeSearch search(options);
  Counts counts;
  for (bool more = true; more;) {
    const Ending ending = scheduler.run(search);
    more = search.end(scheduler, ending);
    scheduler.finish();
    program.end();
    if (ending == Ending::deadlock) ++counts.deadlocks;
    if (ending == Ending::done && program.sold() > 1) ++counts.oversold;
  }
  counts.schedules = search.schedules();
  counts.classes = search.classes();
  return counts;
}

template <class G>
std::uint64_t schedules_of(Task tasks, std::optional<std::uint32_t> preemptions = {}) {
  return explored<G>(tasks, {.reduction = Reduction::none, .preemptions = preemptions}).schedules;
}

template <class G>
std::uint64_t classes_of(Task tasks, Reduction reduction, bool symmetric = false) {
  return explored<G>(tasks, {.reduction = reduction, .symmetric = symmetric}).classes;
}

/// Threads are a hundred times slower, and sanitizers' builds have no others.
constexpr bool kQuick = kDefaultBackend == Backend::fibers;

TEST(TreeSearch, GoesThroughAllSchedules) {
  EXPECT_EQ(schedules_of<None>(2), 20);
  EXPECT_EQ(schedules_of<Cas>(2), 10);
  EXPECT_EQ(schedules_of<Mutex>(2), 2);
  EXPECT_EQ(schedules_of<ReadWrite>(2), 2);
  EXPECT_EQ(schedules_of<SingleFlight>(2), 26);
  EXPECT_EQ(schedules_of<LockInversion>(2), 6);
  EXPECT_EQ(schedules_of<LoadStore>(2), 474);
  EXPECT_EQ(schedules_of<Cas>(3), 102);
  EXPECT_EQ(schedules_of<Mutex>(3), 6);
  EXPECT_EQ(schedules_of<LockInversion>(3), 26);
  if (!kQuick) return;
  EXPECT_EQ(schedules_of<None>(3), 1428);
  EXPECT_EQ(schedules_of<SingleFlight>(3), 2130);
  EXPECT_EQ(schedules_of<None>(4), 257'928);
  EXPECT_EQ(schedules_of<Cas>(4), 1200);
  EXPECT_EQ(schedules_of<Mutex>(4), 24);
  EXPECT_EQ(schedules_of<LockInversion>(4), 192);
  EXPECT_EQ(schedules_of<SingleFlight>(4), 414'696);
}

TEST(TreeSearch, GoesThroughAllSchedulesOfSoManyPreemptions) {
  struct Bounded {
    std::uint64_t none;
    std::uint64_t one;
    std::uint64_t two;
    bool operator==(const Bounded&) const = default;
  };
  const auto bounded = []<class G>(std::type_identity<G>, Task tasks) {
    return Bounded{schedules_of<G>(tasks, 0), schedules_of<G>(tasks, 1), schedules_of<G>(tasks, 2)};
  };
  EXPECT_EQ(bounded(std::type_identity<None>{}, 2), (Bounded{6, 14, 20}));
  EXPECT_EQ(bounded(std::type_identity<LoadStore>{}, 2), (Bounded{4, 16, 44}));
  EXPECT_EQ(bounded(std::type_identity<Cas>{}, 2), (Bounded{4, 10, 10}));
  EXPECT_EQ(bounded(std::type_identity<Cas>{}, 3), (Bounded{18, 84, 102}));
  EXPECT_EQ(bounded(std::type_identity<SingleFlight>{}, 2), (Bounded{4, 14, 24}));
  EXPECT_EQ(bounded(std::type_identity<LockInversion>{}, 3), (Bounded{6, 24, 26}));
  if (!kQuick) return;
  EXPECT_EQ(bounded(std::type_identity<None>{}, 3), (Bounded{66, 342, 924}));
  EXPECT_EQ(bounded(std::type_identity<LoadStore>{}, 3), (Bounded{18, 156, 858}));
  EXPECT_EQ(bounded(std::type_identity<SingleFlight>{}, 3), (Bounded{30, 228, 732}));
  EXPECT_EQ(bounded(std::type_identity<None>{}, 4), (Bounded{1176, 11'544, 56'328}));
  EXPECT_EQ(bounded(std::type_identity<SingleFlight>{}, 4), (Bounded{384, 5712, 34'920}));
}

/// Of both reductions, so that the two say the same.
template <class G>
void expect_classes(std::uint64_t two, std::uint64_t three, std::uint64_t four) {
  for (const Reduction reduction : {Reduction::sleep_sets, Reduction::source_sets}) {
    EXPECT_EQ(classes_of<G>(2, reduction), two);
    if (!kQuick && three > 50) continue;
    EXPECT_EQ(classes_of<G>(3, reduction), three);
    if (!kQuick) continue;
    EXPECT_EQ(classes_of<G>(4, reduction), four);
  }
}

TEST(TreeSearch, ReachesEveryClassOfSchedules) {
  expect_classes<None>(4, 21, 148);
  expect_classes<ReadLock>(4, 21, 148);
  expect_classes<LoadStore>(22, 1347, 191'140);
  expect_classes<Cas>(4, 24, 192);
  expect_classes<Mutex>(2, 6, 24);
  expect_classes<ReadWrite>(2, 6, 24);
  expect_classes<SingleFlight>(4, 42, 1248);
  expect_classes<LockInversion>(3, 10, 44);
  expect_classes<LostWakeup>(6, 186, 26'712);
}

TEST(TreeSearch, FindsInTheClassesWhatIsInTheSchedules) {
  for (const Reduction reduction : {Reduction::none, Reduction::sleep_sets, Reduction::source_sets}) {
    EXPECT_GT(explored<None>(2, {.reduction = reduction}).oversold, 0);
    EXPECT_GT(explored<ReadLock>(2, {.reduction = reduction}).oversold, 0);
    EXPECT_GT(explored<LockInversion>(2, {.reduction = reduction}).deadlocks, 0);
    EXPECT_GT(explored<LostWakeup>(2, {.reduction = reduction}).deadlocks, 0);
    EXPECT_EQ(explored<Cas>(2, {.reduction = reduction}).oversold, 0);
    EXPECT_EQ(explored<Mutex>(3, {.reduction = reduction}).oversold, 0);
    EXPECT_EQ(explored<SingleFlight>(2, {.reduction = reduction}).deadlocks, 0);
    EXPECT_EQ(explored<CasFinally>(2, {.reduction = reduction}).oversold, 0);  // It takes three.
  }
  EXPECT_GT(explored<CasFinally>(3, {}).oversold, 0);
}

TEST(TreeSearch, TakesRequestsThatAreAlikeInOneOrder) {
  EXPECT_EQ(classes_of<Cas>(3, Reduction::source_sets, true), 4);
  EXPECT_EQ(classes_of<Mutex>(3, Reduction::source_sets, true), 1);
  if (!kQuick) return;
  EXPECT_EQ(classes_of<None>(4, Reduction::source_sets, true), 49);
  EXPECT_EQ(classes_of<SingleFlight>(4, Reduction::source_sets, true), 52);
  EXPECT_EQ(classes_of<Cas>(6, Reduction::source_sets, true), 32);
  EXPECT_EQ(classes_of<Cas>(8, Reduction::source_sets, true), 128);
  EXPECT_EQ(classes_of<Mutex>(8, Reduction::source_sets, true), 1);
  // Full search shrinks by exactly the orders of the tasks.
  EXPECT_EQ(explored<None>(4, {.reduction = Reduction::none, .symmetric = true}).schedules, 257'928 / 24);
  EXPECT_EQ(explored<SingleFlight>(4, {.reduction = Reduction::none, .symmetric = true}).schedules,
            414'696 / 24);
}

// What the counts above are there to see.
TEST(TreeSearch, WouldMissClassesByTheClassicRule) {
  if (!kQuick) GTEST_SKIP() << "on threads it takes too long";
  EXPECT_LT(classes_of<ReadLock>(4, Reduction::classic), 148);
  EXPECT_LT(classes_of<LostWakeup>(3, Reduction::classic), 186);
  EXPECT_LT(classes_of<LostWakeup>(4, Reduction::classic), 26'712);
  EXPECT_LT(classes_of<LoadStore>(4, Reduction::classic), 191'140);
}

TEST(TreeSearch, WouldMissClassesWithoutTheRacesOfThoseWhoWaitForEver) {
  EXPECT_LT(explored<LockInversion>(2, {.races_at_the_end = false}).classes, 3);
}

TEST(TreeSearch, DoesTheSameOnThreads) {
  for (const Backend backend : {Backend::threads, kDefaultBackend}) {
    EXPECT_EQ(explored<LockInversion>(3, {}, backend).classes, 10);
    EXPECT_EQ(explored<SingleFlight>(2, {}, backend).classes, 4);
  }
}

}  // namespace
}  // namespace ccbench::explore
