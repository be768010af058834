#include <benchmark/benchmark.h>

#include <latch>
#include <thread>
#include <vector>

#include "core/registry.h"
#include "driver/benchmarks.h"
#include "driver/quiet_run.h"
#include "driver/run.h"
#include "driver/start_barrier.h"
#include "driver/worker_threads.h"
#include "sync/std_sync.h"

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

// CPU time of a request that does next to nothing: all of it is the harness, clock reads included.

constexpr std::uint64_t kRequests = 200'000;

/// By the driver: a trial of the scenario `counter` without a guard, on a pool of one worker.
void request(benchmark::State& state) {
  Experiment experiment;
  experiment.scenario = scenarios().find("counter");
  experiment.parameters = ParameterValues(experiment.scenario->info.parameters);
  experiment.guards = {guards().find("none")};
  experiment.requests = kRequests;
  experiment.threads = 1;
  for ([[maybe_unused]] const auto unused : state) {
    const RunResult result = run_quietly(experiment);
    const auto cpu = result.trials.front().cpu;
    if (!cpu) {
      state.SkipWithError(result.trials.front().sentence.c_str());
      return;
    }
    state.SetIterationTime(static_cast<double>(cpu->user + cpu->system) / kRequests / kSecond);
  }
}

/// The same section in a plain loop.
void plain_request(benchmark::State& state) {
  StdSync::cell<std::int64_t> counter;
  for ([[maybe_unused]] const auto unused : state) {
    counter.store(counter.load() + 1);
    benchmark::ClobberMemory();
  }
}

}  // namespace

void register_driver_benchmarks() {
  benchmark::RegisterBenchmark("harness/request", request)->UseManualTime()->Iterations(20);
  benchmark::RegisterBenchmark("harness/request/bare", plain_request);
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
