// For tests: what a gate may find, put together by hand.
#pragma once

#include <array>
#include <csignal>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gate/gate.h"

namespace ccbench {

/// What could break out of every format there is.
inline constexpr std::string_view kHostile =
    "a\"b'c<d>&e]]>f|g`h```i%j\r\nk::l,m\x01\x1b[31m\x7f@all \xc3\xa9\xff *x* [z](http://z) \\ --> {{ ${{ x "
    "}}";

inline MetricResult metric_of(std::string_view name, std::vector<MetricPair> pairs, Judgement judgement,
                              double ratio, Interval interval, double could_see = 1.1) {
  const auto samples = static_cast<std::uint64_t>(pairs.size());
  return {.metric = find_metric(name),
          .pairs = std::move(pairs),
          .opinion = {.judgement = judgement,
                      .ratio = Estimate{.median = ratio, .interval = interval, .samples = samples},
                      .smallest_seen = could_see},
          .alpha = 0.0025,
          .decided = judgement != Judgement::inconclusive};
}

inline MetricResult passed_wall() {
  return metric_of("wall", {{20e6, 20.2e6}, {19e6, 19.1e6}, {21e6, 20.9e6}}, Judgement::pass, 1.005,
                   {.low = 0.995, .high = 1.01});
}

inline MetricResult regressed_wall() {
  return metric_of("wall", {{20e6, 24.6e6}, {19e6, 23.75e6}, {21e6, 25.2e6}}, Judgement::regressed, 1.23,
                   {.low = 1.2, .high = 1.25}, 1.1);
}

inline MetricResult improved_throughput() {
  return metric_of("throughput", {{1000, 1250}, {1010, 1275.5}, {990, 1225}}, Judgement::improved, 0.8,
                   {.low = 0.7919, .high = 0.8082});
}

inline MetricResult open_wait() {
  return metric_of("wait_p99", {{100e3, 105e3}, {50e3, 130e3}, {220e3, 180e3}}, Judgement::inconclusive, 1.05,
                   {.low = 0.8182, .high = 2.6}, 1.2834);
}

/// Nothing was measured before an interruption.
inline MetricResult unmeasured_wall() {
  return {.metric = find_metric("wall"), .pairs = {}, .opinion = {}, .alpha = 0.0025};
}

inline Check held() {
  return {.verdict = Verdict::ok,
          .trials = 5,
          .failed = 0,
          .claims = {{.name = "final value = successes", .expected = 400, .observed = 400}},
          .controls = 2,
          .broken = 1,
          .sentence = {}};
}

inline Check violated() {
  return {.verdict = Verdict::violation,
          .trials = 5,
          .failed = 2,
          .claims = {{.name = "final value = successes", .expected = 400, .observed = 399, .holds = false},
                     {.name = "at most 1 inside", .expected = 1, .observed = 1}},
          .controls = 1,
          .broken = 1,
          .sentence = "final value = successes: 399 instead of 400",
          .repeated_by = "ccbench --guard=mine --requests=400 --scenario=counter --seed=77"};
}

inline ContestResult contest_of(const std::string& guard, std::vector<MetricResult> metrics) {
  const ArmFlags flags = {{"guard", guard}, {"requests", "400"}, {"scenario", "counter"}, {"threads", "4"}};
  return {.contest = {.name = guard,
                      .base = {.program = "/old/ccbench", .flags = flags},
                      .candidate = {.program = "/new/ccbench", .flags = flags}},
          .base = held(),
          .candidate = held(),
          .metrics = std::move(metrics)};
}

/// A trial as an arm's process printed it: its own number 1, its own run, its own role.
inline PairedTrial trial_of(ArmRole role, int pair, int repetition, const std::string& wall) {
  return {.fields = {{"schema", "ccbench.trials/1"},
                     {"run_id", "run-" + wall},
                     {"trial", "1"},
                     {"role", "guard"},
                     {"guard", "synchronized"},
                     {"verdict", "OK"},
                     {"wall_ns", wall},
                     {"compiler", "g++ 12.2.0"},
                     {"build_type", "Release"},
                     {"version", role == ArmRole::base ? "0.0.9" : "0.1.0"}},
          .role = role,
          .pair = pair,
          .repetition = repetition};
}

inline GateResult gate_of(std::vector<ContestResult> contests) {
  GateResult result;
  result.contests = std::move(contests);
  result.trials = {trial_of(ArmRole::base, 0, 0, "20000000"), trial_of(ArmRole::candidate, 0, 0, "20200000")};
  result.elapsed = 12'345 * kMillisecond;
  result.seed = 18'446'744'073'709'551'615U;
  return result;
}

inline GateResult passed_gate() { return gate_of({contest_of("synchronized", {passed_wall()})}); }

inline GateResult regressed_gate() {
  return gate_of({contest_of("synchronized", {regressed_wall(), open_wait()}),
                  contest_of("rwlock", {passed_wall(), improved_throughput()})});
}

inline GateResult improved_gate() {
  return gate_of({contest_of("synchronized", {passed_wall(), improved_throughput()})});
}

inline GateResult inconclusive_gate() {
  return gate_of({contest_of("synchronized", {passed_wall(), open_wait()})});
}

inline GateResult violated_gate() {
  ContestResult mine = contest_of("mine", {});
  mine.candidate = violated();
  mine.not_judged = "the candidate does not hold";
  return gate_of({std::move(mine), contest_of("synchronized", {passed_wall()})});
}

/// The control never broke, in a candidate whose times are well.
inline GateResult uncontrolled_gate() {
  GateResult result = passed_gate();
  Check& check = result.contests.front().candidate;
  check.verdict = Verdict::inconclusive;
  check.controls = 5;
  check.broken = 0;
  check.sentence = "no control broke in 5 trials";
  return result;
}

inline GateResult interrupted_gate() {
  GateResult result = gate_of({contest_of("synchronized", {passed_wall()}),
                               contest_of("rwlock", {unmeasured_wall()}), contest_of("global", {})});
  ContestResult& unchecked = result.contests.back();
  unchecked.base = unchecked.candidate = {.sentence = "interrupted"};
  result.interrupted_by = SIGINT;
  return result;
}

inline GateResult self_gate() {
  GateResult result = passed_gate();
  result.contests.front().contest.base.program = result.contests.front().contest.candidate.program;
  result.same_program = true;
  return result;
}

inline GateResult troubled_gate() {
  GateResult result;
  result.trouble = "--base: /old/ccbench cannot be used: No such file or directory";
  return result;
}

/// Everything that comes from outside is hostile.
inline GateResult hostile_gate() {
  const std::string text(kHostile);
  GateResult result = regressed_gate();
  for (ContestResult& contest : result.contests) {
    contest.contest.name += text;
    contest.contest.candidate.program += text;
    contest.contest.candidate.flags["store"] = text;
  }
  ContestResult& mine = result.contests.emplace_back(contest_of(text, {}));
  mine.candidate = violated();
  mine.candidate.claims.front().name = text;
  mine.candidate.sentence = text;
  mine.candidate.repeated_by = "ccbench --store=" + text;
  mine.base = mine.candidate;
  mine.base.verdict = Verdict::hung;
  mine.not_judged = text;
  ContestResult& open = result.contests.emplace_back(contest_of("open" + text, {passed_wall()}));
  open.candidate.verdict = Verdict::inconclusive;
  open.candidate.sentence = text;
  open.candidate.broken = 0;
  result.warnings = {text, "::error::" + text};
  for (PairedTrial& trial : result.trials) {
    trial.fields["guard"] = text;
    trial.fields["version"] = text;
    trial.fields["run_id"] = text;
  }
  return result;
}

struct NamedGate {
  std::string name;
  GateResult result;
};

/// One of every kind.
inline std::vector<NamedGate> all_gates() {
  return {{"passed", passed_gate()},           {"regressed", regressed_gate()},
          {"improved", improved_gate()},       {"inconclusive", inconclusive_gate()},
          {"violated", violated_gate()},       {"uncontrolled", uncontrolled_gate()},
          {"interrupted", interrupted_gate()}, {"self", self_gate()},
          {"troubled", troubled_gate()},       {"hostile", hostile_gate()}};
}

struct ShellAnswer {
  int exit_code = 0;
  std::string output;
};

/// Runs it in /bin/sh with `input` as its standard input; answers what it printed, errors included.
inline ShellAnswer run_in_shell(const std::string& command, const std::string& input) {
  std::FILE* const scratch = std::tmpfile();
  if (scratch == nullptr) throw std::runtime_error("no scratch file");
  std::fwrite(input.data(), 1, input.size(), scratch);
  std::fflush(scratch);
  if (std::fseek(scratch, 0, SEEK_SET) != 0) throw std::runtime_error("no scratch file");
  const std::string line = "exec 2>&1 </dev/fd/" + std::to_string(fileno(scratch)) + "\n" + command;
  std::FILE* const shell = popen(line.c_str(), "r");
  ShellAnswer answer;
  std::array<char, 4096> bytes{};
  while (const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), shell))
    answer.output.append(bytes.data(), count);
  answer.exit_code = WEXITSTATUS(pclose(shell));
  std::fclose(scratch);
  return answer;
}

}  // namespace ccbench
