// What a guard's own threads use is counted as the guard's.
#include "driver/own_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "driver/quiet_run.h"

namespace ccbench {
namespace {

using std::chrono::milliseconds;

Nanos cpu_time_of_this_thread() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

/// Of CPU time, however long that takes on a busy machine.
void burn(Nanos length) {
  for (const Nanos end = cpu_time_of_this_thread() + length; cpu_time_of_this_thread() < end;) {
  }
}

TEST(OwnThreads, ReadTheKernelsFiles) {
  OwnThreads::Usage usage;
  EXPECT_TRUE(parse_ticks("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14\n", usage));
  EXPECT_EQ(usage.user_ticks, 11U);
  EXPECT_EQ(usage.system_ticks, 12U);
  for (const char* text : {"", "7 (a) S 1 2 3", "7 a S 1 2 3 4 5 6 7 8 9 10 11 12 13 14"})
    EXPECT_FALSE(parse_ticks(text, usage)) << text;
  EXPECT_TRUE(
      parse_switches("Name:\ta\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n", usage));
  EXPECT_EQ(usage.voluntary_switches, 5U);
  EXPECT_EQ(usage.involuntary_switches, 6U);
  EXPECT_FALSE(parse_switches("voluntary_ctxt_switches:\t5\n", usage));
  EXPECT_FALSE(parse_switches("voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\tmany\n", usage));
}

TEST(OwnThreads, DivideTheTimeAsTheTicksSay) {
  const OwnThreads::Usage before{.ran = 1000, .user_ticks = 5, .system_ticks = 5, .voluntary_switches = 2};
  const CpuReport halves = between(
      before,
      {.ran = 3000, .user_ticks = 8, .system_ticks = 8, .voluntary_switches = 9, .involuntary_switches = 1});
  EXPECT_EQ(halves.user, 1000);
  EXPECT_EQ(halves.system, 1000);
  EXPECT_EQ(halves.voluntary_switches, 7U);
  EXPECT_EQ(halves.involuntary_switches, 1U);
  const CpuReport short_time = between(before, {.ran = 3000, .user_ticks = 5, .system_ticks = 5});
  EXPECT_EQ(short_time.user, 2000);
  EXPECT_EQ(short_time.system, 0);
}

/// Returns when the threads of earlier tests have vanished: who has been joined may take a moment to.
void wait_until_alone() {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  for (int looks = 0; looks < 10'000 && threads() > 1; ++looks) std::this_thread::sleep_for(milliseconds(1));
}

TEST(OwnThreads, AreThoseOfTheProcessButTheOneThatAsks) {
  wait_until_alone();
  std::atomic<int> go{0};
  std::jthread other([&] {
    go.wait(0);
    burn(5 * kMillisecond);
    go = 2;
    go.notify_one();
    go.wait(2);
  });
  const OwnThreads threads;
  const OwnThreads::Usage before = threads.usage().value_or(OwnThreads::Usage{});
  go = 1;
  go.notify_one();
  go.wait(1);
  const auto used = [&] {
    const CpuReport report = between(before, threads.usage().value_or(before));
    return report.user + report.system;
  };
  // Its time is exact once it has left its CPU.
  for (int looks = 0; looks < 10'000 && used() < 5 * kMillisecond; ++looks)
    std::this_thread::sleep_for(milliseconds(1));
  EXPECT_GE(used(), 5 * kMillisecond);
  go = 3;
  go.notify_one();
  other.join();
  for (int looks = 0; looks < 10'000 && threads.usage(); ++looks)
    std::this_thread::sleep_for(milliseconds(1));
  EXPECT_FALSE(threads.usage()) << "one that has ended cannot be asked";
}

// In a trial

/// Runs every section in a thread of its own, which takes CPU time besides.
class ElsewhereGuard final : public AnyGuard {
 public:
  ElsewhereGuard() : thread_([this] { work(); }) {}
  ~ElsewhereGuard() override {
    stage_ = kOver;
    stage_.notify_all();
    thread_.join();
  }
  ElsewhereGuard(const ElsewhereGuard&) = delete;
  ElsewhereGuard& operator=(const ElsewhereGuard&) = delete;

  Result run(const Request& /*request*/, Section section) override {
    const std::lock_guard lock(mutex_);
    section_ = &section;
    stage_ = kAsked;
    stage_.notify_all();
    for (int stage = kAsked; stage == kAsked; stage = stage_) stage_.wait(kAsked);
    return result_;
  }

 private:
  enum Stage : int { kIdle, kAsked, kOver };

  void work() {
    for (;;) {
      stage_.wait(kIdle);
      if (stage_ == kOver) return;
      burn(5 * kMillisecond);
      result_ = (*section_)(Entry{});
      stage_ = kIdle;
      stage_.notify_all();
    }
  }

  std::mutex mutex_;
  std::atomic<int> stage_{kIdle};
  const Section* section_ = nullptr;
  Result result_;
  std::thread thread_;
};

TEST(OwnThreads, AreCountedInATrialsCpuTime) {
  GuardPlugin elsewhere = guard("none");
  elsewhere.info.name = "elsewhere";
  elsewhere.make = [](const GuardContext&) { return std::make_unique<ElsewhereGuard>(); };
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.guards = {&elsewhere};
  experiment.requests = experiment.threads = 4;
  experiment.control = ControlMode::never;
  const TrialResult trial = run_quietly(experiment).trials.at(0);
  ASSERT_TRUE(trial.cpu.has_value()) << trial.sentence;
  // Without the last of four, which may not have left its CPU when it is asked.
  EXPECT_GE(trial.cpu->user + trial.cpu->system, 15 * kMillisecond);
}

}  // namespace
}  // namespace ccbench
