// The optimistic guard and the faulty ones beside it: what they grant a section, when they call it again, and
// whether an update is ever lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "driver/build.h"
#include "driver/quiet_run.h"
#include "stores/memory.h"
#include "sync/start_line.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

using Store = MemoryStore<StdSync>;

std::unique_ptr<AnyGuard> made(std::string_view name) {
  const GuardPlugin& plugin = guard(name);
  return plugin.make(GuardContext(plugin.info));
}

/// Without a pause before a retry.
std::unique_ptr<AnyGuard> optimistic(std::string_view retries) {
  const GuardPlugin& plugin = guard("optimistic");
  GuardContext context(plugin.info);
  EXPECT_EQ(context.parameters.set("retries", retries), "");
  EXPECT_EQ(context.parameters.set("backoff", "0"), "");
  return plugin.make(context);
}

/// How a guard called a section that met `conflicts` conflicts before it succeeded.
struct Calls {
  std::vector<bool> checked;  ///< of each call
  Result result;
};

Calls calls_of(AnyGuard& guard, std::size_t conflicts) {
  Calls calls;
  calls.result = guard.run({.key = 3}, [&](const Entry& entry) {
    calls.checked.push_back(entry.policy.check_versions);
    return calls.checked.size() <= conflicts ? conflicted() : success(42);
  });
  return calls;
}

bool all_checked(const Calls& calls) { return std::ranges::count(calls.checked, false) == 0; }

TEST(Optimistic, CallsASectionAgainUntilItMeetsNoConflict) {
  const Calls calls = calls_of(*made("optimistic"), 20);
  EXPECT_EQ(calls.checked.size(), 21U);
  EXPECT_EQ(calls.result.outcome, Outcome::success);
  EXPECT_EQ(calls.result.value, 42);
}

TEST(Optimistic, CallsASectionOnceThatIsRefused) {
  int calls = 0;
  const Result result = made("optimistic")->run({.key = 3}, [&](const Entry&) {
    ++calls;
    return refused("no");
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(result.reason.text(), "no");
}

TEST(Optimistic, ChecksEveryAttempt) {
  EXPECT_FALSE(all_checked(calls_of(*made("faulty-stale-retry"), 1))) << "this test sees no unchecked retry";
  EXPECT_FALSE(all_checked(calls_of(*made("faulty-unchecked-version"), 0)));
  EXPECT_FALSE(all_checked(calls_of(*made("none"), 0)));
  EXPECT_TRUE(all_checked(calls_of(*made("optimistic"), 20)));
}

TEST(Optimistic, EndsWithTheConflictAfterItsLastRetry) {
  for (const std::size_t retries : {0U, 1U, 5U}) {
    const auto guard = optimistic(std::to_string(retries));
    const Calls enough = calls_of(*guard, retries);
    EXPECT_EQ(enough.result.outcome, Outcome::success) << retries;
    const Calls calls = calls_of(*guard, retries + 1);
    EXPECT_EQ(calls.checked.size(), retries + 1);
    EXPECT_EQ(calls.result.outcome, Outcome::refused);
    EXPECT_TRUE(calls.result.conflict);
    EXPECT_EQ(calls.result.reason.text(), conflicted().reason.text());
  }
}

TEST(Optimistic, LetsAnExceptionOfARetryThrough) {
  const auto guard = made("optimistic");
  int calls = 0;
  const auto section = [&](const Entry&) -> Result {
    if (++calls == 1) return conflicted();
    throw 7;
  };
  EXPECT_THROW(guard->run({.key = 3}, section), int);
  EXPECT_EQ(calls, 2);
}

// ---------------------------------------------------------------- lost updates

/// Rounds of two spin-started threads: at most where updates get lost, and of the guard.
constexpr int kMostRounds = kSanitized ? 30'000 : 300'000;
constexpr int kRounds = kSanitized ? 3'000 : 30'000;
constexpr int kSlowRounds = 300;
constexpr int kUpdates = 3;  ///< of each thread and round: a retry needs somebody to overtake it

enum class Pace : std::uint8_t { fast, slow };

/// Two threads add 1 to a record under the guard, from one start line in every round. A slow section sleeps
/// between reading and writing, so that they meet however busy the machine is. Answers how many of the
/// additions that succeeded are lost; stops soon after the first loss.
std::int64_t lost_updates(AnyGuard& guard, Pace pace, int rounds) {
  Store store(1, 1, Visibility::commit, 0);
  StartLine line;
  alignas(64) std::atomic<int> last{rounds - 1};
  std::atomic<std::int64_t> added{0};
  const auto value = [&] { return Store::Transaction(store).read(0, 0); };
  const auto add_one = [&](const Entry& entry) {
    Store::Transaction transaction(store, entry.policy);
    const std::int64_t read = transaction.read(0, 0);
    if (pace == Pace::slow) std::this_thread::sleep_for(std::chrono::microseconds(50));
    transaction.write(0, 0, read + 1);
    return transaction.commit() ? success() : conflicted();
  };
  const auto play = [&](int thread) {
    pin_this_thread_to(allowed_cpus().at(static_cast<std::size_t>(thread)));
    for (int round = 0; round <= last.load(); ++round) {
      line.wait(thread, round);
      for (int update = 0; update < kUpdates; ++update) {
        const Request request{.index = static_cast<std::uint64_t>(2 * round + thread), .key = 0};
        if (guard.run(request, add_one).outcome == Outcome::success) ++added;
      }
      // The other thread may have added and not counted yet: a sum that is too small is a loss.
      if (added.load() > value()) last.store(std::min(round + 1, last.load()));
    }
  };
  {
    const std::jthread other(play, 1);
    std::jthread(play, 0).join();
  }
  return added.load() - value();
}

class LostUpdates : public testing::Test {
  void SetUp() override {
    if (allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU: threads started by spinning never meet";
  }
};

TEST_F(LostUpdates, HappenUnderTheFaultyGuardsAndWithoutAGuard) {
  for (const std::string_view name :
       {"none", "faulty-unchecked-version", "faulty-stale-retry", "faulty-early-unlock"}) {
    EXPECT_GT(lost_updates(*made(name), Pace::slow, kSlowRounds), 0) << name;
  }
}

TEST_F(LostUpdates, DoNotHappenUnderTheOptimisticGuard) {
  EXPECT_EQ(lost_updates(*optimistic("1000000"), Pace::slow, kSlowRounds), 0);
  ASSERT_GT(lost_updates(*made("none"), Pace::fast, kMostRounds), 0) << "the check has no power";
  EXPECT_EQ(lost_updates(*optimistic("1000000"), Pace::fast, kRounds), 0);
}

}  // namespace
}  // namespace ccbench
