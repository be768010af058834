#include "driver/snapshot_condition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ccbench {
namespace {

using Metric = SnapshotCondition::Metric;
using Comparison = SnapshotCondition::Comparison;

constexpr auto kMetrics = std::to_array<std::pair<std::string_view, Metric>>(
    {{"blocked", Metric::blocked}, {"inside", Metric::inside}, {"finished", Metric::finished}});
/// What begins like another comes before it.
constexpr auto kComparisons = std::to_array<std::pair<std::string_view, Comparison>>({
    {"<=", Comparison::at_most},
    {"<", Comparison::less},
    {">=", Comparison::at_least},
    {">", Comparison::more},
    {"==", Comparison::equal},
    {"!=", Comparison::unequal},
});

void skip_spaces(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

/// Takes the first of the words that the text begins with.
template <class Word, std::size_t size>
std::optional<Word> take(const std::array<std::pair<std::string_view, Word>, size>& words,
                         std::string_view& text) {
  skip_spaces(text);
  for (const auto& [name, word] : words) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return word;
  }
  return std::nullopt;
}

template <class Word, std::size_t size>
std::string_view name_of(const std::array<std::pair<std::string_view, Word>, size>& words, Word word) {
  return std::ranges::find(words, word, &std::pair<std::string_view, Word>::second)->first;
}

}  // namespace

bool SnapshotCondition::holds(std::uint64_t blocked, std::uint64_t inside, std::uint64_t finished) const {
  const std::array<std::uint64_t, 3> counts = {blocked, inside, finished};
  const std::uint64_t count = counts.at(static_cast<std::size_t>(metric));
  switch (comparison) {
    case Comparison::less: return count < value;
    case Comparison::at_most: return count <= value;
    case Comparison::more: return count > value;
    case Comparison::at_least: return count >= value;
    case Comparison::equal: return count == value;
    case Comparison::unequal: return count != value;
  }
  return false;
}

std::optional<SnapshotCondition> parse_condition(std::string_view text) {
  const auto metric = take(kMetrics, text);
  const auto comparison = take(kComparisons, text);
  if (!metric || !comparison) return std::nullopt;
  skip_spaces(text);
  SnapshotCondition condition{.metric = *metric, .comparison = *comparison};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), condition.value);
  if (status != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  skip_spaces(text);
  return text.empty() ? std::optional(condition) : std::nullopt;
}

std::string to_text(const SnapshotCondition& condition) {
  std::string text(name_of(kMetrics, condition.metric));
  return text.append(name_of(kComparisons, condition.comparison)).append(std::to_string(condition.value));
}

}  // namespace ccbench
