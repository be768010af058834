#include "driver/warnings.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ccbench {
namespace {

std::vector<std::string> about_signals(const RunResult& run) {
  std::vector<std::string> found = warnings_of(run);
  std::erase_if(found, [](const std::string& text) { return text.find("signalled") == std::string::npos; });
  return found;
}

TEST(WarningsOf, SayThatSignalsChangeWhatTheyWatch) {
  RunResult run{.run_id = "",
                .machine = {},
                .build = {},
                .experiment = {},
                .trials = std::vector<TrialResult>(1),
                .guards = {},
                .control = {},
                .stacks = {},
                .warnings = {}};
  EXPECT_TRUE(about_signals(run).empty());
  run.trials[0].perturbed = true;
  EXPECT_EQ(about_signals(run),
            std::vector<std::string>{"the threads of 1 of 1 trial were signalled for their stacks "
                                     "(--snapshot-full): that changes who gets "
                                     "a lock next, and can cut system calls short"});
  run.trials.resize(3);
  EXPECT_EQ(about_signals(run).at(0).substr(0, 30), "the threads of 1 of 3 trials w");
}

}  // namespace
}  // namespace ccbench
