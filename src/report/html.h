// A report for people: one HTML file that holds its tables and pictures, and needs nothing from elsewhere.
#pragma once

#include <memory>
#include <ostream>
#include <span>

#include "driver/run_result.h"
#include "report/sink.h"

namespace ccbench {

/// One page over these runs, of one machine or of several, one after the other. No script, no font, no
/// picture from elsewhere; light or dark as the reader has it, light on paper. Every figure is that of
/// trials.csv: shown with three digits, in full where the pointer rests on it and in the table of trials.
void write_html(std::span<const RunResult> runs, std::ostream& out);

/// Writes one page over all of these, which must outlive it, whichever of them it is asked to write.
std::unique_ptr<Sink> html_sink_of(std::span<const RunResult> runs);

}  // namespace ccbench
