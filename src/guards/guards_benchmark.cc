#include "guards/guards_benchmark.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "core/registry.h"
#include "driver/clock.h"
#include "driver/worker_threads.h"
#include "guards/plain.h"
#include "guards/wake_benchmark.h"

namespace ccbench {
namespace {

/// What every guard is around: nothing, and not a success, so that a guard that lets nobody in after one
/// lets the next call in too. Not inlined, because no real section would be.
[[gnu::noinline]] Result empty_section() {
  benchmark::ClobberMemory();
  return refused("an empty section");
}
[[gnu::noinline]] bool empty_plain_section() {
  benchmark::ClobberMemory();
  return false;
}

/// One call of a guard for a key, with ccbench's interface or without.
using Call = std::function<void(Key)>;

class Registered {
 public:
  explicit Registered(const GuardPlugin& plugin, Kind kind = Kind::write)
      : guard_(plugin.make(GuardContext(plugin.info))), kind_(kind) {}
  void operator()(Key key) {
    const auto section = [](const Entry&) { return empty_section(); };
    benchmark::DoNotOptimize(guard_->run(Request{.key = key, .kind = kind_}, section));
  }

 private:
  std::unique_ptr<AnyGuard> guard_;
  const Kind kind_;
};

template <class PlainGuard>
class Bare {
 public:
  void operator()(Key key) {
    benchmark::DoNotOptimize(guard_.run(key, [] { return empty_plain_section(); }));
  }

 private:
  PlainGuard guard_;
};

template <class PlainGuard>
class BareReads {
 public:
  void operator()(Key key) {
    benchmark::DoNotOptimize(guard_.read(key, [] { return empty_plain_section(); }));
  }

 private:
  PlainGuard guard_;
};

// One thread, a key that is known

template <class Subject, class... Args>
void existing_key(benchmark::State& state, const Args&... args) {
  Subject subject(args...);
  subject(0);
  for ([[maybe_unused]] const auto unused : state) subject(0);
}

// One thread, a new key every time

template <class Subject, class... Args>
void first_use(benchmark::State& state, const Args&... args) {
  // A guard may keep every key that it has seen: now and then a new one bounds the memory.
  constexpr Key kKeys = 1 << 16;
  auto subject = std::make_unique<Subject>(args...);
  Key key = 0;
  for ([[maybe_unused]] const auto unused : state) {
    if (key == kKeys) {
      state.PauseTiming();
      subject = std::make_unique<Subject>(args...);
      key = 0;
      state.ResumeTiming();
    }
    (*subject)(key++);
  }
}

// Several threads, each bound to a CPU, one key

/// Threads bound to a CPU each that call `body` together, once in every episode. They are made once: what
/// is measured is not how threads are made.
class Episodes {
 public:
  Episodes(std::uint32_t threads, std::function<void()> body)
      : body_(std::move(body)),
        gate_(static_cast<std::ptrdiff_t>(threads) + 1),
        ends_(threads),
        work_([this](std::uint32_t thread) { work(thread); }),
        threads_(threads, work_, usable_cpus()) {
    if (threads_.refused() != 0)
      throw std::system_error(threads_.refused(), std::generic_category(), "a thread");
  }

  ~Episodes() {
    over_ = true;
    gate_.arrive_and_wait();
  }
  Episodes(const Episodes&) = delete;
  Episodes& operator=(const Episodes&) = delete;

  /// The time from the opening of the gate to the last end.
  Nanos run() {
    const Nanos begin = steady_now();
    gate_.arrive_and_wait();
    gate_.arrive_and_wait();
    Nanos last = begin;
    for (const Padded& end : ends_) last = std::max(last, end.time);
    return last - begin;
  }

 private:
  struct alignas(64) Padded {
    Nanos time = 0;
  };

  void work(std::uint32_t thread) {
    while (true) {
      gate_.arrive_and_wait();
      if (over_) return;
      body_();
      ends_[thread].time = steady_now();
      gate_.arrive_and_wait();
    }
  }

