// What snapshots cost and whether they disturb, measured on threads that stand where this program has put
// them. scripts/measure_snapshots.py runs it beside other tools.
//
//   $ snapshot_probe shape --threads=1000
//   $ snapshot_probe capture --threads=1000 --rounds=15
//   $ snapshot_probe order --mode=look --waiters=20 --gap-ms=60 --looks=50 --seed=1
//
// `shape` says `ready pid=PID` once the threads of that process are blocked, and keeps them so until its
// input ends. `capture` takes snapshots of such a process. `order` lets threads arrive at a mutex one by one
// and says in which order they got it.
//
// Prints one line of `name=value`. Exit codes: 0, 1 where the system refuses something or threads do not come
// to stand as they should, 2 usage.
#include <fmt/format.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "core/duration.h"
#include "core/function_ref.h"
#include "snapshot/glibc_locks.h"
#include "snapshot/nested_frames.h"
#include "snapshot/observer.h"
#include "snapshot/sight.h"
#include "snapshot/signalled_stack.h"
#include "snapshot/snapshot.h"
#include "snapshot/stack_table.h"
#include "snapshot/thread_files.h"
#include "snapshot/unwinder.h"
#include "snapshot/worker_slot.h"

namespace ccbench {
namespace {

/// Longer than anything that is watched here lasts.
constexpr std::chrono::hours kForever{1};

Nanos now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Nanos cpu_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

// --- processes to watch ---

/// What the processes forked from this one share with it.
template <class T>
class SharedArray {
 public:
  explicit SharedArray(std::size_t count) : bytes_(std::max<std::size_t>(1, count * sizeof(T))) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    all_ = std::span(static_cast<T*>(memory), count);
    std::uninitialized_value_construct(all_.begin(), all_.end());
  }
  ~SharedArray() { munmap(all_.data(), bytes_); }
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;

  std::span<T> all() const { return all_; }
  T& operator[](std::size_t i) const { return all_[i]; }

 private:
  std::size_t bytes_;
  std::span<T> all_;
};

/// A process whose threads each say where they are and run `body(number)`. Ended with the object.
class Watched {
 public:
  using Body = std::function<void(std::uint32_t)>;

  /// With as many `stacks` as threads it answers signals.
  Watched(std::uint32_t threads, const Body& body, std::span<SignalledStack> stacks = {})
      : slots_(threads), process_(fork()) {
    if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (process_ == 0) run(body, stacks);
    try {
      wait_until([this] { return all_started(); }, "started its threads");
    } catch (...) {
      end();
      throw;
    }
    for (const WorkerSlot& slot : slots_.all())
      files_.emplace_back(process_, slot.tid.load(), ThreadFiles::Keep::closed);
  }
  ~Watched() { end(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  pid_t process() const { return process_; }
  std::span<const WorkerSlot> slots() const { return slots_.all(); }

  /// The system call that the thread sleeps in; nothing while it runs.
  std::optional<SystemCall> sleep_of(std::uint32_t thread) const {
    SystemCall call;
    if (files_[thread].look(call) != ThreadFiles::State::sleeping) return std::nullopt;
    return call;
  }

  void wait_until(FunctionRef<bool()> condition, std::string_view what) const {
    constexpr Nanos kLimit = 60 * kSecond;
    constexpr std::chrono::milliseconds kPause{1};
    for (const Nanos begin = now(); !condition(); std::this_thread::sleep_for(kPause)) {
      if (now() - begin > kLimit || ended())
        throw std::runtime_error(fmt::format("the process never {}", what));
    }
  }

 private:
  [[noreturn]] void run(const Body& body, std::span<SignalledStack> stacks) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::vector<std::thread> threads;
    try {
      if (!stacks.empty()) answer_signals(stacks, slots_.all());
      for (std::uint32_t i = 0; i < slots_.all().size(); ++i) {
        threads.emplace_back([this, i, &body] {
          WorkerSlot& slot = slots_[i];
          slot.stack_end = stack_end_of_caller();
          slot.move_to(Place::in_guard(0));
          slot.tid.store(gettid(), std::memory_order_release);
          body(i);
        });
      }
      while (true) pause();
    } catch (const std::exception& error) {
      fmt::print(stderr, "snapshot_probe: {}\n", error.what());
      std::fflush(stderr);
      _exit(1);
    }
  }

  bool all_started() const {
    return std::ranges::all_of(
        slots_.all(), [](const WorkerSlot& slot) { return slot.tid.load(std::memory_order_acquire) != 0; });
  }

  bool ended() const {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
  }

  void end() const {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }

  SharedArray<WorkerSlot> slots_;
  pid_t process_;
  std::vector<ThreadFiles> files_;
};

/// Whether the call sleeps on a word inside `object`, which is at the same address here and there.
template <class T>
bool is_sleep_on(const SystemCall& call, const T& object) {
  const auto wait = futex_wait_of(call);
  const auto begin = reinterpret_cast<std::uint64_t>(&object);
  return wait && wait->address >= begin && wait->address < begin + sizeof(T);
}

// --- the shape: many threads blocked in every way ---

constexpr int kFrames = 9;

class Shape {
 public:
  explicit Shape(std::uint32_t blocked)
      : watched_(blocked + kHolders,
                 [this](std::uint32_t thread) { nested<kFrames - 1>([&] { stand(thread); }); }) {
    const auto threads = static_cast<std::uint32_t>(watched_.slots().size());
    watched_.wait_until(
        [&] {
          for (std::uint32_t i = 0; i < threads; ++i) {
            if (!stands(i)) return false;
          }
          return true;
        },
        "blocked its threads");
  }

