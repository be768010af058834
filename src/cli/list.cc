// What `ccbench list` says.
#include <fmt/format.h>

#include <algorithm>

#include "cli/options.h"

namespace ccbench {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view otherwise) {
  return words.empty() ? std::string(otherwise) : fmt::format("{}", fmt::join(words, ", "));
}

void add_guard(const GuardInfo& guard, std::string& text) {
  text += fmt::format("  {:<20} {}\n", guard.name, guard.about);
  text += fmt::format("  {:<20} promises: {}\n", "", joined(names_of(guard.promises), "nothing"));
}

std::string parameter_line(const Parameter& parameter) {
  const std::string_view initial =
      parameter.initial_means.empty() ? parameter.initial : parameter.initial_means;
  std::string about(parameter.about);
  if (!parameter.choices.empty()) about += fmt::format(": {}", fmt::join(parameter.choices, " or "));
  return fmt::format("    --{:<16} {} [{}]\n", parameter.name, about, initial);
}

void add_scenario(const ScenarioInfo& scenario, std::string& text) {
  text += fmt::format("  {}\n    {}\n", scenario.name, scenario.about);
  text += fmt::format("    needs: {}\n", joined(names_of(scenario.needs), "nothing"));
  text += fmt::format("    without a guard it breaks: {}\n",
                      scenario.breakable.empty() ? "nothing (no control possible)" : scenario.breakable);
  std::vector<std::string> fitting;
  std::vector<std::string> unfit;
  for (const GuardPlugin& guard : guards().all()) {
    if (guard.info.faulty()) continue;
    const std::vector<std::string> lacking = missing(scenario.needs, guard.info.promises);
    (lacking.empty() ? fitting : unfit).emplace_back(guard.info.name);
  }
  text += fmt::format("    guards that fit: {}\n", joined(fitting, "none"));
  text += fmt::format("    guards that do not: {}\n", joined(unfit, "none"));
  for (const Parameter& parameter : scenario.parameters) text += parameter_line(parameter);
}

}  // namespace

std::string list_text() {
  std::string text = "Guards (--guard)\n";
  for (const GuardPlugin& guard : guards().all()) {
    if (!guard.info.faulty()) add_guard(guard.info, text);
  }
  text += "\nGuards that are wrong on purpose, for tests and teaching; all does not include them\n";
  for (const GuardPlugin& guard : guards().all()) {
    if (guard.info.faulty()) add_guard(guard.info, text);
  }
  text += "\nScenarios (--scenario)\n";
  for (const ScenarioPlugin& scenario : scenarios().all()) add_scenario(scenario.info, text);
  return text;
}

}  // namespace ccbench
