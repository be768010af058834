// For tests: two threads that meet within nanoseconds, again and again.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace ccbench {

/// The CPUs that this process may run on.
inline std::vector<std::size_t> allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof(allowed), &allowed);
  std::vector<std::size_t> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

inline void pin_this_thread_to(std::size_t cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

/// Lets two threads start together again and again: both spin until one instant, so they are some ten
/// nanoseconds apart, where the kernel wakes threads microseconds apart. From round to round the one or the
/// other is up to 320 nanoseconds later on purpose: who used a cache line last is that far ahead of the other
/// one, and a window of a few instructions is met only by a start that makes up for it. On a cache line of
/// its own, like all that both threads write: next to what they read before they meet, it would hold one of
/// them up.
class alignas(64) StartLine {
 public:
  void wait(int thread, int round) {
    const auto last_start = start_.load();
    if (arrived_.fetch_add(1) % 2 == 1) {
      start_.store((std::chrono::steady_clock::now() + kAhead).time_since_epoch());
    } else {
      for (int spins = 0; start_.load() == last_start; ++spins) {
        if (spins > 10'000) std::this_thread::yield();
      }
    }
    const std::chrono::steady_clock::time_point start(start_.load() + lateness(thread, round));
    while (std::chrono::steady_clock::now() < start) {
    }
  }

 private:
  static std::chrono::nanoseconds lateness(int thread, int round) {
    const std::chrono::nanoseconds difference = std::chrono::nanoseconds(20) * (round % 32 - 16);
    return thread == 0 ? std::max(difference, std::chrono::nanoseconds(0))
                       : std::max(-difference, std::chrono::nanoseconds(0));
  }

  /// Longer than it takes one CPU to see what another one stored.
  static constexpr std::chrono::nanoseconds kAhead{1000};

  std::atomic<unsigned> arrived_{0};
  std::atomic<std::chrono::steady_clock::duration> start_{};
};

}  // namespace ccbench
