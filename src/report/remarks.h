// What there is to say below the table, in sentences: nothing is judged here, only put into words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// One line below the table: of which guard, if of one, and what there is to say.
struct Remark {
  std::string of;
  std::string text;
  bool copied = false;  ///< a command, to be copied from one line, however long
};
using Remarks = std::vector<Remark>;

struct Topic {
  std::string_view label;
  Remarks remarks;
};

/// The topics that have something to say, in order of reading.
std::vector<Topic> remarks_on(const RunResult& run);

/// `ccbench 0.1.0 · lotto-purchase · 20 requests, 20 threads, 1 key, 1 trial · seed 1`
std::string headline(const RunResult& run);

/// `none (control)`: what a person calls this row.
std::string label_of(const GuardResult& guard);

/// Of a sweep also under which settings.
std::string row_label(const RunResult& run, const GuardResult& guard);

/// Jain's index over the sections of a pool's workers, with as many places as the files have, so that a
/// report of files says the same. Nothing where fewer sections were entered than every worker needs for a
/// share: one ticket cannot be shared fairly.
std::optional<double> fairness_of(const TrialResult& trial);

}  // namespace ccbench
