// What a worker says of itself: where it is, in memory that outlives it.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/request.h"
#include "core/scenario.h"

namespace ccbench {

enum class Phase : std::uint8_t {
  barrier,   ///< waits for the release
  guard,     ///< inside the guard and not in the section
  step,      ///< inside the section, at the step named
  finished,  ///< has ended its last request
  idle,      ///< waits for a request to arrive
};

/// Where one worker is, in one word, so that it is published by a single store and never read torn.
class Place {
 public:
  constexpr Place() = default;
  static constexpr Place at_barrier() { return Place(Phase::barrier, 0, 0); }
  static constexpr Place in_guard(Key key) { return Place(Phase::guard, 0, key); }
  static constexpr Place in_section(Key key) { return Place(Phase::step, kNoStep, key); }
  static constexpr Place in_step(StepId step, Key key) { return Place(Phase::step, step, key); }
  static constexpr Place finished() { return Place(Phase::finished, 0, 0); }
  static constexpr Place idle() { return Place(Phase::idle, 0, 0); }

  constexpr Phase phase() const { return static_cast<Phase>(bits_ & 0xff); }
  constexpr Key key() const { return bits_ >> 16; }
  /// `kNoStep` before the section has named its first step.
  constexpr StepId step() const { return (bits_ >> 8) & 0xff; }
  constexpr bool operator==(const Place&) const = default;

  static constexpr StepId kNoStep = 0xff;

 private:
  constexpr Place(Phase phase, StepId step, Key key)
      : bits_(static_cast<std::uint64_t>(phase) | (step & 0xff) << 8 | key << 16) {}

  std::uint64_t bits_ = 0;
};

/// On a cache line of its own. Only the worker writes, or who runs a section for it while it waits for that;
/// anybody may read.
struct alignas(64) WorkerSlot {
  std::atomic<Place> place;
  std::atomic<std::uint64_t> moves;      ///< how often `place` changed: what the stall rule watches
  std::atomic<std::uint64_t> stack_end;  ///< address behind the worker's stack; set before `tid`
  std::atomic<int> tid;                  ///< 0 until the worker runs

  void move_to(Place next) {
    place.store(next, std::memory_order_relaxed);
    moves.store(moves.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

/// To be called by what a worker runs first: an address behind the part of its stack that has frames. Those
/// below the caller are the thread library's and take less than is allowed for; reading more than there is
/// does no harm. Never inlined, because looking at a frame gives its function a frame pointer, which cannot
/// be followed from outside.
[[gnu::noinline]] std::uint64_t stack_end_of_caller();

}  // namespace ccbench