  pid_t process() const { return watched_.process(); }
  std::span<const WorkerSlot> slots() const { return watched_.slots(); }

 private:
  static constexpr std::uint32_t kHolders = 3;
  static constexpr std::uint32_t kWays = 6;

  void stand(std::uint32_t thread) {
    if (thread < kHolders) {
      hold(thread);
      return;
    }
    held_.wait();
    switch (thread % kWays) {
      case 0: mutex_.lock(); break;
      case 1: shared_mutex_.lock_shared(); break;
      case 2: shared_mutex_.lock(); break;
      case 3: recursive_mutex_.lock(); break;
      case 4: {
        std::unique_lock lock(with_condition_);
        condition_.wait(lock, [] { return false; });
        break;
      }
      default: std::this_thread::sleep_for(kForever);
    }
  }

  void hold(std::uint32_t thread) {
    switch (thread) {
      case 0: mutex_.lock(); break;
      case 1: shared_mutex_.lock(); break;
      default: recursive_mutex_.lock();
    }
    held_.count_down();
    std::this_thread::sleep_for(kForever);
  }

  bool stands(std::uint32_t thread) const {
    const auto call = watched_.sleep_of(thread);
    if (!call) return false;
    if (thread >= kHolders) {
      switch (thread % kWays) {
        case 0: return is_sleep_on(*call, mutex_);
        case 1:
        case 2: return is_sleep_on(*call, shared_mutex_);
        case 3: return is_sleep_on(*call, recursive_mutex_);
        case 4: return is_sleep_on(*call, condition_);
        default: break;
      }
    }
    return call->number == SYS_clock_nanosleep;
  }

  std::latch held_{kHolders};
  std::mutex mutex_;
  std::shared_mutex shared_mutex_;
  std::recursive_mutex recursive_mutex_;
  std::mutex with_condition_;
  std::condition_variable condition_;
  Watched watched_;
};

// --- commands ---

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string mode = "look";
  std::map<std::string, std::uint64_t, std::less<>> numbers = {
      {"threads", 1000}, {"rounds", 15}, {"waiters", 20}, {"gap-ms", 60}, {"looks", 50}, {"seed", 1}};

