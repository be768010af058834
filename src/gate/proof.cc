#include "gate/proof.h"

#include <fmt/format.h>

#include <algorithm>

namespace ccbench {
namespace {

constexpr const char* kSlowDown = "1.5";

/// Every arm with `flag`; of the candidates its value is `candidate`, of the bases `base`.
GatePlan with_flag(GatePlan plan, const std::string& flag, const std::string& base,
                   const std::string& candidate) {
  for (Contest& contest : plan.contests) {
    contest.base.flags[flag] = base;
    contest.candidate.flags[flag] = candidate;
  }
  return plan;
}

std::string metrics_text(const GateResult& result) {
  std::string text;
  for (const ContestResult& contest : result.contests) {
    if (!contest.not_judged.empty())
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", contest.contest.name, contest.not_judged);
    for (const MetricResult& metric : contest.metrics) {
      text += fmt::format("{}{} {} {}", text.empty() ? "" : "; ", contest.contest.name, metric.metric->name,
                          name_of(metric.opinion.judgement));
      if (metric.opinion.ratio) text += fmt::format(" at {:.2f}", metric.opinion.ratio->median);
    }
  }
  return text;
}

bool any_red(const GateResult& result) {
  return std::ranges::any_of(result.contests, [](const ContestResult& contest) {
    return std::ranges::any_of(contest.metrics, [](const MetricResult& metric) {
      return metric.opinion.judgement == Judgement::regressed;
    });
  });
}

bool all_judged(const GateResult& result) {
  return std::ranges::none_of(result.contests,
                              [](const ContestResult& contest) { return contest.metrics.empty(); });
}

class SelfTest {
 public:
  SelfTest(ArmRunner& runner, const Interruption& interruption, Progress& progress)
      : runner_(runner), interruption_(interruption), progress_(progress) {
    result_.contests.push_back({.contest = {.name = "self-test", .base = {}, .candidate = {}}});
    claims_of().verdict = Verdict::ok;
  }

  GateResult run(const GatePlan& plan) {
    result_.seed = plan.seed;
    result_.rules = plan.rules;
    const GateResult alone = compared(with_flag(plan, "plant", "1", "1"));
    claim("a comparison with itself is judged and not red", all_judged(alone) && !any_red(alone), alone);
    const GateResult planted = compared(with_flag(plan, "plant", "1", kSlowDown));
    claim(fmt::format("a slow-down by {} is red", kSlowDown), any_red(planted), planted);
    GatePlan unguarded = with_flag(plan, "guard", "none", "none");
    unguarded.metrics.clear();
    const GateResult broken = compared(unguarded);
    const bool found = std::ranges::all_of(broken.contests, [](const ContestResult& contest) {
      return contest.candidate.verdict == Verdict::violation;
    });
    claim("what is not guarded is found to be wrong", found, broken);
    result_.interrupted_by = interruption_.signal();
    return std::move(result_);
  }

 private:
  Check& claims_of() { return result_.contests.front().candidate; }

  GateResult compared(const GatePlan& plan) {
    if (interruption_.signal() != 0) return {};
    GateResult result = run_gate(plan, runner_, interruption_, progress_);
    result_.elapsed += result.elapsed;
    if (result_.trouble.empty()) result_.trouble = result.trouble;
    return result;
  }

  void claim(std::string what, bool holds, const GateResult& seen) {
    if (interruption_.signal() != 0) return;
    Check& check = claims_of();
    ++check.trials;
    if (!holds) {
      ++check.failed;
      check.verdict = Verdict::error;
      if (check.sentence.empty()) check.sentence = fmt::format("not seen: {}; {}", what, metrics_text(seen));
    }
    result_.seen.push_back(fmt::format("{}: {}{}", what, holds ? "yes" : "NO",
                                       seen.trials.empty() ? "" : ", " + metrics_text(seen)));
    check.claims.push_back(
        {.name = std::move(what), .expected = 1, .observed = holds ? 1 : 0, .holds = holds});
  }

  ArmRunner& runner_;
  const Interruption& interruption_;
  Progress& progress_;
  GateResult result_;
};

}  // namespace

GateResult run_self_test(const GatePlan& plan, ArmRunner& runner, const Interruption& interruption,
                         Progress& progress) {
  return SelfTest(runner, interruption, progress).run(plan);
}

}  // namespace ccbench
