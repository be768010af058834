#include "driver/start_barrier.h"

#include <algorithm>

#include "driver/clock.h"

namespace ccbench {
namespace {

// The latch wakes one worker after the other, and each needs about 20 µs to get from there to its
// timed sleep; the deadline must lie behind the last of them.
constexpr Nanos kToDeadline = 30 * kMicrosecond;
constexpr Nanos kLeastToDeadline = kMillisecond;

// Timers fire late by some 50 µs, more on a virtual machine, and all of them on the same few CPUs:
// each takes a few µs away from the workers that are already spinning.
constexpr Nanos kSpin = 200 * kMicrosecond;
constexpr Nanos kSpinPerWorker = 2 * kMicrosecond;

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

StartBarrier::StartBarrier(std::uint32_t workers, StartMode mode)
    : workers_(workers), mode_(mode), all_here_(workers) {}

void StartBarrier::arrive_and_wait() {
  all_here_.count_down();
  open_.wait();
}

Nanos StartBarrier::run_to_deadline() const {
  sleep_until(deadline_ - kSpin - kSpinPerWorker * workers_);
  // A gap between two looks at the clock is a time in which somebody else had the CPU.
  constexpr Nanos kGap = 5 * kMicrosecond;
  Nanos spun = 0;
  for (Nanos before = steady_now(); before < deadline_;) {
    pause_cpu();
    const Nanos now = steady_now();
    if (now - before < kGap) spun += now - before;
    before = now;
  }
  return spun;
}

void StartBarrier::release(const std::function<void(Nanos)>& announce) {
  if (mode_ == StartMode::aligned) {
    deadline_ = steady_now() + kSpin + std::max(kLeastToDeadline, (kToDeadline + kSpinPerWorker) * workers_);
    announce(deadline_);
    open_.count_down();
  } else {
    const Nanos opening = steady_now();
    announce(opening);
    open_.count_down();
  }
}

}  // namespace ccbench
