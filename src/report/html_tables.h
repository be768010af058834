// The tables of a report.
#pragma once

#include "report/chart.h"

namespace ccbench {

void write_verdicts(const View& view, Markup& out);
void write_costs(const View& view, Markup& out);  ///< where the time went
/// Of a sweep, short: every guard under every setting. Takes at least one view.
void write_overview(std::span<const View> views, Markup& out);
/// Of one configuration of a sweep, in a line: its settings, and the verdicts.
void write_summary(const View& view, Markup& out);
void write_remarks(const RunResult& run, Markup& out);   ///< what stands below the table on a terminal
void write_distrust(const RunResult& run, Markup& out);  ///< warnings, guards that are noisy, the machine
void write_options(const RunResult& run, Markup& out);   ///< and the command that repeats the run
void write_trials(const RunResult& run, Markup& out);    ///< trials.csv

}  // namespace ccbench
