#include "gate/arm.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "report/read_csv.h"

namespace ccbench {
namespace {

using Json = nlohmann::json;

std::string flags_text(const ArmFlags& flags) {
  std::string text;
  for (const auto& [name, value] : flags) text += fmt::format(" --{}={}", name, value);
  return text;
}

/// Said of whatever a program answered instead of results.
[[noreturn]] void refuse(const ArmOutput& output, const Arm& arm, std::string_view instead) {
  if (output.text.empty() && !output.complaint.empty())
    throw GateError(fmt::format("{} cannot run this: {}", arm.program, output.complaint));
  throw GateError(fmt::format("{} ended with {} and {}", arm.program, output.exit_code, instead));
}

std::optional<Verdict> verdict_named(std::string_view name) {
  const auto* const found = std::ranges::find(kVerdictNames, name);
  if (found == kVerdictNames.end()) return std::nullopt;
  return static_cast<Verdict>(found - kVerdictNames.begin());
}

void add_claims(const Json& invariants, std::vector<Check::Claim>& claims) {
  for (const Json& invariant : invariants) {
    const auto name = invariant.at("name").get<std::string>();
    auto claim = std::ranges::find(claims, name, &Check::Claim::name);
    if (claim == claims.end()) claim = claims.insert(claim, Check::Claim{.name = name});
    if (!claim->holds) continue;
    claim->expected = invariant.at("expected").get<std::int64_t>();
    claim->observed = invariant.at("observed").get<std::int64_t>();
    claim->holds = invariant.at("holds").get<bool>();
  }
}

void add_trial(const Json& trial, const Arm& arm, Check& check) {
  const auto verdict = verdict_named(trial.at("verdict").get<std::string>());
  if (!verdict) throw GateError(fmt::format("{} has a verdict that this ccbench does not know", arm.program));
  ++check.trials;
  check.verdict = check.trials == 1 ? *verdict : worse(check.verdict, *verdict);
  add_claims(trial.at("invariants"), check.claims);
  if (!has_failed(*verdict)) return;
  if (++check.failed > 1) return;
  check.sentence = trial.at("sentence").get<std::string>();
  Arm repeated = arm;
  repeated.flags["seed"] = std::to_string(trial.at("trial_seed").get<std::uint64_t>());
  check.repeated_by = command_of(repeated);
}

}  // namespace

std::string command_of(const Arm& arm) {
  return std::filesystem::path(arm.program).filename().string() + flags_text(arm.flags);
}

std::vector<TrialFields> trials_of(const ArmOutput& output, const Arm& arm) {
  std::vector<TrialFields> trials;
  try {
    std::istringstream in(output.text);
    CsvReader reader(in, "ccbench.trials/1");
    while (reader.next()) trials.push_back(reader.fields());
  } catch (const std::runtime_error& error) {
    refuse(output, arm, fmt::format("printed no trials.csv: {}", error.what()));
  }
  return trials;
}

Check check_of(const ArmOutput& output, const Arm& arm) {
  Check check;
  try {
    const Json run = Json::parse(output.text);
    for (const Json& trial : run.at("trials")) {
      if (trial.at("role") == "guard") add_trial(trial, arm, check);
    }
    check.controls = run.at("control").at("trials").get<std::uint64_t>();
    check.broken = run.at("control").at("broken").get<std::uint64_t>();
    if (check.sentence.empty() && check.verdict != Verdict::ok)
      check.sentence = run.at("control").at("sentence").get<std::string>();
  } catch (const Json::exception&) {
    refuse(output, arm, "printed no run.json that can be understood");
  }
  return check;
}

}  // namespace ccbench
