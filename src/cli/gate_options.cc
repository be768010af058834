#include "cli/gate_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>

#include "cli/experiment.h"
#include "cli/gate_flags.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/values.h"

namespace ccbench {
namespace {

using Task = GateOptions::Task;

constexpr std::string_view kDefaultScenario = "counter";
constexpr std::string_view kDefaultThreads = "4";
/// Of a ratio to a reference on another machine less can be expected than of two arms on this one.
constexpr std::string_view kBaselineThreshold = "50%";

/// Flags of `run` that the gate decides itself.
constexpr auto kOurs =
    std::to_array<std::string_view>({"control", "reference", "until-fail", "shrink", "dry-run", "expect",
                                     "snapshot", "snapshot-every", "snapshot-at", "snapshot-full"});
/// Flags of `run` that say how the whole gate goes, and not what an arm runs.
constexpr auto kShared =
    std::to_array<std::string_view>({"guard", "trials", "seed", "inconclusive", "csv", "json", "quiet",
                                     "no-color", "no-progress", "config", "plant", "dry-run"});
/// Files of a run that a gate has not.
constexpr auto kNoFiles =
    std::to_array<std::string_view>({"requests-csv", "snapshots-csv", "thread-dump", "html", "trace", "out"});

bool is_gate_flag(std::string_view name) {
  return std::ranges::find(kGateFlags, name, &Flag::name) != kGateFlags.end();
}

/// `10%` or `0.1`.
double share(const Values& values, std::string_view name, double least, double most) {
  std::string text = values.text(name);
  double unit = 1;
  if (text.ends_with('%')) {
    text.pop_back();
    unit = 100;
  }
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = status == std::errc{} && end == text.data() + text.size();
  if (!whole || !std::isfinite(number) || number / unit < least || number / unit > most) {
    refuse("--{}: '{}' is not a share from {:g}% to {:g}% (10%, 0.1)", name, values.text(name), least * 100,
           most * 100);
  }
  return number / unit;
}

std::vector<int> read_looks(const Values& values) {
  std::vector<int> looks;
  for (const std::string& item : values.list("looks")) {
    const RawFlags one = {{"looks", item}};
    looks.push_back(static_cast<int>(Values(one).number("looks", kSamplesForInterval, 10'000)));
  }
  if (!std::ranges::is_sorted(looks, std::ranges::less_equal{}))
    refuse("--looks: '{}' does not ascend", values.text("looks"));
  return looks;
}

GateRules read_rules(const RawFlags& given, Task task) {
  RawFlags flags = given;
  if (task == Task::baseline) flags.emplace("threshold", kBaselineThreshold);
  const Values values(flags);
  GateRules rules;
  rules.threshold = share(values, "threshold", 0.001, 10);
  rules.alpha = share(values, "alpha", 1e-6, 0.2);
  rules.looks = read_looks(values);
  rules.repetitions = static_cast<int>(values.number("repeat", 1, 99));
  rules.budget = values.duration("budget", kSecond);
  if (values.has("trials")) rules.correctness_trials = static_cast<int>(values.number("trials", 1, 100'000));
  return rules;
}

std::vector<const Metric*> read_metrics(const Values& values, const Experiment& experiment) {
  std::vector<std::string> names = {"wall", "wait_p99"};
  // Where a request is short, so that one thread carries enough of them for a tail.
  if (experiment.scenario->info.name == kDefaultScenario && experiment.section() == 0)
    names = {"wall", "lone_p99"};
  if (experiment.duration > 0) names = {"throughput", "wait_p99"};
  if (experiment.rate > 0) names = {"latency_p50", "latency_p99"};
  if (values.has("metric")) names = values.list("metric");
  std::vector<const Metric*> metrics;
  for (const std::string& name : names) {
    const Metric* metric = find_metric(name);
    if (metric == nullptr) {
      std::vector<std::string> all;
      for (const Metric& known : all_metrics()) all.emplace_back(known.name);
      refuse("--metric: there is no metric '{}'; {}", name, suggestion(name, all));
    }
    if (std::ranges::find(metrics, metric) != metrics.end()) refuse("--metric: '{}' is named twice", name);
    metrics.push_back(metric);
  }
  return metrics;
}

/// Of the flags, those that say what an arm runs.
RawFlags workload_of(const RawFlags& flags) {
  RawFlags workload;
  for (const auto& [name, value] : flags) {
    if (is_gate_flag(name) || is_one_of(name, kShared)) continue;
    if (is_one_of(name, kOurs)) refuse("--{}: the gate decides that itself", name);
    if (is_one_of(name, kNoFiles)) refuse("--{}: a gate makes no such file", name);
    workload[name] = value;
  }
  if (!workload.contains("scenario")) {
    workload["scenario"] = kDefaultScenario;
    if (!workload.contains("duration")) workload.emplace("threads", kDefaultThreads);
  }
  return workload;
}

/// What an arm of these flags runs; throws UsageError for flags that mean nothing.
Experiment experiment_of_arm(RawFlags flags) {
  if (!flags.contains("requests") && !flags.contains("duration") && flags.contains("threads"))
    flags["requests"] = flags["threads"];  // How many there are to be is measured.
  for (const auto& [name, value] : flags) {
    if (is_sweepable(name) && value.find(',') != std::string::npos)
      refuse("--{}: a gate compares under one setting; give one value", name);
  }
  return experiment_of_config(flags);
}

bool sizes_requests(const RawFlags& flags) {
  return !flags.contains("requests") && !flags.contains("duration") &&
         flags.at("scenario") == kDefaultScenario;
}

std::string this_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string program_of(const std::string& path) {
  std::error_code error;
  const auto program = std::filesystem::canonical(path, error);
  if (error) throw GateError(fmt::format("--base: {} cannot be used: {}", path, error.message()));
  if (!std::filesystem::is_regular_file(program, error))
    throw GateError(fmt::format("--base: {} is no program", path));
  return program.string();
}

/// The guards named, without `none`, which every arm has as its control.
std::vector<std::string> guards_of(const RawFlags& flags, const RawFlags& workload) {
  RawFlags all = workload;
  all["guard"] = flags.at("guard");
  std::vector<std::string> names;
  for (const GuardPlugin* guard : experiment_of_arm(all).guards) {
    if (guard->info.name != "none") names.emplace_back(guard->info.name);
  }
  if (names.empty()) refuse("--guard: none has nothing that could hold; name a guard to compare");
  return names;
}

Arm arm_of(const std::string& program, RawFlags workload, const std::string& guard) {
  workload["guard"] = guard;
  if (workload.at("guard").find(',') != std::string::npos)
    refuse("--guard: an arm has one guard, not '{}'", guard);
  return {.program = program, .flags = std::move(workload)};
}

void require_pair(const RawFlags& flags, const std::string& one, const std::string& other) {
  if (flags.contains(one) != flags.contains(other))
    refuse("--{} needs --{}: there are two arms", flags.contains(one) ? one : other,
           flags.contains(one) ? other : one);
}

/// Exactly one of the ways to say what is compared.
void check_ways(const RawFlags& flags) {
  require_pair(flags, "base-guard", "candidate-guard");
  require_pair(flags, "base-config", "candidate-config");
  std::vector<std::string> given;
  for (const char* way : {"base", "base-guard", "base-config", "baseline", "self-test"}) {
    if (flags.contains(way)) given.emplace_back(way);
  }
  if (given.empty())
    refuse(
        "gate: say what to compare: --base, --base-guard and --candidate-guard, --base-config and "
        "--candidate-config, --baseline, or --self-test");
  if (given.size() > 1) refuse("--{} and --{}: a gate compares one thing", given[0], given[1]);
}

std::vector<Contest> contests_of_guards(const RawFlags& flags, const std::string& base) {
  if (!flags.contains("guard")) refuse("--guard: name the guards to compare, or all");
  const RawFlags workload = workload_of(flags);
  std::vector<Contest> contests;
  for (const std::string& guard : guards_of(flags, workload)) {
    contests.push_back({.name = guard,
                        .base = arm_of(base, workload, guard),
                        .candidate = arm_of(this_program(), workload, guard)});
  }
  return contests;
}

std::vector<Contest> contest_of_two_guards(const RawFlags& flags) {
  if (flags.contains("guard")) refuse("--guard: the guards are --base-guard and --candidate-guard");
  const RawFlags workload = workload_of(flags);
  const std::string& base = flags.at("base-guard");
  const std::string& candidate = flags.at("candidate-guard");
  return {{.name = fmt::format("{} → {}", base, candidate),
           .base = arm_of(this_program(), workload, base),
           .candidate = arm_of(this_program(), workload, candidate)}};
}

std::vector<Contest> contest_of_configs(const RawFlags& flags, const ReadConfig& read_config) {
  const auto arm = [&](const std::string& path) {
    RawFlags merged = flags;
    for (const auto& [name, value] : read_config(path)) merged.emplace(name, value);
    if (!merged.contains("guard")) refuse("--guard: neither the command line nor {} names one", path);
    const RawFlags workload = workload_of(merged);
    const std::vector<std::string> guards = guards_of(merged, workload);
    if (guards.size() > 1) refuse("{}: name one guard for an arm", path);
    return arm_of(this_program(), workload, guards.front());
  };
  const Arm base = arm(flags.at("base-config"));
  const Arm candidate = arm(flags.at("candidate-config"));
  return {{.name = fmt::format("{} → {}", base.flags.at("guard"), candidate.flags.at("guard")),
           .base = base,
           .candidate = candidate}};
}

/// Slows the candidate down, and gives a base of the same program what it costs to be able to.
void plant(const std::string& slow_down, std::vector<Contest>& contests) {
  for (Contest& contest : contests) {
    contest.candidate.flags["plant"] = slow_down;
    if (contest.base.program == contest.candidate.program) contest.base.flags["plant"] = "1";
  }
}

GatePlan read_plan(const RawFlags& flags, Task task, const ReadConfig& read_config) {
  GatePlan plan;
  plan.rules = read_rules(flags, task);
  plan.seed = flags.contains("seed")
                  ? Values(flags).number("seed", 0, std::numeric_limits<std::uint64_t>::max())
                  : std::random_device{}();
  if (flags.contains("base")) plan.contests = contests_of_guards(flags, program_of(flags.at("base")));
  if (flags.contains("base-guard")) plan.contests = contest_of_two_guards(flags);
  if (flags.contains("base-config")) plan.contests = contest_of_configs(flags, read_config);
  if (task == Task::self_test) {
    RawFlags with_guard = flags;
    with_guard.emplace("guard", "synchronized");
    plan.contests = contests_of_guards(with_guard, this_program());
  }
  if (const auto slow_down = flags.find("plant"); slow_down != flags.end()) {
    if (task == Task::self_test) refuse("--plant: the self-test plants its own slow-down");
    plant(slow_down->second, plan.contests);
  }
  for (const Contest& contest : plan.contests) {
    experiment_of_arm(contest.base.flags);
    experiment_of_arm(contest.candidate.flags);
  }
  const RawFlags& workload = plan.contests.front().candidate.flags;
  plan.metrics = read_metrics(Values(flags), experiment_of_arm(workload));
  plan.sizes_requests = sizes_requests(workload);
  // A control without work breaks where two threads happen to run at once; within a window it need not be
  // luck.
  if (workload.at("scenario") == kDefaultScenario && !workload.contains("work"))
    plan.check_flags.emplace("window", "1us");
  return plan;
}

GateOutputs read_gate_outputs(const Values& values) {
  const auto path = [&](std::string_view name) {
    if (values.has(name) && values.text(name).empty()) refuse("--{}: the name of the file is empty", name);
    return values.text(name);
  };
  return {.json = path("json"),
          .csv = path("csv"),
          .junit = path("junit"),
          .markdown = path("markdown"),
          .bencher = path("bencher"),
          .github_benchmark = path("github-benchmark")};
}

Task task_of(const RawFlags& flags) {
  if (flags.contains("baseline")) return Task::baseline;
  return flags.contains("self-test") ? Task::self_test : Task::compare;
}

/// What is run is in the baseline.
void check_baseline_flags(const RawFlags& flags) {
  for (const auto& [name, value] : flags) {
    if (is_gate_flag(name) || is_one_of(name, kShared)) continue;
    refuse("--{}: what is run stands in the baseline", name);
  }
  for (const char* name : {"guard", "trials", "plant"}) {
    if (flags.contains(name)) refuse("--{}: what is run stands in the baseline", name);
  }
}

}  // namespace

Options resolve_gate(const RawFlags& flags, const std::vector<std::string>& words,
                     const ReadConfig& read_config) {
  Options options;
  options.command = Command::gate;
  const Values values(flags);
  GateOptions& gate = options.gate;
  if (!words.empty()) {
    if (words.front() != "init" || words.size() > 2 || !flags.empty())
      refuse("'{}' belongs to no flag; gate init takes a folder and nothing else", words.front());
    gate.task = Task::init;
    if (words.size() == 2) gate.folder = words[1];
    return options;
  }
  check_ways(flags);
  gate.task = task_of(flags);
  if (gate.task == Task::baseline) {
    check_baseline_flags(flags);
    gate.baseline = flags.at("baseline");
    gate.plan.rules = read_rules(flags, gate.task);
  } else {
    gate.plan = read_plan(flags, gate.task, read_config);
  }
  gate.dry_run = values.is_set("dry-run");
  if (values.has("inconclusive")) {
    const std::vector<std::string> words_of_flag = {"ok", "fail"};
    gate.inconclusive_ok = values.choice("inconclusive", words_of_flag) == 0;
    gate.inconclusive_fails = !gate.inconclusive_ok;
  }
  gate.outputs = read_gate_outputs(values);
  options.quiet = values.is_set("quiet");
  options.color = !values.is_set("no-color");
  options.progress = !values.is_set("no-progress") && !options.quiet;
  return options;
}

}  // namespace ccbench
