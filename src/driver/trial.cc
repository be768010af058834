#include "driver/trial.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/lockfree/queue.hpp>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "driver/clock.h"
#include "driver/limits.h"
#include "driver/start_barrier.h"
#include "driver/worker_threads.h"

namespace ccbench {
namespace {

/// Hands the requests of a pool out in order, a few at a time once there are very many, so that the
/// queue is not what is measured.
class RequestQueue {
 public:
  explicit RequestQueue(std::uint64_t requests)
      : requests_(requests), chunk_((requests + kChunks - 1) / kChunks), first_of_chunk_(kChunks) {
    for (std::uint64_t first = 0; first < requests; first += chunk_) first_of_chunk_.push(first);
  }

  struct Range {
    std::uint64_t first;
    std::uint64_t last;  ///< one behind
  };

  std::optional<Range> take() {
    std::uint64_t first = 0;
    if (!first_of_chunk_.pop(first)) return std::nullopt;
    return Range{.first = first, .last = std::min(first + chunk_, requests_)};
  }

 private:
  static constexpr std::uint64_t kChunks = 16384;

  const std::uint64_t requests_;
  const std::uint64_t chunk_;
  boost::lockfree::queue<std::uint64_t> first_of_chunk_;
};

Nanos nanos(const timeval& time) { return time.tv_sec * kSecond + time.tv_usec * kMicrosecond; }

rusage thread_usage() {
  // The kernel accounts CPU time up to the last tick only, unless asked for the exact one just before.
  timespec exact{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &exact);
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

class Trial final : private StepListener, private WaitListener {
 public:
  Trial(const TrialSetup& setup, TrialMemory& memory)
      : experiment_(setup.experiment),
        requests_(setup.requests),
        memory_(memory),
        records_(memory.records()),
        slots_(memory.slots()),
        context_{.requests = experiment_.requests,
                 .keys = experiment_.keys,
                 .seed = setup.seed,
                 .parameters = experiment_.parameters,
                 .facts = memory.facts(),
                 .steps = *this},
        scenario_(experiment_.scenario->make(context_)),
        guard_(setup.guard.make()),
        barrier_(experiment_.threads, experiment_.start) {
    if (experiment_.pool()) queue_.emplace(experiment_.requests);
  }

  void run(int released) {
    const std::function<void(std::uint32_t)> body = [this](std::uint32_t worker) { work(worker); };
    // Leaders on different CPUs, or the first two would share one and never meet.
    const std::vector<int> leaders =
        experiment_.start == StartMode::aligned ? usable_cpus() : std::vector<int>{};
    WorkerThreads workers(experiment_.threads, body, leaders);
    if (workers.refused() != 0)
      fail(refused_threads(workers.started(), experiment_.threads, workers.refused()));
    barrier_.wait_for_all();
    barrier_.release([&](Nanos release) {
      memory_.header().release.store(release, std::memory_order_relaxed);
      memory_.header().stage.store(Stage::released, std::memory_order_release);
      const std::uint64_t one = 1;
      if (write(released, &one, sizeof one) < 0) fail("the parent could not be told of the release");
    });
    workers.join();
    scenario_->settle();
    memory_.header().stage.store(Stage::ended, std::memory_order_release);
  }

  /// Nothing can be measured: tells the parent why and ends the process.
  [[noreturn]] void fail(const std::string& why) { fail(memory_, why); }
  [[noreturn]] static void fail(TrialMemory& memory, const std::string& why) {
    auto& text = memory.header().failure;
    std::ranges::copy(why.substr(0, text.size() - 1), text.data());
    memory.header().stage.store(Stage::failed, std::memory_order_release);
    _exit(0);
  }

 private:
  void work(std::uint32_t worker) {
    WorkerSlot& slot = slots_[worker];
    slot.stack_end.store(stack_end_of_caller(), std::memory_order_relaxed);
    slot.tid.store(gettid(), std::memory_order_release);
    slot.move_to(Place::at_barrier());
    // A thread's first allocation sets the allocator up for it, which takes longer than most guards and is
    // not their cost.
    ::operator delete(::operator new(1));
    memory_.header().arrived.fetch_add(1, std::memory_order_relaxed);
    barrier_.arrive_and_wait();
    const rusage before = thread_usage();
    const Nanos spun = barrier_.mode() == StartMode::aligned ? barrier_.run_to_deadline() : 0;
    carry_all(worker);
    note_usage(worker, before, spun);
    slot.move_to(Place::finished());
  }

  void carry_all(std::uint32_t worker) {
    if (!queue_) {
      carry(worker, worker);
      return;
    }
    while (const auto range = queue_->take()) {
      for (std::uint64_t index = range->first; index < range->last; ++index) carry(index, worker);
    }
  }

  void carry(std::uint64_t index, std::uint32_t worker) {
    const Request request{.index = index, .worker = worker, .key = requests_.key_of(index), .listener = this};
    Record& record = records_[index];
    slots_[worker].move_to(Place::in_guard(request.key));
    record.worker = worker;
    record.start = steady_now();
    const Result result = result_of(request, record);
    const Nanos end = steady_now();
    record.outcome = result.outcome;
    record.reason = result.reason;
    record.end.store(end, std::memory_order_release);
  }

  Result result_of(const Request& request, Record& record) {
    try {
      return enter(request, record);
    } catch (const std::exception& exception) {
      return {.outcome = Outcome::error, .reason = memory_.keep(exception.what())};
    } catch (...) {
      return {.outcome = Outcome::error, .reason = "an exception that is not a std::exception"};
    }
  }

  Result enter(const Request& request, Record& record) {
    WorkerSlot& slot = slots_[request.worker];
    const auto section = [&](const Entry& entry) {
      // Stamped and published on the way out whether the section returns or throws.
      struct Inside {
        WorkerSlot& slot;
        Record& record;
        Key key;
        ~Inside() {
          record.leave = steady_now();
          slot.move_to(Place::in_guard(key));
        }
      };
      if (record.enter == 0) record.enter = steady_now();
      slot.move_to(Place::in_section(request.key));
      const Inside inside{.slot = slot, .record = record, .key = request.key};
      return experiment_.reenter == 0 ? scenario_->handle(request, entry)
                                      : reenter(request, experiment_.reenter);
    };
    return guard_->run(request, section);
  }

  /// From inside the section, asks the guard again, `depth` times, each inside the last.
  Result reenter(const Request& request, int depth) {
    WorkerSlot& slot = slots_[request.worker];
    const auto section = [&](const Entry& entry) {
      slot.move_to(Place::in_section(request.key));
      return depth == 1 ? scenario_->handle(request, entry) : reenter(request, depth - 1);
    };
    slot.move_to(Place::in_guard(request.key));  // Where a guard that cannot be entered again stops.
    const Result result = guard_->run(request, section);
    slot.move_to(Place::in_section(request.key));
    return result;
  }

  void enter_step(const Request& request, StepId step) override {
    slots_[request.worker].move_to(Place::in_step(step, request.key));
  }

  void waits_for(const Request& request, Key key) override {
    slots_[request.worker].move_to(Place::in_guard(key));
  }

  void note_usage(std::uint32_t worker, const rusage& before, Nanos spun) {
    const rusage after = thread_usage();
    const auto since = [](long earlier, long later) { return static_cast<std::uint64_t>(later - earlier); };
    WorkerUsage& usage = memory_.usages()[worker];
    // What the barrier made the worker do on its way from the latch to the release is not its cost.
    const std::uint64_t waits = barrier_.mode() == StartMode::aligned ? 1 : 0;
    const std::uint64_t voluntary = since(before.ru_nvcsw, after.ru_nvcsw);
    usage.user = std::max<Nanos>(0, nanos(after.ru_utime) - nanos(before.ru_utime) - spun);
    usage.system = nanos(after.ru_stime) - nanos(before.ru_stime);
    usage.voluntary_switches = voluntary - std::min(waits, voluntary);
    usage.involuntary_switches = since(before.ru_nivcsw, after.ru_nivcsw);
    usage.complete.store(true, std::memory_order_release);
  }

  const Experiment& experiment_;
  const RequestSource& requests_;
  TrialMemory& memory_;
  const std::span<Record> records_;
  const std::span<WorkerSlot> slots_;
  const TrialContext context_;
  const std::unique_ptr<AnyScenario> scenario_;
  const std::unique_ptr<AnyGuard> guard_;
  std::optional<RequestQueue> queue_;
  StartBarrier barrier_;
};

/// A process of its own group that does not outlive its parent and dies of the usual signals.
void become_trial_process(pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // It died before the line above.
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // The default slack lets every sleep of a scenario overshoot by 50 µs.
  prctl(PR_SET_TIMERSLACK, 1);
}

}  // namespace

void run_trial_process(const TrialSetup& setup, int parent, int released, TrialMemory& memory) {
  become_trial_process(parent);
  try {
    memory.prefault();
    if (setup.experiment.snapshot_full) answer_signals(memory.signalled_stacks(), memory.slots());
    Trial trial(setup, memory);
    trial.run(released);
    _exit(0);
  } catch (const std::exception& exception) {
    Trial::fail(memory, std::string("the trial could not be carried out: ") + exception.what());
  }
}

}  // namespace ccbench
