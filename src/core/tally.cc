#include "core/tally.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace ccbench {

std::uint64_t Tally::ended() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), std::uint64_t{0});
}

std::uint64_t Tally::keys_hit() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(requests_of_key, [](auto n) { return n > 0; }));
}

std::int64_t Tally::total(FactId fact) const {
  const auto& counts = facts_of_key.at(fact);
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

void Tally::forget_keys() {
  for (FactId fact = 0; fact < facts_of_key.size(); ++fact) {
    const std::int64_t sum = total(fact);
    facts_of_key[fact] = std::vector<std::int64_t>{sum};
  }
  requests_of_key = {};
  successes_of_key = {};
  reads_of_key = {};
}

Invariant each_key(std::string_view name, std::int64_t expected, const std::vector<std::int64_t>& counts,
                   const Tally& tally) {
  Invariant worst{.name = std::string(name), .expected = expected, .observed = expected, .key = {}};
  for (Key key = 0; key < counts.size(); ++key) {
    const std::int64_t wanted = tally.requests_of_key[key] > 0 ? expected : 0;
    const std::int64_t observed = counts[key];
    if (observed == wanted) continue;
    const bool too_many = observed > wanted;
    const bool further = std::abs(observed - wanted) > std::abs(worst.observed - worst.expected);
    // A breach that cannot be repaired is never hidden behind one that can.
    if (worst.holds || (too_many && !worst.beyond_repair) || (too_many == worst.beyond_repair && further)) {
      worst.expected = wanted;
      worst.observed = observed;
      if (tally.keys > 1) worst.key = key;
    }
    worst.holds = false;
    worst.beyond_repair = worst.beyond_repair || too_many;
  }
  return worst;
}

Invariant equal(std::string_view name, std::int64_t expected, std::int64_t observed) {
  return {.name = std::string(name),
          .expected = expected,
          .observed = observed,
          .holds = expected == observed,
          .beyond_repair = false,
          .key = {}};
}

std::vector<std::int64_t> as_counts(const std::vector<std::uint64_t>& counts) {
  return {counts.begin(), counts.end()};
}

}  // namespace ccbench
