// The table of what happened: verdicts, counts, waits.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "report/comparison.h"
#include "report/sink.h"

namespace ccbench {

/// Writes it, and answers the titles of what a reader would miss: columns left out that are not all 0.
std::vector<std::string> write_verdicts(const RunResult& run, std::span<const Comparison> comparisons,
                                        const TextStyle& style, std::ostream& out);

}  // namespace ccbench
