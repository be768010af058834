// Schedules at random: where there is a fault, it is soon found.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "schedule/scheduler.h"
#include "sync/std_sync.h"

namespace ccbench::explore {

/// Every step is drawn from those that are possible. Each schedule is drawn from a seed of its own, so that
/// one can be had again without those before it.
class RandomWalk final : public Strategy {
 public:
  RandomWalk(std::uint64_t seed, std::uint64_t schedules) : seed_(seed), schedules_(schedules) {}

  void begin(const Scheduler& schedule) override;
  Task choose(const Scheduler& schedule, TaskSet enabled) override;
  bool end(const Scheduler& schedule, Ending ending) override;

 private:
  const std::uint64_t seed_;
  const std::uint64_t schedules_;
  std::uint64_t done_ = 0;
  StdSync::random random_{0};
  std::uint64_t drawn_ = 0;  ///< from it, ahead of the next choice: everything waits for who is chosen
};

/// S. Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs" (ASPLOS
/// 2010): tasks have priorities that are drawn, and at `depth` minus 1 steps that are drawn the one that runs
/// falls behind all others. Of programs with n tasks and k steps, a fault that takes `depth` orders is found
/// by one schedule with a probability of at least 1/(n·k^(depth-1)).
class PriorityWalk final : public Strategy {
 public:
  PriorityWalk(std::uint64_t seed, std::uint64_t schedules, std::uint32_t depth)
      : seed_(seed), schedules_(schedules), depth_(depth) {}

  void begin(const Scheduler& schedule) override;
  Task choose(const Scheduler& schedule, TaskSet enabled) override;
  bool end(const Scheduler& schedule, Ending ending) override;

 private:
  const std::uint64_t seed_;
  const std::uint64_t schedules_;
  const std::uint32_t depth_;
  std::uint64_t done_ = 0;
  std::uint64_t longest_ = 1;  ///< steps of the longest schedule so far: what change points are drawn from
  StdSync::random random_{0};
  std::array<std::uint64_t, kMostTasks> priority_{};  ///< the highest goes first
  std::vector<std::uint64_t> change_at_;              ///< steps
  std::uint64_t lowest_ = 0;
};

}  // namespace ccbench::explore
