#include "report/sweep.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/layout.h"

namespace ccbench {
namespace {

/// The values of one setting, each once, in the order of the configurations.
std::vector<std::string> values_of(const RunResult& run, const std::string& setting) {
  std::vector<std::string> values;
  for (const Configuration& configuration : run.configurations) {
    const std::string value = value_of(configuration, setting);
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
  }
  return values;
}

bool threads_follow_requests(const RunResult& run) {
  return std::ranges::all_of(run.configurations, [](const Configuration& configuration) {
    return configuration.experiment.threads == configuration.experiment.requests;
  });
}

}  // namespace

std::string size_of(const Experiment& experiment) {
  const std::string requests = experiment.duration > 0
                                   ? fmt::format("{} of requests", to_text(experiment.duration))
                                   : counted(experiment.requests, "request");
  return fmt::format("{}, {}, {}", requests, counted(experiment.threads, "thread"),
                     counted(experiment.keys, "key"));
}

std::vector<std::string> swept_settings(const RunResult& run) {
  std::vector<std::string> settings;
  if (!run.sweeps()) return settings;
  for (const auto& [name, value] : run.experiment().config) {
    if (name == "threads" && threads_follow_requests(run)) continue;
    if (values_of(run, name).size() > 1) settings.push_back(name);
  }
  return settings;
}

std::string value_of(const Configuration& configuration, const std::string& setting) {
  const auto& config = configuration.experiment.config;
  const auto found = config.find(setting);
  return found == config.end() ? std::string{} : found->second;
}

std::string label_of(const RunResult& run, const Configuration& configuration) {
  std::string label;
  for (const std::string& setting : swept_settings(run)) {
    if (!label.empty()) label += ' ';
    label.append(setting).append("=").append(value_of(configuration, setting));
  }
  return label;
}

std::map<std::string, std::string> config_of(const RunResult& run) {
  std::map<std::string, std::string> config;
  for (const auto& [name, value] : run.experiment().config) {
    std::string& text = config[name];
    for (const std::string& one : values_of(run, name)) text.append(text.empty() ? "" : ",").append(one);
  }
  return config;
}

}  // namespace ccbench
