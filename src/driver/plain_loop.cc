// What ccbench is measured against: the same purchase under the same guards as a person would write
// them by hand, with std alone. Threads, one latch and a stamp of the clock at each end; no records, no
// process of its own, no verdict. scripts/measure.py runs both in turns.
//
//   $ plain_loop purchase --guard=cas --requests=1000 --payment-ms=1000 --db-ms=500
//   $ plain_loop spawn --threads=1000
//   $ plain_loop counter --requests=1000000 --threads=2
//
// Prints one line of `name=value`. Exit codes: 0, 1 where the system refuses a thread, 2 usage.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <map>
#include <numeric>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "guards/plain.h"

namespace {

using Nanos = std::int64_t;

Nanos now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Nanos cpu_time(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::int64_t max_rss_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// --- what the guards are around ---

/// One ticket, the steps of scenarios/lotto_purchase.cc: a change is seen by others when it commits.
struct Purchase {
  std::chrono::milliseconds payment;
  std::chrono::milliseconds db;
  std::atomic<std::int64_t> paid = 0;
  std::atomic<std::int64_t> completed = 0;
  std::atomic<std::int64_t> payments = 0;
  std::atomic<std::int64_t> bills = 0;

  bool buy() {
    if (paid.load() != 0) return false;
    ++payments;
    if (payment.count() > 0) std::this_thread::sleep_for(payment);
    paid.store(1);
    if (completed.load() != 0) return false;
    if (db.count() > 0) std::this_thread::sleep_for(db);
    completed.store(1);
    ++bills;
    return true;
  }
};

// --- threads ---

struct Times {
  Nanos wall = 0;         ///< release to the last end of a body
  Nanos create_join = 0;  ///< making all threads and joining them, without `wall`
};

/// Runs `body(number)` on `count` threads that a latch releases together.
Times run_threads(std::uint64_t count, const std::function<void(std::uint64_t)>& body) {
  std::vector<Nanos> ends(count);
  std::vector<std::thread> threads;
  threads.reserve(count);
  std::latch here(static_cast<std::ptrdiff_t>(count));
  std::latch open(1);

  const auto join = [&] {
    open.count_down();
    for (std::thread& thread : threads) thread.join();
  };

  const Nanos begin = now();
  try {
    for (std::uint64_t number = 0; number < count; ++number) {
      threads.emplace_back([&, number] {
        here.count_down();
        open.wait();
        body(number);
        ends[number] = now();
      });
    }
  } catch (const std::system_error&) {
    join();
    throw;
  }
  here.wait();
  const Nanos release = now();
  join();
  const Nanos joined = now();

  const Nanos wall = std::ranges::max(ends) - release;
  return {.wall = wall, .create_join = joined - begin - wall};
}

// --- commands ---

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string guard = "none";
  std::map<std::string, std::uint64_t, std::less<>> numbers = {
      {"requests", 20}, {"threads", 1000}, {"payment-ms", 1000}, {"db-ms", 500}};

  std::uint64_t at_least_one(std::string_view name) const {
    const std::uint64_t number = numbers.find(name)->second;
    if (number == 0) throw UsageError(fmt::format("--{} must be at least 1", name));
    return number;
  }
};

template <class Guard>
void purchase_under(const Options& options) {
  Guard guard;
  Purchase purchase{.payment = std::chrono::milliseconds(options.numbers.at("payment-ms")),
                    .db = std::chrono::milliseconds(options.numbers.at("db-ms"))};
  std::vector<char> succeeded(options.at_least_one("requests"));
  const Times times = run_threads(succeeded.size(), [&](std::uint64_t number) {
    succeeded[number] = static_cast<char>(guard.run(0, [&] { return purchase.buy(); }));
  });
  fmt::print("wall_ns={} create_join_ns={} max_rss_kib={} success={} payments={} cpu_ns={}\n", times.wall,
             times.create_join, max_rss_kib(), std::ranges::count(succeeded, 1), purchase.payments.load(),
             cpu_time(CLOCK_PROCESS_CPUTIME_ID));
}

void purchase(const Options& options) {
  static const std::map<std::string_view, void (*)(const Options&)> kGuards = {
      {"none", purchase_under<ccbench::plain::NoGuard>},
      {"global", purchase_under<ccbench::plain::GlobalGuard>},
      {"synchronized", purchase_under<ccbench::plain::KeyedGuard<std::mutex>>},
      {"cas", purchase_under<ccbench::plain::CasGuard>},
      {"rwlock", purchase_under<ccbench::plain::KeyedGuard<std::shared_mutex>>},
      {"recursive", purchase_under<ccbench::plain::KeyedGuard<std::recursive_mutex>>},
      {"single-flight", purchase_under<ccbench::plain::SingleFlightGuard>},
  };
  const auto guard = kGuards.find(options.guard);
  if (guard == kGuards.end()) throw UsageError(fmt::format("there is no guard '{}' here", options.guard));
  guard->second(options);
}

void spawn(const Options& options) {
  const Times times = run_threads(options.at_least_one("threads"), [](std::uint64_t /*number*/) {});
  fmt::print("create_join_ns={} max_rss_kib={}\n", times.create_join + times.wall, max_rss_kib());
}

void counter(const Options& options) {
  const std::uint64_t requests = options.at_least_one("requests");
  const std::uint64_t threads = options.at_least_one("threads");
  std::atomic<std::int64_t> cell = 0;
  std::vector<Nanos> cpu(threads);
  const Times times = run_threads(threads, [&](std::uint64_t number) {
    const Nanos begin = cpu_time(CLOCK_THREAD_CPUTIME_ID);
    const std::uint64_t share = requests / threads + (number < requests % threads ? 1 : 0);
    for (std::uint64_t request = 0; request < share; ++request) {
      cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    cpu[number] = cpu_time(CLOCK_THREAD_CPUTIME_ID) - begin;
  });
  const auto cpu_ns = static_cast<double>(std::accumulate(cpu.begin(), cpu.end(), Nanos{0}));
  fmt::print("cpu_ns_per_request={:.3f} wall_ns={} max_rss_kib={} counted={}\n",
             cpu_ns / static_cast<double>(requests), times.wall, max_rss_kib(), cell.load());
}

void read_option(std::string_view argument, Options& options) {
  const std::size_t equals = argument.find('=');
  if (!argument.starts_with("--") || equals == std::string_view::npos) {
    throw UsageError(fmt::format("expected --name=value, not '{}'", argument));
  }
  const std::string_view name = argument.substr(2, equals - 2);
  const std::string_view value = argument.substr(equals + 1);
  if (name == "guard") {
    options.guard = value;
    return;
  }
  const auto number = options.numbers.find(name);
  if (number == options.numbers.end()) throw UsageError(fmt::format("there is no option --{}", name));
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number->second);
  if (error != std::errc{} || end != value.data() + value.size() || number->second > 1'000'000'000) {
    throw UsageError(fmt::format("--{} takes a whole number up to 1000000000, not '{}'", name, value));
  }
}

void run(std::span<char*> arguments) {
  static const std::map<std::string_view, void (*)(const Options&)> kCommands = {
      {"purchase", purchase}, {"spawn", spawn}, {"counter", counter}};
  const auto command = arguments.empty() ? kCommands.end() : kCommands.find(arguments.front());
  if (command == kCommands.end()) throw UsageError("expected purchase, spawn or counter");
  Options options;
  for (const char* argument : arguments.subspan(1)) read_option(argument, options);
  command->second(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    return 0;
  } catch (const UsageError& error) {
    fmt::print(stderr, "plain_loop: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "plain_loop: {}\n", error.what());
    return 1;
  }
}
