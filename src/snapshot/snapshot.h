// Where every worker is at one instant.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"
#include "core/scenario.h"

namespace ccbench {

enum class Phase : std::uint8_t {
  barrier,   ///< waits for the release
  guard,     ///< inside the guard and not in the section
  step,      ///< inside the section, at the step named
  finished,  ///< has ended its last request
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

/// What a worker publishes about itself, on a cache line of its own in memory that outlives it. Only
/// the worker writes; anybody may read.
struct alignas(64) WorkerSlot {
  std::atomic<Place> place;
  std::atomic<std::uint64_t> moves;  ///< how often `place` changed: what the stall rule watches
  std::atomic<int> tid;              ///< 0 until the worker runs

  void move_to(Place next) {
    place.store(next, std::memory_order_relaxed);
    moves.store(moves.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

/// One worker in a snapshot.
struct ThreadRow {
  std::uint32_t thread = 0;
  int tid = 0;
  Place place;
};

/// All workers at one instant, as they publish it themselves. Kernel states, stacks and lock owners
/// are to join here, captured at the same moment.
struct Snapshot {
  Nanos at = 0;       ///< since the release
  Nanos capture = 0;  ///< how long reading took
  std::string mode;   ///< how it was taken: `published`
  std::vector<ThreadRow> threads;
};

/// Reads every slot once: about a microsecond for 1000 workers. Disturbs nobody; rows are not of the
/// very same instant, but `capture` apart at most.
Snapshot take_snapshot(std::span<const WorkerSlot> slots, Nanos since_release);

/// `barrier`, `guard`, `step:payment`, `finished`: the phase column of snapshots.csv.
std::string phase_name(Place place, const ScenarioInfo& scenario);

/// Workers inside the guard and not in a section.
std::uint64_t blocked(const Snapshot& snapshot);

/// Equal places counted, the fullest first.
struct PlaceCount {
  Place place;
  std::uint64_t threads = 0;
};
std::vector<PlaceCount> group_by_place(const Snapshot& snapshot);

}  // namespace ccbench
