// What idempotency-key promises beyond the conformance suite: its time to live, whose flag a release removes,
// and its memory. Every check fails on another guard first.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "driver/build.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr Key kKey = 5;
constexpr std::string_view kNoPower = "the check has no power: the mutant passed it";

/// With this time to live where it has one.
std::unique_ptr<AnyGuard> make(std::string_view name, std::string_view ttl = "60s") {
  const GuardPlugin& plugin = guard(name);
  GuardContext context(plugin.info);
  if (!plugin.info.parameters.empty()) {
    EXPECT_EQ(context.parameters.set("ttl", ttl), "");
  }
  return plugin.make(context);
}

Outcome run(AnyGuard& guard, Section section, Key key = kKey) {
  return guard.run({.key = key}, section).outcome;
}

constexpr auto kSucceeds = [](const Entry& /*entry*/) { return success(); };
constexpr auto kFails = [](const Entry& /*entry*/) { return refused("the section said no"); };

template <class Condition>
bool comes_true(Condition condition, std::chrono::nanoseconds patience) {
  for (const auto end = steady_clock::now() + patience; steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return condition();
}

/// After a success the key stays shut for longer than `ttl`, which is over by a wide margin.
bool stays_shut_after_ttl(AnyGuard& guard, milliseconds patience) {
  run(guard, kSucceeds);
  return !comes_true([&] { return run(guard, kSucceeds) == Outcome::success; }, patience);
}

TEST(IdempotencyKey, OpensWhenTheTimeToLiveIsOver) {
  ASSERT_TRUE(stays_shut_after_ttl(*make("cas"), milliseconds(100))) << kNoPower;
  EXPECT_FALSE(stays_shut_after_ttl(*make("idempotency-key", "20ms"), seconds(10)));
}

/// After a success the key opens before `ttl` is over.
bool opens_early(AnyGuard& guard, std::chrono::nanoseconds ttl) {
  const auto begun = steady_clock::now();
  run(guard, kSucceeds);
  while (run(guard, kSucceeds) != Outcome::success) {
    if (steady_clock::now() - begun > 2 * ttl) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return steady_clock::now() - begun < ttl;
}

TEST(IdempotencyKey, StaysShutForTheTimeToLive) {
  constexpr milliseconds kTtl(50);
  ASSERT_TRUE(opens_early(*make("synchronized"), kTtl)) << kNoPower;
  ASSERT_TRUE(opens_early(*make("idempotency-key", "1ms"), kTtl)) << kNoPower;
  EXPECT_FALSE(opens_early(*make("idempotency-key", "50ms"), kTtl));
}

TEST(IdempotencyKey, SaysWhyItTurnsARequestAway) {
  const auto guard = make("idempotency-key");
  run(*guard, kSucceeds);
  const Result result = guard->run({.key = kKey}, kSucceeds);
  EXPECT_EQ(result.outcome, Outcome::turned_away);
  EXPECT_EQ(result.reason.text(), "the key is set");
}

/// A first holder is inside for longer than its flag lives, a second enters, and the first leaves. Answers
/// whether a third enters beside the second, though its flag is no older than `young`; empty if the machine
/// was too slow to tell.
std::optional<bool> enters_beside_second(AnyGuard& guard, std::chrono::nanoseconds young) {
  std::atomic<bool> first_is_inside{false};
  std::atomic<bool> second_is_inside{false};
  std::atomic<bool> third_is_over{false};
  std::atomic<steady_clock::time_point> asked{};
  std::jthread second([&] {
    comes_true([&] { return first_is_inside.load(); }, seconds(10));
    const auto enter = [&](const Entry&) {
      second_is_inside = true;
      comes_true([&] { return third_is_over.load(); }, seconds(10));
      return refused("the second is done");
    };
    while (!second_is_inside) {
      asked = steady_clock::now();
      run(guard, enter);
    }
  });
  const auto leave_late = [&](const Entry&) {
    first_is_inside = true;
    comes_true([&] { return second_is_inside.load(); }, seconds(10));
    return refused("the first is done");
  };
  // The second may have been faster than the first.
  while (!first_is_inside && !second_is_inside) run(guard, leave_late);
  bool entered = false;
  run(guard, [&](const Entry&) {
    entered = true;
    return refused("the third is done");
  });
  const bool in_time = steady_clock::now() - asked.load() < young;
  third_is_over = true;
  return in_time ? std::optional(entered) : std::nullopt;
}

/// The same until the machine was fast enough.
bool releases_what_is_anothers(std::string_view name, std::chrono::nanoseconds young) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto entered = enters_beside_second(*make(name, "150ms"), young);
    if (entered) return *entered;
  }
  ADD_FAILURE() << "20 times a thread did not run for so long that nothing can be said";
  return false;
}

