#include "driver/plan.h"

#include <algorithm>
#include <stdexcept>

#include "sync/std_sync.h"

namespace ccbench {
namespace {

constexpr int kMostControls = 5;

bool listed(const GuardPlugin& guard, const Experiment& experiment) {
  return std::ranges::find(experiment.guards, &guard) != experiment.guards.end();
}

/// Fisher-Yates with our own random numbers: std::shuffle differs between libraries.
void shuffle(std::span<PlannedTrial> trials, StdSync::random& random) {
  for (std::size_t i = trials.size(); i > 1; --i) std::swap(trials[i - 1], trials[random() % i]);
}

}  // namespace

const GuardPlugin& control_guard() {
  const GuardPlugin* none = guards().find("none");
  if (none == nullptr) throw std::logic_error("this program has no guard named none");
  return *none;
}

Role role_of(const GuardPlugin& guard, const Experiment& experiment) {
  return &guard == &control_guard() && experiment.guards.size() > 1 ? Role::control : Role::guard;
}

Plan make_plan(const Experiment& experiment) {
  const GuardPlugin& none = control_guard();
  const bool extra = !listed(none, experiment) && !experiment.scenario->info.breakable.empty();
  StdSync::random random(experiment.seed);
  Plan plan;
  if (extra && experiment.control == ControlMode::automatic) {
    for (int i = 0; i < kMostControls; ++i) {
      plan.controls.push_back({.guard = &none, .role = Role::control, .round = i, .seed = random()});
    }
  }
  for (int round = 0; round < experiment.trials; ++round) {
    const std::uint64_t seed = random();
    if (extra && experiment.control == ControlMode::always) {
      plan.trials.push_back({.guard = &none, .role = Role::control, .round = round, .seed = seed});
    }
    const std::size_t first = plan.trials.size();
    for (const GuardPlugin* guard : experiment.guards) {
      plan.trials.push_back(
          {.guard = guard, .role = role_of(*guard, experiment), .round = round, .seed = seed});
    }
    shuffle(std::span(plan.trials).subspan(first), random);
  }
  return plan;
}

}  // namespace ccbench
