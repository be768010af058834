#include "report/read_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "report/read_csv.h"

namespace ccbench {
namespace {

using Json = nlohmann::json;

/// Of a name in a list of names, its place.
template <class Names>
std::size_t place_of(const std::string& name, const Names& names) {
  const auto found = std::ranges::find(names, name);
  if (found == std::ranges::end(names)) throw std::runtime_error(fmt::format("'{}' is not known here", name));
  return static_cast<std::size_t>(found - std::ranges::begin(names));
}

template <class Value>
std::optional<Value> optional_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->get<Value>();
}

template <class Value>
Value value_or(const Json& object, const char* name, Value otherwise) {
  return optional_of<Value>(object, name).value_or(std::move(otherwise));
}

std::string text_or_empty(const Json& object, const char* name) {
  return value_or<std::string>(object, name, {});
}

Verdict verdict_of(const Json& object) {
  return static_cast<Verdict>(place_of(object.at("verdict").get<std::string>(), kVerdictNames));
}

Role role_of(const Json& object) {
  const auto role = object.at("role").get<std::string>();
  if (role == name_of(Role::guard)) return Role::guard;
  if (role == name_of(Role::control)) return Role::control;
  throw std::runtime_error(fmt::format("role '{}' is not known here", role));
}

Percentiles percentiles_of(const Json& trial, const std::string& figure) {
  Percentiles percentiles;
  percentiles.p50 = optional_of<Nanos>(trial, (figure + "_p50_ns").c_str());
  percentiles.p99 = optional_of<Nanos>(trial, (figure + "_p99_ns").c_str());
  percentiles.max = optional_of<Nanos>(trial, (figure + "_max_ns").c_str());
  return percentiles;
}

Tally tally_of(const Json& trial, const Experiment& experiment) {
  Tally tally;
  if (const GuardPlugin* guard = guards().find(trial.at("guard").get<std::string>()))
    tally.promises = experiment.promises_of(*guard);
  tally.keys = experiment.keys;
  for (std::size_t i = 0; i < kOutcomes; ++i)
    tally.outcomes.at(i) = trial.at(std::string(kOutcomeNames.at(i))).get<std::uint64_t>();
  tally.requests = tally.ended() + trial.at("unfinished").get<std::uint64_t>();
  for (const auto& [text, count] : trial.at("reasons").items()) {
    const auto colon = text.find(": ");
    if (colon == std::string::npos) throw std::runtime_error(fmt::format("'{}' is no reason", text));
    const auto outcome = static_cast<Outcome>(place_of(text.substr(0, colon), kOutcomeNames));
    tally.reasons[{outcome, text.substr(colon + 2)}] = count.get<std::uint64_t>();
  }
  const Json& facts = trial.at("facts");
  tally.settled = !facts.empty();
  for (const std::string_view fact : experiment.scenario->info.facts)
    tally.facts_of_key.push_back({value_or<std::int64_t>(facts, std::string(fact).c_str(), 0)});
  return tally;
}

std::vector<Invariant> invariants_of(const Json& trial) {
  std::vector<Invariant> invariants;
  for (const Json& json : trial.at("invariants")) {
    invariants.push_back({.name = json.at("name").get<std::string>(),
                          .expected = json.at("expected").get<std::int64_t>(),
                          .observed = json.at("observed").get<std::int64_t>(),
                          .holds = json.at("holds").get<bool>(),
                          .key = optional_of<Key>(json, "key")});
  }
  return invariants;
}

/// `guard`, `step:payment`: the place that a snapshot's row says.
Place place_of(const Json& row, const ScenarioInfo& scenario) {
  const auto phase = row.at("phase").get<std::string>();
  const Key key = value_or<Key>(row, "key", 0);
  constexpr std::string_view kStep = "step:";
  if (phase == "barrier") return Place::at_barrier();
  if (phase == "guard") return Place::in_guard(key);
  if (phase == "finished") return Place::finished();
  if (phase == "idle") return Place::idle();
  if (phase == "step:section") return Place::in_section(key);
  if (!phase.starts_with(kStep)) throw std::runtime_error(fmt::format("'{}' is no phase", phase));
  const std::string step = phase.substr(kStep.size());
  const auto found = std::ranges::find(scenario.steps, step);
  if (found == scenario.steps.end()) throw std::runtime_error(fmt::format("'{}' is no phase", phase));
  return Place::in_step(static_cast<StepId>(found - scenario.steps.begin()), key);
}

template <class Enum>
Enum named(const std::string& name, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name_of(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  throw std::runtime_error(fmt::format("'{}' is not known here", name));
}

ThreadRow thread_of(const Json& row, const ScenarioInfo& scenario) {
  return {.thread = row.at("thread").get<std::uint32_t>(),
          .tid = value_or<int>(row, "tid", 0),
          .place = place_of(row, scenario),
          .state = named(text_or_empty(row, "state"), ThreadState::terminated),
          .stable = value_or<int>(row, "stable", 0) != 0,
          .limited = value_or<bool>(row, "limited", false),
          .system_call = value_or<int>(row, "system_call", -1),
          .lock = value_or<std::uint32_t>(row, "lock_index", kNoIndex),
          .stack = value_or<std::uint32_t>(row, "stack", kNoIndex),
          .still_for = value_or<std::uint32_t>(row, "still_for", 0)};
}

std::uint64_t address_of(const Json& object) {
  const std::string text = text_or_empty(object, "address");
  std::uint64_t address = 0;
  if (text.starts_with("0x")) std::from_chars(text.data() + 2, text.data() + text.size(), address, 16);
  return address;
}

/// The key of `synchronized[ticket-7]`; that of all where one lock serves all keys; none where the lock has
/// no name of its own.
std::optional<Place> place_of_lock(const std::string& name, const std::string& guard,
                                   const ScenarioInfo& scenario) {
  if (name == guard) return Place::in_guard(0);
  const std::string prefix = fmt::format("{}[{}-", guard, scenario.key_name);
  Key number = 0;
  if (!name.starts_with(prefix)) return std::nullopt;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
  return Place::in_guard(number - 1);
}

LockRow lock_of(const Json& json, const std::string& guard, const ScenarioInfo& scenario) {
  LockRow lock{.address = address_of(json),
               .kind = named(text_or_empty(json, "kind"), LockKind::futex),
               .waiters = json.at("waiters").get<std::uint32_t>(),
               .owner_tid = value_or<int>(json, "owner_tid", 0),
               .owner = optional_of<std::uint32_t>(json, "owner"),
               .depth = value_or<std::uint32_t>(json, "depth", 0),
               .readers = value_or<std::uint32_t>(json, "readers", 0),
               .place = place_of_lock(json.at("name").get<std::string>(), guard, scenario)};
  lock.disputed = !lock.place;
  return lock;
}

Cycle cycle_of(const Json& members, const Json& locks) {
  const auto index_of = [&](const Json& name) {
    for (std::uint32_t i = 0; i < locks.size(); ++i) {
      if (locks[i].at("name") == name) return i;
    }
    return kNoIndex;
  };
  Cycle cycle;
  for (const Json& member : members) {
    cycle.push_back({.thread = member.at("thread").get<std::uint32_t>(),
                     .holds = index_of(member.at("holds")),
                     .waits_for = index_of(member.at("waits_for"))});
  }
  return cycle;
}

Snapshot snapshot_of(const Json& json, const std::string& guard, const ScenarioInfo& scenario) {
  Snapshot snapshot{.at = json.at("at_ns").get<Nanos>(),
                    .capture = json.at("capture_ns").get<Nanos>(),
                    .resolve = optional_of<Nanos>(json, "resolve_ns"),
                    .mode = json.at("mode").get<std::string>(),
                    .threads = {},
                    .locks = {},
                    .cycles = {}};
  for (const Json& row : json.at("threads")) snapshot.threads.push_back(thread_of(row, scenario));
  // What only the workers' words say is no lock that somebody looked at.
  if (snapshot.mode != "published") {
    for (const Json& lock : json.at("locks")) snapshot.locks.push_back(lock_of(lock, guard, scenario));
  }
  for (const Json& cycle : json.at("cycles")) snapshot.cycles.push_back(cycle_of(cycle, json.at("locks")));
  return snapshot;
}

std::optional<Hang> hang_of(const Json& trial) {
  const Json& hang = trial.at("hang");
  if (hang.is_null()) return std::nullopt;
  const Json& snapshots = trial.at("snapshots");
  return Hang{
      .kind = hang.at("kind").get<std::string>(),
      .sentence = hang.at("sentence").get<std::string>(),
      .cycle = snapshots.empty() ? Cycle{} : cycle_of(hang.at("cycle"), snapshots.back().at("locks"))};
}

std::vector<WorkerReport> workers_of(const Json& trial) {
  std::vector<WorkerReport> workers;
  for (const Json& worker : trial.at("workers")) {
    workers.push_back({.requests = worker.at("requests").get<std::uint64_t>(),
                       .sections = worker.at("sections").get<std::uint64_t>(),
                       .longest_wait = worker.at("longest_wait_ns").get<Nanos>()});
  }
  return workers;
}

std::optional<ArrivalReport> arrivals_of(const Json& trial) {
  const auto found = trial.find("arrivals");
  if (found == trial.end() || found->is_null()) return std::nullopt;
  return ArrivalReport{.started = found->at("started").get<std::uint64_t>(),
                       .queued = found->at("queued").get<std::uint64_t>(),
                       .delay = found->at("last_delay_ns").get<Nanos>(),
                       .last_start = found->at("last_start_ns").get<Nanos>()};
}

std::optional<CpuReport> cpu_of(const Json& trial) {
  const auto user = optional_of<Nanos>(trial, "cpu_user_ns");
  if (!user) return std::nullopt;
  return CpuReport{.user = *user,
                   .system = trial.at("cpu_sys_ns").get<Nanos>(),
                   .voluntary_switches = trial.at("ctx_voluntary").get<std::uint64_t>(),
                   .involuntary_switches = trial.at("ctx_involuntary").get<std::uint64_t>()};
}

TrialResult trial_of(const Json& json, const std::vector<Configuration>& configurations) {
  TrialResult trial;
  trial.trial = json.at("trial").get<std::uint64_t>();
  trial.configuration = json.at("configuration").get<std::size_t>();
  const Experiment& experiment = configurations.at(trial.configuration).experiment;
  trial.round = json.at("round").get<int>();
  trial.seed = value_or<std::uint64_t>(json, "trial_seed", 0);
  trial.role = role_of(json);
  trial.guard = json.at("guard").get<std::string>();
  trial.tally = tally_of(json, experiment);
  trial.invariants = invariants_of(json);
  trial.expected_success = optional_of<std::uint64_t>(json, "expected_success");
  trial.verdict = verdict_of(json);
  trial.sentence = json.at("sentence").get<std::string>();
  trial.wall = optional_of<Nanos>(json, "wall_ns");
  trial.start = {.spread = optional_of<Nanos>(json, "start_spread_ns"),
                 .first_gap = optional_of<Nanos>(json, "first_gap_ns"),
                 .in_flight_peak = value_or<std::uint64_t>(json, "in_flight_peak", 0)};
  trial.wait = percentiles_of(json, "wait");
  trial.hold = percentiles_of(json, "hold");
  trial.latency = percentiles_of(json, "latency");
  trial.hand_over = percentiles_of(json, "hand_over");
  trial.overtakes = optional_of<std::uint64_t>(json, "overtakes");
  if (const auto sections = optional_of<std::uint64_t>(json, "wasted_sections"))
    trial.waste = {.sections = *sections, .effects = optional_of<std::int64_t>(json, "wasted_effects")};
  trial.workers = workers_of(json);
  trial.arrivals = arrivals_of(json);
  trial.steal = optional_of<Nanos>(json, "steal_ns");
  trial.elapsed = value_or<Nanos>(json, "elapsed_ns", 0);
  trial.cpu = cpu_of(json);
  trial.fairness = optional_of<double>(json, "fairness_jain");
  trial.blocked_peak = optional_of<std::uint64_t>(json, "blocked_peak");
  for (const Json& snapshot : json.at("snapshots"))
    trial.snapshots.push_back(snapshot_of(snapshot, trial.guard, experiment.scenario->info));
  trial.hang = hang_of(json);
  trial.perturbed = value_or<int>(json, "perturbed", 0) != 0;
  trial.started_unix_ns = value_or<std::int64_t>(json, "started_unix_ns", 0);
  trial.load1 = value_or<double>(json, "load1", 0);
  trial.lost_events = value_or<std::uint64_t>(json, "lost_events", 0);
  trial.reason_texts = {""};
  return trial;
}

Stack stack_of(const Json& json) {
  Stack stack{.frames = {}, .complete = json.at("complete").get<bool>()};
  for (const Json& frame : json.at("frames")) {
    stack.frames.push_back({.address = address_of(frame),
                            .function = text_or_empty(frame, "function"),
                            .module = text_or_empty(frame, "module"),
                            .file = text_or_empty(frame, "file"),
                            .line = value_or<int>(frame, "line", 0),
                            .inlined = frame.at("inlined").get<bool>(),
                            .harness = frame.at("harness").get<bool>()});
  }
  return stack;
}

ControlReport control_of(const Json& json) {
  return {.trials = json.at("trials").get<std::uint64_t>(),
          .broken = json.at("broken").get<std::uint64_t>(),
          .sentence = json.at("sentence").get<std::string>()};
}

/// A row of the comparison, and which trials it is of.
GuardResult guard_of(const Json& json, const std::vector<TrialResult>& trials) {
  GuardResult guard{.guard = json.at("guard").get<std::string>(),
                    .configuration = json.at("configuration").get<std::size_t>(),
                    .role = role_of(json),
                    .verdict = verdict_of(json),
                    .sentence = json.at("sentence").get<std::string>(),
                    .trials = {},
                    .lacking = json.at("lacking").get<std::vector<std::string>>(),
                    .noisy = text_or_empty(json, "noisy")};
  const auto count = json.at("trials").get<std::size_t>();
  for (std::size_t i = 0; i < trials.size() && guard.trials.size() < count; ++i) {
    if (trials[i].configuration == guard.configuration && trials[i].guard == guard.guard)
      guard.trials.push_back(i);
  }
  return guard;
}

/// `payment@1234;purchase@5678`
void add_steps(std::string_view text, const ScenarioInfo& scenario, RequestRow& row, TrialResult& trial) {
  row.first_step = static_cast<std::uint32_t>(trial.steps.size());
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const auto at = entry.find('@');
    const auto step = std::ranges::find(scenario.steps, entry.substr(0, at));
    if (at == std::string_view::npos || step == scenario.steps.end())
      throw std::runtime_error(fmt::format("'{}' is no step of {}", entry, scenario.name));
    StepEntry entered{.step = static_cast<StepId>(step - scenario.steps.begin())};
    std::from_chars(entry.data() + at + 1, entry.data() + entry.size(), entered.at);
    trial.steps.push_back(entered);
    ++row.step_count;
  }
}

/// The rows of requests.csv, given to their trials.
void add_requests(const std::string& path, RunResult& run) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return;
  CsvReader csv(in, "ccbench.requests/1");
  std::map<std::uint64_t, TrialResult*> trials;
  for (TrialResult& trial : run.trials) trials[trial.trial] = &trial;
  while (csv.next()) {
    const auto found = trials.find(csv.number<std::uint64_t>("trial").value_or(0));
    if (csv.text("run_id") != run.run_id || found == trials.end())
      throw std::runtime_error(fmt::format("line {} is of another run than run.json", csv.line()));
    TrialResult& trial = *found->second;
    RequestRow row{.request = csv.number<std::uint64_t>("request").value_or(0),
                   .thread = csv.number<std::uint32_t>("thread"),
                   .key = csv.number<Key>("key").value_or(0),
                   .kind = csv.text("kind") == "read" ? Kind::read : Kind::write,
                   .outcome = {},
                   .start = csv.number<Nanos>("start_ns"),
                   .enter = csv.number<Nanos>("enter_ns"),
                   .leave = csv.number<Nanos>("leave_ns"),
                   .end = csv.number<Nanos>("end_ns"),
                   .arrival = csv.has("arrival_ns") ? csv.number<Nanos>("arrival_ns") : std::nullopt};
    if (const std::string outcome(csv.text("outcome")); !outcome.empty())
      row.outcome = static_cast<Outcome>(place_of(outcome, kOutcomeNames));
    const std::string reason(csv.text("reason"));
    const auto known = std::ranges::find(trial.reason_texts, reason);
    row.reason = static_cast<std::uint32_t>(known - trial.reason_texts.begin());
    if (known == trial.reason_texts.end()) trial.reason_texts.push_back(reason);
    if (csv.has("steps")) add_steps(csv.text("steps"), run.experiment().scenario->info, row, trial);
    trial.requests.push_back(row);
  }
}

