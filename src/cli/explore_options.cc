#include "cli/explore_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "cli/experiment.h"
#include "cli/explore_flags.h"
#include "cli/options.h"
#include "cli/values.h"

namespace ccbench {
namespace {

using explore::ExploredTrial;
using explore::SearchOptions;
using explore::SearchStrategy;

constexpr std::string_view kDefaultRequests = "3";
constexpr std::uint64_t kMostExplored = 32;

/// Flags of `run` that say what a request and its guard do: all others have no meaning where nothing takes
/// time.
constexpr auto kTaken =
    std::to_array<std::string_view>({"scenario", "guard", "requests", "keys", "read-ratio", "reenter",
                                     "window", "window-kind", "time-scale", "seed"});
constexpr auto kOutput = std::to_array<std::string_view>(
    {"csv", "json", "html", "quiet", "no-color", "no-progress", "config", "inconclusive"});

bool is_explore_flag(std::string_view name) {
  return std::ranges::find(kExploreFlags, name, &Flag::name) != kExploreFlags.end();
}

bool is_setting(std::string_view name) { return !scenarios_with(name).empty() || !guards_with(name).empty(); }

/// Of the flags, those that say what is explored.
RawFlags trial_flags(const RawFlags& flags) {
  RawFlags taken;
  for (const auto& [name, value] : flags) {
    if (is_explore_flag(name) || is_one_of(name, kOutput)) continue;
    if (!is_one_of(name, kTaken) && !is_setting(name)) refuse("--{}: explore has no such flag", name);
    if (is_sweepable(name) && value.find(',') != std::string::npos)
      refuse("--{}: explore takes one value, not a list", name);
    taken[name] = value;
  }
  taken.emplace("requests", kDefaultRequests);
  taken.emplace("seed", "1");
  return taken;
}

/// Settings that only make more of the same steps have a default of their own.
ParameterValues explored(ParameterValues values, std::span<const Parameter> parameters,
                         const RawFlags& flags) {
  for (const Parameter& parameter : parameters) {
    if (parameter.explored.empty() || flags.contains(std::string(parameter.name))) continue;
    values.set(parameter.name, parameter.explored);
  }
  return values;
}

std::vector<ExploredTrial> read_trials(const RawFlags& flags, const RawFlags& all, ExploreOptions& options) {
  const Values values(flags);
  static_cast<void>(values.number("requests", 1, kMostExplored));
  const Experiment experiment = experiment_of(flags, false);
  const bool asks_for_all = values.text("guard") == "all";
  std::vector<ExploredTrial> trials;
  for (const auto& [name, lacks] : experiment.left_out)
    options.left_out.push_back(fmt::format("{}: does not promise {}", name, fmt::join(lacks, ", ")));
  for (const GuardPlugin* guard : experiment.guards) {
    ExploredTrial trial{
        .guard = guard,
        .scenario = experiment.scenario,
        .parameters = explored(experiment.parameters, experiment.scenario->info.parameters, all),
        .guard_parameters =
            explored(experiment.context_of(*guard, experiment.seed).parameters, guard->info.parameters, all),
        .requests = static_cast<std::uint32_t>(experiment.requests),
        .keys = experiment.keys,
        .reads = static_cast<std::uint32_t>(
            std::lround(experiment.read_ratio * static_cast<double>(experiment.requests))),
        .seed = experiment.seed,
        .window = experiment.window,
        .reenter = experiment.reenter};
    const std::string why = explore::why_not(trial);
    if (why.empty()) {
      trials.push_back(std::move(trial));
    } else if (asks_for_all) {
      options.left_out.push_back(why);
    } else {
      refuse("{}", why);
    }
  }
  return trials;
}

SearchOptions read_search(const Values& values, const RawFlags& flags) {
  const std::vector<std::string> strategies = {"auto", "random", "pct", "dfs", "dpor"};
  const std::vector<std::string> times = {"configured", "free"};
  const std::vector<std::string> backends = {"fibers", "threads"};
  const std::vector<std::string> memories = {"sequential", "release-acquire"};
  const std::vector<std::string> symmetries = {"auto", "off"};
  SearchOptions search;
  search.strategy = static_cast<SearchStrategy>(values.choice("strategy", strategies));
  search.seed = Values(flags).number("seed", 0, std::numeric_limits<std::uint64_t>::max());
  search.schedules = values.number("schedules", 0, 1'000'000'000'000);
  search.budget = values.duration("budget", 0);
  if (values.has("preemptions")) {
    if (search.strategy != SearchStrategy::dfs)
      refuse("--preemptions bounds --strategy=dfs; {} knows no such bound", values.text("strategy"));
    search.preemptions = static_cast<std::uint32_t>(values.number("preemptions", 0, 1000));
  }
  search.depth = static_cast<std::uint32_t>(values.number("depth", 1, 100));
  search.symmetry = values.choice("symmetry", symmetries) == 0;
  search.scheduler.time = static_cast<explore::TimeOrder>(values.choice("time", times));
  search.older_values = values.choice("memory-model", memories) == 1;
  search.spurious = static_cast<std::uint32_t>(values.number("spurious", 0, 100));
  search.scheduler.most_steps = static_cast<std::uint32_t>(values.number("steps", 10, 1'000'000));
  if (values.has("backend"))
    search.scheduler.backend = static_cast<explore::Backend>(values.choice("backend", backends));
  if (values.has("replay")) {
    const auto steps = explore::parse_replay(values.text("replay"));
    if (!steps)
      refuse("--replay: '{}' is no schedule that ccbench explore has printed", values.text("replay"));
    search.replay = *steps;
    search.strategy = SearchStrategy::replay;
  }
  return search;
}

/// What repeats the search of one guard, or a schedule of it.
std::string settings_of(const RawFlags& flags) {
  std::string text;
  for (const auto& [name, value] : flags) {
    const bool tells = is_one_of(name, kTaken) || is_setting(name) || name == "time" || name == "spurious" ||
                       name == "memory-model" || name == "steps";
    if (tells && name != "guard") text += fmt::format(" --{}={}", name, value);
  }
  return text;
}

/// What repeats all of it, but for the files.
std::string command_of(const RawFlags& flags) {
  std::string command = "ccbench explore";
  for (const auto& [name, value] : flags) {
    if (!is_one_of(name, kOutput)) command += fmt::format(" --{}={}", name, value);
  }
  return command;
}

}  // namespace

Options resolve_explore(const RawFlags& flags) {
  Options options;
  options.command = Command::explore;
  ExploreOptions& explored_options = options.explore;
  const RawFlags trial = trial_flags(flags);
  RawFlags with_defaults = flags;
  for (const Flag& flag : kExploreFlags) {
    if (!flag.initial.empty()) with_defaults.emplace(flag.name, flag.initial);
  }
  const Values values(with_defaults);
  explored_options.search = read_search(values, trial);
  explored_options.trials = read_trials(trial, flags, explored_options);
  if (explored_options.search.strategy == SearchStrategy::replay && explored_options.trials.size() != 1)
    refuse("--replay: a schedule is of one guard; name it by --guard");
  explored_options.settings = settings_of(flags);
  explored_options.command = command_of(flags);
  if (values.has("require")) {
    const std::vector<std::string> requirements = {"exhaustive"};
    explored_options.require_exhaustive = values.choice("require", requirements) == 0;
  }
  if (values.has("csv")) explored_options.csv = values.text("csv");
  if (values.has("json")) explored_options.json = values.text("json");
  if (values.has("html")) explored_options.html = values.text("html");
  const std::vector<std::string> inconclusive = {"ok", "fail"};
  options.inconclusive_ok = values.has("inconclusive") && values.choice("inconclusive", inconclusive) == 0;
  options.quiet = values.is_set("quiet");
  options.color = !values.is_set("no-color");
  options.progress = !values.is_set("no-progress");
  return options;
}

}  // namespace ccbench
