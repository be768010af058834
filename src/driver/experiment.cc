#include "driver/experiment.h"

#include <stdexcept>

namespace ccbench {

GuardContext Experiment::context_of(const GuardPlugin& guard, std::uint64_t trial_seed) const {
  GuardContext context(guard.info);
  context.requests = requests;
  context.keys = keys;
  context.seed = trial_seed;
  for (const Parameter& parameter : guard.info.parameters) {
    const auto given = guard_settings.find(std::string(parameter.name));
    if (given == guard_settings.end()) continue;
    const std::string allowed = context.parameters.set(parameter.name, given->second);
    if (!allowed.empty()) throw std::invalid_argument("--" + given->first + " is not " + allowed);
  }
  context.parameters.scale_delays(time_scale);
  return context;
}

Nanos Experiment::longest_step() const {
  Nanos longest = std::max(parameters.longest_step(), window.longest());
  for (const GuardPlugin* guard : guards)
    longest = std::max(longest, context_of(*guard, seed).parameters.longest_step());
  return longest;
}

}  // namespace ccbench
