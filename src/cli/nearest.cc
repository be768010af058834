#include "cli/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace ccbench {
namespace {

/// Fewest single-letter changes from one word to the other (Levenshtein 1966), row by row.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest(std::string_view typed, std::span<const std::string> names) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& name : names) {
    const std::size_t changes = distance(typed, name);
    const bool part = typed.size() >= 3 && name.find(typed) != std::string::npos;
    if (part || changes <= std::max<std::size_t>(1, name.size() / 3)) near.emplace_back(changes, name);
  }
  std::ranges::sort(near);
  std::vector<std::string> best;
  for (const auto& [changes, name] : near) {
    if (best.size() < 3) best.push_back(name);
  }
  return best;
}

std::string suggestion(std::string_view typed, std::span<const std::string> names) {
  const std::vector<std::string> near = nearest(typed, names);
  if (near.empty()) return fmt::format("there are {}", fmt::join(names, ", "));
  return fmt::format("did you mean {}?", fmt::join(near, " or "));
}

}  // namespace ccbench
