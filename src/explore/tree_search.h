// Goes through all schedules of a program, or one of each class of them that cannot be told apart.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/scheduler.h"

namespace ccbench::explore {

/// Which schedules are left out because another one does the same.
enum class Reduction : std::uint8_t {
  none,
  sleep_sets,   ///< P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems" (1996)
  source_sets,  ///< with sleep sets: P. Abdulla et al., "Optimal dynamic partial order reduction" (POPL
                ///< 2014), source-DPOR
  /// C. Flanagan, P. Godefroid, "Dynamic partial-order reduction for model checking software" (POPL 2005),
  /// with sleep sets: together they miss schedules. For tests that must see that.
  classic,
};

struct TreeOptions {
  Reduction reduction = Reduction::source_sets;
  /// All tasks of the program do the same: which of them comes first makes no difference.
  bool symmetric = false;
  /// At most so many times a task is left that could go on and does not sleep or yield. Only without
  /// reduction.
  std::optional<std::uint32_t> preemptions = {};
  /// False: races of tasks that wait for ever are not looked at, so that schedules are missed. For tests.
  bool races_at_the_end = true;
};

/// Depth first. With a reduction, `classes` of the schedules that came to an end have no two that are equal
/// but for the order of steps that commute.
class TreeSearch final : public Strategy {
 public:
  explicit TreeSearch(const TreeOptions& options) : options_(options) {}

  void begin(const Scheduler& schedule) override;
  Task choose(const Scheduler& schedule, TaskSet enabled) override;
  bool end(const Scheduler& schedule, Ending ending) override;

  std::uint64_t schedules() const { return schedules_; }
  std::uint64_t classes() const { return classes_; }
  /// The same steps have led to another state: nothing that was counted means anything. It ends the search.
  bool diverged() const { return diverged_; }
  /// Schedules that were cut because all that was left of them had been seen.
  std::uint64_t redundant() const { return schedules_ - classes_; }

 private:
  struct Sleeper {
    Task task;
    Accesses touches;
  };
  /// A choice: what could be chosen, what is to be, and what was.
  struct Node {
    TaskSet enabled;
    TaskSet fresh;
    TaskSet todo;  ///< chosen ones included
    TaskSet done;
    std::vector<Sleeper>
        asleep;  ///< whose next step was tried from here, or from before with nothing against it since
    Task chosen = kNoTask;
    OperationKind kind = OperationKind::yield;  ///< of what is chosen
    std::uint32_t preemptions = 0;              ///< before it
    bool chosen_waits = false;                  ///< of its own will: what was chosen sleeps or yields
    Accesses touched;
    std::size_t previous = 0;  ///< the step of the same task before, from 1; 0: none
    Task tasks = 0;            ///< so many there are after it
  };

  using Clock = std::uint32_t;

  /// A step that others may race with, taken or not.
  struct Second {
    std::size_t step;
    Task task;
    std::size_t previous;  ///< the step of the same task before, from 1; 0: none
    const Accesses& touches;
    const Clock* before;  ///< what comes before it anyway
    const Clock* clock;   ///< and with what it conflicts with
  };

  void settle_step(const Scheduler& schedule);
  void order(std::size_t step);
  void join_conflicts(std::size_t step, const Accesses& touches, Clock* clock) const;
  void look_for_races(const Second& second);
  void look_for_races_at_the_end(const Scheduler& schedule);
  enum class Reversal : std::uint8_t { never, perhaps, certainly };
  Reversal reversal(std::size_t earlier, const Second& second) const;
  void reverse(std::size_t first, const Second& second);
  std::size_t last_step_of(Task task) const;
  void clock_before(std::size_t step, Task task, std::size_t previous, Clock* clock) const;
  TaskSet allowed(const Node& node) const;
  TaskSet put_to_sleep(Node& node) const;
  TaskSet within_bound(Node& node) const;
  Task representative(const Node& node, Task task) const;
  void try_what_has_become_impossible(const Scheduler& schedule, TaskSet enabled);
  Task go_on_again(const Scheduler& schedule, TaskSet enabled);
  Clock* clock_of(std::size_t step) { return clocks_.data() + step * kMostTasks; }
  const Clock* clock_of(std::size_t step) const { return clocks_.data() + step * kMostTasks; }
  bool is_before(std::size_t step, const Clock* clock) const { return clock[nodes_[step].chosen] > step; }
  void join(Clock* into, const Clock* other) const;

  const TreeOptions options_;
  std::vector<Node> nodes_;
  std::size_t size_ = 0;           ///< of `nodes_`, so many are of the present path
  std::size_t depth_ = 0;          ///< steps chosen in this schedule
  std::size_t settled_ = 0;        ///< steps of the path whose touches and clocks are known
  std::vector<Clock> clocks_;      ///< of every step, for each task the steps of it that come before, from 1
  std::vector<std::size_t> rest_;  ///< of one reversal; kept for its memory
  Task width_ = 0;                 ///< so many tasks there are or were
  Task begun_with_ = 0;            ///< so many were there before the first step
  std::uint64_t schedules_ = 0;
  std::uint64_t classes_ = 0;
  bool diverged_ = false;
};

}  // namespace ccbench::explore
