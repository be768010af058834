#include "report/dry_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "driver/plan.h"
#include "report/layout.h"
#include "report/sweep.h"

namespace ccbench {
namespace {

// A process, its memory and its end; and what a worker needs to be created and to get to the start.
constexpr Nanos kPerTrial = 3 * kMillisecond;
constexpr Nanos kPerWorker = 60 * kMicrosecond;

/// As if every key had as many requests as the others.
Tally expected_tally(const Experiment& experiment, const GuardPlugin& guard) {
  Tally tally;
  tally.promises = experiment.promises_of(guard);
  tally.requests = experiment.requests;
  tally.keys = experiment.keys;
  tally.requests_of_key.assign(experiment.keys, 0);
  tally.successes_of_key.assign(experiment.keys, 0);
  tally.facts_of_key.assign(experiment.scenario->info.facts.size(),
                            std::vector<std::int64_t>(experiment.keys));
  for (Key key = 0; key < std::min<Key>(experiment.keys, experiment.requests); ++key)
    tally.requests_of_key[key] = 1;
  return tally;
}

std::uint64_t rounded_up(std::uint64_t whole, std::uint64_t part) { return (whole + part - 1) / part; }

/// How many sections follow each other at least.
std::uint64_t sections_in_line(const Experiment& experiment, const GuardPlugin& guard) {
  const std::uint64_t side_by_side = rounded_up(experiment.requests, experiment.threads);
  const Promises promises = experiment.promises_of(guard);
  const auto inside = static_cast<Key>(promises.exclusive ? 1 : promises.admits);
  if (inside == 0) return side_by_side;
  const auto successes = experiment.scenario->expected_success(expected_tally(experiment, guard));
  const Key in_parallel = inside * (promises.per_key ? experiment.keys : 1);
  return rounded_up(successes.value_or(1), std::min<std::uint64_t>(in_parallel, experiment.threads));
}

/// `about 2 min 30 s`, `about 12 s`, `under a second`.
std::string roughly(double nanos) {
  constexpr long long kMinute = 60;
  constexpr long long kHour = 60 * kMinute;
  const auto seconds = std::llround(nanos / static_cast<double>(kSecond));
  if (seconds == 0) return "under a second";
  if (seconds < 100) return fmt::format("about {} s", seconds);
  if (seconds < 100 * kMinute) return fmt::format("about {} min {} s", seconds / kMinute, seconds % kMinute);
  if (seconds < 100 * kHour)
    return fmt::format("about {} h {} min", seconds / kHour, seconds % kHour / kMinute);
  return fmt::format("about {} days", seconds / (24 * kHour));
}

/// The settings alone, as a run without a trial: what tells configurations apart is said by sweep.h.
RunResult settings_of(std::span<const Experiment> experiments) {
  RunResult run;
  for (const Experiment& experiment : experiments) run.configurations.push_back({.experiment = experiment});
  return run;
}

/// In nanoseconds, of which there may be more than `Nanos` holds: 300 years.
struct Expected {
  double controls = 0;  ///< one of each configuration: most break at once
  double trials = 0;
};

Expected expected_length(std::span<const Experiment> experiments, const Plan& plan) {
  const auto nanos_of = [](const Experiment& experiment, const GuardPlugin& guard) {
    return static_cast<double>(ccbench::expected_length(experiment, guard));
  };
  Expected expected;
  for (const auto& controls : plan.controls) {
    if (controls.empty()) continue;
    const PlannedTrial& control = controls.front();
    expected.controls += nanos_of(experiments[control.configuration], *control.guard);
  }
  for (const PlannedTrial& trial : plan.trials)
    expected.trials += nanos_of(experiments[trial.configuration], *trial.guard);
  return expected;
}

/// From when on the hard limit counts.
std::string_view after_what(std::span<const Experiment> experiments) {
  const auto any = [&](auto holds) { return std::ranges::any_of(experiments, holds); };
  if (any([](const Experiment& experiment) { return experiment.duration > 0; }))
    return " after its --duration";
  if (any([](const Experiment& experiment) { return experiment.rate > 0; })) return " after its last arrival";
  return "";
}

bool shrinks(const Experiment& experiment) { return experiment.config.contains("shrink"); }

}  // namespace

Nanos expected_length(const Experiment& experiment, const GuardPlugin& guard) {
  const Nanos start = kPerTrial + kPerWorker * experiment.threads;
  if (experiment.duration > 0) return start + experiment.duration;
  const auto in_line = static_cast<double>(sections_in_line(experiment, guard));
  const double slower = experiment.plant && &guard != &control_guard() ? experiment.plant->mean() : 1;
  double length = static_cast<double>(experiment.section()) * in_line * slower;
  if (experiment.rate > 0) {
    const double arriving = static_cast<double>(experiment.requests - 1) / experiment.rate;
    length = std::max(length, arriving * static_cast<double>(kSecond));
  }
  return start + static_cast<Nanos>(
                     std::min(length, static_cast<double>(experiment.arriving() + experiment.timeout)));
}

std::string plan_text(std::span<const Experiment> experiments) {
  const Plan plan = make_plan(experiments);
  const RunResult run = settings_of(experiments);
  const Experiment& first = experiments.front();
  std::size_t controls = 0;
  for (const auto& of_configuration : plan.controls) controls += of_configuration.size();

  std::ostringstream text;
  text << fmt::format("would run {} · {} of {} · {}", first.scenario->info.name,
                      counted(experiments.size(), "configuration"), counted(first.guards.size(), "guard"),
                      counted(plan.trials.size(), "trial"));
  if (controls > 0) text << fmt::format(" · and up to {}", counted(controls, "control"));
  text << fmt::format(" · seed {}\n\n", first.seed);

  const std::vector<std::string> settings = swept_settings(run);
  TextTable table;
  for (const std::string& setting : settings) table.add_column(setting, Align::left);
  table.add_column("guard", Align::left);
  table.add_column("trials", Align::right);
  table.add_column("section", Align::right);
  table.add_column("expected each", Align::right);
  for (const Configuration& configuration : run.configurations) {
    const Experiment& experiment = configuration.experiment;
    for (const GuardPlugin* guard : experiment.guards) {
      std::vector<TextCell> row;
      row.reserve(settings.size() + 4);
      for (const std::string& setting : settings) row.push_back({.text = value_of(configuration, setting)});
      row.push_back({.text = std::string(guard->info.name)});
      row.push_back({.text = std::to_string(experiment.trials)});
      row.push_back({.text = human(experiment.section())});
      row.push_back({.text = human(expected_length(experiment, *guard))});
      table.add_row(std::move(row));
    }
  }
  table.write(text);

  const Expected expected = expected_length(experiments, plan);
  text << fmt::format("\n{}, if every trial ends as its guard promises{}; none longer than --timeout={}{}\n",
                      roughly(expected.controls + expected.trials),
                      first.until_fail ? " and none fails before" : "", to_text(first.timeout),
                      after_what(experiments));
  if (shrinks(first)) text << "the search of --shrink, once a trial has failed, is not counted in that\n";
  return text.str();
}

}  // namespace ccbench
