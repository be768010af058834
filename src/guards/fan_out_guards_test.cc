// Conformance of the guards that cancel, and of those whose requests are independent: every check fails on a
// mutant or on a faulty guard first.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "driver/quiet_run.h"
#include "sync/std_sync.h"
#include "sync/stop_signal.h"

namespace ccbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// How long a check waits for what a correct guard lets happen, and for what only a wrong one does.
constexpr milliseconds kPatience = seconds(10);
constexpr milliseconds kShortPatience(100);

constexpr Key kKey = 5;
constexpr Key kOther = 6;

using Make = std::function<std::unique_ptr<AnyGuard>()>;

Make registered(std::string_view name) {
  return [name] { return guard(name).make(GuardContext(guard(name).info)); };
}

/// A guard that breaks one promise, made of one function.
class Mutant final : public AnyGuard {
 public:
  using Run = std::function<Result(const Request&, Section)>;
  explicit Mutant(Run run) : run_(std::move(run)) {}
  Result run(const Request& request, Section section) override { return run_(request, section); }

 private:
  const Run run_;
};

Make mutant(std::function<Mutant::Run()> make_run) {
  return [make_run] { return std::make_unique<Mutant>(make_run()); };
}

/// One signal whatever the key.
Make one_whole_for_all() {
  return mutant([] {
    auto signal = std::make_shared<StopSignal<StdSync>>();
    return [signal](const Request&, Section section) {
      const Result result = section(Entry{.stop = signal.get()});
      if (is_failure(result.outcome)) signal->request_stop();
      return result;
    };
  });
}

/// Sees no failure in an exception.
Make blind_for_exceptions() {
  return mutant([] {
    auto signal = std::make_shared<StopSignal<StdSync>>();
    return [signal](const Request&, Section section) -> Result {
      if (signal->stop_requested()) return {.outcome = Outcome::cancelled, .reason = "stopped"};
      const Result result = section(Entry{.stop = signal.get()});
      if (is_failure(result.outcome)) signal->request_stop();
      return result;
    };
  });
}

Make swallows_exceptions() {
  return mutant([] {
    return [](const Request&, Section section) -> Result {
      try {
        return section(Entry{});
      } catch (...) {
        return refused("an exception");
      }
    };
  });
}

template <class Condition>
bool comes_true(Condition condition, milliseconds patience) {
  for (const auto end = steady_clock::now() + patience; steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return condition();
}

Request of_key(Key key) { return {.key = key}; }

enum class Failure { refused, thrown };

Result fail(Failure failure) {
  if (failure == Failure::thrown) throw std::runtime_error("the child failed");
  return refused("the child failed");
}

/// What became of a child that was inside while another failed, and of one that came afterwards.
struct Fate {
  bool was_stopped = false;
  bool later_ran = false;
  bool later_was_stopped = false;
  Outcome later = Outcome::error;
  bool thrown = false;  ///< the failing child's exception reached its caller
};

/// A child of `key` waits inside until it is asked to stop, for `patience` at most, while one of kKey fails.
Fate fail_beside(AnyGuard& guard, Key key, Failure failure, milliseconds patience) {
  Fate fate;
  std::atomic<bool> inside{false};
  {
    const std::jthread sibling([&] {
      guard.run(of_key(key), [&](const Entry& entry) {
        inside = true;
        if (entry.stop == nullptr) {
          std::this_thread::sleep_for(patience);
        } else {
          entry.stop->sleep_for(patience);
        }
        fate.was_stopped = entry.stop_requested();
        return success();
      });
    });
    comes_true([&] { return inside.load(); }, kPatience);
    try {
      guard.run(of_key(kKey), [&](const Entry&) { return fail(failure); });
    } catch (const std::runtime_error&) {
      fate.thrown = true;
    }
  }
  fate.later = guard
                   .run(of_key(key),
                        [&](const Entry& entry) {
                          fate.later_ran = true;
                          fate.later_was_stopped = entry.stop_requested();
                          return success();
                        })
                   .outcome;
  return fate;
}

// Checks: true is a broken promise.
using Check = std::function<bool(AnyGuard&, milliseconds patience)>;

Check sibling_runs_on(Failure failure) {
  return [failure](AnyGuard& guard, milliseconds patience) {
    return !fail_beside(guard, kKey, failure, patience).was_stopped;
  };
}

Check later_child_runs(Failure failure) {
  return [failure](AnyGuard& guard, milliseconds) {
    const Fate fate = fail_beside(guard, kKey, failure, kShortPatience);
    return (fate.later_ran && !fate.later_was_stopped) || fate.later == Outcome::error;
  };
}

Check exception_is_lost() {
  return [](AnyGuard& guard, milliseconds) {
    return !fail_beside(guard, kOther, Failure::thrown, milliseconds(0)).thrown;
  };
}

/// The failure of one key reaches another.
bool failure_leaves_its_key(AnyGuard& guard, milliseconds /*patience*/) {
  const Fate fate = fail_beside(guard, kOther, Failure::refused, kShortPatience);
  return fate.was_stopped || fate.later_was_stopped || !fate.later_ran;
}

Check failure_stops_a_sibling(Failure failure) {
  return [failure](AnyGuard& guard, milliseconds) {
    const Fate fate = fail_beside(guard, kKey, failure, kShortPatience);
    return fate.was_stopped || fate.later_was_stopped || !fate.later_ran || fate.later != Outcome::success;
  };
}

void expect_holds(const Check& check, const Make& mutant, const Make& guard) {
  ASSERT_TRUE(check(*mutant(), kShortPatience)) << "the check has no power: the mutant passed it";
  for (int time = 0; time < 3; ++time) EXPECT_FALSE(check(*guard(), kPatience));
}

auto guards_that(const std::function<bool(const Promises&)>& promise) {
  std::vector<std::string> names;
  for (const GuardPlugin& plugin : guards().all()) {
    if (!plugin.info.faulty() && promise(plugin.info.promises)) names.emplace_back(plugin.info.name);
  }
  return testing::ValuesIn(names);
}

class CancellingGuard : public testing::TestWithParam<std::string> {};
class IndependentGuard : public testing::TestWithParam<std::string> {};

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, CancellingGuard, guards_that([](const Promises& p) { return p.cancels; }),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, IndependentGuard, guards_that([](const Promises& p) { return p.independent; }),
                         test_name);

