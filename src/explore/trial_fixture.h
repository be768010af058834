// Guards and scenarios as they are, to be explored by their names. For tests.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "explore/search.h"

namespace ccbench::explore {

inline ParameterValues explored(std::span<const Parameter> parameters) {
  ParameterValues values(parameters);
  for (const Parameter& parameter : parameters) {
    if (!parameter.explored.empty()) values.set(parameter.name, parameter.explored);
  }
  return values;
}

/// As `ccbench explore` makes it of no other flags.
inline ExploredTrial trial_of(std::string_view guard_name, std::string_view scenario_name,
                              std::uint32_t requests) {
  const GuardPlugin* guard = guards().find(guard_name);
  const ScenarioPlugin* scenario = scenarios().find(scenario_name);
  return {.guard = guard,
          .scenario = scenario,
          .parameters = explored(scenario->info.parameters),
          .guard_parameters = explored(guard->info.parameters),
          .requests = requests};
}

}  // namespace ccbench::explore
