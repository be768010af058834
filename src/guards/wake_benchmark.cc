#include "guards/wake_benchmark.h"

#include <benchmark/benchmark.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "driver/clock.h"
#include "driver/worker_threads.h"

namespace ccbench {
namespace {

constexpr std::uint32_t kCallers = 1000;

Nanos cpu_time_of_process() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

/// Returns when every other thread of this process sleeps, as far as the CPU time that it takes tells.
void wait_until_all_sleep() {
  constexpr std::chrono::milliseconds kLook{10};
  for (Nanos used = cpu_time_of_process();;) {
    std::this_thread::sleep_for(kLook);
    const Nanos now = cpu_time_of_process();
    if (now - used < 200 * kMicrosecond) return;
    used = now;
  }
}

/// One way to let many callers share a call: the first one calls `section`, all return what it returned.
class Way {
 public:
  Way() = default;
  Way(const Way&) = delete;
  Way& operator=(const Way&) = delete;
  virtual ~Way() = default;
  virtual Value run(FunctionRef<Value()> section) = 0;
};
using MakeWay = std::function<std::unique_ptr<Way>()>;

class Registered final : public Way {
 public:
  explicit Registered(const GuardPlugin& plugin) : guard_(plugin.make(GuardContext(plugin.info))) {}
  Value run(FunctionRef<Value()> section) override {
    const auto as_result = [&](const Entry&) { return success(section()); };
    return guard_->run(Request{}, as_result).value;
  }

 private:
  std::unique_ptr<AnyGuard> guard_;
};

// By hand. Each serves one call.

class ConditionVariable final : public Way {
 public:
  Value run(FunctionRef<Value()> section) override {
    if (!taken_.exchange(true)) {
      const Value value = section();
      {
        const std::lock_guard lock(mutex_);
        value_ = value;
        finished_ = true;
      }
      changed_.notify_all();
      return value;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finished_; });
    return value_;
  }

 private:
  std::atomic<bool> taken_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  Value value_ = 0;
};

class AtomicWait final : public Way {
 public:
  Value run(FunctionRef<Value()> section) override {
    if (!taken_.exchange(true)) {
      value_ = section();
      finished_.store(1);
      finished_.notify_all();
    } else {
      finished_.wait(0);
    }
    return value_;
  }

 private:
  std::atomic<bool> taken_{false};
  std::atomic<int> finished_{0};
  Value value_ = 0;
};

/// Everybody sleeps on a word of its own and wakes the next one when it is woken.
class Chain final : public Way {
 public:
  Value run(FunctionRef<Value()> section) override {
    if (!taken_.exchange(true)) {
      const Value value = section();
      ended_.value = value;
      pass_on(newest_.exchange(&ended_), value);
      return value;
    }
    Link link;
    link.next = newest_.load();
    do {
      if (link.next == &ended_) return ended_.value;
    } while (!newest_.compare_exchange_weak(link.next, &link));
    link.woken.wait(0);
    pass_on(link.next, link.value);
    return link.value;
  }

 private:
  struct Link {
    std::atomic<int> woken{0};
    Value value = 0;
    Link* next = nullptr;
  };

  static void pass_on(Link* link, Value value) {
    if (link == nullptr) return;
    link->value = value;
    // The link may be gone once it is woken; its address alone is what the kernel is told.
    link->woken.store(1);
    link->woken.notify_one();
  }