Machine machine_of(const Json& host) {
  Machine machine;
  machine.host = text_or_empty(host, "name");
  machine.cpu_model = text_or_empty(host, "cpu_model");
  machine.kernel = text_or_empty(host, "kernel");
  machine.cpus = value_or<int>(host, "cpus", 0);
  machine.cpus_online = value_or<int>(host, "cpus_online", 0);
  // How many cores there are is written, and not which CPUs are on which.
  for (int core = 0; core < value_or<int>(host, "cores", 0); ++core) machine.core_of_cpu.push_back(core);
  machine.threads_per_core = value_or<int>(host, "threads_per_core", 0);
  machine.cpu_quota = optional_of<double>(host, "cpu_quota");
  machine.governor = text_or_empty(host, "governor");
  machine.turbo = optional_of<bool>(host, "turbo");
  machine.hypervisor = text_or_empty(host, "hypervisor");
  return machine;
}

/// What runs before there was any had is nothing.
void add_distrust(const Json& json, RunResult& run) {
  if (const auto found = json.find("calibration"); found != json.end()) {
    run.calibration = {.clock_read = optional_of<double>(*found, "clock_read_ns"),
                       .harness = optional_of<double>(*found, "harness_ns")};
  }
  for (const Json& reason : value_or<Json>(json, "distrust", Json::array())) {
    run.distrust.push_back(
        {.what = reason.at("what").get<std::string>(), .spoils = reason.at("spoils").get<std::string>()});
  }
}

