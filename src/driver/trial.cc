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
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "driver/clock.h"
#include "driver/limits.h"
#include "driver/own_threads.h"
#include "driver/plan.h"
#include "driver/recorder.h"
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

/// Nothing can be measured: tells the parent why and ends the process.
[[noreturn]] void fail(TrialMemory& memory, const std::string& why) {
  auto& text = memory.header().failure;
  std::ranges::copy(why.substr(0, text.size() - 1), text.data());
  memory.header().stage.store(Stage::failed, std::memory_order_release);
  _exit(0);
}

/// A control is never planted: there the race must be as it is.
std::unique_ptr<AnyGuard> guard_of(const TrialSetup& setup, const GuardContext& context) {
  const Experiment& experiment = setup.experiment;
  std::unique_ptr<AnyGuard> guard = setup.guard.make(context);
  if (!experiment.plant || &setup.guard == &control_guard()) return guard;
  return planted(std::move(guard), *experiment.plant,
                 {.threads = experiment.threads,
                  .keys = setup.guard.promises(context).per_key ? experiment.keys : 1,
                  .arrivals = experiment.rate > 0});
}

template <Recorder R>
class Trial final : private StepListener, private WaitListener {
 public:
  Trial(const TrialSetup& setup, TrialMemory& memory)
      : experiment_(setup.experiment),
        requests_(setup.requests),
        memory_(memory),
        recorder_(memory),
        slots_(memory.slots()),
        steps_(memory.steps()),
        context_{.requests = experiment_.requests,
                 .keys = experiment_.keys,
                 .seed = setup.seed,
                 .window = experiment_.window,
                 .parameters = experiment_.parameters,
                 .facts = memory.facts(),
                 .steps = *this},
        scenario_(experiment_.scenario->make(context_)),
        guard_context_(experiment_.context_of(setup.guard, setup.seed)),
        guard_(guard_of(setup, guard_context_)),
        barrier_(experiment_.threads, experiment_.start) {
    if (experiment_.pool() && !endless()) queue_.emplace(experiment_.requests);
  }

  void run(int released) {
    const std::function<void(std::uint32_t)> body = [this](std::uint32_t worker) { work(worker); };
    // Leaders on different CPUs, or the first two would share one and never meet.
    const std::vector<int> leaders =
        experiment_.start == StartMode::aligned ? usable_cpus() : std::vector<int>{};
    WorkerThreads workers(experiment_.threads, body, leaders);
    if (workers.refused() != 0)
      fail(memory_, refused_threads(workers.started(), experiment_.threads, workers.refused()));
    barrier_.wait_for_all();
    const auto before = own_threads_.usage();
    barrier_.release([&](Nanos release) {
      memory_.header().release.store(release, std::memory_order_relaxed);
      memory_.header().stage.store(Stage::released, std::memory_order_release);
      const std::uint64_t one = 1;
      if (write(released, &one, sizeof one) < 0) fail(memory_, "the parent could not be told of the release");
    });
    workers.join();
    note_own_threads(before);
    scenario_->settle();
    memory_.header().stage.store(Stage::ended, std::memory_order_release);
  }

