#include "cli/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "cli/nearest.h"
#include "driver/plan.h"
#include "driver/worker_threads.h"
#include "report/expectation.h"

namespace ccbench {
namespace {

constexpr std::uint64_t kMostRequests = 10'000'000'000;
constexpr double kLowestRate = 0.001;
constexpr double kHighestRate = 10'000'000;
constexpr std::uint64_t kMostThreads = 100'000;
constexpr std::uint64_t kMostKeys = 1'000'000;
constexpr std::uint64_t kMostTrials = 100'000;
// Where requests are counted: 160 KiB of histograms for each thread, and 32 bytes for each key and thread.
constexpr std::uint64_t kMostCountingThreads = 4096;
constexpr std::uint64_t kMostCountsOfKeys = 4'000'000;

template <class Plugin>
std::vector<std::string> names_of(const std::vector<Plugin>& plugins) {
  std::vector<std::string> names;
  names.reserve(plugins.size());
  for (const Plugin& plugin : plugins) names.emplace_back(plugin.info.name);
  return names;
}

const ScenarioPlugin* read_scenario(const Values& values) {
  const std::string name = values.text("scenario");
  const ScenarioPlugin* scenario = scenarios().find(name);
  if (scenario == nullptr) {
    refuse("--scenario: there is no scenario '{}'; {}", name, suggestion(name, names_of(scenarios().all())));
  }
  return scenario;
}

/// Of all guards those that do not fit, which is noted.
void leave_out_misfits(Experiment& experiment) {
  std::erase_if(experiment.guards, [&](const GuardPlugin* guard) {
    if (guard->info.name == "none") return false;
    auto lacks = lacking(experiment.scenario->info, experiment.promises_of(*guard));
    if (lacks.empty()) return false;
    experiment.left_out[std::string(guard->info.name)] = std::move(lacks);
    return true;
  });
}

bool asks_for_all(const Values& values) { return values.list("guard") == std::vector<std::string>{"all"}; }

/// All are those that fit with their settings at their defaults: these have yet to be read.
void read_guards(const Values& values, Experiment& experiment) {
  if (asks_for_all(values)) {
    for (const GuardPlugin& guard : guards().all()) {
      if (!guard.info.faulty()) experiment.guards.push_back(&guard);
    }
    leave_out_misfits(experiment);
    return;
  }
  const std::vector<std::string> names = values.list("guard");
  for (const std::string& name : names) {
    if (name == "all") refuse("--guard: 'all' stands alone, not in a list");
    const GuardPlugin* guard = guards().find(name);
    if (guard == nullptr) {
      refuse("--guard: there is no guard '{}'; {}", name, suggestion(name, names_of(guards().all())));
    }
    if (std::ranges::find(experiment.guards, guard) != experiment.guards.end()) {
      refuse("--guard: '{}' is named twice", name);
    }
    experiment.guards.push_back(guard);
  }
}

/// How many requests there are, or until when they go on.
void read_requests(const Values& values, Experiment& experiment) {
  experiment.duration = values.duration("duration", 0);
  if (experiment.duration == 0) {
    experiment.requests = values.number("requests", 1, kMostRequests);
    return;
  }
  experiment.requests = 0;
  if (experiment.duration < kMillisecond)
    refuse("--duration: {} is neither from 1ms to {} nor 0", values.text("duration"), kLongestDurationText);
  if (values.has("requests"))
    refuse("--duration says until when there are requests, and --requests how many: give one of them");
}

void read_rate(const Values& values, Experiment& experiment) {
  const std::vector<std::string> arrivals = {"even", "poisson"};
  experiment.arrivals = static_cast<Arrivals>(values.choice("arrivals", arrivals));
  experiment.rate = values.real("rate", 0, kHighestRate);
  if (experiment.rate > 0 && experiment.rate < kLowestRate)
    refuse("--rate: {} is neither from {} to {} per second nor 0", values.text("rate"), kLowestRate,
           kHighestRate);
  if (experiment.rate == 0 && experiment.arrivals != Arrivals::even)
    refuse("--arrivals says how requests arrive at a --rate: add one");
  if (experiment.rate > 0 && static_cast<double>(experiment.requests) / experiment.rate >
                                 static_cast<double>(kLongestDuration) / static_cast<double>(kSecond)) {
    refuse("--requests={} at --rate={} would take longer than {}", experiment.requests, values.text("rate"),
           kLongestDurationText);
  }
}

/// What the workers of a trial that counts need memory for.
void check_counting(const Experiment& experiment) {
  if (!experiment.counts()) return;
  const std::string_view because =
      experiment.duration > 0 ? "with --duration" : "of more than 2000000 requests";
  if (experiment.threads > kMostCountingThreads) {
    refuse("--threads={}: {} there are only counts and histograms, by thread, and {} threads are the most",
           experiment.threads, because, kMostCountingThreads);
  }
  if (experiment.keys * experiment.threads > kMostCountsOfKeys) {
    refuse("--keys={} times --threads={}: {} there are only counts, by key and thread, and {} are the most",
           experiment.keys, experiment.threads, because, kMostCountsOfKeys);
  }
}

/// In a sweep, threads beyond the requests are as many as requests: not every combination is meant.
void read_threads(const Values& values, bool in_sweep, Experiment& experiment) {
  if (experiment.duration > 0) {
    const std::uint64_t cpus = usable_cpus().size();
    experiment.threads =
        static_cast<std::uint32_t>(values.has("threads") ? values.number("threads", 1, kMostThreads) : cpus);
    return;
  }
  if (!values.has("threads") && experiment.requests > kMostThreads) {
    refuse("--requests={} would need as many threads, and {} is the most: add --threads for a pool",
           experiment.requests, kMostThreads);
  }
  const bool few = experiment.requests <= kMostThreads;
  const std::uint64_t most = few && !in_sweep ? experiment.requests : kMostThreads;
  const std::uint64_t threads =
      values.has("threads")
          ? values.number("threads", 1, most, few && !in_sweep ? "the number of requests" : "")
          : experiment.requests;
  experiment.threads = static_cast<std::uint32_t>(std::min(threads, experiment.requests));
}

void read_size(const Values& values, bool in_sweep, Experiment& experiment) {
  read_requests(values, experiment);
  read_rate(values, experiment);
  read_threads(values, in_sweep, experiment);
  experiment.keys = values.number("keys", 1, kMostKeys);
  check_counting(experiment);
  experiment.reenter = static_cast<int>(values.number("reenter", 0, 100));
  if (values.has("key-skew")) {
    const std::string skew = values.text("key-skew");
    if (!skew.starts_with("zipf:")) refuse("--key-skew: '{}' is not zipf:S with S from 0 to 10", skew);
    experiment.zipf = Values::real("key-skew", std::string_view(skew).substr(5), 0, 10);
  }
}

std::vector<Nanos> read_snapshots(const Values& values) {
  if (values.text("snapshot") == "never") return {};
  std::vector<Nanos> times;
  for (const std::string& item : values.list("snapshot"))
    times.push_back(Values::duration("snapshot", item, 0));
  std::ranges::sort(times);
  return times;
}

Nanos read_snapshot_every(const Values& values) {
  const Nanos every = values.duration("snapshot-every", 0);
  if (every == 0 || every >= kMillisecond) return every;
  refuse("--snapshot-every: {} is neither from 1ms to {} nor 0", values.text("snapshot-every"),
         kLongestDurationText);
}

std::vector<SnapshotCondition> read_conditions(const Values& values) {
  if (!values.has("snapshot-at")) return {};
  std::vector<SnapshotCondition> conditions;
  for (const std::string& item : values.list("snapshot-at")) {
    const auto condition = parse_condition(item);
    if (!condition) {
      refuse(
          "--snapshot-at: '{}' is not a moment: blocked, inside or finished, one of < <= > >= == !=, a "
          "number "
          "('blocked >= 19')",
          item);
    }
    conditions.push_back(*condition);
  }
  return conditions;
}

std::optional<Plant> read_plant(const Values& values, const Experiment& experiment) {
  if (!values.has("plant")) return std::nullopt;
  const std::string text = values.text("plant");
  const auto plant = parse_plant(text);
  if (!plant) {
    refuse("--plant: '{}' is neither F nor F/N, F from 1 to {} and N from 1 to {} ('1.5', '10/50')", text,
           kMostPlanted, kRarestPlanted);
  }
  if (experiment.guards == std::vector<const GuardPlugin*>{&control_guard()})
    refuse("--plant: none is never slowed down, because the control needs it as it is; name a guard");
  return plant;
}

/// Which of several readings of an unknown name is near a known one.
std::string hint_for(const BadExpectation& bad) {
  for (const std::string& name : bad.unknown()) {
    if (!nearest(name, bad.known()).empty()) return "; " + suggestion(name, bad.known());
  }
  return bad.unknown().empty() ? "" : "; " + suggestion(bad.unknown().front(), bad.known());
}

Expectation parsed(const std::string& text) {
  try {
    return parse_expectation(text);
  } catch (const BadExpectation& bad) {
    refuse("--expect: {}{}", bad.what(), hint_for(bad));
  }
}

/// A selector that no trial of the run can have is a slip, and not worth a run.
void check_selectors(const Expectation& expectation, const Experiment& experiment) {
  std::vector<std::string> guard_names = {std::string(control_guard().info.name)};
  for (const GuardPlugin* guard : experiment.guards) {
    if (guard != &control_guard()) guard_names.emplace_back(guard->info.name);
  }
  const std::vector<std::string> scenario_names = {std::string(experiment.scenario->info.name)};
  for (const auto& [column, value, bound] : expectation.selectors) {
    for (const auto& [name, values] :
         {std::pair("guard", guard_names), std::pair("scenario", scenario_names)}) {
      if (column->name != name || std::ranges::find(values, value) != values.end()) continue;
      refuse("--expect: '{}': this run has no {} '{}'; {}", expectation.text, name, value,
             suggestion(value, values));
    }
  }
}

std::vector<std::string> read_expectations(const Values& values, const Experiment& experiment) {
  std::vector<std::string> expectations;
  if (!values.has("expect")) return expectations;
  const std::string list = values.text("expect");
  for (const std::string& item : split_expectations(list)) {
    if (item.find_first_not_of(" \t") == std::string::npos)
      refuse("--expect: '{}' has an empty item; items are separated by one comma", list);
    const Expectation expectation = parsed(item);
    check_selectors(expectation, experiment);
    expectations.push_back(expectation.text);
  }
  return expectations;
}

const GuardPlugin* read_reference(const Values& values, const Experiment& experiment) {
  if (!values.has("reference")) return nullptr;
  const std::string name = values.text("reference");
  const auto found =
      std::ranges::find(experiment.guards, name, [](const GuardPlugin* guard) { return guard->info.name; });
  if (found == experiment.guards.end() || name == "none") {
    refuse("--reference: '{}' is not one of the guards that are compared", name);
  }
  return *found;
}

void read_conduct(const Values& values, Experiment& experiment) {
  const std::vector<std::string> starts = {"aligned", "latch"};
  const std::vector<std::string> controls = {"auto", "always", "never"};
  const std::vector<std::string> windows = {"fixed", "jittered"};
  experiment.until_fail = values.is_set("until-fail") || values.is_set("shrink");
  const std::uint64_t trials = values.number("trials", 1, kMostTrials);
  experiment.trials = static_cast<int>(experiment.until_fail && !values.has("trials") ? kMostTrials : trials);
  experiment.seed = values.number("seed", 0, std::numeric_limits<std::uint64_t>::max());
  experiment.reference = read_reference(values, experiment);
  experiment.window = {.length = values.duration("window", 0),
                       .kind = static_cast<Window::Kind>(values.choice("window-kind", windows))};
  experiment.start = static_cast<StartMode>(values.choice("start", starts));
  experiment.control = static_cast<ControlMode>(values.choice("control", controls));
  experiment.timeout = values.duration("timeout", kMillisecond);
  experiment.stall = values.duration("stall", kMillisecond);
  experiment.snapshots = read_snapshots(values);
  experiment.snapshot_every = read_snapshot_every(values);
  experiment.snapshot_at = read_conditions(values);
  experiment.snapshot_full = values.is_set("snapshot-full");
  experiment.plant = read_plant(values, experiment);
  experiment.expectations = read_expectations(values, experiment);
}

const Parameter* find_parameter(std::span<const Parameter> parameters, std::string_view name) {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  return found == parameters.end() ? nullptr : &*found;
}

template <class Plugin>
void add_owners(const std::vector<Plugin>& plugins, std::string_view parameter,
                std::vector<std::string>& owners) {
  for (const Plugin& plugin : plugins) {
    if (find_parameter(plugin.info.parameters, parameter) != nullptr) owners.emplace_back(plugin.info.name);
  }
}

void set_parameter(ParameterValues& parameters, const std::string& name, const std::string& text) {
  const std::string allowed = parameters.set(name, text);
  if (!allowed.empty()) refuse("--{}: '{}' is not {}", name, text, allowed);
}

void scale_times(const Values& values, ParameterValues& parameters) {
  const std::string too_long = parameters.scale_delays(time_scale(values));
  if (too_long.empty()) return;
  refuse("--{}: {} times --time-scale={} is longer than {}", too_long, to_text(parameters.at(too_long)),
         values.text("time-scale"), kLongestDurationText);
}

void read_scenario_parameters(const RawFlags& flags, const Values& values, Experiment& experiment) {
  const ScenarioInfo& scenario = experiment.scenario->info;
  experiment.parameters = ParameterValues(scenario.parameters);
  for (const auto& [name, text] : flags) {
    const std::vector<std::string> owners = scenarios_with(name);
    if (owners.empty()) continue;
    if (find_parameter(scenario.parameters, name) == nullptr) {
      refuse("--{}: scenario {} has no such setting; it belongs to {}", name, scenario.name,
             fmt::join(owners, ", "));
    }
    set_parameter(experiment.parameters, name, text);
  }
  experiment.params = experiment.parameters.changed();
  scale_times(values, experiment.parameters);
}

/// A setting is for every guard that has it, and at least one of the run must.
void read_guard_settings(const RawFlags& flags, const Values& values, Experiment& experiment) {
  for (const auto& [name, text] : flags) {
    const std::vector<std::string> owners = guards_with(name);
    if (owners.empty()) continue;
    bool used = false;
    for (const GuardPlugin* guard : experiment.guards) {
      if (find_parameter(guard->info.parameters, name) == nullptr) continue;
      used = true;
      ParameterValues parameters(guard->info.parameters);
      set_parameter(parameters, name, text);
      for (const auto& [changed, value] : parameters.changed()) {
        experiment.guard_settings[changed] = value;
        experiment.params[changed] = value;
      }
      scale_times(values, parameters);
    }
    if (!used) {
      refuse("--{}: no guard of this run has such a setting; it belongs to {}", name,
             fmt::join(owners, ", "));
    }
  }
  experiment.time_scale = time_scale(values);
}

void read_read_ratio(const Values& values, Experiment& experiment) {
  experiment.read_ratio = values.real("read-ratio", 0, 1);
  if (experiment.read_ratio > 0 && !experiment.scenario->info.reads)
    refuse("--read-ratio: scenario {} has no requests that only read", experiment.scenario->info.name);
}

void ask_for_objection(const Experiment& experiment) {
  if (!experiment.scenario->objection) return;
  const std::string objection =
      experiment.scenario->objection(experiment.parameters, experiment.requests, experiment.keys);
  if (!objection.empty()) refuse("scenario {}: {}", experiment.scenario->info.name, objection);
}

}  // namespace

std::vector<std::string> scenarios_with(std::string_view parameter) {
  std::vector<std::string> owners;
  add_owners(scenarios().all(), parameter, owners);
  return owners;
}

std::vector<std::string> guards_with(std::string_view parameter) {
  std::vector<std::string> owners;
  add_owners(guards().all(), parameter, owners);
  return owners;
}

double time_scale(const Values& values) { return values.real("time-scale", 0, 1000); }

Experiment experiment_of(const RawFlags& flags, bool in_sweep) {
  const Values values(flags);
  Experiment experiment;
  experiment.scenario = read_scenario(values);
  read_guards(values, experiment);
  read_size(values, in_sweep, experiment);
  read_scenario_parameters(flags, values, experiment);
  read_guard_settings(flags, values, experiment);
  if (asks_for_all(values)) leave_out_misfits(experiment);
  read_conduct(values, experiment);
  read_read_ratio(values, experiment);
  ask_for_objection(experiment);
  write_down(values, experiment);
  return experiment;
}

}  // namespace ccbench
