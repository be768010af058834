// How many schedules of a small program the explorer runs, of which scripts/measure_explore.py says how it
// compares.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "explore/benchmarks.h"
#include "explore/fixture.h"
#include "explore/random_walk.h"
#include "explore/tree_search.h"
#include "schedule/fibers.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

using namespace explore;  // NOLINT(google-build-using-namespace)

/// Answers whether there is another one.
bool run_schedule(Scheduler& scheduler, Program& program, Strategy& strategy) {
  const Ending ending = scheduler.run(strategy);
  const bool more = strategy.end(scheduler, ending);
  scheduler.finish();
  program.end();
  return more;
}

benchmark::Counter per_cpu_second(std::uint64_t count) {
  return {static_cast<double>(count), benchmark::Counter::kIsRate};
}

/// An iteration is a schedule.
template <class G>
void random_walk(benchmark::State& state) {
  fixture::Lotto<G> program(static_cast<Task>(state.range(0)));
  Scheduler scheduler(program);
  RandomWalk walk(1, UINT64_MAX);
  for ([[maybe_unused]] const auto unused : state) run_schedule(scheduler, program, walk);
  state.counters["schedules"] = per_cpu_second(static_cast<std::uint64_t>(state.iterations()));
}

/// An iteration is one schedule of every class of them.
template <class G>
void one_of_each_class(benchmark::State& state) {
  fixture::Lotto<G> program(static_cast<Task>(state.range(0)));
  Scheduler scheduler(program);
  std::uint64_t schedules = 0;
  std::uint64_t classes = 0;
  for ([[maybe_unused]] const auto unused : state) {
    TreeSearch search({.reduction = Reduction::source_sets});
    while (run_schedule(scheduler, program, search)) {
    }
    schedules += search.schedules();
    classes += search.classes();
  }
  state.counters["schedules"] = per_cpu_second(schedules);
  state.counters["classes"] = per_cpu_second(classes);
  state.counters["searches"] = per_cpu_second(static_cast<std::uint64_t>(state.iterations()));
}

/// What a schedule of `none` at random cannot do without: three steps of each task, or one of who comes too
/// late, each followed by a draw and a switch to who was drawn. Nobody waits for anything, and nothing is
/// kept.
class DrawsAndSwitches {
 public:
  explicit DrawsAndSwitches(Task tasks) : tasks_(TaskSet::first(tasks)) {}

  void run_schedule() {
    unfinished_ = tasks_;
    sold_ = false;
    fibers_.switch_to(draw());
  }

 private:
  struct Work {
    DrawsAndSwitches& all;
    [[gnu::always_inline]] Task operator()(Task task) const { return all.request(task); }
  };

  /// As `RandomWalk` does it.
  [[gnu::always_inline]] Task draw() {
    const Task count = unfinished_.size();
    if (count == 1) return unfinished_.lowest();
    const Task task = unfinished_.nth(static_cast<Task>((drawn_ >> 32) * count >> 32));
    drawn_ = random_();
    return task;
  }
  [[gnu::always_inline]] void step(Task task) {
    const Task next = draw();
    if (next != task) fibers_.switch_to(next);
  }
  [[gnu::always_inline]] Task request(Task task) {
    if (!sold_) {
      step(task);
      step(task);
      sold_ = true;
    }
    unfinished_.remove(task);
    return unfinished_.empty() ? kNoTask : draw();
  }

  const TaskSet tasks_;
  TaskSet unfinished_;
  bool sold_ = false;
  StdSync::random random_{1};
  std::uint64_t drawn_ = random_();
  Fibers<Work> fibers_{Work{*this}};
};

void draws_and_switches(benchmark::State& state) {
  DrawsAndSwitches all(static_cast<Task>(state.range(0)));
  for ([[maybe_unused]] const auto unused : state) all.run_schedule();
  state.counters["schedules"] = per_cpu_second(static_cast<std::uint64_t>(state.iterations()));
}

template <class G>
void register_program(const std::string& name) {
  benchmark::RegisterBenchmark(("explore/random/" + name).c_str(), random_walk<G>)->Arg(2)->Arg(3)->Arg(8);
  benchmark::RegisterBenchmark(("explore/dpor/" + name).c_str(), one_of_each_class<G>)->Arg(2)->Arg(3);
}

}  // namespace

void register_explore_benchmarks() {
  benchmark::RegisterBenchmark("explore/switches/none", draws_and_switches)->Arg(3);
  register_program<fixture::None>("none");
  register_program<fixture::Cas>("cas");
  register_program<fixture::Mutex>("mutex");
}

}  // namespace ccbench