/// What was found where a guard was to be shrunk; nothing in runs that do not say with which settings.
std::optional<Shrunk> shrunk_of(const Json& run, const ResolveConfig& resolve) {
  const auto found = run.find("shrunk");
  if (found == run.end() || found->is_null() || !found->contains("config")) return std::nullopt;
  Shrunk shrunk{.smallest = resolve(found->at("config").get<std::map<std::string, std::string>>()),
                .seed = found->at("seed").get<std::uint64_t>(),
                .steps = {},
                .cut_short = found->at("cut_short").get<bool>(),
                .trials_at_first = found->at("trials_at_first").get<std::uint64_t>()};
  for (const Json& step : found->at("steps")) {
    shrunk.steps.push_back({.requests = step.at("requests").get<std::uint64_t>(),
                            .window = step.at("window_ns").get<Nanos>(),
                            .trials = step.at("trials").get<std::uint64_t>(),
                            .failed = step.at("failed").get<bool>()});
  }
  for (const Json& again : found->at("confirmations")) {
    shrunk.confirmations.push_back({.requests = again.at("requests").get<std::uint64_t>(),
                                    .window = again.at("window_ns").get<Nanos>(),
                                    .trials = again.at("trials").get<std::uint64_t>(),
                                    .failed = again.at("failed").get<std::uint64_t>()});
  }
  return shrunk;
}

