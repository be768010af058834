// What the explorer's primitives do, in every order of steps.
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "explore/random_walk.h"
#include "explore/replay.h"
#include "explore/small_fixture.h"
#include "explore/tree_search.h"
#include "schedule/scheduler.h"
#include "sync/explore_sync.h"

namespace ccbench::explore {
namespace {

using Sync = ExploreSync;
using std::chrono::nanoseconds;

template <class State>
void expect_outcomes(const std::vector<std::function<void(State&)>>& bodies,
                     const std::set<std::string>& expected, SchedulerOptions options = {},
                     std::uint32_t spurious_wakes = 0) {
  for (const Reduction reduction : {Reduction::none, Reduction::sleep_sets, Reduction::source_sets})
    EXPECT_EQ(outcomes<State>(bodies, options, reduction, spurious_wakes), expected)
        << static_cast<int>(reduction);
}

TEST(TaskSet, CountsItsTasks) {
  for (Task count = 0; count <= kMostTasks; ++count) EXPECT_EQ(TaskSet::first(count).size(), count);
  TaskSet some;
  for (const Task task : {1U, 4U, 17U, 31U, 32U, 63U}) some.add(task);
  EXPECT_EQ(some.size(), 6U);
  EXPECT_EQ((TaskSet::first(kMostTasks) - some).size(), 58U);
}

struct Locks {
  std::string log;
  Sync::mutex mutex;
  Sync::mutex other;
  Sync::recursive_mutex recursive;
  Sync::timed_mutex timed;
  Sync::shared_mutex shared;
};

TEST(ExploredMutex, LetsOneInAtATime) {
  const auto twice = [](char letter) {
    return [letter](Locks& locks) {
      const std::lock_guard lock(locks.mutex);
      locks.log += letter;
      Sync::yield();
      locks.log += letter;
    };
  };
  expect_outcomes<Locks>({twice('a'), twice('b')}, {"aabb", "bbaa"});
}

TEST(ExploredMutex, SaysNoToWhoTries) {
  expect_outcomes<Locks>({[](Locks& locks) {
                            const std::lock_guard lock(locks.mutex);
                            locks.log += 'a';
                          },
                          [](Locks& locks) {
                            const std::unique_lock lock(locks.mutex, std::try_to_lock);
                            locks.log += lock ? 'y' : 'n';
                          }},
                         {"ay", "an", "ya"});
}

TEST(ExploredMutex, IsWaitedForByItsOwnerForEver) {
  expect_outcomes<Locks>({[](Locks& locks) {
                           const std::lock_guard lock(locks.mutex);
                           const std::lock_guard again(locks.mutex);
                         }},
                         {"deadlock: waits for mutex#1, held by itself"});
}

TEST(ExploredMutex, ShowsWhoWaitsForWhom) {
  const auto both = [](Sync::mutex Locks::* first, Sync::mutex Locks::* second) {
    return [=](Locks& locks) {
      const std::lock_guard outer(locks.*first);
      const std::lock_guard inner(locks.*second);
    };
  };
  expect_outcomes<Locks>(
      {both(&Locks::mutex, &Locks::other), both(&Locks::other, &Locks::mutex)},
      {"", "deadlock: waits for mutex#2, held by task 1 waits for mutex#1, held by task 0"});
}

TEST(ExploredRecursiveMutex, LetsItsOwnerInAgain) {
  const auto again = [](char letter) {
    return [letter](Locks& locks) {
      const std::lock_guard outer(locks.recursive);
      {
        const std::lock_guard inner(locks.recursive);
        locks.log += letter;
      }
      Sync::yield();
      locks.log += letter;
    };
  };
  expect_outcomes<Locks>({again('a'), again('b')}, {"aabb", "bbaa"});
}

TEST(ExploredTimedMutex, IsWaitedForOrGivenUp) {
  expect_outcomes<Locks>({[](Locks& locks) {
                            const std::lock_guard lock(locks.timed);
                            locks.log += 'a';
                            Sync::sleep_for(nanoseconds(5));
                            locks.log += 'b';
                          },
                          [](Locks& locks) {
                            const bool got = locks.timed.try_lock_for(nanoseconds(9));
                            locks.log += got ? 'y' : 'n';
                            if (got) locks.timed.unlock();
                          }},
                         // By the clock it would be had; but a thread that is kept from running unlocks late.
                         {"aby", "abn", "yab"});
}

TEST(ExploredSharedMutex, LetsReadersInTogetherAndWritersAlone) {
  const auto reads = [](Locks& locks) {
    const std::shared_lock lock(locks.shared);
    locks.log += 'r';
    Sync::yield();
    locks.log += 'r';
  };
  const auto writes = [](Locks& locks) {
    const std::lock_guard lock(locks.shared);
    locks.log += 'w';
    Sync::yield();
    locks.log += 'w';
  };
  expect_outcomes<Locks>({reads, reads}, {"rrrr"});
  expect_outcomes<Locks>({reads, writes}, {"rrww", "wwrr"});
}

struct Meeting {
  std::string log;
  Sync::mutex mutex;
  Sync::condition_variable changed;
  bool ready = false;
  Sync::atomic<int> word{0};
};

const auto wait_without_asking = [](char letter) {
  return [letter](Meeting& meeting) {
    std::unique_lock lock(meeting.mutex);
    meeting.changed.wait(lock);
    meeting.log += letter;
  };
};

TEST(ExploredCondition, WakesWhoWaitsAndNobodyWhoComesLater) {
  expect_outcomes<Meeting>({wait_without_asking('a'), [](Meeting& meeting) { meeting.changed.notify_one(); }},
                           {"a", "deadlock: waits to be notified by condition_variable#1"});
}

TEST(ExploredCondition, WakesAnyOneOfThose) {
  // One of two goes on, whichever: its letter is in the log when the other is seen to wait for ever.
  Small<Meeting> program({wait_without_asking('a'), wait_without_asking('b'),
                          [](Meeting& meeting) { meeting.changed.notify_one(); }});
  Scheduler scheduler(program);
  TreeSearch search({});
  std::set<std::string> logs;
  for (bool more = true; more;) {
    const Ending ending = scheduler.run(search);
    more = search.end(scheduler, ending);
    if (ending == Ending::deadlock) logs.insert(program.state().log);
    EXPECT_TRUE(ending == Ending::deadlock || ending == Ending::cut);
    scheduler.finish();
    program.end();
  }
  EXPECT_EQ(logs, (std::set<std::string>{"", "a", "b"}));
}

TEST(ExploredCondition, WakesAllWhoWait) {
  const auto wait_for_it = [](char letter) {
    return [letter](Meeting& meeting) {
      std::unique_lock lock(meeting.mutex);
      meeting.changed.wait(lock, [&] { return meeting.ready; });
      meeting.log += letter;
    };
  };
  const auto make_ready = [](Meeting& meeting) {
    const std::lock_guard lock(meeting.mutex);
    meeting.ready = true;
    meeting.changed.notify_all();
  };
  expect_outcomes<Meeting>({wait_for_it('a'), wait_for_it('b'), make_ready}, {"ab", "ba"});
}

TEST(ExploredCondition, GivesUpWhenTheTimeIsOver) {
  expect_outcomes<Meeting>({[](Meeting& meeting) {
                              std::unique_lock lock(meeting.mutex);
                              const auto status = meeting.changed.wait_for(lock, nanoseconds(5));
                              meeting.log += status == std::cv_status::timeout ? 't' : 'n';
                            },
                            [](Meeting& meeting) { meeting.changed.notify_one(); }},
                           {"t", "n"});
}

TEST(ExploredCondition, MayWakeUnasked) {
  const auto touches = [](Meeting& meeting) { meeting.word.fetch_add(1); };
  expect_outcomes<Meeting>({wait_without_asking('a'), touches}, {"a"}, {}, 1);
  const auto waits_twice = [](Meeting& meeting) {
    wait_without_asking('a')(meeting);
    wait_without_asking('b')(meeting);
  };
  expect_outcomes<Meeting>({waits_twice}, {"deadlock: waits to be notified by condition_variable#1"}, {}, 1);
  const auto asks = [](Meeting& meeting) {
    std::unique_lock lock(meeting.mutex);
    meeting.changed.wait(lock, [&] { return meeting.ready; });
    meeting.log += 'r';
  };
  const auto make_ready = [](Meeting& meeting) {
    const std::lock_guard lock(meeting.mutex);
    meeting.ready = true;
    meeting.changed.notify_one();
  };
  expect_outcomes<Meeting>({asks, make_ready}, {"r"}, {}, 2);
}

TEST(ExploredAtomic, WaitsUntilNotifiedOfAnotherValue) {
  const auto wait = [](Meeting& meeting) {
    meeting.word.wait(0);
    meeting.log += 'w';
  };
  expect_outcomes<Meeting>({wait,
                            [](Meeting& meeting) {
                              meeting.word.store(1);
                              meeting.word.notify_one();
                            }},
                           {"w"});
  expect_outcomes<Meeting>({wait, [](Meeting& meeting) { meeting.word.store(1); }},
                           {"w", "deadlock: waits to be notified by atomic#1"});
}

TEST(ExploredAtomic, ReadsAndWritesAsOneStep) {
  const auto add = [](Meeting& meeting) {
    const int before = meeting.word.fetch_add(1);
    if (before == 1) meeting.log += std::to_string(meeting.word.load());
  };
  expect_outcomes<Meeting>({add, add}, {"2"});
  const auto lose = [](Meeting& meeting) {
    meeting.word.store(meeting.word.load() + 1);
    meeting.log = std::to_string(meeting.word.load());
  };
  const std::set<std::string> found = outcomes<Meeting>({lose, lose});
  EXPECT_TRUE(found.contains("1"));
  EXPECT_TRUE(found.contains("2"));
}

struct Times {
  std::string log;
  Sync::atomic<int> order{0};
};

std::function<void(Times&)> sleeps(int time, char letter) {
  return [time, letter](Times& times) {
    Sync::sleep_for(nanoseconds(time));
    times.order.fetch_add(1);
    times.log += letter;
  };
}

TEST(ExploredTime, EndsSleepsInTheOrderOfTheirLengths) {
  const auto looks = [](int time, char letter) {
    return [time, letter](Times& times) {
      Sync::sleep_for(nanoseconds(time));
      times.log += letter;
    };
  };
  // Who wakes first may still be overtaken before its next step.
  expect_outcomes<Times>({looks(20, 'b'), looks(10, 'a')}, {"ab"});
  expect_outcomes<Times>({sleeps(20, 'b'), sleeps(10, 'a')}, {"ab", "ba"});
  expect_outcomes<Times>({sleeps(10, 'b'), sleeps(10, 'a')}, {"ab", "ba"});
}

TEST(ExploredTime, EndsThemInAnyOrderWhereThatIsAsked) {
  EXPECT_EQ(outcomes<Times>({[](Times& times) {
                               Sync::sleep_for(nanoseconds(20));
                               times.log += 'b';
                             },
                             [](Times& times) {
                               Sync::sleep_for(nanoseconds(10));
                               times.log += 'a';
                             }},
                            {.time = TimeOrder::free}),
            (std::set<std::string>{"ab", "ba"}));
}

TEST(ExploredTime, GoesOnWithTheSleepsAlone) {
  expect_outcomes<Times>({[](Times& times) {
                           const auto begin = Sync::now();
                           Sync::sleep_for(nanoseconds(7));
                           times.log = std::to_string((Sync::now() - begin).count());
                         }},
                         {"7"});
}

TEST(ExploredTime, IsOrderedWithWhoAsksForIt) {
  // Who asks early or late sees 0 or 10, also in the searches that leave schedules out.
  expect_outcomes<Times>({[](Times&) { Sync::sleep_for(nanoseconds(10)); },
                          [](Times& times) {
                            times.order.load();
                            times.log = std::to_string(Sync::now().time_since_epoch().count());
                          }},
                         {"1", "11"});
}

TEST(ExploredTime, ComesToWhatHasBeenComputed) {
  // Whoever compares it may see it come between any two of its steps.
  const auto expires = [](Times& times) {
    const auto end = Sync::now() + nanoseconds(10);
    times.order.fetch_add(1);
    times.log += Sync::now() < end ? 'e' : 'l';
    times.order.fetch_add(1);
    times.log += Sync::now() < end ? 'e' : 'l';
  };
  const std::set<std::string> any = {"ee", "el", "ll"};
  expect_outcomes<Times>({expires}, any, {.time = TimeOrder::free});
  // But no time passes where nobody waits for anything.
  expect_outcomes<Times>({expires}, {"ee"});
  const auto sleeps = [](int time) {
    return [time](Times& times) {
      times.order.load();
      Sync::sleep_for(nanoseconds(time));
    };
  };
  expect_outcomes<Times>({expires, sleeps(20)}, any);
  expect_outcomes<Times>({expires, sleeps(5)}, {"ee"});
  const auto passes = [](Times& times) {
    times.order.load();
    Scheduler::current().let_pass_until(12);
    times.order.load();
  };
  expect_outcomes<Times>({expires, passes}, any);
}

TEST(ExploredTime, ComesToWhatIsOverFirst) {
  const auto sleeps_before = [](Times& times) {
    const auto end = Sync::now() + nanoseconds(10);
    Sync::sleep_for(nanoseconds(5));
    times.log += Sync::now() < end ? 'e' : 'l';
  };
  expect_outcomes<Times>({sleeps_before}, {"e"});
  EXPECT_EQ(outcomes<Times>({sleeps_before}, {.time = TimeOrder::free}), (std::set<std::string>{"e", "l"}));
}

TEST(ExploredTime, ComesByItselfToWhatIsWaitedForAnyway) {
  Small<Locks> program({[](Locks& locks) {
    const auto end = Sync::now() + nanoseconds(9);
    if (locks.timed.try_lock_until(end)) locks.timed.unlock();
  }});
  Scheduler scheduler(program);
  RandomWalk walk(1, 1);
  EXPECT_EQ(scheduler.run(walk), Ending::done);
  EXPECT_EQ(scheduler.tasks(), 1U) << "no alarm";
  scheduler.finish();
  program.end();
}

TEST(ExploredTime, PassesBySpinning) {
  expect_outcomes<Times>({[](Times& times) {
                           Sync::spin_for(nanoseconds(7));
                           times.log = std::to_string(Sync::now().time_since_epoch().count());
                         }},
                         {"8"});
}

struct Family {
  std::string log;
  Sync::mutex mutex;
};

TEST(ExploredThread, RunsBesideItsMakerAndIsJoined) {
  expect_outcomes<Family>({[](Family& family) {
                            Sync::thread child([&family] {
                              const std::lock_guard lock(family.mutex);
                              family.log += 'c';
                            });
                            {
                              const std::lock_guard lock(family.mutex);
                              family.log += 'p';
                            }
                            child.join();
                            family.log += 'j';
                          }},
                          {"cpj", "pcj"});
}

TEST(Scheduler, SeesThatASpinHasNoEnd) {
  expect_outcomes<Meeting>({[](Meeting& meeting) {
                             while (meeting.word.load() == 0) Sync::yield();
                           }},
                           {"too long"}, {.most_steps = 50});
}

TEST(Scheduler, LetsOthersGoOnWhereOneYields) {
  EXPECT_EQ(outcomes<Meeting>({[](Meeting& meeting) {
                                 while (meeting.word.load() == 0) Sync::yield();
                                 meeting.log += 's';
                               },
                               [](Meeting& meeting) { meeting.word.store(1); }}),
            (std::set<std::string>{"s"}));
}

/// Counts what is alive, so that a schedule that does not end is seen to lose something.
struct Alive {
  Alive() { ++count; }
  Alive(const Alive&) { ++count; }
  Alive& operator=(const Alive&) = default;
  ~Alive() { --count; }
  static inline int count = 0;
};

TEST(Scheduler, UnwindsWhatCannotGoOn) {
  expect_outcomes<Locks>({[](Locks& locks) {
                           const Alive alive;
                           const std::lock_guard lock(locks.mutex);
                           const Alive inner;
                           locks.mutex.lock();
                         }},
                         {"deadlock: waits for mutex#1, held by itself"});
  EXPECT_EQ(Alive::count, 0);
}

TEST(Scheduler, AbandonsWhatCannotBeUnwound) {
  if (kDefaultBackend == Backend::threads)
    GTEST_SKIP() << "a thread that sleeps for ever is a leak to the sanitizers";
  struct LocksAtTheEnd {
    Locks& locks;
    ~LocksAtTheEnd() { locks.mutex.lock(); }  // NOLINT(bugprone-exception-escape): that is what is tested
  };
  for (int i = 0; i < 3; ++i) {
    expect_outcomes<Locks>({[](Locks& locks) {
                             const std::lock_guard lock(locks.mutex);
                             const LocksAtTheEnd end{locks};
                           }},
                           {"deadlock: waits for mutex#1, held by itself"});
  }
}

TEST(TreeSearch, SeesThatAProgramDoesNotDoTheSameAgain) {
  int schedules = 0;
  const auto adds = [](Meeting& meeting) { meeting.word.fetch_add(1); };
  const auto changes = [&](Meeting& meeting) {
    meeting.word.fetch_add(1);
    if (++schedules > 1) {
      meeting.word.load();
    } else {
      meeting.word.fetch_add(1);
    }
    meeting.word.fetch_add(1);
  };
  for (const Reduction reduction : {Reduction::none, Reduction::source_sets}) {
    schedules = 0;
    Small<Meeting> program({changes, adds});
    Scheduler scheduler(program);
    TreeSearch search({.reduction = reduction});
    for (bool more = true; more;) {
      more = search.end(scheduler, scheduler.run(search));
      scheduler.finish();
      program.end();
    }
    EXPECT_TRUE(search.diverged());
  }
}

TEST(Scheduler, KeepsTheExceptionsOfTasksApart) {
  const auto catches = [](char letter) {
    return [letter](Meeting& meeting) {
      try {
        throw std::runtime_error(std::string(1, letter));
      } catch (const std::exception& error) {
        // Another task catches and throws meanwhile.
        meeting.word.fetch_add(1);
        try {
          throw;
        } catch (const std::runtime_error& again) {
          meeting.word.fetch_add(1);
          EXPECT_EQ(again.what(), std::string(1, letter));
        }
        EXPECT_EQ(error.what(), std::string(1, letter));
        EXPECT_EQ(std::uncaught_exceptions(), 0);
      }
    };
  };
  EXPECT_EQ(outcomes<Meeting>({catches('a'), catches('b')}), (std::set<std::string>{""}));
}

// --- replays ---

/// Some steps of several kinds, and an outcome that depends on their order.
std::vector<std::function<void(Meeting&)>> mixed() {
  const auto body = [](char letter) {
    return [letter](Meeting& meeting) {
      for (int i = 0; i < 2; ++i) {
        const std::lock_guard lock(meeting.mutex);
        meeting.log += letter;
        meeting.word.store(meeting.word.load() + 1);
      }
      meeting.log += std::to_string(meeting.word.load());
    };
  };
  return {body('a'), body('b'), body('c')};
}

TEST(ReplayText, IsReadAsItWasWritten) {
  const auto steps = parse_replay("1:0.lock+load,12.wake,0.unlock");
  ASSERT_TRUE(steps);
  EXPECT_EQ(*steps, (std::vector<ReplayStep>{{0, OperationKind::lock},
                                             {0, OperationKind::load},
                                             {12, OperationKind::wake},
                                             {0, OperationKind::unlock}}));
  for (const char* text :
       {"", "0.lock", "2:0.lock", "1:0.lick", "1:0", "1:x.lock", "1:64.lock", "1:0.lock,", "1:-1.lock"})
    EXPECT_FALSE(parse_replay(text) && std::string_view(text) != "1:0.lock,") << text;
}

TEST(ReplayedSchedule, IsTheSameEveryTime) {
  for (const Backend backend : {kDefaultBackend, Backend::threads}) {
    Small<Meeting> program(mixed());
    Scheduler scheduler(program, {.backend = backend});
    RandomWalk walk(7, 1000);
    const int rounds = backend == Backend::fibers ? 1000 : 50;
    for (int i = 0; i < rounds; ++i) {
      const Ending ending = scheduler.run(walk);
      walk.end(scheduler, ending);
      const std::string text = to_replay(scheduler.steps());
      const std::string log = program.state().log;
      scheduler.finish();
      program.end();
      Replay replay(*parse_replay(text));
      const Ending again = scheduler.run(replay);
      replay.end(scheduler, again);
      ASSERT_EQ(again, ending);
      ASSERT_EQ(replay.diverged(), "");
      ASSERT_EQ(to_replay(scheduler.steps()), text);
      ASSERT_EQ(program.state().log, log);
      scheduler.finish();
      program.end();
    }
  }
}

std::string diverged(const std::string& text, std::vector<std::function<void(Meeting&)>> bodies) {
  Small<Meeting> program(std::move(bodies));
  Scheduler scheduler(program);
  Replay replay(*parse_replay(text));
  const Ending ending = scheduler.run(replay);
  replay.end(scheduler, ending);
  scheduler.finish();
  program.end();
  return replay.diverged();
}

TEST(ReplayedSchedule, SaysWhereTheProgramDoesSomethingElse) {
  const auto adds = [](Meeting& meeting) { meeting.word.fetch_add(1); };
  const auto locks = [](Meeting& meeting) { const std::lock_guard lock(meeting.mutex); };
  EXPECT_EQ(diverged("1:0.modify", {adds}), "");
  EXPECT_EQ(diverged("1:0.load", {adds}),
            "DIVERGED at step 1: expected request 0 to load, which would modify");
  EXPECT_EQ(diverged("1:", {adds}), "DIVERGED at step 1: expected the end, and more can be done");
  EXPECT_EQ(diverged("1:0.modify+load", {adds}),
            "DIVERGED at step 2: expected request 0 to load, and nothing can be done any more");
  EXPECT_EQ(diverged("1:0.lock,1.lock", {locks, locks}),
            "DIVERGED at step 2: expected request 1 to lock, which waits for mutex#1, held by task 0");
}

}  // namespace
}  // namespace ccbench::explore
