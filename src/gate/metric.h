// The figures by which the gate compares two arms.
#pragma once

#include <span>
#include <string_view>

namespace ccbench {

/// A figure of one trial, and how those of the repetitions in a pair become one value.
struct Metric {
  /// What is kept of the repetitions of a pair. The least one leaves out what the machine did to the others:
  /// noise only ever adds time. But it hides what goes wrong now and then, so a figure of the tail is a
  /// median.
  enum class Reduction { least, median };

  std::string_view name;    ///< what a user calls it: a column of trials.csv without `_ns`
  std::string_view column;  ///< of trials.csv
  Reduction reduction = Reduction::least;
  bool more_is_better = false;
  bool is_time = true;         ///< in nanoseconds
  std::string_view unit = {};  ///< of what is no time
  /// Of trials of one thread, a further one beside every other. Where threads share CPUs, when each of them
  /// is let on a CPU is most of a tail, and what the guard adds to it is not seen.
  bool alone = false;
  /// Of single requests, each between two looks at the clock: less than those two take says nothing.
  bool of_requests = false;
};

/// All that the gate knows, those that it judges by default first.
std::span<const Metric> all_metrics();

/// Null if there is none of this name.
const Metric* find_metric(std::string_view name);

/// What one value is made of the repetitions; none of them may be missing.
double reduced(const Metric& metric, std::span<const double> repetitions);

}  // namespace ccbench
