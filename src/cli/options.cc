// What the flags mean. Reading them from the command line is command_line.cc's part.
#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "cli/flags.h"
#include "cli/nearest.h"

namespace ccbench {
namespace {

constexpr std::uint64_t kMostRequests = 2'000'000;
constexpr std::uint64_t kMostThreads = 100'000;
constexpr std::uint64_t kMostKeys = 1'000'000;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw UsageError(fmt::format(text, std::forward<Args>(args)...));
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    const auto comma = list.find(',');
    items.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The flags as given, with their defaults; every look at one is a check of its value.
class Values {
 public:
  explicit Values(const RawFlags& given) : given_(given) {}

  bool has(std::string_view name) const { return given_.contains(std::string(name)); }

  std::string text(std::string_view name) const {
    const auto found = given_.find(std::string(name));
    return found == given_.end() ? std::string(initial(name)) : found->second;
  }

  /// `most_is`: what a user knows the upper limit as.
  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most,
                       std::string_view most_is = {}) const {
    const auto value = parse_number<std::uint64_t>(text(name));
    if (!value || *value < least || *value > most) {
      refuse("--{}: '{}' is not a whole number from {} to {}{}{}", name, text(name), least, most,
             most_is.empty() ? "" : ", ", most_is);
    }
    return *value;
  }

  Nanos duration(std::string_view name, Nanos least) const { return duration(name, text(name), least); }

  static Nanos duration(std::string_view name, std::string_view text, Nanos least) {
    const auto value = parse_duration(text);
    if (!value) refuse("--{}: '{}' is not a duration with its unit (500ms, 1s, 50us) or 0", name, text);
    if (*value < least || *value > kLongestDuration) {
      refuse("--{}: {} is not from {} to {}", name, text, to_text(least), kLongestDurationText);
    }
    return *value;
  }

  double real(std::string_view name, double least, double most) const {
    return real(name, text(name), least, most);
  }

  static double real(std::string_view name, std::string_view text, double least, double most) {
    const auto value = parse_number<double>(text);
    if (!value || !std::isfinite(*value) || *value < least || *value > most) {
      refuse("--{}: '{}' is not a number from {} to {}", name, text, least, most);
    }
    return *value == 0 ? 0 : *value;  // -0 is 0, also when it is written down.
  }

  std::size_t choice(std::string_view name, std::span<const std::string> choices) const {
    const auto found = std::ranges::find(choices, text(name));
    if (found == choices.end()) {
      refuse("--{}: '{}' is not one of {}", name, text(name), fmt::join(choices, ", "));
    }
    return static_cast<std::size_t>(found - choices.begin());
  }

  /// Items of a list, none of them empty.
  std::vector<std::string> list(std::string_view name) const {
    std::vector<std::string> items = split(text(name));
    if (std::ranges::find(items, std::string{}) != items.end()) {
      refuse("--{}: '{}' has an empty item; items are separated by one comma", name, text(name));
    }
    return items;
  }

  bool is_set(std::string_view name) const {
    if (!has(name)) return false;
    constexpr std::array<std::string_view, 2> kWords = {"true", "false"};
    const auto* const word = std::ranges::find(kWords, text(name));
    if (word == kWords.end()) refuse("--{}: '{}' is not one of true, false", name, text(name));
    return word == kWords.begin();
  }

 private:
  static std::string_view initial(std::string_view name) {
    const auto* const flag = std::ranges::find(kFlags, name, &Flag::name);
    return flag == kFlags.end() ? std::string_view{} : flag->initial;
  }

