// What coalescing guards do with keys of two parts and of none, and what a cache keeps: what every guard must
// do is in guards_test.cc.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "core/registry.h"
#include "driver/build.h"
#include "driver/quiet_run.h"

namespace ccbench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

std::unique_ptr<AnyGuard> make(std::string_view name) {
  return guard(name).make(GuardContext(guard(name).info));
}

std::unique_ptr<AnyGuard> make_cache(std::string_view name, std::string_view ttl) {
  GuardContext context(guard(name).info);
  EXPECT_EQ(context.parameters.set("ttl", ttl), "");
  return guard(name).make(context);
}

// ---------------------------------------------------------------- keys of several parts

constexpr KeyParts kNothing = {.count = 0};
constexpr KeyParts one(Key id) { return {.count = 1, .first = id}; }
constexpr KeyParts two(Key prefix, Key type) { return {.count = 2, .first = prefix, .second = type}; }

/// Whether the second of two requests gets the result of the first one, which stays inside until the second
/// one has been inside, or for a while.
bool share(AnyGuard& subject, const KeyParts& first, const KeyParts& second) {
  std::atomic<bool> inside{false};
  std::atomic<bool> met{false};
  Result got;
  {
    const std::jthread leader([&] {
      subject.run({.key = 1, .parts = first}, [&](const Entry&) {
        inside = true;
        const auto end = steady_clock::now() + milliseconds(300);
        while (!met && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
        return success(1);
      });
    });
    while (!inside) std::this_thread::sleep_for(milliseconds(1));
    got = subject.run({.key = 2, .parts = second}, [&](const Entry&) {
      met = true;
      return success(2);
    });
  }
  return got.value == 1;
}

TEST(Coalesce, SharesACallForTheSamePartsAlone) {
  const auto subject = make("coalesce");
  EXPECT_TRUE(share(*subject, two(7, 1), two(7, 1)));
  EXPECT_FALSE(share(*subject, two(7, 1), two(7, 2)));
  EXPECT_FALSE(share(*subject, two(7, 1), two(8, 1)));
  EXPECT_FALSE(share(*subject, two(7, 1), two(1, 7)));
  EXPECT_TRUE(share(*make("faulty-first-part"), two(7, 1), two(7, 2))) << "the check has no power";
}

TEST(Coalesce, SharesACallThatNamesNothing) {
  const auto subject = make("coalesce");
  EXPECT_TRUE(share(*subject, kNothing, kNothing));
  EXPECT_FALSE(share(*subject, kNothing, one(0)));
  EXPECT_FALSE(share(*subject, one(0), two(0, 0)));
  EXPECT_TRUE(share(*make("faulty-first-part"), kNothing, one(0))) << "the check has no power";
}

std::size_t memory_in_use() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

/// By how much the memory in use grows with look-ups of so many pairs of parts.
std::size_t growth(AnyGuard& subject, Key pairs) {
  const std::size_t before = memory_in_use();
  for (Key key = 0; key < pairs; ++key) {
    subject.run({.key = key, .parts = two(key / 2, key % 2)}, [](const Entry&) { return success(); });
  }
  const std::size_t after = memory_in_use();
  return after > before ? after - before : 0;
}

constexpr std::size_t kMuch = 131'072;

TEST(Coalesce, KeepsNothingOfAMillionPairsOfParts) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's heap does not tell how much of it is in use";
  EXPECT_GT(growth(*make("synchronized"), 10'000), kMuch) << "the check has no power";
  EXPECT_LT(growth(*make("coalesce"), 1'000'000), kMuch);
}

// ---------------------------------------------------------------- what a cache keeps

/// What a lone request gets whose section answers `answer`.
Result ask(AnyGuard& subject, Key key, Result answer) {
  return subject.run({.key = key}, [&](const Entry&) { return answer; });
}

TEST(TtlCache, GivesWhatItKeepsOfAKey) {
  const auto subject = make("ttl-cache");
  EXPECT_EQ(ask(*subject, 1, success(10)).outcome, Outcome::success);
  const Result kept = ask(*subject, 1, success(11));
  EXPECT_EQ(kept.outcome, Outcome::shared);
  EXPECT_EQ(kept.value, 10);
  EXPECT_EQ(ask(*subject, 2, success(12)).value, 12) << "another key";
}

TEST(TtlCache, KeepsNoFailureAndNoException) {
  const auto subject = make("ttl-cache");
  EXPECT_EQ(ask(*subject, 1, refused("no")).outcome, Outcome::refused);
  const auto throws = [](const Entry&) -> Result { throw std::runtime_error("no"); };
  EXPECT_THROW(subject->run({.key = 1}, throws), std::runtime_error);
  EXPECT_EQ(ask(*subject, 1, success(3)).value, 3);
}

/// Whether a result is still given long after its time to live.
bool outlives(AnyGuard& subject) {
  ask(subject, 1, success(10));
  std::this_thread::sleep_for(milliseconds(5));
  return ask(subject, 1, success(11)).value == 10;
}

TEST(TtlCache, ForgetsAResultAfterItsTimeToLive) {
  EXPECT_FALSE(outlives(*make_cache("ttl-cache", "1ms")));
  EXPECT_TRUE(outlives(*make_cache("faulty-no-expiry", "1ms"))) << "the check has no power";
}

TEST(TtlCache, PromisesTheTimeToLiveAsItsStaleness) {
  for (const std::string_view name : {"ttl-cache", "faulty-no-expiry"}) {
    GuardContext context(guard(name).info);
    EXPECT_EQ(guard(name).promises(context).stale_for, 60 * kSecond) << name;
    EXPECT_EQ(guard(name).info.promises.stale_for, 60 * kSecond) << name;
    context.parameters.set("ttl", "20ms");
    EXPECT_EQ(guard(name).promises(context).stale_for, 20 * kMillisecond) << name;
  }
}

TEST(TtlCache, KeepsNoMoreThanTheTimeToLiveIsLongOfAMillionKeys) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's heap does not tell how much of it is in use";
  EXPECT_GT(growth(*make_cache("faulty-no-expiry", "1us"), 10'000), kMuch) << "the check has no power";
  EXPECT_LT(growth(*make_cache("ttl-cache", "1us"), 1'000'000), kMuch);
  EXPECT_GT(growth(*make_cache("ttl-cache", "1h"), 10'000), kMuch) << "and so much while it is valid";
}

}  // namespace
}  // namespace ccbench
