// How texts, pages and pictures say what was explored.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "explore/search.h"

namespace ccbench::explore {

/// `2 requests of 1 ticket, every order of steps that makes a difference`.
std::string headline(const SearchResult& result);

/// `store cell#1`, `load cell#1, an old value`.
std::string operation_of(const TraceStep& step);
/// With the scenario's step that it is in: `store cell#1 (purchase)`.
std::string in_words(const TraceStep& step);

/// Who has a part in the trace: all requests, and the threads that have taken a step or wait.
Task tasks_in(const SearchResult& result, const Found& found);

/// `request 1`, `thread 3`; of a time that comes, `clock`.
std::string name_in_trace(const SearchResult& result, const Found& found, Task task);

std::string_view name_of(MemoryModel memory);

inline constexpr std::string_view kBreaks = "not to be repaired";

/// From step `begin` to before step `end`, counted from 0.
struct Stretch {
  std::size_t begin = 0;
  std::size_t end = 0;
};
/// What to show of a trace that has more than `most` steps: the last ones, because its end is what matters,
/// and those about the one that breaks. In their order.
std::vector<Stretch> shown_of(const Found& found, std::size_t most);

/// The command that runs the schedule again; `settings` as in `ExploreText`.
std::string replaying_command_of(const SearchResult& result, const Found& found, std::string_view settings);

}  // namespace ccbench::explore
