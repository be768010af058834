#include "report/comparison.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace ccbench {

/// The nanoseconds of a wall time are fewer than a double holds exactly.
std::optional<double> ranked_time(const Experiment& experiment, const TrialResult& trial) {
  if (experiment.rate > 0) return trial.latency.p50;
  if (!trial.wall) return std::nullopt;
  const auto wall = static_cast<double>(*trial.wall);
  if (experiment.duration == 0) return wall;
  if (trial.tally.ended() == 0) return std::nullopt;
  return wall / static_cast<double>(trial.tally.ended());
}

namespace {

std::string_view metric_of(const Experiment& experiment) {
  if (experiment.rate > 0) return "latency p50";
  return experiment.duration > 0 ? "time per request" : "wall";
}

/// The guards of one configuration, beside each other.
class Comparer {
 public:
  Comparer(const RunResult& run, std::size_t configuration)
      : run_(run), experiment_(run.configurations[configuration].experiment) {
    result_.configuration = configuration;
    result_.metric = metric_of(experiment_);
  }

  Comparison compare() && {
    for (std::size_t i = 0; i < run_.guards.size(); ++i) {
      if (run_.guards[i].configuration == result_.configuration) result_.costs.push_back(cost_of(i));
    }
    result_.reference = reference();
    for (Cost& cost : result_.costs) {
      if (result_.reference && is_ok(cost)) cost.ratio = ratio_of(cost.guard, *result_.reference);
    }
    rank();
    return std::move(result_);
  }

 private:
  const GuardResult& guard_of(const Cost& cost) const { return run_.guards[cost.guard]; }
  /// Also of a sweep in all: a guard that was seen to fail anywhere is wrong, and where it held it was lucky.
  bool is_ok(const Cost& cost) const {
    const GuardResult& guard = guard_of(cost);
    const auto failed_elsewhere = [&](const GuardResult& other) {
      return other.guard == guard.guard && has_failed(other.verdict);
    };
    return guard.role == Role::guard && guard.verdict == Verdict::ok &&
           std::ranges::none_of(run_.guards, failed_elsewhere);
  }

  /// By round: the time of the guard's trial in it.
  std::map<int, double> times_of(std::size_t guard) const {
    std::map<int, double> times;
    for (const std::size_t index : run_.guards[guard].trials) {
      const TrialResult& trial = run_.trials.at(index);
      if (const auto time = ranked_time(experiment_, trial)) times[trial.round] = *time;
    }
    return times;
  }

  Cost cost_of(std::size_t guard) const {
    std::vector<double> times;
    std::vector<double> beyond;
    for (const auto& [round, time] : times_of(guard)) {
      times.push_back(time);
      beyond.push_back(time - static_cast<double>(experiment_.section()));
    }
    Cost cost{.guard = guard, .time = estimate_median(times), .beyond = {}, .ratio = {}};
    if (result_.metric == "wall") cost.beyond = estimate_median(beyond);
    return cost;
  }

  /// That of the user, if it is OK; else the first in the order asked for that is.
  std::optional<std::size_t> reference() const {
    std::optional<std::size_t> first;
    for (const Cost& cost : result_.costs) {
      if (!is_ok(cost) || !cost.time) continue;
      if (experiment_.reference != nullptr) {
        if (guard_of(cost).guard == experiment_.reference->info.name) return cost.guard;
      } else if (!first) {
        first = cost.guard;
      }
    }
    return first;
  }

  std::optional<Estimate> ratio_of(std::size_t guard, std::size_t reference) const {
    const std::map<int, double> own = times_of(guard);
    std::vector<std::pair<double, double>> pairs;
    for (const auto& [round, time] : times_of(reference)) {
      if (const auto found = own.find(round); found != own.end()) pairs.emplace_back(found->second, time);
    }
    return estimate_ratio(pairs);
  }

  /// Those that are OK by their times, the others behind them in the order asked for, the control last.
  void rank() {
    const auto place = [this](const Cost& cost) {
      const double never = std::numeric_limits<double>::infinity();
      const int group = is_ok(cost) ? 0 : 1 + (guard_of(cost).role == Role::control ? 1 : 0);
      const double time = group == 0 && cost.time ? cost.time->median : never;
      return std::pair(std::pair(group, time), cost.guard);
    };
    std::ranges::sort(result_.costs, {}, place);
    std::size_t next = 1;
    for (Cost& cost : result_.costs) {
      if (is_ok(cost) && cost.time) cost.rank = next++;
    }
  }

  const RunResult& run_;
  const Experiment& experiment_;
  Comparison result_;
};

}  // namespace

std::optional<Spread> spread_of(const RunResult& run, const GuardResult& guard, std::string_view column) {
  const auto columns = trial_columns();
  const auto found = std::ranges::find(columns, column, &Column<TrialRow>::name);
  if (found == columns.end()) throw std::logic_error("trials.csv has no column " + std::string(column));

  std::vector<std::int64_t> values;
  for (const std::size_t index : guard.trials) {
    const Cell value = found->value(TrialRow{run, run.trials.at(index)});
    if (const auto number = integer_of(value)) values.push_back(*number);
  }
  const std::optional<std::int64_t> median = percentile(values, 0.5);
  if (!median) return std::nullopt;
  const auto [least, most] = std::ranges::minmax(values);
  return Spread{.least = least, .median = *median, .most = most};
}

std::vector<Comparison> compare(const RunResult& run) {
  std::vector<Comparison> comparisons;
  comparisons.reserve(run.configurations.size());
  for (std::size_t i = 0; i < run.configurations.size(); ++i)
    comparisons.push_back(Comparer(run, i).compare());
  return comparisons;
}

}  // namespace ccbench