  const std::function<void()> body_;
  std::barrier<> gate_;
  std::vector<Padded> ends_;
  std::atomic<bool> over_{false};
  const std::function<void(std::uint32_t)> work_;
  WorkerThreads threads_;  // Last: its threads use all of the above.
};

template <class Subject, class... Args>
void contended(benchmark::State& state, const Args&... args) {
  constexpr int kCalls = 20'000;
  const auto threads = static_cast<std::uint32_t>(state.range(0));
  Subject subject(args...);
  subject(0);
  Episodes episodes(threads, [&] {
    for (int i = 0; i < kCalls; ++i) subject(0);
  });
  // Our own clock, and one thread as far as the library can tell: its version 1.7.1 divides the wall time
  // of a benchmark with threads by their number.
  for ([[maybe_unused]] const auto unused : state) {
    state.SetIterationTime(static_cast<double>(episodes.run()) / kSecond);
  }
  state.SetItemsProcessed(state.iterations() * kCalls * threads);
  state.counters["per_call"] =
      benchmark::Counter(static_cast<double>(kCalls) * threads,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// The harness

void clock(benchmark::State& state) {
  for ([[maybe_unused]] const auto unused : state) benchmark::DoNotOptimize(steady_now());
}

void section_alone(benchmark::State& state) {
  for ([[maybe_unused]] const auto unused : state) benchmark::DoNotOptimize(empty_section());
}

/// Two threads contend; so do as many as there are CPUs, where that is more, and four times as many, of which
/// those that hold a lock may have to wait for a CPU.
void add_contended(const std::string& name, const std::function<void(benchmark::State&)>& function) {
  const auto cpus = static_cast<std::int64_t>(usable_cpus().size());
  if (cpus < 2) return;  // Threads that share a CPU do not contend: they take turns.
  auto* added = benchmark::RegisterBenchmark(name.c_str(), function);
  added->UseManualTime()->ArgName("threads")->Arg(2);
  if (cpus > 2) added->Arg(cpus);
  added->Arg(4 * cpus);
}

template <class Subject, class... Args>
void add(const std::string& suffix, bool first_use_too, const Args&... args) {
  const auto name = [&](std::string_view what) { return std::string(what) + '/' + suffix; };
  benchmark::RegisterBenchmark(name("existing_key").c_str(),
                               [=](benchmark::State& state) { existing_key<Subject>(state, args...); });
  if (first_use_too) {
    benchmark::RegisterBenchmark(name("first_use").c_str(),
                                 [=](benchmark::State& state) { first_use<Subject>(state, args...); });
  }
  add_contended(name("contended"), [=](benchmark::State& state) { contended<Subject>(state, args...); });
}

/// Requests that read, for those who let them in together. Each on a key that exists, and all on one.
template <class Subject, class... Args>
void add_reads(const std::string& suffix, const Args&... args) {
  benchmark::RegisterBenchmark(("reads/" + suffix).c_str(),
                               [=](benchmark::State& state) { existing_key<Subject>(state, args...); });
  add_contended("contended_reads/" + suffix,
                [=](benchmark::State& state) { contended<Subject>(state, args...); });
}

/// The hand-written counterparts, by the name of the guard.
const std::map<std::string_view, void (*)()> kBare = {
    {"none", [] { add<Bare<plain::NoGuard>>("none/bare", true); }},
    {"global", [] { add<Bare<plain::GlobalGuard>>("global/bare", false); }},
    {"synchronized", [] { add<Bare<plain::KeyedGuard<std::mutex>>>("synchronized/bare", true); }},
    {"rwlock", [] { add<Bare<plain::SharedGuard>>("rwlock/bare", true); }},
    {"stamped", [] { add<Bare<plain::SequenceGuard>>("stamped/bare", true); }},
    {"fair", [] { add<Bare<plain::KeyedGuard<plain::TicketLock>>>("fair/bare", true); }},
    {"recursive", [] { add<Bare<plain::KeyedGuard<std::recursive_mutex>>>("recursive/bare", true); }},
    {"cas", [] { add<Bare<plain::CasGuard>>("cas/bare", true); }},
    {"queue", [] { add<Bare<plain::ConsumerGuard>>("queue/bare", false); }},
    {"coalesce", [] { add<Bare<plain::FutureGuard>>("coalesce/bare", true); }},
    {"semaphore", [] { add<Bare<plain::KeyedGuard<plain::OnePermit>>>("semaphore/bare", true); }},
    {"spin", [] { add<Bare<plain::KeyedGuard<plain::AdaptiveMutex>>>("spin/bare", true); }},
    {"striped", [] { add<Bare<plain::StripedGuard>>("striped/bare", false); }},
    {"try-lock", [] { add<Bare<plain::TimedGuard>>("try-lock/bare", true); }},
    {"ttl-cache", [] { add<Bare<plain::CacheGuard>>("ttl-cache/bare", true); }},
    {"single-flight", [] { add<Bare<plain::SingleFlightGuard>>("single-flight/bare", true); }},
};

/// Likewise of requests that read.
const std::map<std::string_view, void (*)()> kBareReads = {
    {"rwlock", [] { add_reads<BareReads<plain::SharedGuard>>("rwlock/bare"); }},
    {"stamped", [] { add_reads<BareReads<plain::SequenceGuard>>("stamped/bare"); }},
};

}  // namespace

void register_guard_benchmarks() {
  // Until a process has started a thread the C library leaves the atomic instructions out of its mutexes,
  // and whichever benchmark starts the first one would change what the others measure.
  std::thread([] {}).join();
  benchmark::RegisterBenchmark("harness/clock", clock);
  benchmark::RegisterBenchmark("harness/section_alone", section_alone);
  for (const GuardPlugin& plugin : guards().all()) {
    if (plugin.info.faulty()) continue;
    add<Registered>(std::string(plugin.info.name), plugin.info.promises.per_key, plugin);
    const auto bare = kBare.find(plugin.info.name);
    if (bare != kBare.end()) bare->second();
    const auto reads = kBareReads.find(plugin.info.name);
    if (reads == kBareReads.end()) continue;
    add_reads<Registered>(std::string(plugin.info.name), plugin, Kind::read);
    reads->second();
  }
  register_wake_benchmarks();
}

}  // namespace ccbench
