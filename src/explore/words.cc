#include "explore/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "explore/sinks.h"
#include "report/layout.h"

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

std::string_view name_of(MemoryModel memory) {
  switch (memory) {
    case MemoryModel::sequential: return "sequential";
    case MemoryModel::oldest: return "oldest";
    case MemoryModel::release_acquire: return "release-acquire";
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

std::string headline(const SearchResult& result) {
  return fmt::format("{} of {}, every order of steps that makes a difference",
                     counted(result.trial.requests, "request"),
                     counted(result.trial.keys, result.trial.scenario->info.key_name));
}

std::string operation_of(const TraceStep& step) {
  if (step.object.empty()) return step.operation;
  return fmt::format("{} {}{}", step.operation, step.object, step.old ? ", an old value" : "");
}

std::string in_words(const TraceStep& step) {
  return step.place.empty() ? operation_of(step) : fmt::format("{} ({})", operation_of(step), step.place);
}

std::string name_in_trace(const SearchResult& result, const Found& found, Task task) {
  const bool passes = std::ranges::any_of(found.trace, [&](const TraceStep& step) {
    return step.task == task && step.operation == to_text(OperationKind::expire);
  });
  return passes ? "clock" : name_of_task(result.trial, task);
}

Task tasks_in(const SearchResult& result, const Found& found) {
  Task tasks = result.trial.requests;
  for (const TraceStep& step : found.trace) tasks = std::max(tasks, step.task + 1);
  for (const Blocked& blocked : found.blocked) tasks = std::max(tasks, blocked.task + 1);
  return tasks;
}

std::vector<Stretch> shown_of(const Found& found, std::size_t most) {
  const std::size_t count = found.trace.size();
  if (count <= most) return {{.begin = 0, .end = count}};
  const auto breaking = std::ranges::find(found.trace, true, &TraceStep::breaks) - found.trace.begin();
  const auto at = static_cast<std::size_t>(breaking);
  if (at >= count - most) return {{.begin = count - most, .end = count}};
  const std::size_t half = most / 2;
  const std::size_t begin = at - std::min(at, half / 2);
  const std::size_t end = count - (most - half);
  if (begin + half >= end) return {{.begin = begin, .end = count}};
  return {{.begin = begin, .end = begin + half}, {.begin = end, .end = count}};
}

std::string replaying_command_of(const SearchResult& result, const Found& found, std::string_view settings) {
  return fmt::format("ccbench explore --guard={}{} --replay={}", result.trial.guard->info.name, settings,
                     found.replay);
}

}  // namespace ccbench::explore
