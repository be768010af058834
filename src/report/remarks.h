// What there is to say below the table, in sentences: nothing is judged here, only put into words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "driver/run_result.h"

namespace ccbench {

/// One line below the table: of which guard, if of one, and what there is to say.
struct Remark {
  std::string of;
  std::string text;
};
using Remarks = std::vector<Remark>;

struct Topic {
  std::string_view label;
  Remarks remarks;
};

/// The topics that have something to say, in order of reading.
std::vector<Topic> remarks_on(const RunResult& run);

/// `none (control)`: what a person calls this row.
std::string label_of(const GuardResult& guard);

}  // namespace ccbench
