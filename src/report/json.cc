// run.json: everything that a run found, for programs. Names and order are the contract's.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "report/columns.h"
#include "report/command.h"
#include "report/comparison.h"
#include "report/expectation.h"
#include "report/sink.h"
#include "report/snapshot_words.h"
#include "report/sweep.h"

namespace ccbench {
namespace {

using Json = nlohmann::ordered_json;

struct ToJson {
  Json operator()(std::monostate /*not measured*/) const { return nullptr; }
  Json operator()(std::int64_t number) const { return number; }
  Json operator()(std::uint64_t number) const { return number; }
  /// Through text, so that it is the number of the CSV file and not its binary neighbour.
  Json operator()(Decimal number) const {
    const std::string text = fmt::format("{:.{}f}", number.value, number.places);
    double written = 0;
    std::from_chars(text.data(), text.data() + text.size(), written);
    return written;
  }
  Json operator()(std::string_view text) const { return text; }
  Json operator()(const std::string& text) const { return text; }
};

template <class Row>
Json object_of(std::span<const Column<Row>> columns, const Row& row) {
  Json object = Json::object();
  for (const Column<Row>& column : columns)
    object[std::string(column.name)] = std::visit(ToJson{}, column.value(row));
  return object;
}

Json json_of(const std::optional<Nanos>& nanos) { return nanos ? Json(*nanos) : Json(nullptr); }

Json known(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json known(int number) { return number > 0 ? Json(number) : Json(nullptr); }

Json known(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

/// `{"turned_away: the flag is set": 999}`
Json reasons_of(const Tally& tally) {
  Json reasons = Json::object();
  for (const auto& [failure, count] : tally.reasons) {
    const auto& [outcome, reason] = failure;
    reasons[fmt::format("{}: {}", name_of(outcome), reason)] = count;
  }
  return reasons;
}

/// Totals by name.
Json facts_of(const RunResult& run, const TrialResult& trial) {
  const ScenarioInfo& scenario = run.experiment().scenario->info;
  const Tally& tally = trial.tally;
  Json facts = Json::object();
  if (!has_facts(run, trial)) return facts;
  for (FactId fact = 0; fact < tally.facts_of_key.size() && fact < scenario.facts.size(); ++fact) {
    facts[std::string(scenario.facts[fact])] = tally.total(fact);
  }
  return facts;
}

Json invariants_of(const TrialResult& trial) {
  Json invariants = Json::array();
  for (const Invariant& invariant : trial.invariants) {
    invariants.push_back({{"name", invariant.name},
                          {"expected", invariant.expected},
                          {"observed", invariant.observed},
                          {"holds", invariant.holds},
                          {"key", invariant.key ? Json(*invariant.key) : Json(nullptr)}});
  }
  return invariants;
}

std::string hexadecimal(std::uint64_t address) { return fmt::format("{:#x}", address); }

Json lock_of(const SnapshotContext& context, const Snapshot& snapshot, std::uint32_t index) {
  const LockRow& lock = snapshot.locks[index];
  const bool has_depth = lock.kind == LockKind::recursive_mutex;
  const bool has_readers = lock.kind == LockKind::shared_mutex;
  return {{"name", lock_name(context, snapshot, index)},
          {"kind", lock.kind == LockKind::none ? Json(nullptr) : Json(name_of(lock.kind))},
          {"owner", lock.owner ? Json(*lock.owner) : Json(nullptr)},
          {"waiters", lock.waiters},
          {"owner_tid", lock.owner_tid != 0 ? Json(lock.owner_tid) : Json(nullptr)},
          {"depth", has_depth ? Json(lock.depth) : Json(nullptr)},
          {"readers", has_readers ? Json(lock.readers) : Json(nullptr)},
          {"address", hexadecimal(lock.address)}};
}

/// `waiters`: by the workers' own words, which is all there is where only they were asked.
Json locks_of(const SnapshotContext& context, const Snapshot& snapshot,
              const std::map<std::string, std::uint64_t>& waiters) {
  Json locks = Json::array();
  for (std::uint32_t i = 0; i < snapshot.locks.size(); ++i) locks.push_back(lock_of(context, snapshot, i));
  if (!is_published(snapshot)) return locks;
  for (const auto& [name, count] : waiters) {
    locks.push_back({{"name", name},
                     {"kind", nullptr},
                     {"owner", nullptr},
                     {"waiters", count},
                     {"owner_tid", nullptr},
                     {"depth", nullptr},
                     {"readers", nullptr},
                     {"address", nullptr}});
  }
  return locks;
}

Json cycle_of(const SnapshotContext& context, const Snapshot& snapshot, const Cycle& cycle) {
  const auto name = [&](std::uint32_t lock) {
    return lock < snapshot.locks.size() ? Json(lock_name(context, snapshot, lock)) : Json(nullptr);
  };
  Json members = Json::array();
  for (const CycleMember& member : cycle) {
    members.push_back(
        {{"thread", member.thread}, {"holds", name(member.holds)}, {"waits_for", name(member.waits_for)}});
  }
  return members;
}

Json snapshot_of(const RunResult& run, const TrialResult& trial, std::size_t index) {
  const Snapshot& snapshot = trial.snapshots[index];
  const SnapshotContext context = context_of(run, trial);
  Json states = Json::object();
  Json threads = Json::array();
  std::map<std::string, std::uint64_t> phases;
  std::map<std::string, std::uint64_t> waiters;
  for (const ThreadRow& thread : snapshot.threads) {
    Json row = object_of(snapshot_columns(), SnapshotRow{run, trial, index + 1, snapshot, thread});
    if (const Json& state = row["state"]; state.is_string()) {
      Json& count = states[state.get_ref<const std::string&>()];
      count = count.is_null() ? 1 : count.get<std::uint64_t>() + 1;
    }
    ++phases[row["phase"].get_ref<const std::string&>()];
    if (const Json& lock = row["lock"]; lock.is_string()) ++waiters[lock.get_ref<const std::string&>()];
    row["key"] = thread.place.phase() == Phase::guard || thread.place.phase() == Phase::step
                     ? Json(thread.place.key())
                     : Json(nullptr);
    row["limited"] = thread.limited;
    row["system_call"] = thread.system_call >= 0 ? Json(thread.system_call) : Json(nullptr);
    row["still_for"] = thread.still_for;
    row["lock_index"] = thread.lock == kNoIndex ? Json(nullptr) : Json(thread.lock);
    threads.push_back(std::move(row));
  }
  Json cycles = Json::array();
  for (const Cycle& cycle : snapshot.cycles) cycles.push_back(cycle_of(context, snapshot, cycle));
  return {{"at_ns", snapshot.at},
          {"capture_ns", snapshot.capture},
          {"resolve_ns", json_of(snapshot.resolve)},
          {"mode", snapshot.mode},
          {"states", std::move(states)},
          {"threads", std::move(threads)},
          {"locks", locks_of(context, snapshot, waiters)},
          {"cycles", std::move(cycles)},
          {"phases", phases}};
}

Json hang_of(const RunResult& run, const TrialResult& trial) {
  if (!trial.hang) return nullptr;
  Json cycle = Json::array();
  if (!trial.snapshots.empty()) {
    cycle = cycle_of(context_of(run, trial), trial.snapshots.back(), trial.hang->cycle);
  }
  return {{"kind", trial.hang->kind}, {"cycle", std::move(cycle)}, {"sentence", trial.hang->sentence}};
}

Json stack_of(const Stack& stack) {
  Json frames = Json::array();
  for (const Frame& frame : stack.frames) {
    frames.push_back({{"function", known(frame.function)},
                      {"file", known(frame.file)},
                      {"line", frame.line > 0 ? Json(frame.line) : Json(nullptr)},
                      {"module", known(frame.module)},
                      {"address", hexadecimal(frame.address)},
                      {"harness", frame.harness},
                      {"inlined", frame.inlined}});
  }
  return {{"complete", stack.complete}, {"frames", std::move(frames)}};
}

/// The columns that guards are compared by, over their trials.
constexpr auto kCompared = std::to_array<std::string_view>(
    {"success",        "shared",         "refused",         "turned_away",      "cancelled",
     "timed_out",      "error",          "unfinished",      "violations",       "effects",
     "wall_ns",        "wait_p50_ns",    "wait_p99_ns",     "wait_max_ns",      "latency_p50_ns",
     "latency_p99_ns", "latency_max_ns", "hold_p50_ns",     "hand_over_p50_ns", "cpu_user_ns",
     "cpu_sys_ns",     "ctx_voluntary",  "ctx_involuntary", "overtakes",        "wasted_sections",
     "wasted_effects"});

Json json_of(const std::optional<Estimate>& estimate) {
  if (!estimate) return nullptr;
  const auto& interval = estimate->interval;
  return {{"median", estimate->median},
          {"low", interval ? Json(interval->low) : Json(nullptr)},
          {"high", interval ? Json(interval->high) : Json(nullptr)},
          {"samples", estimate->samples}};
}

/// What the guard costs beside the others of its configuration.
void add_cost(const Comparison& comparison, std::size_t guard, Json& row) {
  const auto cost = std::ranges::find(comparison.costs, guard, &Cost::guard);
  const bool is_reference = comparison.reference == guard;
  row["rank"] = cost->rank > 0 ? Json(cost->rank) : Json(nullptr);
  row["metric"] = comparison.metric;
  row["time_ns"] = json_of(cost->time);
  row["beyond_section_ns"] = json_of(cost->beyond);
  row["ratio"] = json_of(cost->ratio);
  row["reference"] = is_reference;
}

Json comparison_of(const RunResult& run) {
  Json rows = Json::array();
  const std::vector<Comparison> comparisons = compare(run);
  for (std::size_t i = 0; i < run.guards.size(); ++i) {
    const GuardResult& guard = run.guards[i];
    Json row = {{"guard", guard.guard},         {"configuration", guard.configuration},
                {"role", name_of(guard.role)},  {"verdict", name_of(guard.verdict)},
                {"sentence", guard.sentence},   {"lacking", guard.lacking},
                {"trials", guard.trials.size()}};
    for (const std::string_view column : kCompared) {
      const auto spread = spread_of(run, guard, column);
      row[std::string(column)] =
          spread ? Json{{"min", spread->least}, {"p50", spread->median}, {"max", spread->most}}
                 : Json(nullptr);
    }
    add_cost(comparisons.at(guard.configuration), i, row);
    row["noisy"] = known(guard.noisy);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// An exception's text need not be UTF-8; a file that nobody can read would be worse than a `�`.
std::string text_of(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

/// Moves all lines but the first to the right. No line break is inside a string: JSON escapes those.
std::string indented(std::string_view text, std::size_t columns) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result.append(columns, ' ');
  }
  return result;
}

void write_member(std::string_view name, const Json& value, std::size_t margin, std::string_view end,
                  std::ostream& out) {
  out << std::string(margin, ' ') << '"' << name << "\": " << indented(text_of(value), margin) << end;
}

/// A member that is an array, of which `write_element(i)` writes element i: one snapshot of thousands of
/// threads at a time, because hundreds of them in one document in memory would need gigabytes.
template <class Write>
void write_array(std::string_view name, std::size_t size, std::size_t margin, Write write_element,
                 std::ostream& out) {
  const std::string space(margin, ' ');
  out << space << '"' << name << "\": [";
  for (std::size_t i = 0; i < size; ++i) {
    out << (i == 0 ? "\n" : ",\n") << space << "  ";
    write_element(i);
  }
  if (size > 0) out << '\n' << space;
  out << "],\n";
}

/// Of a pool, by worker.
Json workers_of(const RunResult& run, const TrialResult& trial) {
  Json workers = Json::array();
  const double seconds = static_cast<double>(run.rate_time_of(trial).value_or(0)) / kSecond;
  for (const WorkerReport& worker : trial.workers) {
    workers.push_back(
        {{"requests", worker.requests},
         {"sections", worker.sections},
         {"longest_wait_ns", worker.longest_wait},
         {"throughput", seconds > 0 ? Json(static_cast<double>(worker.requests) / seconds) : Json(nullptr)}});
  }
  return workers;
}

/// Of an open loop: how it kept up.
Json arrivals_of(const TrialResult& trial) {
  if (!trial.arrivals) return nullptr;
  return {{"started", trial.arrivals->started},
          {"queued", trial.arrivals->queued},
          {"last_delay_ns", trial.arrivals->delay},
          {"last_start_ns", trial.arrivals->last_start}};
}

void write_trial(const RunResult& run, const TrialResult& trial, std::size_t margin, std::ostream& out) {
  Json object = object_of(trial_columns(), TrialRow{run, trial});
  object["reasons"] = reasons_of(trial.tally);
  object["facts"] = facts_of(run, trial);
  object["invariants"] = invariants_of(trial);
  object["arrivals"] = arrivals_of(trial);
  const std::size_t inner = margin + 2;
  out << "{\n";
  for (const auto& [name, value] : object.items()) write_member(name, value, inner, ",\n", out);
  const auto write_snapshot = [&](std::size_t i) {
    out << indented(text_of(snapshot_of(run, trial, i)), inner + 2);
  };
  write_array("snapshots", trial.snapshots.size(), inner, write_snapshot, out);
  write_member("hang", hang_of(run, trial), inner, ",\n", out);
  write_member("workers", workers_of(run, trial), inner, ",\n", out);
  write_member("sentence", trial.sentence, inner, ",\n", out);
  write_member("first_gap_ns", json_of(trial.start.first_gap), inner, ",\n", out);
  write_member("configuration", trial.configuration, inner, ",\n", out);
  write_member("elapsed_ns", trial.elapsed, inner, "\n", out);
  out << std::string(margin, ' ') << '}';
}

Json control_of(const ControlReport& control) {
  return {{"trials", control.trials}, {"broken", control.broken}, {"sentence", control.sentence}};
}

/// In what they differ and what their controls showed.
Json configurations_of(const RunResult& run) {
  Json configurations = Json::array();
  for (const Configuration& configuration : run.configurations) {
    Json settings = Json::object();
    for (const std::string& name : swept_settings(run)) settings[name] = value_of(configuration, name);
    configurations.push_back({{"settings", std::move(settings)},
                              {"control", control_of(configuration.control)},
                              {"config", configuration.experiment.config},
                              {"left_out", configuration.experiment.left_out}});
  }
  return configurations;
}

/// The smallest setting that fails, and what was tried to find it.
Json shrunk_of(const RunResult& run) {
  if (!run.shrunk) return nullptr;
  const Experiment& smallest = run.shrunk->smallest;
  Json steps = Json::array();
  for (const ShrinkStep& step : run.shrunk->steps) {
    steps.push_back({{"requests", step.requests},
                     {"window_ns", step.window},
                     {"trials", step.trials},
                     {"failed", step.failed}});
  }
  Json confirmations = Json::array();
  for (const Confirmation& again : run.shrunk->confirmations) {
    confirmations.push_back({{"requests", again.requests},
                             {"window_ns", again.window},
                             {"trials", again.trials},
                             {"failed", again.failed}});
  }
  return {{"requests", smallest.requests},      {"window_ns", smallest.window.length},
          {"seed", run.shrunk->seed},           {"command", command_of(*run.shrunk)},
          {"steps", std::move(steps)},          {"confirmations", std::move(confirmations)},
          {"cut_short", run.shrunk->cut_short}, {"trials_at_first", run.shrunk->trials_at_first},
          {"config", smallest.config}};
}

Json host_of(const Machine& machine) {
  return {{"name", machine.host},
          {"cpu_model", machine.cpu_model},
          {"kernel", machine.kernel},
          {"cpus", machine.cpus},
          {"cpus_online", known(machine.cpus_online)},
          {"cores", known(machine.cores())},
          {"threads_per_core", known(machine.threads_per_core)},
          {"cpu_quota", known(machine.cpu_quota)},
          {"governor", known(machine.governor)},
          {"turbo", machine.turbo ? Json(*machine.turbo) : Json(nullptr)},
          {"hypervisor", known(machine.hypervisor)}};
}

Json distrusted(const RunResult& run) {
  Json reasons = Json::array();
  for (const auto& [what, spoils] : run.distrust) reasons.push_back({{"what", what}, {"spoils", spoils}});
  return reasons;
}

/// What was demanded of the columns of trials.csv, and the first place where it is not so.
Json expectations_of_run(const RunResult& run) {
  Json expectations = Json::array();
  for (const Expectation& expectation : expectations_of(run)) {
    const Fulfilment result = fulfilment_of(run, expectation);
    expectations.push_back(
        {{"expectation", expectation.text},
         {"met", result.met},
         {"trials", result.trials},
         {"samples", result.samples},
         {"failed", expectation.over == Expectation::Over::each ? result.failed : result.failed_rows},
         {"guard", result.row ? Json(run.guards.at(*result.row).guard) : Json(nullptr)},
         {"configuration", result.row ? Json(run.guards.at(*result.row).configuration) : Json(nullptr)},
         {"trial", result.trial ? Json(run.trials.at(*result.trial).trial) : Json(nullptr)},
         {"value", std::visit(ToJson{}, result.value)},
         {"sentence", sentence_of(run, expectation, result)}});
  }
  return expectations;
}

class JsonSink final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    const Json calibration = {{"clock_read_ns", known(run.calibration.clock_read)},
                              {"harness_ns", known(run.calibration.harness)}};
    out << "{\n";
    write_member("schema", "ccbench.run/1", 2, ",\n", out);
    write_member("version", run.build.version, 2, ",\n", out);
    write_member("host", host_of(run.machine), 2, ",\n", out);
    write_member("config", config_of(run), 2, ",\n", out);
    write_member("seed", run.experiment().seed, 2, ",\n", out);
    const auto write_one = [&](std::size_t i) { write_trial(run, run.trials[i], 4, out); };
    write_array("trials", run.trials.size(), 2, write_one, out);
    write_member("comparison", comparison_of(run), 2, ",\n", out);
    const auto write_stack = [&](std::size_t i) { out << indented(text_of(stack_of(run.stacks[i])), 4); };
    write_array("stacks", run.stacks.size(), 2, write_stack, out);
    write_member("warnings", run.warnings, 2, ",\n", out);
    write_member("run_id", run.run_id, 2, ",\n", out);
    write_member("control", control_of(run.configurations.front().control), 2, ",\n", out);
    write_member("configurations", configurations_of(run), 2, ",\n", out);
    write_member("shrunk", shrunk_of(run), 2, ",\n", out);
    write_member("left_out", run.experiment().left_out, 2, ",\n", out);
    write_member("interrupted_by", run.interrupted_by, 2, ",\n", out);
    write_member("planned_trials", run.planned_trials, 2, ",\n", out);
    write_member("command", run.power ? "power" : "run", 2, ",\n", out);
    write_member("calibration", calibration, 2, ",\n", out);
    write_member("distrust", distrusted(run), 2, ",\n", out);
    write_member("expectations", expectations_of_run(run), 2, "\n}\n", out);
  }
};

}  // namespace

std::unique_ptr<Sink> json_sink() { return std::make_unique<JsonSink>(); }

}  // namespace ccbench
