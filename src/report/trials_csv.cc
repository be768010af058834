// trials.csv: one row per trial.
#include <array>
#include <string_view>

#include "report/columns.h"
#include "report/sink.h"

namespace ccbench {
namespace {

using std::string_view_literals::operator""sv;

const Experiment& experiment_of(const TrialRow& row) { return row.run.experiment_of(row.trial); }

template <Outcome outcome>
Cell count_of(const TrialRow& row) {
  return cell(row.trial.tally.of(outcome));
}

/// What was measured of the worker threads, if anything was.
template <auto member>
Cell cpu(const TrialRow& row) {
  return row.trial.cpu ? cell((*row.trial.cpu).*member) : Cell{};
}

template <auto member>
Cell waste(const TrialRow& row) {
  return row.trial.waste ? cell((*row.trial.waste).*member) : Cell{};
}

/// Never 0 where it was measured: the one who looks is in flight himself.
Cell in_flight_peak(const TrialRow& row) {
  const auto peak = row.trial.start.in_flight_peak;
  return peak > 0 ? cell(peak) : Cell{};
}

Cell fairness(const TrialRow& row) {
  return row.trial.fairness ? Cell{Decimal{.value = *row.trial.fairness, .places = 4}} : Cell{};
}

Cell params(const TrialRow& row) {
  std::string text;
  for (const auto& [name, value] : experiment_of(row).params) {
    if (!text.empty()) text += ';';
    text.append(name).append("=").append(value);
  }
  return text;
}

/// What the system would not tell is empty.
Cell text(const std::string& text) { return text.empty() ? Cell{} : Cell{std::string_view(text)}; }

/// As configured, so that it names a cell; nothing where a duration decides how many there are.
Cell requests(const TrialRow& row) {
  const Experiment& experiment = experiment_of(row);
  return experiment.duration > 0 ? Cell{} : cell(experiment.requests);
}

Cell rate(const TrialRow& row) {
  const double rate = experiment_of(row).rate;
  return rate > 0 ? Cell{Decimal{.value = rate, .places = 3}} : Cell{};
}

Cell duration(const TrialRow& row) {
  const Nanos duration = experiment_of(row).duration;
  return duration > 0 ? cell(duration) : Cell{};
}

/// Requests that ended per second.
Cell throughput(const TrialRow& row) {
  const Nanos time = row.run.rate_time_of(row.trial).value_or(0);
  if (time <= 0) return {};
  const double seconds = static_cast<double>(time) / kSecond;
  return Decimal{.value = static_cast<double>(row.trial.tally.ended()) / seconds, .places = 1};
}

Cell not_measured(const TrialRow& /*row*/) { return {}; }

// clang-format off: one line per column, in the order of the file. New ones only at the end.
constexpr auto kColumns = std::to_array<Column<TrialRow>>({
    {"schema", [](const TrialRow&) -> Cell { return "ccbench.trials/1"sv; }, Holds::text},
    {"run_id", [](const TrialRow& row) { return text(row.run.run_id); }, Holds::text},
    {"trial", [](const TrialRow& row) { return cell(row.trial.trial); }},
    {"role", [](const TrialRow& row) -> Cell { return name_of(row.trial.role); }, Holds::text},
    {"guard", [](const TrialRow& row) { return text(row.trial.guard); }, Holds::text},
    {"scenario", [](const TrialRow& row) -> Cell { return experiment_of(row).scenario->info.name; }, Holds::text},
    {"store", [](const TrialRow&) -> Cell { return "memory"sv; }, Holds::text},
    {"processes", [](const TrialRow&) { return cell(1); }},
    {"requests", requests},
    {"threads", [](const TrialRow& row) { return cell(experiment_of(row).threads); }},
    {"keys", [](const TrialRow& row) { return cell(experiment_of(row).keys); }},
    {"seed", [](const TrialRow& row) { return cell(row.run.experiment().seed); }},
    {"section_ns", [](const TrialRow& row) { return cell(experiment_of(row).section()); }},
    {"verdict", [](const TrialRow& row) -> Cell { return name_of(row.trial.verdict); }, Holds::text},
    {"success", count_of<Outcome::success>},
    {"shared", count_of<Outcome::shared>},
    {"refused", count_of<Outcome::refused>},
    {"turned_away", count_of<Outcome::turned_away>},
    {"cancelled", count_of<Outcome::cancelled>},
    {"timed_out", count_of<Outcome::timed_out>},
    {"error", count_of<Outcome::error>},
    {"expected_success", [](const TrialRow& row) { return cell(row.trial.expected_success); }},
    {"violations", [](const TrialRow& row) { return cell(row.trial.violations()); }},
    {"effects", [](const TrialRow& row) { return cell(effects_of(row.run, row.trial)); }},
    {"wall_ns", [](const TrialRow& row) { return cell(row.trial.wall); }},
    {"cpu_user_ns", cpu<&CpuReport::user>},
    {"cpu_sys_ns", cpu<&CpuReport::system>},
    {"ctx_voluntary", cpu<&CpuReport::voluntary_switches>},
    {"ctx_involuntary", cpu<&CpuReport::involuntary_switches>},
    {"start_spread_ns", [](const TrialRow& row) { return cell(row.trial.start.spread); }},
    {"in_flight_peak", in_flight_peak},
    {"wait_p50_ns", [](const TrialRow& row) { return cell(row.trial.wait.p50); }},
    {"wait_p99_ns", [](const TrialRow& row) { return cell(row.trial.wait.p99); }},
    {"wait_max_ns", [](const TrialRow& row) { return cell(row.trial.wait.max); }},
    {"hold_p50_ns", [](const TrialRow& row) { return cell(row.trial.hold.p50); }},
    {"latency_p50_ns", [](const TrialRow& row) { return cell(row.trial.latency.p50); }},
    {"latency_p99_ns", [](const TrialRow& row) { return cell(row.trial.latency.p99); }},
    {"latency_max_ns", [](const TrialRow& row) { return cell(row.trial.latency.max); }},
    {"blocked_peak", [](const TrialRow& row) { return cell(row.trial.blocked_peak); }},
    {"fairness_jain", fairness},
    {"exit_code", [](const TrialRow& row) { return cell(row.trial.exit_code()); }},
    {"started_unix_ns", [](const TrialRow& row) { return cell(row.trial.started_unix_ns); }},
    {"load1", [](const TrialRow& row) -> Cell { return Decimal{.value = row.trial.load1, .places = 2}; }},
    {"cpus", [](const TrialRow& row) { return cell(row.run.machine.cpus); }},
    {"compiler", [](const TrialRow& row) { return text(row.run.build.compiler); }, Holds::text},
    {"build_type", [](const TrialRow& row) { return text(row.run.build.build_type); }, Holds::text},
    {"sanitizer", [](const TrialRow& row) { return text(row.run.build.sanitizer); }, Holds::text},
    {"version", [](const TrialRow& row) { return text(row.run.build.version); }, Holds::text},
    {"unfinished", [](const TrialRow& row) { return cell(row.trial.tally.unfinished()); }},
    {"params", params, Holds::text},
    {"pair", not_measured},
    {"rep", not_measured},
    {"order", not_measured},
    {"host", [](const TrialRow& row) { return text(row.run.machine.host); }, Holds::text},
    {"cpu_model", [](const TrialRow& row) { return text(row.run.machine.cpu_model); }, Holds::text},
    {"perturbed", [](const TrialRow& row) { return cell(row.trial.perturbed ? 1 : 0); }},
    {"hand_over_p50_ns", [](const TrialRow& row) { return cell(row.trial.hand_over.p50); }},
    {"hand_over_p99_ns", [](const TrialRow& row) { return cell(row.trial.hand_over.p99); }},
    {"hand_over_max_ns", [](const TrialRow& row) { return cell(row.trial.hand_over.max); }},
    {"hold_p99_ns", [](const TrialRow& row) { return cell(row.trial.hold.p99); }},
    {"hold_max_ns", [](const TrialRow& row) { return cell(row.trial.hold.max); }},
    {"overtakes", [](const TrialRow& row) { return cell(row.trial.overtakes); }},
    {"wasted_sections", waste<&WasteReport::sections>},
    {"wasted_effects", waste<&WasteReport::effects>},
    {"round", [](const TrialRow& row) { return cell(row.trial.round); }},
    {"steal_ns", [](const TrialRow& row) { return cell(row.trial.steal); }},
    {"trial_seed", [](const TrialRow& row) { return cell(row.trial.seed); }},
    {"window_ns", [](const TrialRow& row) { return cell(experiment_of(row).window.length); }},
    {"duration_ns", duration},
    {"rate", rate},
    {"throughput", throughput},
    {"lost_events", [](const TrialRow& row) { return cell(row.trial.lost_events); }},
});
// clang-format on

class TrialsCsv final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    write_csv_header(trial_columns(), out);
    std::string line;
    for (const TrialResult& trial : run.trials)
      write_csv_row(trial_columns(), TrialRow{run, trial}, line, out);
  }
};

}  // namespace

std::span<const Column<TrialRow>> trial_columns() { return kColumns; }

std::unique_ptr<Sink> trials_csv_sink() { return std::make_unique<TrialsCsv>(); }

}  // namespace ccbench
