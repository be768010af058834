// What the flags mean. Reading them from the command line is command_line.cc's part.
#include "cli/options.h"

#include <algorithm>
#include <random>
#include <set>

#include "cli/experiment.h"
#include "cli/flags.h"
#include "cli/values.h"

namespace ccbench {
namespace {

OutputPaths read_outputs(const Values& values) {
  const auto path = [&](std::string_view name) {
    if (values.has(name) && values.text(name).empty()) refuse("--{}: the name of the file is empty", name);
    return values.text(name);
  };
  OutputPaths outputs{.trials_csv = path("csv"),
                      .requests_csv = path("requests-csv"),
                      .snapshots_csv = path("snapshots-csv"),
                      .thread_dump = path("thread-dump"),
                      .json = path("json"),
                      .html = path("html"),
                      .trace = path("trace"),
                      .folder = path("out")};
  if (outputs.folder == "-") refuse("--out: '-' is no folder; a single file can be standard output");
  const std::array<std::string, 7> files = {outputs.trials_csv,  outputs.requests_csv, outputs.snapshots_csv,
                                            outputs.thread_dump, outputs.json,         outputs.html,
                                            outputs.trace};
  if (std::ranges::count(files, "-") > 1) refuse("only one file can be standard output (-)");
  return outputs;
}

/// Every value once, in the order given; one for a flag that is not swept.
std::vector<std::string> values_to_sweep(const std::string& name, const std::string& text) {
  std::vector<std::string> values;
  for (std::string& item : split(text)) {
    if (item.empty()) refuse("--{}: '{}' has an empty item; items are separated by one comma", name, text);
    if (std::ranges::find(values, item) == values.end()) values.push_back(std::move(item));
  }
  return values;
}

/// All combinations of the values of flags that have several, the first flag varying slowest.
std::vector<RawFlags> combinations(const RawFlags& flags) {
  constexpr std::size_t kMostCombinations = 10'000;
  std::vector<RawFlags> all = {{}};
  for (const auto& [name, text] : flags) {
    const std::vector<std::string> values =
        is_sweepable(name) ? values_to_sweep(name, text) : std::vector<std::string>{text};
    if (all.size() * values.size() > kMostCombinations) {
      refuse("--{}: that makes more than {} configurations", name, kMostCombinations);
    }
    std::vector<RawFlags> longer;
    longer.reserve(all.size() * values.size());
    for (const RawFlags& shorter : all) {
      for (const std::string& value : values) {
        RawFlags combination = shorter;
        combination[name] = value;
        longer.push_back(std::move(combination));
      }
    }
    all = std::move(longer);
  }
  return all;
}

/// In a sweep, threads beyond the requests are as many as those; a number that is too many everywhere is none
/// that anything ran with.
void check_threads(const RawFlags& flags, const std::vector<Experiment>& experiments) {
  const auto given = flags.find("threads");
  if (given == flags.end()) return;
  for (const std::string& text : values_to_sweep("threads", given->second)) {
    const auto threads = Values({{"threads", text}}).number("threads", 1, 0xffff'ffff);
    const auto runs_with = [&](const Experiment& experiment) { return experiment.threads == threads; };
    if (std::ranges::none_of(experiments, runs_with))
      refuse("--threads={}: there are never so many requests", text);
  }
}

/// Those that are the same twice, as a pool with more threads than requests is, run once.
std::vector<Experiment> read_experiments(RawFlags flags) {
  // Drawn once for all.
  if (!flags.contains("seed")) flags["seed"] = std::to_string(std::random_device{}());
  std::vector<Experiment> experiments;
  std::set<std::map<std::string, std::string>> seen;
  const std::vector<RawFlags> all = combinations(flags);
  for (const RawFlags& combination : all) {
    Experiment experiment = experiment_of(combination, all.size() > 1);
    if (seen.insert(experiment.config).second) experiments.push_back(std::move(experiment));
  }
  check_threads(flags, experiments);
  return experiments;
}

void read_style(const Values& values, Options& options) {
  options.quiet = values.is_set("quiet");
  options.color = !values.is_set("no-color");
  options.progress = !values.is_set("no-progress") && !options.quiet;
}

void read_shrink(const Values& values, Options& options) {
  options.shrink = values.is_set("shrink");
  if (!options.shrink) return;
  if (options.experiments.front().duration > 0)
    refuse("--shrink: it looks for the fewest requests, and --duration has no number of them");
  if (options.experiments.size() > 1)
    refuse("--shrink: a sweep cannot be shrunk; give one value to each flag");
  if (options.experiments.front().guards.size() > 1) refuse("--shrink: name one guard");
}

}  // namespace

Options resolve_options(const RawFlags& flags) {
  const Values values(flags);
  Options options;
  options.experiments = read_experiments(flags);
  options.outputs = read_outputs(values);
  const OutputPaths& outputs = options.outputs;
  for (Experiment& experiment : options.experiments) {
    experiment.keep_requests = !outputs.requests_csv.empty() || !outputs.folder.empty();
    experiment.keep_timeline = !outputs.html.empty() || !outputs.trace.empty() || !outputs.folder.empty();
    if (experiment.keep_requests && experiment.requests > kMostRecords) {
      refuse(
          "--requests={}: up to {} requests have a row each; leave out --requests-csv and --out, and name "
          "the other files",
          experiment.requests, kMostRecords);
    }
    experiment.keep_stacks = !outputs.snapshots_csv.empty() || !outputs.thread_dump.empty() ||
                             !outputs.json.empty() || !outputs.folder.empty();
  }
  read_shrink(values, options);
  options.dry_run = values.is_set("dry-run");
  const std::vector<std::string> inconclusive = {"ok", "fail"};
  options.inconclusive_ok = values.choice("inconclusive", inconclusive) == 0;
  read_style(values, options);
  return options;
}

Options resolve_report(const RawFlags& flags, std::vector<std::string> folders) {
  if (folders.empty()) refuse("report: name the folders that --out has written");
  for (const auto& [name, value] : flags) {
    const auto* const flag = std::ranges::find(kFlags, name, &Flag::name);
    if (flag == kFlags.end() || flag->group != kOutputGroup)
      refuse("--{}: report shows what was run and takes no settings", name);
  }
  const Values values(flags);
  Options options;
  options.command = Command::report;
  options.folders = std::move(folders);
  options.outputs = read_outputs(values);
  read_style(values, options);
  return options;
}

Experiment experiment_of_config(const std::map<std::string, std::string>& config) {
  return read_experiments(config).front();
}

bool is_sweepable(std::string_view flag) {
  return std::ranges::find(kSweepable, flag) != kSweepable.end() || !scenarios_with(flag).empty() ||
         !guards_with(flag).empty();
}

RawFlags with_power_defaults(RawFlags flags) {
  flags.emplace("guard", "none");
  flags.emplace("window", "0,1us,10us,100us,1ms,10ms");
  flags.emplace("requests", "2,20,200");
  flags.emplace("start", "aligned,latch");
  flags.emplace("trials", "20");
  flags.emplace("time-scale", "0");
  flags.emplace("snapshot", "never");
  if (flags["guard"] != "none") {
    refuse("--guard: power shows what can be seen without a guard; it takes none, not '{}'", flags["guard"]);
  }
  for (const char* flag : {"until-fail", "shrink"}) {
    if (flags.contains(flag)) refuse("--{}: power runs all trials of every setting", flag);
  }
  for (const char* flag : {"duration", "rate"}) {
    if (flags.contains(flag)) refuse("--{}: power releases its requests together", flag);
  }
  if (flags.contains("expect")) refuse("--expect: power tells what can be seen, and exits 0 whatever it is");
  if (flags.contains("plant")) refuse("--plant: power has no guard that could be slowed down");
  return flags;
}

}  // namespace ccbench
