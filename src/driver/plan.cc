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

Plan make_plan(std::span<const Experiment> experiments) {
  const GuardPlugin& none = control_guard();
  const std::uint64_t seed = experiments.front().seed;
  // Streams of their own, so that neither the number of controls nor of guards changes what a round faces.
  StdSync::random seeds(seed);
  StdSync::random control_seeds(~seed);
  StdSync::random order(seed + 1);
  Plan plan;
  const auto extra = [&](const Experiment& experiment, ControlMode mode) {
    return experiment.control == mode && !listed(none, experiment) &&
           !experiment.scenario->info.breakable.empty();
  };
  for (std::size_t i = 0; i < experiments.size(); ++i) {
    auto& controls = plan.controls.emplace_back();
    if (!extra(experiments[i], ControlMode::automatic)) continue;
    for (int round = 0; round < kMostControls; ++round) {
      controls.push_back({.guard = &none,
                          .role = Role::control,
                          .configuration = i,
                          .round = round,
                          .seed = control_seeds()});
    }
  }
  for (int round = 0; round < experiments.front().trials; ++round) {
    const std::uint64_t round_seed = round == 0 ? seed : seeds();
    const auto add = [&](std::size_t configuration, const GuardPlugin& guard, Role role) {
      plan.trials.push_back({.guard = &guard,
                             .role = role,
                             .configuration = configuration,
                             .round = round,
                             .seed = round_seed});
    };
    for (std::size_t i = 0; i < experiments.size(); ++i) {
      if (extra(experiments[i], ControlMode::always)) add(i, none, Role::control);
    }
    const std::size_t first = plan.trials.size();
    for (std::size_t i = 0; i < experiments.size(); ++i) {
      for (const GuardPlugin* guard : experiments[i].guards) add(i, *guard, role_of(*guard, experiments[i]));
    }
    shuffle(std::span(plan.trials).subspan(first), order);
  }
  return plan;
}

}  // namespace ccbench
