// queue: what it promises of how many partitions, that it loses nobody, and that its consumers end with it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/registry.h"

namespace ccbench {
namespace {

const GuardPlugin& queue() { return *guards().find("queue"); }

GuardContext context_of(Key keys, const std::string& partitions) {
  GuardContext context(queue().info);
  context.keys = keys;
  EXPECT_EQ(context.parameters.set("partitions", partitions), "");
  return context;
}

std::unique_ptr<AnyGuard> queue_of(const std::string& partitions) {
  return queue().make(context_of(1, partitions));
}

TEST(Queue, PromisesThatKeysDoNotWaitForEachOtherWhereEachHasAPartition) {
  EXPECT_TRUE(queue().promises(context_of(16, "16")).per_key);
  EXPECT_FALSE(queue().promises(context_of(17, "16")).per_key);
  EXPECT_FALSE(queue().promises(context_of(2, "1")).per_key);
  EXPECT_EQ(names_of(queue().promises(GuardContext(queue().info))), names_of(queue().info.promises));
}

constexpr int kLong = 10'000;  ///< ms, of which only a wrong guard or a busy machine takes more than a few
constexpr int kShort = 100;    ///< ms, waited in vain

/// Whether a request of `other` ends while one of key 0 is inside.
bool ends_beside(AnyGuard& guard, Key other, int patience) {
  std::atomic<int> stage{0};  // 1: somebody is inside key 0; 2: and may leave
  std::jthread inside([&] {
    guard.run(Request{.key = 0}, [&](const Entry&) {
      stage = 1;
      stage.notify_all();
      stage.wait(1);
      return success();
    });
  });
  stage.wait(0);
  std::atomic<bool> ended{false};
  std::jthread beside([&] {
    guard.run(Request{.key = other}, [](const Entry&) { return success(); });
    ended = true;
  });
  for (int looks = 0; looks < patience && !ended; ++looks)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const bool result = ended;
  stage = 2;
  stage.notify_all();
  return result;
}

TEST(Queue, LetsKeysOfOnePartitionWaitForEachOtherAndNoOthers) {
  const auto guard = queue_of("4");
  EXPECT_TRUE(ends_beside(*guard, 1, kLong));
  EXPECT_TRUE(ends_beside(*guard, 7, kLong));
  EXPECT_FALSE(ends_beside(*guard, 4, kShort));
  EXPECT_FALSE(ends_beside(*guard, 0, kShort));
}

TEST(Queue, CarriesSectionsOfAPartitionInAThreadOfItsOwn) {
  const auto guard = queue_of("2");
  const auto thread_of = [&](Key key) {
    std::thread::id id;
    guard->run(Request{.key = key}, [&](const Entry&) {
      id = std::this_thread::get_id();
      return success();
    });
    return id;
  };
  EXPECT_NE(thread_of(0), std::this_thread::get_id());
  EXPECT_EQ(thread_of(0), thread_of(2));
  EXPECT_NE(thread_of(0), thread_of(1));
}

TEST(Queue, AnswersEverybodyOfMoreThanItHasRoomForAtFirst) {
  constexpr std::size_t kCallers = 300;
  const auto guard = queue_of("2");
  std::atomic<int> open{0};
  std::vector<Value> answers(kCallers);
  std::vector<std::size_t> errors(kCallers);
  {
    std::vector<std::jthread> callers;
    for (std::size_t caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&, caller] {
        try {
          const auto section = [&](const Entry&) {
            open.wait(0);
            if (caller % 3 == 0) throw std::runtime_error(std::to_string(caller));
            return success(static_cast<Value>(caller));
          };
          answers[caller] = guard->run(Request{.key = caller}, section).value;
        } catch (const std::runtime_error& error) {
          errors[caller] = std::stoul(error.what());
        }
      });
    }
    // So that they pile up behind the first ones.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    open = 1;
    open.notify_all();
  }
  for (std::size_t caller = 0; caller < kCallers; ++caller) {
    EXPECT_EQ(errors[caller], caller % 3 == 0 ? caller : 0) << caller;
    EXPECT_EQ(answers[caller], caller % 3 == 0 ? 0 : static_cast<Value>(caller)) << caller;
  }
}

TEST(Queue, EndsItsConsumersWithItself) {
  const auto is_there = [](pid_t thread) {
    return std::filesystem::exists("/proc/self/task/" + std::to_string(thread));
  };
  std::vector<pid_t> consumers;
  {
    const auto guard = queue_of("5");
    for (Key key = 0; key < 5; ++key) {
      guard->run(Request{.key = key}, [&](const Entry&) {
        consumers.push_back(gettid());
        return success();
      });
    }
    for (const pid_t consumer : consumers) EXPECT_TRUE(is_there(consumer));
  }
  // One that has been joined may take a moment to vanish.
  for (const pid_t consumer : consumers) {
    for (int looks = 0; looks < kLong && is_there(consumer); ++looks)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_FALSE(is_there(consumer));
  }
}

}  // namespace
}  // namespace ccbench
