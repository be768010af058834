// The table of where the time went: what guards cost beside each other.
#pragma once

#include <ostream>
#include <span>

#include "report/comparison.h"
#include "report/sink.h"

namespace ccbench {

void write_costs(const RunResult& run, std::span<const Comparison> comparisons, const TextStyle& style,
                 std::ostream& out);

}  // namespace ccbench