TEST_P(CancellingGuard, AsksASiblingInsideToStop) {
  expect_holds(sibling_runs_on(Failure::refused), registered("supervised"), registered(GetParam()));
}

TEST_P(CancellingGuard, TakesAnExceptionForAFailure) {
  expect_holds(sibling_runs_on(Failure::thrown), blind_for_exceptions(), registered(GetParam()));
  expect_holds(later_child_runs(Failure::thrown), blind_for_exceptions(), registered(GetParam()));
}

TEST_P(CancellingGuard, StartsNoChildThatComesAfterTheFailure) {
  expect_holds(later_child_runs(Failure::refused), registered("faulty-forgets-children"),
               registered(GetParam()));
}

TEST_P(CancellingGuard, KeepsAFailureWithItsKey) {
  expect_holds(failure_leaves_its_key, one_whole_for_all(), registered(GetParam()));
}

TEST_P(CancellingGuard, PassesAnExceptionOn) {
  expect_holds(exception_is_lost(), swallows_exceptions(), registered(GetParam()));
}

TEST_P(IndependentGuard, StopsNobodyElse) {
  expect_holds(failure_stops_a_sibling(Failure::refused), registered("faulty-failure-spreads"),
               registered(GetParam()));
  expect_holds(failure_stops_a_sibling(Failure::thrown), registered("faulty-failure-spreads"),
               registered(GetParam()));
}

TEST_P(IndependentGuard, PassesAnExceptionOn) {
  expect_holds(exception_is_lost(), swallows_exceptions(), registered(GetParam()));
}

// The faulty guards break one promise and keep the others.

TEST(FaultyForgetsChildren, StopsThoseInside) {
  for (const Failure failure : {Failure::refused, Failure::thrown})
    EXPECT_FALSE(sibling_runs_on(failure)(*registered("faulty-forgets-children")(), kPatience));
}

// supervised with restarts

Make supervised(std::string_view restarts) {
  return [restarts] {
    GuardContext context(guard("supervised").info);
    context.parameters.set("restarts", restarts);
    return guard("supervised").make(context);
  };
}

/// How often the section of a child was run whose first `failures` attempts fail; -1 if it did not succeed.
int attempts_of(AnyGuard& guard, int failures, Failure failure) {
  int attempts = 0;
  try {
    const Result result = guard.run(
        of_key(kKey), [&](const Entry&) { return ++attempts <= failures ? fail(failure) : success(); });
    return result.outcome == Outcome::success ? attempts : -1;
  } catch (const std::runtime_error&) {
    return -1;
  }
}

TEST(Supervised, StartsAFailedChildAgainAsOftenAsAllowedAndNoOftener) {
  for (const Failure failure : {Failure::refused, Failure::thrown}) {
    EXPECT_EQ(attempts_of(*supervised("2")(), 0, failure), 1);
    EXPECT_EQ(attempts_of(*supervised("2")(), 2, failure), 3);
    EXPECT_EQ(attempts_of(*supervised("2")(), 3, failure), -1);
    EXPECT_EQ(attempts_of(*supervised("0")(), 1, failure), -1);
  }
}

TEST(Supervised, PromisesRetriesOnlyWhereItRestarts) {
  GuardContext context(guard("supervised").info);
  EXPECT_FALSE(guard("supervised").promises(context).retries);
  context.parameters.set("restarts", "1");
  EXPECT_TRUE(guard("supervised").promises(context).retries);
  EXPECT_TRUE(guard("supervised").promises(context).independent);
}

// The stop signal

TEST(StopSignals, LetASleeperSleepItsTimeUnlessAsked) {
  const StopSignal<StdSync> signal;
  const auto begun = steady_clock::now();
  signal.sleep_for(milliseconds(20));
  EXPECT_GE(steady_clock::now() - begun, milliseconds(20));
  EXPECT_FALSE(signal.stop_requested());
}

TEST(StopSignals, WakeEverySleeperAndStaySet) {
  StopSignal<StdSync> signal;
  std::atomic<int> woken{0};
  std::vector<std::jthread> sleepers;
  sleepers.reserve(3);
  const auto begun = steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    sleepers.emplace_back([&] {
      signal.sleep_for(seconds(60));
      ++woken;
    });
  }
  signal.request_stop();
  sleepers.clear();
  EXPECT_EQ(woken, 3);
  signal.sleep_for(seconds(60));
  EXPECT_TRUE(signal.stop_requested());
  EXPECT_LT(steady_clock::now() - begun, seconds(60));
}

}  // namespace
}  // namespace ccbench