  const RawFlags& given_;
};

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

/// `none` and every guard that is not faulty and fits; who does not fit is noted.
void add_all_guards(Experiment& experiment) {
  for (const GuardPlugin& guard : guards().all()) {
    if (guard.info.faulty()) continue;
    const auto lacking = missing(experiment.scenario->info.needs, guard.info.promises);
    if (lacking.empty() || guard.info.name == "none") {
      experiment.guards.push_back(&guard);
    } else {
      experiment.left_out[std::string(guard.info.name)] = lacking;
    }
  }
}

void read_guards(const Values& values, Experiment& experiment) {
  const std::vector<std::string> names = values.list("guard");
  if (names == std::vector<std::string>{"all"}) {
    add_all_guards(experiment);
    return;
  }
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

void read_size(const Values& values, Experiment& experiment) {
  experiment.requests = values.number("requests", 1, kMostRequests);
  if (!values.has("threads") && experiment.requests > kMostThreads) {
    refuse("--requests={} would need as many threads, and {} is the most: add --threads for a pool",
           experiment.requests, kMostThreads);
  }
  const bool few = experiment.requests <= kMostThreads;
  const std::uint64_t most = few ? experiment.requests : kMostThreads;
  experiment.threads = static_cast<std::uint32_t>(
      values.has("threads") ? values.number("threads", 1, most, few ? "the number of requests" : "")
                            : experiment.requests);
  experiment.keys = values.number("keys", 1, kMostKeys);
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

std::uint64_t read_seed(const Values& values) {
  if (values.has("seed")) return values.number("seed", 0, std::numeric_limits<std::uint64_t>::max());
  return std::random_device{}();
}

void read_conduct(const Values& values, Experiment& experiment) {
  const std::vector<std::string> starts = {"aligned", "latch"};
  const std::vector<std::string> controls = {"auto", "always", "never"};
  experiment.trials = static_cast<int>(values.number("trials", 1, 100'000));
  experiment.seed = read_seed(values);
  experiment.start = static_cast<StartMode>(values.choice("start", starts));
  experiment.control = static_cast<ControlMode>(values.choice("control", controls));
  experiment.timeout = values.duration("timeout", kMillisecond);
  experiment.stall = values.duration("stall", kMillisecond);
  experiment.snapshots = read_snapshots(values);
  experiment.snapshot_every = read_snapshot_every(values);
  experiment.snapshot_at = read_conditions(values);
  experiment.snapshot_full = values.is_set("snapshot-full");
}

const Parameter* find_parameter(const ScenarioInfo& scenario, std::string_view name) {
  const auto found = std::ranges::find(scenario.parameters, name, &Parameter::name);
  return found == scenario.parameters.end() ? nullptr : &*found;
}

/// Scenarios that have a parameter of this name.
std::vector<std::string> owners_of(std::string_view parameter) {
  std::vector<std::string> owners;
  for (const ScenarioPlugin& scenario : scenarios().all()) {
    if (find_parameter(scenario.info, parameter) != nullptr) owners.emplace_back(scenario.info.name);
  }
  return owners;
}

double time_scale(const Values& values) { return values.real("time-scale", 0, 1000); }

void read_parameters(const RawFlags& flags, const Values& values, Experiment& experiment) {
  const ScenarioInfo& scenario = experiment.scenario->info;
  experiment.parameters = ParameterValues(scenario.parameters);
  for (const auto& [name, text] : flags) {
    const std::vector<std::string> owners = owners_of(name);
    if (owners.empty()) continue;
    if (find_parameter(scenario, name) == nullptr) {
      refuse("--{}: scenario {} has no such setting; it belongs to {}", name, scenario.name,
             fmt::join(owners, ", "));
    }
    const std::string allowed = experiment.parameters.set(name, text);
    if (!allowed.empty()) refuse("--{}: '{}' is not {}", name, text, allowed);
  }
  experiment.params = experiment.parameters.changed();
  const std::string too_long = experiment.parameters.scale_delays(time_scale(values));
  if (!too_long.empty()) {
    refuse("--{}: {} times --time-scale={} is longer than {}", too_long,
           to_text(experiment.parameters.at(too_long)), values.text("time-scale"), kLongestDurationText);
  }
}

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

/// The value of a flag as it is compared and written down: `1000ms` and `1s`, `01` and `1` are the same.
std::string canonical(std::string_view name, const Values& values, const Experiment& experiment) {
  if (name == "requests") return std::to_string(experiment.requests);
  if (name == "threads") return std::to_string(experiment.threads);
  if (name == "keys") return std::to_string(experiment.keys);
  if (name == "key-skew") return experiment.zipf ? fmt::format("zipf:{}", *experiment.zipf) : "";
  if (name == "reenter") return std::to_string(experiment.reenter);
  if (name == "trials") return std::to_string(experiment.trials);
  if (name == "seed") return std::to_string(experiment.seed);
  if (name == "timeout") return to_text(experiment.timeout);
  if (name == "stall") return to_text(experiment.stall);
  if (name == "time-scale") return fmt::format("{}", time_scale(values));
  if (name == "snapshot") return snapshots_text(experiment.snapshots);
  if (name == "snapshot-every") return to_text(experiment.snapshot_every);
  if (name == "snapshot-at") return conditions_text(experiment.snapshot_at);
  if (name == "snapshot-full") return experiment.snapshot_full ? "true" : "";
  return values.text(name);  // A word, and it stands for itself.
}

void write_down(const Values& values, Experiment& experiment) {
  for (const Flag& flag : kFlags) {
    if (flag.group == kOutputGroup) continue;
    const std::string value = canonical(flag.name, values, experiment);
    if (!value.empty()) experiment.config[std::string(flag.name)] = value;
    if (flag.param && value != flag.initial) experiment.params[std::string(flag.name)] = value;
  }
  for (const Parameter& parameter : experiment.scenario->info.parameters) {
    const auto changed = experiment.params.find(std::string(parameter.name));
    experiment.config[std::string(parameter.name)] =
        changed == experiment.params.end() ? std::string(parameter.initial) : changed->second;
  }
}

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
                      .folder = path("out")};
  if (outputs.folder == "-") refuse("--out: '-' is no folder; a single file can be standard output");
  const std::array<std::string, 5> files = {outputs.trials_csv, outputs.requests_csv, outputs.snapshots_csv,
                                            outputs.thread_dump, outputs.json};
  if (std::ranges::count(files, "-") > 1) refuse("only one file can be standard output (-)");
  return outputs;
}

}  // namespace

Options resolve_options(const RawFlags& flags) {
  const Values values(flags);
  Options options;
  Experiment& experiment = options.experiment;
  experiment.scenario = read_scenario(values);
  read_guards(values, experiment);
  read_size(values, experiment);
  read_conduct(values, experiment);
  read_parameters(flags, values, experiment);
  write_down(values, experiment);
  options.outputs = read_outputs(values);
  const OutputPaths& outputs = options.outputs;
  experiment.keep_requests = !outputs.requests_csv.empty() || !outputs.folder.empty();
  experiment.keep_stacks = !outputs.snapshots_csv.empty() || !outputs.thread_dump.empty() ||
                           !outputs.json.empty() || !outputs.folder.empty();
  const std::vector<std::string> inconclusive = {"ok", "fail"};
  options.inconclusive_ok = values.choice("inconclusive", inconclusive) == 0;
  options.quiet = values.is_set("quiet");
  options.color = !values.is_set("no-color");
  options.progress = !values.is_set("no-progress") && !options.quiet;
  return options;
}

}  // namespace ccbench
