// A schedule as a picture: a lane for each request, time downwards, a row for each step.
#pragma once

#include <cstddef>
#include <string_view>

#include "explore/search.h"
#include "report/markup.h"

namespace ccbench::explore {

/// So many steps are drawn of one schedule at most.
inline constexpr std::size_t kMostDrawn = 200;

/// A figure: every step as a box in the lane of who takes it, the time a request is inside its section as a
/// band, the step that breaks marked, and below each lane what its request waits for and what it got. Threads
/// that hardly do anything share a lane.
void draw_trace(const SearchResult& result, const Found& found, Markup& out);

/// The rules for it, beside those of all pages.
extern const std::string_view kTraceStyle;

}  // namespace ccbench::explore
