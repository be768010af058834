// The start of a trial: everybody is there, then everybody goes.
#pragma once

#include <cstdint>
#include <functional>
#include <latch>

#include "core/duration.h"
#include "driver/experiment.h"

namespace ccbench {

/// Every worker arrives and waits on one std::latch before it opens.
///
/// A latch alone does not make a simultaneous start: its opener wakes the waiters one after the other,
/// 10-15 µs apart on each CPU. In `aligned` mode every worker therefore goes on from the latch to one
/// absolute deadline, asleep until shortly before it and spinning for the rest, so that the first on
/// each CPU start within some 10 ns of each other; who finds no CPU at the deadline starts as soon as
/// it gets one.
class StartBarrier {
 public:
  StartBarrier(std::uint32_t workers, StartMode mode);

  /// Worker: announces itself and waits for the latch.
  void arrive_and_wait();

  /// Worker, in `aligned` mode, after the latch: returns at the deadline, or at once when it is over.
  /// Answers how much of the CPU it spun away, which is nobody's cost but the barrier's.
  Nanos run_to_deadline() const;

  /// Driver: returns when every worker has arrived.
  void wait_for_all() { all_here_.wait(); }

  /// Driver: fixes the moment from which all offsets count (the deadline, or the opening of the latch),
  /// tells it to `announce`, and opens the latch.
  void release(const std::function<void(Nanos)>& announce);

  StartMode mode() const { return mode_; }

 private:
  const std::uint32_t workers_;
  const StartMode mode_;
  Nanos deadline_ = 0;
  std::latch all_here_;
  std::latch open_{1};
};

}  // namespace ccbench