 private:
  /// Whether requests are numbered as they are taken. A queue would have to be filled beforehand, and in an
  /// open loop it must hand out one at a time.
  bool endless() const { return experiment_.duration > 0 || experiment_.rate > 0; }

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
    if (experiment_.rate > 0) {
      carry_as_they_arrive(worker);
    } else if (experiment_.duration > 0) {
      carry_until(memory_.release() + experiment_.duration, worker);
    } else if (queue_) {
      while (const auto range = queue_->take()) {
        for (std::uint64_t index = range->first; index < range->last; ++index) carry(index, worker);
      }
    } else {
      carry(worker, worker);
    }
  }

  void carry_until(Nanos deadline, std::uint32_t worker) {
    // So few at a time that workers go through the keys side by side, and so many that the shared number is
    // not what is measured.
    constexpr std::uint64_t kAtOnce = 16;
    for (Nanos now = steady_now(); now < deadline;) {
      const std::uint64_t first = next_.fetch_add(kAtOnce, std::memory_order_relaxed);
      for (std::uint64_t index = first; index < first + kAtOnce && now < deadline; ++index)
        now = carry(index, worker);
    }
  }

  /// An open loop: a request is meant to start at its arrival, whether or not a worker is free then. Asleep
  /// until then, and not spinning the last of it: with more workers than CPUs that would take the CPU from
  /// those who are inside.
  void carry_as_they_arrive(std::uint32_t worker) {
    const Nanos release = memory_.release();
    const Nanos deadline = experiment_.duration > 0 ? release + experiment_.duration : kNever;
    const std::uint64_t end =
        experiment_.duration > 0 ? std::numeric_limits<std::uint64_t>::max() : experiment_.requests;
    for (Nanos now = steady_now(); now < deadline;) {
      const std::uint64_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= end) return;
      const Nanos arrival = release + requests_.arrival_of(index);
      if (arrival >= deadline) return;
      if (arrival > now) {
        slots_[worker].move_to(Place::idle());
        sleep_until(arrival);
      }
      now = carry(index, worker, arrival);
    }
  }

  /// `arrival`: in an open loop; else 0. Answers when it ended.
  Nanos carry(std::uint64_t index, std::uint32_t worker, Nanos arrival = 0) {
    const Key key = requests_.key_of(index);
    const Request request{.index = index,
                          .worker = worker,
                          .key = key,
                          .kind = requests_.kind_of(index),
                          .listener = this,
                          .parts = scenario_->parts_of(key)};
    Record& record = recorder_.begin(request);
    record.arrival = arrival;
    slots_[worker].move_to(Place::in_guard(request.key));
    record.worker = worker;
    record.start = steady_now();
    const Result result = result_of(request, record);
    const Nanos end = steady_now();
    record.outcome = result.outcome;
    record.reason = result.reason;
    recorder_.ended(request, record, end);
    if (result.outcome == Outcome::error) return end;
    // Whose time this is no longer: the next request's clock starts after it.
    scenario_->answered(request, result, record.start);
    return end;
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
        Trial& trial;
        WorkerSlot& slot;
        Record& record;
        const Request& request;
        ~Inside() {
          record.leave = steady_now();
          trial.recorder_.left(request, record);
          slot.move_to(Place::in_guard(request.key));
        }
      };
      if (record.enter == 0) {
        record.enter = steady_now();
        recorder_.entered(request, record);
      }
      if (record.calls < std::numeric_limits<std::uint16_t>::max()) ++record.calls;
      slot.move_to(Place::in_section(request.key));
      const Inside inside{.trial = *this, .slot = slot, .record = record, .request = request};
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
    if (request.index < steps_.size()) keep_step(request, step);
  }

  void keep_step(const Request& request, StepId step) {
    Record& record = recorder_.record_of(request);
    if (record.steps == StepSlots::kSlots) return;
    const Nanos since_release = steady_now() - memory_.release();
    steps_[request.index]
        .entered.at(record.steps++)
        .store(StepSlots::packed(step, since_release), std::memory_order_relaxed);
  }

  void waits_for(const Request& request, Key key) override {
    Record& record = recorder_.record_of(request);
    record.several_keys = record.several_keys || key != request.key;
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

  /// What a guard's own threads have carried for the workers is its cost too.
  void note_own_threads(const std::optional<OwnThreads::Usage>& before) {
    const auto after = own_threads_.usage();
    if (!before || !after) return;
    const CpuReport used = between(*before, *after);
    WorkerUsage& usage = memory_.usages().back();
    usage.user = used.user;
    usage.system = used.system;
    usage.voluntary_switches = used.voluntary_switches;
    usage.involuntary_switches = used.involuntary_switches;
    usage.complete.store(true, std::memory_order_release);
  }

  const Experiment& experiment_;
  const RequestSource& requests_;
  TrialMemory& memory_;
  R recorder_;
  const std::span<WorkerSlot> slots_;
  const std::span<StepSlots> steps_;  ///< of the first requests; empty: nobody asked for them
  const TrialContext context_;
  const std::unique_ptr<AnyScenario> scenario_;
  const GuardContext guard_context_;
  const std::unique_ptr<AnyGuard> guard_;
  const OwnThreads own_threads_;  ///< of the guard
  std::optional<RequestQueue> queue_;
  alignas(64) std::atomic<std::uint64_t> next_{0};  ///< where requests are numbered as they are taken
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

template <Recorder R>
void run_trial(const TrialSetup& setup, int released, TrialMemory& memory) {
  Trial<R> trial(setup, memory);
  trial.run(released);
}

}  // namespace

void run_trial_process(const TrialSetup& setup, int parent, int released, TrialMemory& memory) {
  become_trial_process(parent);
  try {
    memory.prefault();
    if (setup.experiment.snapshot_full) answer_signals(memory.signalled_stacks(), memory.slots());
    if (setup.experiment.live_events()) {
      run_trial<CountingLive>(setup, released, memory);
    } else if (setup.experiment.counts()) {
      run_trial<Counting>(setup, released, memory);
    } else {
      run_trial<Recording>(setup, released, memory);
    }
    _exit(0);
  } catch (const std::exception& exception) {
    fail(memory, std::string("the trial could not be carried out: ") + exception.what());
  }
}

}  // namespace ccbench
