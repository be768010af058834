#include <benchmark/benchmark.h>

#include <latch>
#include <thread>
#include <vector>

#include "driver/benchmarks.h"
#include "driver/start_barrier.h"
#include "driver/worker_threads.h"

namespace ccbench {
namespace {

// Wall time of creating, releasing through a latch and joining, in one thread's own clock.

void worker_threads(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  for ([[maybe_unused]] const auto unused : state) {
    StartBarrier barrier(count, StartMode::latch);
    const std::function<void(std::uint32_t)> body = [&](std::uint32_t) { barrier.arrive_and_wait(); };
    WorkerThreads workers(count, body, {});
    if (workers.refused() != 0) std::abort();
    barrier.wait_for_all();
    barrier.release([](Nanos) {});
    workers.join();
  }
}

void default_threads(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for ([[maybe_unused]] const auto unused : state) {
    std::latch here(static_cast<std::ptrdiff_t>(count));
    std::latch open(1);
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        here.count_down();
        open.wait();
      });
    }
    here.wait();
    open.count_down();
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace

void register_driver_benchmarks() {
  for (const int count : {20, 1000}) {
    const auto add = [count](const char* arm, void (*function)(benchmark::State&)) {
      const std::string name = "workers/" + std::to_string(count) + arm;
      benchmark::RegisterBenchmark(name.c_str(), function)
          ->Arg(count)
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    };
    add("/ccbench", worker_threads);
    add("/plain", default_threads);
  }
}

}  // namespace ccbench
