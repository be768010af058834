// The plain synchronization policy: what guards and scenarios are written with, straight from std.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <type_traits>

namespace ccbench {

/// Guards and scenarios are templates over a `Sync` and synchronise with nothing else, so that the
/// explorer can run the same code under its own scheduler. This one costs nothing: every member is the
/// std type, or compiles to the same instructions.
struct StdSync {
  using mutex = std::mutex;
  using timed_mutex = std::timed_mutex;
  using recursive_mutex = std::recursive_mutex;
  using shared_mutex = std::shared_mutex;
  using condition_variable = std::condition_variable;
  using thread = std::thread;
  using stop_source = std::stop_source;

  /// With wait and notify. State that threads sleep on belongs in an `atomic<int>`: libstdc++ waits on
  /// a proxy address for other sizes, which a snapshot cannot match to the object.
  template <class T>
  using atomic = std::atomic<T>;

  /// A scenario's plain datum. A relaxed atomic, so that an unguarded race is a race in the logic and
  /// never undefined behaviour; loads and stores are single moves.
  template <class T>
    requires(std::is_trivially_copyable_v<T> && sizeof(T) <= 8)
  class cell {
   public:
    constexpr cell(T value = T{}) : value_(value) {}  // NOLINT(google-explicit-constructor)
    T load() const { return value_.load(std::memory_order_relaxed); }
    void store(T value) { value_.store(value, std::memory_order_relaxed); }

   private:
    std::atomic<T> value_;
  };

  /// Random numbers that are the same for a seed everywhere (splitmix64; Steele, Lea, Flood 2014).
  class random {
   public:
    explicit random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t operator()() {
      std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      return z ^ (z >> 31);
    }
    /// As if it had been called `times` times.
    void discard(std::uint64_t times) { state_ += times * 0x9e3779b97f4a7c15; }

   private:
    std::uint64_t state_;
  };

  using time_point = std::chrono::steady_clock::time_point;
  static time_point now() { return std::chrono::steady_clock::now(); }
  static void sleep_for(std::chrono::nanoseconds duration) { std::this_thread::sleep_for(duration); }
  /// Keeps the CPU: for what is too short to be slept.
  static void spin_for(std::chrono::nanoseconds duration) {
    for (const auto end = now() + duration; now() < end;) {
    }
  }
  static void yield() { std::this_thread::yield(); }
  /// Tells the CPU that its thread spins, so that it does so sparingly; keeps the CPU, where it can.
  static void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");
#else
    yield();
#endif
  }
  /// There is none with sequentially consistent order: it would order steps that touch nothing in common.
  static void acquire_fence() { std::atomic_thread_fence(std::memory_order_acquire); }
  static void release_fence() { std::atomic_thread_fence(std::memory_order_release); }
  /// As a power cut would, with nothing cleaned up; only a trial's process may be ended so.
  [[noreturn]] static void end_process() {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
};

}  // namespace ccbench
