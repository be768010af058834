#include "driver/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace ccbench {
namespace {

template <class Which>
std::string describe_those(Which which, std::span<const Invariant> invariants, const ScenarioInfo& scenario) {
  std::string text;
  for (const Invariant& invariant : invariants) {
    if (!which(invariant)) continue;
    if (!text.empty()) text += "; ";
    text += describe(invariant, scenario);
  }
  return text;
}

std::string describe_broken(std::span<const Invariant> invariants, const ScenarioInfo& scenario) {
  return describe_those([](const Invariant& each) { return !each.holds; }, invariants, scenario);
}

/// What a process that died has left behind.
std::string describe_left(std::span<const Invariant> invariants, const ScenarioInfo& scenario) {
  return describe_those([](const Invariant& each) { return each.outlives; }, invariants, scenario);
}

std::string join(std::string_view first, std::string_view second) {
  return second.empty() ? std::string(first) : fmt::format("{}; {}", first, second);
}

Judgement judge_held(ControlEvidence control) {
  switch (control) {
    case ControlEvidence::broke: return {.verdict = Verdict::ok, .sentence = "every invariant holds"};
    case ControlEvidence::impossible:
      return {.verdict = Verdict::ok, .sentence = "every invariant holds (no control possible)"};
    case ControlEvidence::held:
      return {
          .verdict = Verdict::inconclusive,
          .sentence = "held, but so did every trial without a guard: this setting does not show the race"};
    case ControlEvidence::none:
      return {.verdict = Verdict::inconclusive,
              .sentence = "held, but no control ended to show that it could have broken"};
    case ControlEvidence::switched_off:
      return {.verdict = Verdict::inconclusive,
              .sentence = "held, but no control shows that it could have broken (--control=never)"};
    case ControlEvidence::itself:
      return {.verdict = Verdict::inconclusive,
              .sentence = "nothing guards, and nothing broke: the race was not seen"};
  }
  return {};
}

}  // namespace

std::string describe(const Invariant& invariant, const ScenarioInfo& scenario) {
  std::string text =
      fmt::format("{}: {} instead of {}", invariant.name, invariant.observed, invariant.expected);
  if (invariant.key) text += fmt::format(" on {}", scenario.name_of(*invariant.key));
  if (!invariant.witness.empty()) text += fmt::format(" ({})", invariant.witness);
  return text;
}

const Invariant* broken_by_control(const ScenarioInfo& scenario, const TrialResult& trial) {
  const auto found = std::ranges::find(trial.invariants, scenario.breakable, &Invariant::name);
  if (found == trial.invariants.end() || found->holds) return nullptr;
  return trial.tally.unfinished() == 0 || found->beyond_repair ? &*found : nullptr;
}

Judgement judge(const TrialEnd& end, std::span<const Invariant> invariants, ControlEvidence control,
                const ScenarioInfo& scenario) {
  const std::string broken = describe_broken(invariants, scenario);
  if (std::ranges::any_of(invariants, &Invariant::beyond_repair)) {
    return {.verdict = Verdict::violation, .sentence = join(broken, end.sentence)};
  }
  switch (end.kind) {
    case TrialEnd::Kind::crashed:
      return {.verdict = Verdict::crashed,
              .sentence = join(end.sentence, describe_left(invariants, scenario))};
    case TrialEnd::Kind::hung:
    case TrialEnd::Kind::over_time: return {.verdict = Verdict::hung, .sentence = end.sentence};
    case TrialEnd::Kind::failed:
    case TrialEnd::Kind::interrupted: return {.verdict = Verdict::error, .sentence = end.sentence};
    case TrialEnd::Kind::completed: break;
  }
  if (!broken.empty()) return {.verdict = Verdict::violation, .sentence = broken};
  return judge_held(control);
}

}  // namespace ccbench
