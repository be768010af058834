#include "explore/tree_search.h"

#include <algorithm>
#include <array>

namespace ccbench::explore {

void TreeSearch::begin(const Scheduler& /*schedule*/) { depth_ = 0; }

/// A time that could have come is over, or nobody waits for it any more. As that step will never be taken, no
/// race with it would be seen.
void TreeSearch::try_what_has_become_impossible(const Scheduler& schedule, TaskSet enabled) {
  Node& last = nodes_[size_ - 1];
  (last.enabled - enabled - TaskSet::of(last.chosen)).each([&](Task task) {
    if (schedule.pending(task).kind == OperationKind::expire) last.todo.add(task);
  });
}

/// On the way that an earlier schedule has gone.
Task TreeSearch::go_on_again(const Scheduler& schedule, TaskSet enabled) {
  Node& node = nodes_[depth_];
  const bool was_taken = depth_ < settled_;
  if (enabled != node.enabled || (was_taken && schedule.pending(node.chosen).kind != node.kind)) {
    diverged_ = true;
    return kNoTask;
  }
  node.kind = schedule.pending(node.chosen).kind;
  ++depth_;
  return node.chosen;
}

Task TreeSearch::choose(const Scheduler& schedule, TaskSet enabled) {
  if (depth_ == 0) begun_with_ = schedule.tasks();
  if (depth_ > settled_) settle_step(schedule);
  if (depth_ < size_) return go_on_again(schedule, enabled);
  if (size_ > 0) try_what_has_become_impossible(schedule, enabled);

  if (size_ == nodes_.size()) nodes_.emplace_back();
  Node& node = nodes_[size_];
  node.enabled = enabled;
  node.fresh = {};
  schedule.unfinished().each([&](Task task) {
    if (schedule.is_fresh(task)) node.fresh.add(task);
  });
  node.done = {};
  node.asleep.clear();
  node.preemptions = 0;
  TaskSet may = allowed(node);
  if (size_ > 0) may = may - put_to_sleep(node);
  if (size_ > 0 && options_.preemptions) may = may & within_bound(node);
  if (may.empty()) return kNoTask;
  const bool all = options_.reduction == Reduction::none || options_.reduction == Reduction::sleep_sets;
  node.chosen = may.lowest();
  node.kind = schedule.pending(node.chosen).kind;
  node.todo = all ? may : TaskSet::of(node.chosen);
  ++size_;
  ++depth_;
  return node.chosen;
}

/// Those whose next step was tried before, with nothing since that conflicts with it.
TaskSet TreeSearch::put_to_sleep(Node& node) const {
  TaskSet tried;
  if (options_.reduction == Reduction::none) return tried;
  const Node& parent = nodes_[size_ - 1];
  for (const Sleeper& sleeper : parent.asleep) {
    if (sleeper.task == parent.chosen || sleeper.touches.conflicts_with(parent.touched)) continue;
    node.asleep.push_back(sleeper);
    tried.add(sleeper.task);
  }
  return tried;
}

/// Counts the preemptions before the node: to leave a task that could go on, and wants to. Where no more are
/// allowed, the last one that may go on must.
TaskSet TreeSearch::within_bound(Node& node) const {
  const Node& parent = nodes_[size_ - 1];
  node.preemptions = parent.preemptions;
  if (size_ > 1) {
    const Node& before = nodes_[size_ - 2];
    if (before.chosen != parent.chosen && parent.enabled.contains(before.chosen) && !before.chosen_waits)
      ++node.preemptions;
  }
  const bool goes_on = node.enabled.contains(parent.chosen) && !parent.chosen_waits;
  return node.preemptions == options_.preemptions && goes_on ? TaskSet::of(parent.chosen) : node.enabled;
}

bool TreeSearch::end(const Scheduler& schedule, Ending ending) {
  diverged_ = diverged_ || depth_ < size_;
  if (diverged_) return false;
  if (depth_ > settled_) settle_step(schedule);
  ++schedules_;
  if (ending != Ending::cut) ++classes_;
  if (ending != Ending::cut && options_.races_at_the_end) look_for_races_at_the_end(schedule);

  while (size_ > 0) {
    Node& node = nodes_[size_ - 1];
    node.done.add(node.chosen);
    if (options_.reduction != Reduction::none) node.asleep.push_back({node.chosen, node.touched});
    TaskSet left = node.todo - node.done;
    for (const Sleeper& sleeper : node.asleep) left.remove(sleeper.task);
    if (!left.empty()) {
      node.chosen = left.lowest();
      settled_ = size_ - 1;
      return true;
    }
    --size_;
  }
  return false;
}

/// What the last step has touched is known now.
void TreeSearch::settle_step(const Scheduler& schedule) {
  const std::size_t step = depth_ - 1;
  const Step& taken = schedule.steps()[step];
  Node& node = nodes_[step];
  node.touched = taken.touched;
  node.tasks = schedule.tasks();
  width_ = std::max(width_, node.tasks);
  const OperationKind next = schedule.pending(node.chosen).kind;
  node.chosen_waits = schedule.unfinished().contains(node.chosen) &&
                      (next == OperationKind::sleep || next == OperationKind::yield);
  settled_ = depth_;
  if (options_.reduction == Reduction::source_sets || options_.reduction == Reduction::classic) order(step);
}

void TreeSearch::join(Clock* into, const Clock* other) const {
  for (Task task = 0; task < width_; ++task) into[task] = std::max(into[task], other[task]);
}

std::size_t TreeSearch::last_step_of(Task task) const {
  for (std::size_t step = settled_; step > 0; --step) {
    if (nodes_[step - 1].chosen == task) return step;
  }
  return 0;
}

/// What comes before the task's next step whatever it touches: its own last one, or the one that made the
/// task.
void TreeSearch::clock_before(std::size_t step, Task task, std::size_t previous, Clock* clock) const {
  std::fill_n(clock, kMostTasks, 0);
  if (previous > 0) {
    std::copy_n(clock_of(previous - 1), kMostTasks, clock);
    return;
  }
  if (task < begun_with_) return;
  for (std::size_t maker = 0; maker < step; ++maker) {
    if (nodes_[maker].tasks <= task) continue;
    std::copy_n(clock_of(maker), kMostTasks, clock);
    return;
  }
}

/// All steps before this one that conflict with it come before it, with all that comes before them.
void TreeSearch::join_conflicts(std::size_t step, const Accesses& touches, Clock* clock) const {
  for (std::size_t earlier = step; earlier-- > 0;) {
    if (!is_before(earlier, clock) && nodes_[earlier].touched.conflicts_with(touches))
      join(clock, clock_of(earlier));
  }
}

void TreeSearch::order(std::size_t step) {
  if (clocks_.size() < (step + 1) * kMostTasks) clocks_.resize((step + 1) * kMostTasks * 2);
  Node& node = nodes_[step];
  const Task task = node.chosen;
  node.previous = 0;
  for (std::size_t earlier = step; earlier > 0 && node.previous == 0; --earlier) {
    if (nodes_[earlier - 1].chosen == task) node.previous = earlier;
  }
  std::array<Clock, kMostTasks> before;
  clock_before(step, task, node.previous, before.data());
  Clock* clock = clock_of(step);
  std::copy_n(before.data(), kMostTasks, clock);
  join_conflicts(step, node.touched, clock);
  clock[task] = static_cast<Clock>(step + 1);
  look_for_races({step, task, node.previous, node.touched, before.data(), clock});
}

/// Those who wait for ever would have gone on, had another not been before them; and who serves could have
/// been earlier.
void TreeSearch::look_for_races_at_the_end(const Scheduler& schedule) {
  if (options_.reduction != Reduction::source_sets && options_.reduction != Reduction::classic) return;
  schedule.unfinished().each([&](Task task) {
    const Operation& pending = schedule.pending(task);
    const Accesses touches = {{pending.first, pending.second}};
    std::array<Clock, kMostTasks> before;
    const std::size_t previous = last_step_of(task);
    clock_before(settled_, task, previous, before.data());
    std::array<Clock, kMostTasks> clock = before;
    join_conflicts(settled_, touches, clock.data());
    look_for_races({settled_, task, previous, touches, before.data(), clock.data()});
  });
}

/// For every earlier step that conflicts with this one and that nothing in between orders before it: makes
/// sure that the other order is seen, too.
void TreeSearch::look_for_races(const Second& second) {
  std::array<Clock, kMostTasks> covered;
  std::copy_n(second.before, kMostTasks, covered.data());
  for (std::size_t earlier = second.step; earlier-- > 0;) {
    const Node& first = nodes_[earlier];
    if (first.chosen == second.task || is_before(earlier, covered.data())) continue;
    const Reversal can_be = reversal(earlier, second);
    if (can_be == Reversal::never) continue;
    if (can_be == Reversal::certainly) join(covered.data(), clock_of(earlier));
    reverse(earlier, second);
  }
}

/// Not if the second is only possible because of the first.
TreeSearch::Reversal TreeSearch::reversal(std::size_t earlier, const Second& second) const {
  const Node& first = nodes_[earlier];
  const auto gives = [](Mode mode) { return mode == Mode::release || mode == Mode::release_shared; };
  const auto takes = [](Mode mode) { return mode == Mode::acquire || mode == Mode::acquire_shared; };
  for (const Access& a : first.touched.all) {
    if (a.mode() == Mode::none) continue;
    for (const Access& b : second.touches.all) {
      if (a.object() != b.object() || !conflict(a.mode(), b.mode()) || (gives(a.mode()) && takes(b.mode())))
        continue;
      if (second.previous > earlier || first.enabled.contains(second.task)) return Reversal::certainly;
      // Whose time comes next depends on what all the others wait for, and not only on steps that conflict.
      return a.object() == kClock ? Reversal::perhaps : Reversal::never;
    }
  }
  return Reversal::never;
}

Task TreeSearch::representative(const Node& node, Task task) const {
  return options_.symmetric && node.fresh.contains(task) ? node.fresh.lowest() : task;
}

void TreeSearch::reverse(std::size_t first, const Second& second) {
  const Task task = second.task;
  Node& node = nodes_[first];
  if (options_.reduction == Reduction::classic) {
    const Task own = representative(node, task);
    if (node.enabled.contains(own)) {
      node.todo.add(own);
    } else {
      node.todo = node.todo | allowed(node);
    }
    return;
  }
  // What follows the first step and does not depend on it, and then the second step: who can begin that?
  TaskSet seen;
  TaskSet initials;
  std::vector<std::size_t>& rest = rest_;
  rest.clear();
  const auto begins = [&](const Clock* clock) {
    return std::ranges::none_of(rest, [&](std::size_t step) { return is_before(step, clock); });
  };
  for (std::size_t step = first + 1; step < second.step; ++step) {
    const Clock* clock = clock_of(step);
    if (is_before(first, clock)) continue;
    const Task its = nodes_[step].chosen;
    if (!seen.contains(its)) {
      seen.add(its);
      if (begins(clock)) initials.add(its);
    }
    rest.push_back(step);
  }
  if (!seen.contains(task) && begins(second.clock)) initials.add(task);
  TaskSet represented;
  initials.each([&](Task initial) { represented.add(representative(node, initial)); });
  represented = represented & node.enabled;
  if (!(represented & (node.todo | node.done)).empty() || represented.empty()) return;
  const Task own = representative(node, task);
  node.todo.add(represented.contains(own) ? own : represented.lowest());
}

/// Of tasks that do the same and have not begun, the first stands for all.
TaskSet TreeSearch::allowed(const Node& node) const {
  if (!options_.symmetric || node.fresh.empty()) return node.enabled;
  return node.enabled - (node.fresh - TaskSet::of(node.fresh.lowest()));
}

}  // namespace ccbench::explore
