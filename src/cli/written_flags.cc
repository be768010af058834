// Every option as a user would type it, for files and comparisons.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/experiment.h"
#include "cli/flags.h"

namespace ccbench {
namespace {

std::string snapshots_text(const std::vector<Nanos>& times) {
  if (times.empty()) return "never";
  std::string text;
  for (const Nanos time : times) text += (text.empty() ? "" : ",") + to_text(time);
  return text;
}

std::string conditions_text(const std::vector<SnapshotCondition>& conditions) {
  std::string text;
  for (const SnapshotCondition& condition : conditions)
    text += (text.empty() ? "" : ",") + to_text(condition);
  return text;
}

struct Written {
  std::string_view flag;
  std::string (*text)(const Experiment&);
};
// clang-format off: one line per flag.
constexpr auto kWritten = std::to_array<Written>({
    {"requests", [](const Experiment& e) { return e.duration > 0 ? "" : std::to_string(e.requests); }},
    {"duration", [](const Experiment& e) { return to_text(e.duration); }},
    {"rate", [](const Experiment& e) { return fmt::format("{}", e.rate); }},
    {"threads", [](const Experiment& e) { return std::to_string(e.threads); }},
    {"keys", [](const Experiment& e) { return std::to_string(e.keys); }},
    {"key-skew", [](const Experiment& e) { return e.zipf ? fmt::format("zipf:{}", *e.zipf) : ""; }},
    {"read-ratio", [](const Experiment& e) { return fmt::format("{}", e.read_ratio); }},
    {"reenter", [](const Experiment& e) { return std::to_string(e.reenter); }},
    {"trials", [](const Experiment& e) { return std::to_string(e.trials); }},
    {"seed", [](const Experiment& e) { return std::to_string(e.seed); }},
    {"window", [](const Experiment& e) { return to_text(e.window.length); }},
    {"expect", [](const Experiment& e) { return fmt::format("{}", fmt::join(e.expectations, ", ")); }},
    {"plant", [](const Experiment& e) { return e.plant ? to_text(*e.plant) : ""; }},
    {"until-fail", [](const Experiment& e) { return std::string(e.until_fail ? "true" : ""); }},
    {"timeout", [](const Experiment& e) { return to_text(e.timeout); }},
    {"stall", [](const Experiment& e) { return to_text(e.stall); }},
    {"snapshot", [](const Experiment& e) { return snapshots_text(e.snapshots); }},
    {"snapshot-every", [](const Experiment& e) { return to_text(e.snapshot_every); }},
    {"snapshot-at", [](const Experiment& e) { return conditions_text(e.snapshot_at); }},
    {"snapshot-full", [](const Experiment& e) { return std::string(e.snapshot_full ? "true" : ""); }},
});
// clang-format on

/// The value of a flag as it is compared and written down: `1000ms` and `1s`, `01` and `1` are the same.
std::string canonical(std::string_view name, const Values& values, const Experiment& experiment) {
  if (name == "time-scale") return fmt::format("{}", time_scale(values));
  const auto* const written = std::ranges::find(kWritten, name, &Written::flag);
  // A word stands for itself.
  return written == kWritten.end() ? values.text(name) : written->text(experiment);
}

void add_parameters(std::span<const Parameter> parameters, Experiment& experiment) {
  for (const Parameter& parameter : parameters) {
    const auto changed = experiment.params.find(std::string(parameter.name));
    experiment.config[std::string(parameter.name)] =
        changed == experiment.params.end() ? std::string(parameter.initial) : changed->second;
  }
}

}  // namespace

void write_down(const Values& values, Experiment& experiment) {
  for (const Flag& flag : kFlags) {
    if (flag.group == kOutputGroup) continue;
    const std::string value = canonical(flag.name, values, experiment);
    if (!value.empty()) experiment.config[std::string(flag.name)] = value;
    if (flag.param && value != flag.initial) experiment.params[std::string(flag.name)] = value;
  }
  for (const GuardPlugin* guard : experiment.guards) add_parameters(guard->info.parameters, experiment);
  // Among them those for which a guard was left out.
  for (const auto& [name, value] : experiment.guard_settings) experiment.config[name] = value;
  add_parameters(experiment.scenario->info.parameters, experiment);
}

}  // namespace ccbench
