#include <fmt/format.h>

#include "explore/sinks.h"

namespace ccbench::explore {

bool is_exhaustive(const SearchResult& result) {
  const bool bounded =
      result.options.strategy == SearchStrategy::dfs && result.options.preemptions.has_value();
  return result.verdict == Verdict::ok && result.exhausted && !bounded;
}

std::string_view name_of(SearchStrategy strategy) {
  switch (strategy) {
    case SearchStrategy::automatic: return "auto";
    case SearchStrategy::random: return "random";
    case SearchStrategy::priorities: return "pct";
    case SearchStrategy::dfs: return "dfs";
    case SearchStrategy::dpor: return "dpor";
    case SearchStrategy::replay: return "replay";
  }
  return {};
}

std::string verdict_in_words(const SearchResult& result) {
  const std::string_view verdict = ccbench::name_of(result.verdict);
  if (result.verdict == Verdict::hung)
    return fmt::format("{} ({})", verdict, result.sentence.substr(0, result.sentence.find(':')));
  if (result.verdict == Verdict::ok || result.verdict == Verdict::inconclusive)
    return fmt::format("{} ({})", verdict, result.sentence);
  return std::string(verdict);
}

}  // namespace ccbench::explore
