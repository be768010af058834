// What a gate found, as bytes: for people, for programs, for what CI shows of a change. Nothing is measured
// and nothing judged here.
#pragma once

#include <ostream>

#include "gate/gate.h"
#include "report/sink.h"

namespace ccbench {

/// What the command made of the result.
struct GateExit {
  int code = 0;
  bool inconclusive_ok = false;     ///< a control that never broke is no failure
  bool inconclusive_fails = false;  ///< a metric that is inconclusive is one
};

/// For people: a row for every contest and metric, and below it why. The last line is the verdict.
void write_gate_text(const GateResult& result, const TextStyle& style, std::ostream& out);

/// Schema ccbench.gate/1, with everything there is. What was not measured, and what is infinite, is null.
void write_gate_json(const GateResult& result, const GateExit& exit, std::ostream& out);

/// The trials of all pairs in order of execution, schema ccbench.trials/1 with its columns in their order.
/// `role` is `base` or `candidate`, and `pair`, `rep` (of the arm in the pair) and `order` (in the pair)
/// count from 1. They are one run: `run_id` is that of the first, `trial` counts through. What an arm's
/// program does not know is empty, and what this one does not know is left out.
void write_gate_csv(const GateResult& result, std::ostream& out);

/// JUnit's XML, a suite each for correctness, times and the gate itself. There is a failure or an error in
/// it exactly if the command fails; what is inconclusive without failing is skipped, and so is what was not
/// judged. The time of a case is the candidate's median where the metric is a time, else 0.
void write_gate_junit(const GateResult& result, const GateExit& exit, std::ostream& out);

/// GitHub's Markdown, for a comment or a step summary. Texts from outside stay texts, and mention nobody.
void write_gate_markdown(const GateResult& result, std::ostream& out);

/// Workflow commands of GitHub Actions, a line each, for standard output. Of more than 10 errors, warnings or
/// notices the service would drop the rest; the tenth then says how many are left out.
void write_gate_annotations(const GateResult& result, const GateExit& exit, std::ostream& out);

/// The candidate's medians for github-action-benchmark's `customSmallerIsBetter`: times in nanoseconds, of a
/// throughput the time per request. Of other metrics of which more is better there is no row.
void write_benchmark_action(const GateResult& result, std::ostream& out);

/// The candidate's medians with their intervals in Bencher's Metric Format. Times are in nanoseconds.
void write_bencher(const GateResult& result, std::ostream& out);

}  // namespace ccbench
