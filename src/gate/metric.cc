#include "gate/metric.h"

#include <algorithm>
#include <array>
#include <vector>

namespace ccbench {
namespace {

using enum Metric::Reduction;

constexpr auto kMetrics = std::to_array<Metric>({
    {.name = "wall", .column = "wall_ns"},
    {.name = "wait_p99", .column = "wait_p99_ns", .reduction = median, .of_requests = true},
    {.name = "lone_p99", .column = "latency_p99_ns", .reduction = median, .alone = true, .of_requests = true},
    {.name = "throughput", .column = "throughput", .more_is_better = true, .is_time = false, .unit = "1/s"},
    {.name = "latency_p50", .column = "latency_p50_ns", .of_requests = true},
    {.name = "latency_p99", .column = "latency_p99_ns", .reduction = median, .of_requests = true},
    {.name = "latency_max", .column = "latency_max_ns", .reduction = median, .of_requests = true},
    {.name = "wait_p50", .column = "wait_p50_ns", .of_requests = true},
    {.name = "wait_max", .column = "wait_max_ns", .reduction = median, .of_requests = true},
    {.name = "hold_p50", .column = "hold_p50_ns", .of_requests = true},
    {.name = "hold_p99", .column = "hold_p99_ns", .reduction = median, .of_requests = true},
    {.name = "hand_over_p50", .column = "hand_over_p50_ns", .of_requests = true},
    {.name = "hand_over_p99", .column = "hand_over_p99_ns", .reduction = median, .of_requests = true},
    {.name = "cpu_user", .column = "cpu_user_ns"},
    {.name = "cpu_sys", .column = "cpu_sys_ns"},
});

}  // namespace

std::span<const Metric> all_metrics() { return kMetrics; }

const Metric* find_metric(std::string_view name) {
  const auto* const found = std::ranges::find(kMetrics, name, &Metric::name);
  return found == kMetrics.end() ? nullptr : found;
}

double reduced(const Metric& metric, std::span<const double> repetitions) {
  std::vector<double> sorted(repetitions.begin(), repetitions.end());
  std::ranges::sort(sorted);
  if (metric.reduction == median) return sorted[(sorted.size() - 1) / 2];
  return metric.more_is_better ? sorted.back() : sorted.front();
}

}  // namespace ccbench
