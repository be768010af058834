// The pictures of a report, one family per file. Each writes a figure, or a sentence that says why there is
// none; they read results and judge nothing.
#pragma once

#include <span>

#include "report/chart.h"

namespace ccbench {

void draw_outcomes(const View& view, Markup& out);   ///< what requests got, by guard
void draw_cost(const View& view, Markup& out);       ///< time beyond the section, with intervals
void draw_timelines(const View& view, Markup& out);  ///< every request of one trial
void draw_blocked(const View& view, Markup& out);    ///< how many waited and were inside, over time
void draw_waiting(const View& view, Markup& out);    ///< the distribution of waiting
void draw_order(const View& view, Markup& out);      ///< all trials in order of execution
void draw_power(const RunResult& run, Markup& out);  ///< which settings lose the race without a guard
/// Of a sweep: the median time against each setting that was swept.
void draw_sweep(std::span<const View> views, Markup& out);

}  // namespace ccbench