  std::uint32_t number(std::string_view name) const {
    return static_cast<std::uint32_t>(numbers.find(name)->second);
  }
  std::uint32_t at_least_one(std::string_view name) const {
    if (number(name) == 0) throw UsageError(fmt::format("--{} must be at least 1", name));
    return number(name);
  }
};

void shape(const Options& options) {
  const Shape shape(options.at_least_one("threads"));
  fmt::print("ready pid={}\n", shape.process());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

/// The same time taken in several rounds.
class Times {
 public:
  void add(Nanos time) { times_.push_back(time); }
  void print(std::string_view name) {
    std::ranges::sort(times_);
    fmt::print("{0}_ns={1} {0}_min_ns={2} {0}_max_ns={3} ", name, times_[times_.size() / 2], times_.front(),
               times_.back());
  }

 private:
  std::vector<Nanos> times_;
};

/// How much of what a snapshot should show it shows.
void print_content(const Snapshot& snapshot, const std::vector<Stack>& stacks) {
  std::uint64_t stable = 0;
  std::uint64_t complete = 0;
  std::uint64_t with_owner = 0;
  for (const ThreadRow& row : snapshot.threads) {
    if (row.stable) ++stable;
    if (row.lock != kNoIndex && snapshot.locks[row.lock].owner) ++with_owner;
    if (row.stack == kNoIndex || !stacks[row.stack].complete) continue;
    const auto own_frames = std::ranges::count_if(
        stacks[row.stack].frames, [](const Frame& frame) { return frame.function.starts_with("nested<"); });
    if (own_frames == kFrames) ++complete;
  }
  const auto owners =
      std::ranges::count_if(snapshot.locks, [](const LockRow& lock) { return lock.owner.has_value(); });
  fmt::print("rows={} stable={} complete={} with_owner={} locks={} owners={} cycles={} stacks={}",
             snapshot.threads.size(), stable, complete, with_owner, snapshot.locks.size(), owners,
             snapshot.cycles.size(), stacks.size());
}

/// Every round is that of an observer which has not looked before, over descriptors that are open: what a
/// trial's first snapshot takes. `again` is what the next one takes if nobody has moved. `first` also makes
/// what later rounds find ready, and names the frames: all that a tool does that is started for one snapshot.
void capture(const Options& options) {
  const std::uint32_t rounds = options.at_least_one("rounds");
  const Shape shape(options.at_least_one("threads"));
  const Nanos begin = now();
  Sight sight;
  Times prepare;
  Times look;
  Times resolve;
  Times wall;
  Times cpu;
  Times again;
  Times again_cpu;
  Snapshot snapshot;
  std::vector<Stack> stacks;

  const auto take = [&](Observer& observer, StackTable& table) {
    snapshot = observer.look(0);
    observer.resolve(std::span(&snapshot, 1), sight.unwinder(), table);
  };
  {
    Observer observer(shape.process(), shape.slots(), sight.layout());
    take(observer, sight.stacks());
    stacks = sight.named_stacks();
  }
  const Nanos first = now() - begin;

  for (std::uint32_t round = 0; round < rounds; ++round) {
    Observer observer(shape.process(), shape.slots(), sight.layout());
    StackTable table;
    const Nanos unprepared = now();
    observer.prepare();
    const Nanos prepared = now();
    prepare.add(prepared - unprepared);

    const Nanos cpu_before = cpu_time();
    const Nanos before = now();
    take(observer, table);
    wall.add(now() - before);
    cpu.add(cpu_time() - cpu_before);
    look.add(snapshot.capture);
    resolve.add(snapshot.resolve.value_or(0));
    stacks = table.named(sight.unwinder());

    const Nanos cpu_before_again = cpu_time();
    const Nanos before_again = now();
    Snapshot next = observer.look(0);
    observer.resolve(std::span(&next, 1), sight.unwinder(), table);
    again.add(now() - before_again);
    again_cpu.add(cpu_time() - cpu_before_again);
  }
  prepare.print("prepare");
  look.print("look");
  resolve.print("resolve");
  wall.print("wall");
  cpu.print("cpu");
  again.print("again");
  again_cpu.print("again_cpu");
  fmt::print("first_ns={} ", first);
  print_content(snapshot, stacks);
  fmt::print("\n");
}

/// Closed until it is opened, for one thread to pass; also from another process.
class Gate {
 public:
  Gate() {
    constexpr int kBetweenProcesses = 1;
    sem_init(&semaphore_, kBetweenProcesses, 0);
  }
  void open() { sem_post(&semaphore_); }
  void pass() {
    while (sem_wait(&semaphore_) != 0) {
    }
  }

 private:
  sem_t semaphore_{};
};

/// One mutex, one thread that holds it, and others that come when they are told to.
class Queue {
 public:
  Queue(std::uint32_t waiters, bool answers_signals)
      : places_(waiters),
        gates_(waiters + 1),
        stacks_(answers_signals ? waiters + 1 : 0),
        watched_(waiters + 1, [this](std::uint32_t thread) { run(thread); }, stacks_.all()) {
    watched_.wait_until(
        [&] {
          for (std::uint32_t i = 0; i <= waiters; ++i) {
            const auto call = watched_.sleep_of(i);
            if (!call || !is_sleep_on(*call, gates_[i])) return false;
          }
          return true;
        },
        "came to its gates");
  }

  pid_t process() const { return watched_.process(); }
  std::span<const WorkerSlot> slots() const { return watched_.slots(); }
  std::span<SignalledStack> stacks() const { return stacks_.all(); }

  /// Returns once this waiter sleeps at the mutex, and all those before it do.
  void let_come(std::uint32_t waiter) {
    gates_[waiter].open();
    here_.push_back(waiter);
    watched_.wait_until(
        [&] {
          return std::ranges::all_of(here_, [&](std::uint32_t thread) {
            const auto call = watched_.sleep_of(thread);
            return call && is_sleep_on(*call, mutex_);
          });
        },
        "let a waiter sleep at the mutex");
  }

  /// Who got the mutex after the holder, first to last.
  std::vector<std::uint32_t> hand_over() {
    gates_[kHolder].open();
    watched_.wait_until([&] { return counted_[0] == places_.all().size(); }, "handed the mutex to all");
    return {places_.all().begin(), places_.all().end()};
  }

  static constexpr std::uint32_t kHolder = 0;

 private:
  void run(std::uint32_t thread) {
    if (thread == kHolder) {
      const std::lock_guard lock(mutex_);
      gates_[thread].pass();
    } else {
      gates_[thread].pass();
      const std::lock_guard lock(mutex_);
      places_[counted_[0]] = thread;
      ++counted_[0];
    }
    while (true) pause();  // Its files stay readable.
  }

  std::mutex mutex_;
  SharedArray<std::uint32_t> places_;
  SharedArray<std::atomic<std::uint32_t>> counted_{1};
  SharedArray<Gate> gates_;
  SharedArray<SignalledStack> stacks_;
  std::vector<std::uint32_t> here_;
  Watched watched_;
};

enum class Mode : std::uint8_t { none, look, signals };

Mode mode_of(std::string_view text) {
  if (text == "none") return Mode::none;
  if (text == "look") return Mode::look;
  if (text == "signals") return Mode::signals;
  throw UsageError(fmt::format("--mode takes none, look or signals, not '{}'", text));
}

void sleep_until(Nanos time) { std::this_thread::sleep_for(std::chrono::nanoseconds(time - now())); }

/// Waiters come `gap` apart, in an order that is not that of their threads. Looks are spread evenly over the
/// arrivals and a quarter of that time more, during which all of them wait; without looks it takes as long.
void order(const Options& options) {
  const std::uint32_t waiters = options.at_least_one("waiters");
  const Mode mode = mode_of(options.mode);
  const std::uint32_t looks = mode == Mode::none ? 0 : options.number("looks");
  const Nanos gap = Nanos{options.number("gap-ms")} * kMillisecond;
  const Nanos span = gap * waiters * 5 / 4;

  std::vector<std::uint32_t> arrival(waiters);
  for (std::uint32_t i = 0; i < waiters; ++i) arrival[i] = i + 1;
  std::ranges::shuffle(arrival, std::mt19937_64(options.number("seed")));

  Queue queue(waiters, mode == Mode::signals);
  const Sight sight;
  Observer observer(queue.process(), queue.slots(), sight.layout());
  if (looks > 0) observer.prepare();

  std::uint32_t come = 0;
  std::uint32_t looked = 0;
  std::uint32_t most_seen = 0;
  const Nanos begin = now();
  while (come < waiters || looked < looks) {
    const Nanos next_arrival = begin + gap * come;
    const Nanos next_look = begin + span * (looked + 1) / (looks + 1);
    if (come < waiters && (looked == looks || next_arrival <= next_look)) {
      sleep_until(next_arrival);
      queue.let_come(arrival[come++]);
    } else {
      sleep_until(next_look);
      const Snapshot snapshot = observer.look(now() - begin, queue.stacks());
      ++looked;
      for (const LockRow& lock : snapshot.locks) {
        if (lock.owner == Queue::kHolder) most_seen = std::max(most_seen, lock.waiters);
      }
    }
  }
  sleep_until(begin + span);
  const std::vector<std::uint32_t> handed = queue.hand_over();

  std::uint32_t changes = 0;
  for (std::uint32_t place = 0; place < waiters; ++place) {
    if (arrival[place] != handed[place]) ++changes;
  }
  fmt::print("arrival={} handover={} looks={} seen={} changes={}\n", fmt::join(arrival, ","),
             fmt::join(handed, ","), looked, most_seen, changes);
}

void read_option(std::string_view argument, Options& options) {
  const std::size_t equals = argument.find('=');
  if (!argument.starts_with("--") || equals == std::string_view::npos)
    throw UsageError(fmt::format("expected --name=value, not '{}'", argument));
  const std::string_view name = argument.substr(2, equals - 2);
  const std::string_view value = argument.substr(equals + 1);
  if (name == "mode") {
    options.mode = value;
    return;
  }
  const auto number = options.numbers.find(name);
  if (number == options.numbers.end()) throw UsageError(fmt::format("there is no option --{}", name));
  constexpr std::uint64_t kMost = 1'000'000;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number->second);
  if (error != std::errc{} || end != value.data() + value.size() || number->second > kMost)
    throw UsageError(fmt::format("--{} takes a whole number up to {}, not '{}'", name, kMost, value));
}

void run(std::span<char*> arguments) {
  static const std::map<std::string_view, void (*)(const Options&)> kCommands = {
      {"shape", shape}, {"capture", capture}, {"order", order}};
  const auto command = arguments.empty() ? kCommands.end() : kCommands.find(arguments.front());
  if (command == kCommands.end()) throw UsageError("expected shape, capture or order");
  Options options;
  for (const char* argument : arguments.subspan(1)) read_option(argument, options);
  command->second(options);
}

}  // namespace
}  // namespace ccbench

int main(int argc, char** argv) {
  try {
    ccbench::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    return 0;
  } catch (const ccbench::UsageError& error) {
    fmt::print(stderr, "snapshot_probe: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "snapshot_probe: {}\n", error.what());
    return 1;
  }
}