RunResult run_of(const Json& json, const ResolveConfig& resolve) {
  constexpr std::string_view kSchema = "ccbench.run/1";
  if (json.at("schema") != kSchema) {
    throw std::runtime_error(
        fmt::format("its schema is '{}' and not {}", json.at("schema").get<std::string>(), kSchema));
  }
  RunResult run;
  run.run_id = json.at("run_id").get<std::string>();
  run.machine = machine_of(json.at("host"));
  run.build.version = json.at("version").get<std::string>();
  using LeftOut = std::map<std::string, std::vector<std::string>>;
  const auto left_out = json.at("left_out").get<LeftOut>();
  for (const Json& configuration : json.at("configurations")) {
    run.configurations.push_back(
        {.experiment = resolve(configuration.at("config").get<std::map<std::string, std::string>>()),
         .control = control_of(configuration.at("control"))});
    run.configurations.back().experiment.left_out = value_or(configuration, "left_out", left_out);
  }
  if (run.configurations.empty()) throw std::runtime_error("it has no configuration");
  for (const Json& trial : json.at("trials")) run.trials.push_back(trial_of(trial, run.configurations));
  for (const Json& guard : json.at("comparison")) run.guards.push_back(guard_of(guard, run.trials));
  for (const Json& stack : json.at("stacks")) run.stacks.push_back(stack_of(stack));
  run.warnings = json.at("warnings").get<std::vector<std::string>>();
  add_distrust(json, run);
  run.interrupted_by = json.at("interrupted_by").get<int>();
  run.planned_trials = value_or<std::uint64_t>(json, "planned_trials", run.trials.size());
  run.power = text_or_empty(json, "command") == "power";
  run.shrunk = shrunk_of(json, resolve);
  if (!json.at("trials").empty()) {
    const Json& trial = json.at("trials").front();
    run.build.compiler = text_or_empty(trial, "compiler");
    run.build.build_type = text_or_empty(trial, "build_type");
    run.build.sanitizer = text_or_empty(trial, "sanitizer");
  }
  return run;
}

}  // namespace

RunResult read_run(const std::string& folder, const ResolveConfig& resolve) {
  const std::filesystem::path path = std::filesystem::path(folder) / "run.json";
  std::ifstream in(path, std::ios::binary);
  if (!in) throw UnreadableRun(fmt::format("{} cannot be read: {}", path.string(), std::strerror(errno)));
  RunResult run;
  try {
    run = run_of(Json::parse(in), resolve);
  } catch (const std::exception& error) {
    throw UnreadableRun(fmt::format("{} is not the report of a run that this ccbench can show: {}",
                                    path.string(), error.what()));
  }
  const std::string requests = (std::filesystem::path(folder) / "requests.csv").string();
  try {
    add_requests(requests, run);
  } catch (const std::exception& error) {
    throw UnreadableRun(fmt::format("{} cannot be understood: {}", requests, error.what()));
  }
  return run;
}

}  // namespace ccbench
