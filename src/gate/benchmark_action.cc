// customSmallerIsBetter of github-action-benchmark: rows of names and numbers, of which less is better.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "gate/sinks.h"
#include "gate/words.h"
#include "report/layout.h"
#include "report/ranked_table.h"
#include "stats/estimate.h"

namespace ccbench {
namespace {

using Json = nlohmann::ordered_json;

/// The same turned so that less is better; nothing where that cannot be.
struct Smaller {
  std::string name;
  std::string_view unit;
  std::vector<double> values;

  std::string text(double value) const { return unit == "ns" ? human(std::llround(value)) : as_ratio(value); }
};

std::optional<Smaller> smaller_of(const MetricResult& metric) {
  const std::string name(metric.metric->name);
  const std::string_view unit = unit_of(*metric.metric);
  std::vector<double> values = candidate_values(metric);
  if (!metric.metric->more_is_better) return Smaller{.name = name, .unit = unit, .values = std::move(values)};
  const bool all_positive = std::ranges::all_of(values, [](double value) { return value > 0; });
  if (unit != "1/s" || !all_positive) return std::nullopt;
  for (double& value : values) value = kSecond / value;
  return Smaller{.name = name + " (time per request)", .unit = "ns", .values = std::move(values)};
}

std::string extra_of(const MetricResult& metric) {
  std::string text = fmt::format("{}: {}", name_of(metric.opinion.judgement), change_text(metric));
  if (const auto medians = medians_of(metric))
    text += fmt::format("\nbase: {}", value_text(*metric.metric, medians->base));
  return text + fmt::format("\npairs: {}", metric.pairs.size());
}

Json row_of(const ContestResult& contest, const MetricResult& metric, const Smaller& smaller) {
  const auto estimate = estimate_median(smaller.values, 1 - 2 * metric.alpha);
  if (!estimate) return nullptr;  // There is no row without a value.
  Json row = {{"name", fmt::format("{}: {}", contest.contest.name, smaller.name)},
              {"unit", smaller.unit},
              {"value", estimate->median}};
  if (estimate->interval)
    row["range"] =
        fmt::format("{}..{}", smaller.text(estimate->interval->low), smaller.text(estimate->interval->high));
  row["extra"] = extra_of(metric);
  return row;
}

}  // namespace

void write_benchmark_action(const GateResult& result, std::ostream& out) {
  Json rows = Json::array();
  for (const ContestResult& contest : result.contests) {
    if (!contest.not_judged.empty()) continue;
    for (const MetricResult& metric : contest.metrics) {
      const auto smaller = smaller_of(metric);
      if (smaller && !smaller->values.empty()) rows.push_back(row_of(contest, metric, *smaller));
    }
  }
  out << rows.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace ccbench