  std::atomic<bool> taken_{false};
  std::atomic<Link*> newest_{nullptr};
  Link ended_;
};

/// Of the C library: that of std lets who waits yield a few times first, which takes the CPU from those who
/// are still to be measured.
class Gate {
 public:
  explicit Gate(unsigned threads) { pthread_barrier_init(&barrier_, nullptr, threads); }
  ~Gate() { pthread_barrier_destroy(&barrier_); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  void arrive_and_wait() { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_{};
};

/// Threads that all make one call together, once in every episode. They are made once.
class Callers {
 public:
  Callers()
      : gate_(kCallers + 1),
        ends_(kCallers),
        work_([this](std::uint32_t thread) { work(thread); }),
        threads_(kCallers, work_, {}) {
    if (threads_.refused() != 0)
      throw std::system_error(threads_.refused(), std::generic_category(), "a thread");
  }

  ~Callers() {
    over_ = true;
    gate_.arrive_and_wait();
  }
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  /// From the end of the section to the return of the last caller.
  Nanos run(std::unique_ptr<Way> way) {
    way_ = std::move(way);
    coming_ = 0;
    led_ = false;
    gate_.arrive_and_wait();
    gate_.arrive_and_wait();
    return *std::ranges::max_element(ends_) - completed_;
  }

 private:
  void work(std::uint32_t thread) {
    while (true) {
      gate_.arrive_and_wait();
      if (over_) return;
      coming_.fetch_add(1);
      const auto section = [this] { return lead(); };
      benchmark::DoNotOptimize(way_->run(section));
      ends_[thread] = steady_now();
      gate_.arrive_and_wait();
    }
  }

  /// Returns when all others wait.
  Value lead() {
    if (led_.exchange(true)) return 0;  // Somebody came only after the call.
    while (coming_ < kCallers) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    wait_until_all_sleep();
    completed_ = steady_now();
    return 1;
  }

  std::unique_ptr<Way> way_;
  Gate gate_;
  std::atomic<std::uint32_t> coming_{0};
  std::atomic<bool> led_{false};
  std::atomic<bool> over_{false};
  Nanos completed_ = 0;
  std::vector<Nanos> ends_;
  const std::function<void(std::uint32_t)> work_;
  WorkerThreads threads_;  // Last: its threads use all of the above.
};

struct Contender {
  std::string name;
  MakeWay make;
  bool by_hand = false;
  std::vector<double> seconds = {};  ///< by round
};

std::vector<Contender> contenders() {
  std::vector<Contender> all;
  for (const GuardPlugin& plugin : guards().all()) {
    const Promises& promises = plugin.info.promises;
    if (plugin.info.faulty() || !promises.shares || !promises.exclusive) continue;
    all.push_back({.name = std::string(plugin.info.name),
                   .make = [&plugin] { return std::make_unique<Registered>(plugin); }});
  }
  all.push_back({.name = "condition_variable",
                 .make = [] { return std::make_unique<ConditionVariable>(); },
                 .by_hand = true});
  all.push_back(
      {.name = "atomic_wait", .make = [] { return std::make_unique<AtomicWait>(); }, .by_hand = true});
  all.push_back({.name = "chain", .make = [] { return std::make_unique<Chain>(); }, .by_hand = true});
  return all;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// Of the contender's time over the other one's in the same round.
double median_ratio(const Contender& contender, const Contender& other) {
  std::vector<double> ratios(contender.seconds.size());
  std::ranges::transform(contender.seconds, other.seconds, ratios.begin(), std::divides<>());
  return median(ratios);
}

/// An iteration is a round: every contender once, in an order of its own.
void wake(benchmark::State& state) {
  std::vector<Contender> all = contenders();
  std::vector<Contender*> order;
  order.reserve(all.size());
  for (Contender& contender : all) order.push_back(&contender);
  std::minstd_rand random(1);
  Callers callers;
  for ([[maybe_unused]] const auto unused : state) {
    std::ranges::shuffle(order, random);
    double round = 0;
    for (Contender* contender : order) {
      contender->seconds.push_back(static_cast<double>(callers.run(contender->make())) / kSecond);
      round += contender->seconds.back();
    }
    state.SetIterationTime(round);
  }
  const Contender* best = nullptr;
  for (const Contender& contender : all) {
    if (!contender.by_hand) continue;
    if (best == nullptr || median(contender.seconds) < median(best->seconds)) best = &contender;
  }
  for (const Contender& contender : all) {
    state.counters[contender.name + "_ms"] = median(contender.seconds) * 1e3;
    state.counters[contender.name + "_ratio"] = median_ratio(contender, *best);
  }
}

}  // namespace

void register_wake_benchmarks() {
  benchmark::RegisterBenchmark("wake_1000", wake)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace ccbench
