#include "driver/snapshot_condition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ccbench {
namespace {

using Metric = SnapshotCondition::Metric;
using NamedMetric = std::pair<std::string_view, Metric>;

constexpr auto kMetrics = std::to_array<NamedMetric>(
    {{"blocked", Metric::blocked}, {"inside", Metric::inside}, {"finished", Metric::finished}});

void skip_spaces(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::optional<Metric> take_metric(std::string_view& text) {
  for (const auto& [name, metric] : kMetrics) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return metric;
  }
  return std::nullopt;
}

}  // namespace

bool SnapshotCondition::holds(std::uint64_t blocked, std::uint64_t inside, std::uint64_t finished) const {
  const std::array<std::uint64_t, 3> counts = {blocked, inside, finished};
  return ccbench::holds(counts.at(static_cast<std::size_t>(metric)), relation, value);
}

std::optional<SnapshotCondition> parse_condition(std::string_view text) {
  skip_spaces(text);
  const auto metric = take_metric(text);
  skip_spaces(text);
  const auto relation = take_relation(text);
  if (!metric || !relation) return std::nullopt;
  skip_spaces(text);
  SnapshotCondition condition{.metric = *metric, .relation = *relation};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), condition.value);
  if (status != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  skip_spaces(text);
  return text.empty() ? std::optional(condition) : std::nullopt;
}

std::string to_text(const SnapshotCondition& condition) {
  std::string text(std::ranges::find(kMetrics, condition.metric, &NamedMetric::second)->first);
  return text.append(text_of(condition.relation)).append(std::to_string(condition.value));
}

}  // namespace ccbench
