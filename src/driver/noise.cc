#include "driver/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "driver/distrust.h"
#include "stats/estimate.h"
#include "stats/percentile.h"

namespace ccbench {
namespace {

/// What a guard is ranked by, in order of its trials.
struct Figure {
  std::string_view name;
  std::vector<double> values;
};

std::optional<double> time_per_request(const TrialResult& trial) {
  if (!trial.wall || trial.tally.ended() == 0) return std::nullopt;
  return static_cast<double>(*trial.wall) / static_cast<double>(trial.tally.ended());
}

std::optional<double> as_double(std::optional<Nanos> time) {
  return time ? std::optional(static_cast<double>(*time)) : std::nullopt;
}

template <class Value>
std::vector<double> values_of(const RunResult& run, const GuardResult& guard, Value value) {
  std::vector<double> values;
  for (const std::size_t index : guard.trials) {
    if (const std::optional<double> one = value(run.trials.at(index))) values.push_back(*one);
  }
  return values;
}

double at_rank(std::span<const double> values, double fraction) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return sorted.at(nearest_rank(fraction, sorted.size()) - 1);
}

/// Without the section if what is beyond it is long enough to be more than the clock's and the timer's error.
Figure wall_of(const RunResult& run, const GuardResult& guard) {
  constexpr double kLeastBeyond = 0.01;
  Figure figure{.name = "wall time", .values = values_of(run, guard, [](const TrialResult& trial) {
                                       return as_double(trial.wall);
                                     })};
  const auto section = static_cast<double>(run.configuration_of(guard).experiment.section());
  if (section == 0 || figure.values.empty()) return figure;
  const double wall = at_rank(figure.values, 0.5);
  if (wall - section <= kLeastBeyond * wall) return figure;
  figure.name = "wall time beyond the section";
  for (double& value : figure.values) value = std::max(0.0, value - section);
  return figure;
}

Figure figure_of(const RunResult& run, const GuardResult& guard) {
  const Experiment& experiment = run.configuration_of(guard).experiment;
  if (experiment.rate > 0) {
    const auto latency = [](const TrialResult& trial) { return as_double(trial.latency.p50); };
    return {.name = "median latency", .values = values_of(run, guard, latency)};
  }
  if (experiment.duration > 0)
    return {.name = "time per request", .values = values_of(run, guard, time_per_request)};
  return wall_of(run, guard);
}

double interquartile_range(std::span<const double> values) {
  return at_rank(values, 0.75) - at_rank(values, 0.25);
}

/// By how much of the first half's median that of the second half is above it; 0 if that is no more than what
/// the trials of a half differ by. Not the range of all trials: a drift widens that, and would hide in it.
double drift_of(std::span<const double> values) {
  constexpr std::size_t kTrialsPerHalf = 4;  // Medians of fewer differ by chance.
  constexpr double kLeast = 0.1;
  if (values.size() < 2 * kTrialsPerHalf) return 0;
  const auto first = values.first(values.size() / 2);
  const auto second = values.last(values.size() / 2);
  const double before = at_rank(first, 0.5);
  const double change = at_rank(second, 0.5) - before;
  if (std::abs(change) <= std::max(interquartile_range(first), interquartile_range(second))) return 0;
  return std::abs(change) > kLeast * before ? change / before : 0;
}

/// What can have been the cause, each with a semicolon before it.
std::string beside(const RunResult& run, const GuardResult& guard) {
  std::string text;
  if (const auto share = stolen_share(run, guard); share && *share > kSpoilingSteal)
    text += fmt::format("; the host took away {:.1f} % of the CPUs", 100 * *share);
  if (was_loaded(run)) {
    text += fmt::format("; load {:.2f} on {} CPU{}", run.trials.front().load1, run.machine.cpus,
                        run.machine.cpus == 1 ? "" : "s");
  }
  const auto switches = values_of(run, guard, [](const TrialResult& trial) {
    return trial.cpu ? std::optional(static_cast<double>(trial.cpu->involuntary_switches)) : std::nullopt;
  });
  if (!switches.empty() && at_rank(switches, 0.5) >= 1) {
    const double median = at_rank(switches, 0.5);
    text += fmt::format("; {} involuntary switch{} per trial", median, median == 1 ? "" : "es");
  }
  return text.empty() ? "; nothing that was measured beside it explains that" : text;
}

}  // namespace

std::string noise_of(const RunResult& run, const GuardResult& guard) {
  constexpr std::size_t kFewestTrials = 5;
  constexpr double kMostScatter = 0.25;
  const auto [name, values] = figure_of(run, guard);
  if (values.size() < kFewestTrials) return {};
  std::string text;
  if (const double scatter = relative_scatter(values); scatter > kMostScatter) {
    text = fmt::format("its {} scatters by {:.0f} % (p10 to p90 of {} trials)", name, 100 * scatter,
                       values.size());
  }
  if (const double drift = drift_of(values); drift != 0) {
    text += fmt::format("{}: its {} {} by {:.0f} % from the first half of its trials to the second",
                        text.empty() ? "drifts" : "; drifts", name, drift > 0 ? "rose" : "fell",
                        100 * std::abs(drift));
  }
  return text.empty() ? text : text + beside(run, guard);
}

}  // namespace ccbench
