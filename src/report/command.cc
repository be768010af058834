#include "report/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "report/sweep.h"
#include "stats/rate.h"

namespace ccbench {
namespace {

/// Quoted where a shell would read more than the text.
std::string for_shell(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:=/%+";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  return fmt::format("'{}'", text);  // No value of a flag holds a quote.
}

/// As many trials as most likely see what was seen so often fail again.
std::string until_it_fails(std::uint64_t trials, std::uint64_t failed) {
  constexpr std::uint64_t kMostTrials = 100'000;
  return fmt::format(" --until-fail --trials={}", std::min(kMostTrials, trials_to_see_again(failed, trials)));
}

struct Evidence {
  std::uint64_t trials = 0;
  std::uint64_t failed = 0;
};

/// How often the smallest setting failed: in its confirmation, or in the trials that ended with its first
/// failure where it has none, and those in which it then did not fail again.
Evidence evidence_of(const Shrunk& shrunk) {
  const auto is_of_smallest = [&](const auto& tried) {
    return tried.requests == shrunk.smallest.requests && tried.window == shrunk.smallest.window.length;
  };
  std::uint64_t held = 0;
  if (!shrunk.confirmations.empty() && is_of_smallest(shrunk.confirmations.back())) {
    const Confirmation& last = shrunk.confirmations.back();
    if (last.failed > 0) return {.trials = last.trials, .failed = last.failed};
    held = last.trials;
  }
  for (const ShrinkStep& step : shrunk.steps) {
    if (step.failed && is_of_smallest(step)) return {.trials = held + step.trials, .failed = 1};
  }
  return {.trials = held + shrunk.trials_at_first, .failed = 1};
}

}  // namespace

std::string command_of(const Shrunk& shrunk) {
  const Experiment& smallest = shrunk.smallest;
  const auto [trials, failed] = evidence_of(shrunk);
  return fmt::format("{}{}", command_of(smallest, smallest.guards.front()->info.name, shrunk.seed),
                     until_it_fails(trials, failed));
}

std::string repeating_command_of(const RunResult& run, const GuardResult& guard) {
  const auto failed = [&](std::size_t index) { return has_failed(run.trials.at(index).verdict); };
  const auto first = std::ranges::find_if(guard.trials, failed);
  if (first == guard.trials.end()) return {};
  const TrialResult& trial = run.trials.at(*first);
  const auto failures = static_cast<std::uint64_t>(std::ranges::count_if(guard.trials, failed));
  std::string command = command_of(run.experiment_of(trial), trial.guard, trial.seed);
  if (failures < guard.trials.size()) command += until_it_fails(guard.trials.size(), failures);
  return command;
}

std::string command_of(const Experiment& experiment, std::string_view guard, std::uint64_t seed) {
  std::string command = "ccbench";
  const auto add = [&](std::string_view flag, const std::string& value) {
    command += fmt::format(" --{}", flag);
    if (value != "true") command += "=" + for_shell(value);
  };
  if (experiment.scenario->info.name != "lotto-purchase")
    add("scenario", std::string(experiment.scenario->info.name));
  add("guard", std::string(guard));
  if (experiment.duration == 0) add("requests", std::to_string(experiment.requests));
  if (experiment.pool()) add("threads", std::to_string(experiment.threads));
  if (experiment.keys != 1) add("keys", std::to_string(experiment.keys));
  for (const auto& [name, value] : experiment.params) add(name, value);
  add("seed", std::to_string(seed));
  return command;
}

std::string command_of(const RunResult& run) {
  std::set<std::string> wanted = {"guard", "requests", "seed", "reference", "until-fail", "expect"};
  bool threads_follow = true;
  for (const Configuration& configuration : run.configurations) {
    for (const auto& [name, value] : configuration.experiment.params) wanted.insert(name);
    threads_follow = threads_follow && !configuration.experiment.pool();
  }
  if (!threads_follow) wanted.insert("threads");
  const std::map<std::string, std::string> defaults = {
      {"scenario", "lotto-purchase"}, {"keys", "1"}, {"trials", "1"}};
  std::string command = "ccbench";
  for (const auto& [name, value] : config_of(run)) {
    const auto initial = defaults.find(name);
    if (initial != defaults.end() ? initial->second == value : !wanted.contains(name)) continue;
    command += " --" + name;
    if (value != "true") command += "=" + for_shell(value);
  }
  return command;
}

}  // namespace ccbench
