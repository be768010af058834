// Programs of a few steps, and what all their schedules come to. For tests.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "explore/tree_search.h"
#include "schedule/scheduler.h"

namespace ccbench::explore {

/// A program of functions over a state that is made for each schedule. What every schedule came to is kept as
/// text.
template <class State>
class Small final : public Program {
 public:
  explicit Small(std::vector<std::function<void(State&)>> bodies) : bodies_(std::move(bodies)) {}
  Task tasks() const override { return static_cast<Task>(bodies_.size()); }
  void begin() override { state_.emplace(); }
  void run(Task task) override { bodies_[task](*state_); }
  void end() override { state_.reset(); }
  State& state() { return *state_; }

 private:
  const std::vector<std::function<void(State&)>> bodies_;
  std::optional<State> state_;
};

/// The outcomes of all schedules: `log` of the state, or how it ended.
template <class State>
std::set<std::string> outcomes(std::vector<std::function<void(State&)>> bodies, SchedulerOptions options = {},
                               Reduction reduction = Reduction::none, std::uint32_t spurious_wakes = 0,
                               bool oldest = false) {
  Small<State> program(std::move(bodies));
  Scheduler scheduler(program, options);
  scheduler.allow_spurious_wakes(spurious_wakes);
  scheduler.see_oldest(oldest);
  TreeSearch search({.reduction = reduction});
  std::set<std::string> all;
  for (bool more = true; more;) {
    const Ending ending = scheduler.run(search);
    more = search.end(scheduler, ending);
    if (ending == Ending::done) all.insert(program.state().log);
    if (ending == Ending::deadlock) {
      std::string text = "deadlock:";
      scheduler.unfinished().each([&](Task task) { text += " " + scheduler.why_blocked(task); });
      all.insert(text);
    }
    if (ending == Ending::too_long) all.insert("too long");
    scheduler.finish();
    program.end();
  }
  return all;
}

}  // namespace ccbench::explore
