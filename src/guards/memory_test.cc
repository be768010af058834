// Memory: a million different keys leave no more behind than a guard says.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/registry.h"
#include "driver/build.h"

namespace ccbench {
namespace {

constexpr Key kKeys = 1'000'000;

/// What is left behind whatever the number of keys: tables that are half empty, the heaps of threads.
constexpr std::int64_t kSlack = 1 << 20;

std::int64_t bytes_in_use() {
  const auto heap = mallinfo2();
  return static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
}

/// Each key succeeds once; by several threads at once, because a guard may let each wait for another thread.
void use_keys(AnyGuard& guard, Key keys) {
  constexpr Key kCallers = 8;
  std::vector<std::jthread> callers;
  for (Key caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&guard, caller, keys] {
      for (Key key = caller; key < keys; key += kCallers)
        guard.run(Request{.key = key}, [](const Entry&) { return success(); });
    });
  }
}

std::int64_t left_behind_by(AnyGuard& guard, Key keys) {
  const std::int64_t before = bytes_in_use();
  use_keys(guard, keys);
  return bytes_in_use() - before;
}

bool keeps_too_much(AnyGuard& guard, const GuardInfo& info, Key keys) {
  return left_behind_by(guard, keys) > kSlack + static_cast<std::int64_t>(keys * info.bytes_per_key);
}

/// The mutant: a guard that keeps as much again for every key as it says, and if that is nothing, a little.
class KeepsTwice final : public AnyGuard {
 public:
  explicit KeepsTwice(const GuardPlugin& plugin)
      : bytes_(std::max<std::size_t>(plugin.info.bytes_per_key, 32)),
        guard_(plugin.make(GuardContext(plugin.info))) {
    kept_.reserve(kKeys);
  }

  Result run(const Request& request, Section section) override {
    {
      const std::lock_guard lock(mutex_);
      kept_.push_back(std::make_unique<std::byte[]>(bytes_));
    }
    return guard_->run(request, section);
  }

 private:
  const std::size_t bytes_;
  const std::unique_ptr<AnyGuard> guard_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::byte[]>> kept_;
};

class GuardsMemory : public testing::TestWithParam<std::string> {};

std::vector<std::string> right_guards() {
  std::vector<std::string> names;
  for (const GuardPlugin& plugin : guards().all()) {
    if (!plugin.info.faulty()) names.emplace_back(plugin.info.name);
  }
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, GuardsMemory, testing::ValuesIn(right_guards()), test_name);

TEST_P(GuardsMemory, OfAMillionKeysIsNoMoreThanItSays) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's heap does not tell how much of it is in use";
  const GuardPlugin& plugin = *guards().find(GetParam());
  KeepsTwice mutant(plugin);
  ASSERT_TRUE(keeps_too_much(mutant, plugin.info, kKeys / 10)) << "the check has no power";
  const auto guard = plugin.make(GuardContext(plugin.info));
  const std::int64_t left = left_behind_by(*guard, kKeys);
  EXPECT_LE(left, kSlack + static_cast<std::int64_t>(kKeys * plugin.info.bytes_per_key));
}

}  // namespace
}  // namespace ccbench
