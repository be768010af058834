#include "explore/random_walk.h"

#include <algorithm>

namespace ccbench::explore {
namespace {

/// The `n`-th schedule's own numbers.
StdSync::random random_of(std::uint64_t seed, std::uint64_t n) {
  StdSync::random first(seed);
  first.discard(n);
  return StdSync::random(first());
}

}  // namespace

void RandomWalk::begin(const Scheduler& /*schedule*/) {
  random_ = random_of(seed_, done_);
  drawn_ = random_();
}

Task RandomWalk::choose(const Scheduler& /*schedule*/, TaskSet enabled) {
  const Task count = enabled.size();
  if (count == 1) return enabled.lowest();
  // Not quite even for counts that are no power of two, by less than 2^-25; a division would take as long as
  // all else.
  const Task chosen = enabled.nth(static_cast<Task>((drawn_ >> 32) * count >> 32));
  drawn_ = random_();
  return chosen;
}

bool RandomWalk::end(const Scheduler& /*schedule*/, Ending /*ending*/) { return ++done_ < schedules_; }

void PriorityWalk::begin(const Scheduler& /*schedule*/) {
  random_ = random_of(seed_, done_);
  for (std::uint64_t& priority : priority_) priority = depth_ + (random_() >> 8);
  change_at_.clear();
  for (std::uint32_t i = 1; i < depth_; ++i) change_at_.push_back(random_() % longest_);
  lowest_ = depth_;
}

Task PriorityWalk::choose(const Scheduler& schedule, TaskSet enabled) {
  const auto highest = [&] {
    Task best = enabled.lowest();
    enabled.each([&](Task task) {
      if (priority_[task] > priority_[best]) best = task;
    });
    return best;
  };
  const auto falls_behind = std::ranges::count(change_at_, schedule.steps().size());
  for (auto i = falls_behind; i > 0; --i) priority_[highest()] = --lowest_;
  const Task chosen = highest();
  // Who only waits for others to move must not keep them from it.
  if (schedule.pending(chosen).kind == OperationKind::yield) priority_[chosen] = 0;
  return chosen;
}

bool PriorityWalk::end(const Scheduler& schedule, Ending /*ending*/) {
  longest_ = std::max<std::uint64_t>(longest_, schedule.steps().size());
  return ++done_ < schedules_;
}

}  // namespace ccbench::explore