TEST(IdempotencyKey, ReleasesOnlyItsOwnFlag) {
  // The faulty one lets the second wait for the flag, so that nobody knows when it was set.
  ASSERT_TRUE(releases_what_is_anothers("faulty-foreign-delete", seconds(60))) << kNoPower;
  EXPECT_FALSE(releases_what_is_anothers("idempotency-key", milliseconds(150)));
}

TEST(IdempotencyKey, OpensAtOnceAfterAFailure) {
  const auto guard = make("idempotency-key");
  for (int time = 0; time < 3; ++time) EXPECT_EQ(run(*guard, kFails), Outcome::refused);
  EXPECT_EQ(run(*guard, kSucceeds), Outcome::success);
  EXPECT_EQ(run(*guard, kFails), Outcome::turned_away);
}

/// Bytes that the heap has more than before `keys` requests of a key each.
std::size_t memory_after(AnyGuard& guard, Key keys) {
  const auto in_use = [] {
    const auto heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
  };
  const auto before = in_use();
  for (Key key = 0; key < keys; ++key) run(guard, kSucceeds, key);
  const auto after = in_use();
  return after > before ? after - before : 0;
}

TEST(IdempotencyKey, ForgetsAMillionKeysWhoseTimeIsOver) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's heap does not tell how much of it is in use";
  constexpr std::size_t kMuch = 131'072;
  ASSERT_GT(memory_after(*make("idempotency-key"), 10'000), kMuch) << kNoPower;
  EXPECT_LT(memory_after(*make("idempotency-key", "1us"), 1'000'000), kMuch);
}

// The early expiry that a setting asks for, in whole runs

GuardResult result_of(std::string_view guard_name, std::string_view scenario, std::string_view ttl,
                      const std::function<void(Experiment&)>& set) {
  Experiment experiment;
  experiment.scenario = scenarios().find(scenario);
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.guards = {&guard(guard_name)};
  experiment.guard_settings = {{"ttl", std::string(ttl)}};
  experiment.control = ControlMode::never;
  experiment.seed = 1;
  set(experiment);
  experiment.threads = static_cast<std::uint32_t>(experiment.requests);
  return run_quietly(experiment).guards.back();
}

TEST(IdempotencyKey, LetsASecondClickInWhereItsTimeEndsEarly) {
  // Clicks 20 ms apart, and a first one that takes far longer than the others need to come.
  const auto clicks = [](Experiment& experiment) {
    experiment.requests = 10;
    experiment.rate = 50;
    experiment.parameters.set("grant", "1s");
  };
  EXPECT_EQ(result_of("idempotency-key", "reward-request", "30ms", clicks).verdict, Verdict::violation);
  EXPECT_EQ(result_of("idempotency-key", "reward-request", "60s", clicks).verdict, Verdict::inconclusive)
      << "held, and no control was asked for";
}

TEST(FaultyForeignDelete, IsShownByTheFlagsThatItNames) {
  const auto flags = [](Experiment& experiment) {
    experiment.requests = 20;
    experiment.keys = 2;
    experiment.parameters.set("work", "50ms");
    experiment.parameters.set("work-kind", "sleep");
  };
  for (int trial = 0; trial < 3; ++trial)
    EXPECT_EQ(result_of("faulty-foreign-delete", "counter", "150ms", flags).verdict, Verdict::violation);
  EXPECT_EQ(result_of("idempotency-key", "counter", "150ms", flags).verdict, Verdict::inconclusive);
}

}  // namespace
}  // namespace ccbench
