#include "report/cost_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "report/ranked_table.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

/// Columns of trials.csv; left out where no guard has a value.
constexpr auto kMeasures = std::to_array<FoldedColumn>({
    {"latency p99", "latency_p99_ns", as_median_time},
    {"latency max", "latency_max_ns", as_longest_time},
    {"hand-over p50", "hand_over_p50_ns", as_median_time},
    {"CPU user", "cpu_user_ns", as_median_time},
    {"CPU system", "cpu_sys_ns", as_median_time},
    {"switches voluntary", "ctx_voluntary", as_median},
    {"switches involuntary", "ctx_involuntary", as_median},
    {"over- takes", "overtakes", as_median},
    {"sections wasted", "wasted_sections", as_median},
    {"effects wasted", "wasted_effects", as_median},
});

/// What is left out first where lines are short.
constexpr auto kExpendable =
    std::to_array<std::string_view>({"cpu_sys_ns", "ctx_involuntary", "cpu_user_ns", "wasted_effects",
                                     "ctx_voluntary", "wasted_sections", "overtakes", "hand_over_p50_ns"});

std::string text_of(double nanos) { return human(static_cast<Nanos>(std::llround(nanos))); }

std::string text_of_interval(const std::optional<Estimate>& time) {
  if (!time || !time->interval) return "-";
  return fmt::format("{} – {}", text_of(time->interval->low), text_of(time->interval->high));
}

std::string text_of_ratio(const std::optional<Estimate>& ratio) {
  return ratio ? as_ratio(ratio->median) : "-";
}

std::string text_of_ratio_interval(const std::optional<Estimate>& ratio) {
  if (!ratio || !ratio->interval) return "-";
  return fmt::format("{} – {}", as_ratio(ratio->interval->low), as_ratio(ratio->interval->high));
}

/// Jain's index, the median over the trials in which there was enough to share.
std::string text_of_fairness(const RunResult& run, const GuardResult& guard) {
  std::vector<double> values;
  for (const std::size_t index : guard.trials) {
    if (const auto fairness = fairness_of(run.trials.at(index))) values.push_back(*fairness);
  }
  const auto estimate = estimate_median(values);
  return estimate ? fmt::format("{:.3f}", estimate->median) : "-";
}

/// `ratio to cas`, where all configurations have the same reference.
std::string title_of_ratio(const RunResult& run, std::span<const Comparison> comparisons) {
  std::set<std::string> names;
  for (const Comparison& comparison : comparisons) {
    if (comparison.reference) names.insert(run.guards[*comparison.reference].guard);
  }
  return names.size() == 1 ? fmt::format("ratio to {}", *names.begin()) : "time ratio";
}

bool any_cost(std::span<const Comparison> comparisons, bool (*holds)(const Cost&)) {
  return std::ranges::any_of(comparisons, [&](const Comparison& comparison) {
    return std::ranges::any_of(comparison.costs, holds);
  });
}

/// The time that guards are compared by: of a batch what is beyond the section, where that takes any.
void add_time(const RunResult& run, std::span<const Comparison> comparisons, RankedTable& table) {
  const bool beyond = comparisons.front().metric == "wall" && run.experiment().section() > 0;
  const auto time = beyond ? &Cost::beyond : &Cost::time;
  const auto text = [&run, time](const Cost& cost) {
    const std::optional<Estimate>& estimate = cost.*time;
    return TextCell{.text = marked(estimate ? text_of(estimate->median) : "-", run.guards[cost.guard])};
  };
  table.add({.title = beyond ? "beyond section" : std::string(comparisons.front().metric),
             .name = "time",
             .cell = text});
  if (!any_cost(comparisons, [](const Cost& cost) { return cost.time && cost.time->interval; })) return;
  table.add({.title = "95 % interval", .name = "interval", .cell = [time](const Cost& cost) {
               return TextCell{.text = text_of_interval(cost.*time)};
             }});
}

void add_ratio(const RunResult& run, std::span<const Comparison> comparisons, RankedTable& table) {
  if (!any_cost(comparisons, [](const Cost& cost) { return cost.rank > 1 && cost.ratio; })) return;
  table.add({.title = title_of_ratio(run, comparisons), .name = "ratio", .cell = [](const Cost& cost) {
               return TextCell{.text = text_of_ratio(cost.ratio)};
             }});
  if (!any_cost(comparisons, [](const Cost& cost) { return cost.ratio && cost.ratio->interval; })) return;
  const auto interval = [&run, comparisons](const Cost& cost) {
    const auto reference = comparisons[run.guards[cost.guard].configuration].reference;
    return TextCell{.text = cost.guard == reference ? "" : text_of_ratio_interval(cost.ratio)};
  };
  table.add({.title = "95 % interval", .name = "ratio interval", .cell = interval});
}

void add_fairness(const RunResult& run, RankedTable& table) {
  const auto measured = [](const TrialResult& trial) { return fairness_of(trial).has_value(); };
  if (std::ranges::none_of(run.trials, measured)) return;
  table.add({.title = "fairness (Jain)", .name = "fairness", .cell = [&run](const Cost& cost) {
               return TextCell{.text = text_of_fairness(run, run.guards[cost.guard])};
             }});
}

/// Of a batch, latencies are waits and sections; in an open loop they are what counts.
bool is_shown(const FoldedColumn& measure, const RunResult& run) {
  if (measure.column.starts_with("latency") && run.experiment().rate == 0) return false;
  return any_measured(run, measure.column);
}

}  // namespace

void write_costs(const RunResult& run, std::span<const Comparison> comparisons, const TextStyle& style,
                 std::ostream& out) {
  RankedTable table(run, comparisons, style.color);
  add_time(run, comparisons, table);
  add_ratio(run, comparisons, table);
  add_fairness(run, table);
  for (const FoldedColumn& measure : kMeasures) {
    if (is_shown(measure, run)) table.add(folded(run, measure));
  }
  table.fit(style.width, kExpendable);
  out << '\n';
  table.write(out);
}

}  // namespace ccbench
