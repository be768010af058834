#include "report/power.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

namespace ccbench {
namespace {

const ScenarioPlugin& scenario() {
  static const ScenarioPlugin kPlugin = [] {
    ScenarioPlugin made;
    made.info.name = "lotto-purchase";
    made.info.breakable = "one payment sent";
    return made;
  }();
  return kPlugin;
}

Configuration cell(std::uint64_t requests, StartMode start, Nanos window, std::uint64_t trials,
                   std::uint64_t broken) {
  Configuration made;
  Experiment& experiment = made.experiment;
  experiment.scenario = &scenario();
  experiment.requests = requests;
  experiment.threads = static_cast<std::uint32_t>(requests);
  experiment.start = start;
  experiment.window.length = window;
  experiment.trials = 20;
  experiment.seed = 7;
  experiment.config = {{"requests", std::to_string(requests)},
                       {"start", start == StartMode::aligned ? "aligned" : "latch"},
                       {"threads", std::to_string(requests)},
                       {"window", to_text(window)}};
  made.control.trials = trials;
  made.control.broken = broken;
  return made;
}

/// Of 2 and 20 requests, with a window that is no multiple of the other, out of order.
RunResult small_power() {
  RunResult run;
  run.run_id = "run-7";
  run.build.version = "0.1.0";
  run.configurations = {cell(2, StartMode::aligned, 10 * kMicrosecond, 20, 20),
                        cell(2, StartMode::aligned, 0, 20, 1), cell(2, StartMode::latch, 10'000, 10, 0),
                        cell(2, StartMode::latch, 0, 20, 0), cell(20, StartMode::aligned, 0, 0, 0)};
  run.configurations[2].experiment.window.kind = Window::Kind::jittered;
  return run;
}

std::string written(const std::unique_ptr<Sink>& sink, const RunResult& run) {
  std::ostringstream out;
  sink->write(run, out);
  return out.str();
}

TEST(Power, IsTheRateAtWhichControlsBrokeWithItsInterval) {
  const std::vector<PowerCell> cells = power_of(small_power());
  ASSERT_EQ(cells.size(), 5U);
  EXPECT_EQ(cells[1].configuration, 1U);
  EXPECT_EQ(cells[1].trials, 20U);
  EXPECT_EQ(cells[1].broken, 1U);
  // scipy.stats.binomtest(1, 20).proportion_ci(0.95, 'exact')
  EXPECT_NEAR(cells[1].rate.low, 0.00126509, 1e-7);
  EXPECT_NEAR(cells[1].rate.high, 0.24873275, 1e-7);
  EXPECT_NEAR(cells[0].rate.low, 0.83156653, 1e-7);
  EXPECT_EQ(cells[0].rate.high, 1);
  EXPECT_EQ(cells[4].rate.low, 0) << "an interruption came first";
  EXPECT_EQ(cells[4].rate.high, 1);
}

TEST(PowerCsv, HasARowForEveryCell) {
  EXPECT_EQ(written(power_csv_sink(), small_power()),
            "schema,run_id,scenario,start,requests,threads,window_ns,window_kind,trials,broken,low,high\n"
            "ccbench.power/1,run-7,lotto-purchase,aligned,2,2,10000,fixed,20,20,0.8316,1.0000\n"
            "ccbench.power/1,run-7,lotto-purchase,aligned,2,2,0,fixed,20,1,0.0013,0.2487\n"
            "ccbench.power/1,run-7,lotto-purchase,latch,2,2,10000,jittered,10,0,0.0000,0.3085\n"
            "ccbench.power/1,run-7,lotto-purchase,latch,2,2,0,fixed,20,0,0.0000,0.1684\n"
            "ccbench.power/1,run-7,lotto-purchase,aligned,20,20,0,fixed,0,0,0.0000,1.0000\n");
}

TEST(PowerText, HasARowForEverySettingAndAColumnForEveryWindow) {
  EXPECT_EQ(
      written(power_text_sink({.color = false, .quiet = false, .width = 200}), small_power()),
      "ccbench 0.1.0 · power · lotto-purchase · 20 trials per cell, without a guard · seed 7\n"
      "trials that broke 'one payment sent', by the window between check and act\n"
      "\n"
      "requests  start    none   10us\n"
      "2         aligned  1/20  20/20\n"
      "2         latch    0/20   0/10\n"
      "20        aligned     -\n"
      "\n"
      "1 of 5 settings lost the race in every trial, 2 in none. Where it was lost in none of 10, a guard "
      "that holds has shown nothing: a rate of up to 31 % per trial fits that.\n");
  EXPECT_EQ(written(power_text_sink({.color = false, .quiet = true, .width = 200}), small_power()),
            "requests  start    none   10us\n"
            "2         aligned  1/20  20/20\n"
            "2         latch    0/20   0/10\n"
            "20        aligned     -\n");
}

TEST(PowerText, ShowsInColourWhereItIsBlind) {
  const std::string text =
      written(power_text_sink({.color = true, .quiet = true, .width = 200}), small_power());
  EXPECT_NE(text.find("\033[31m0/20"), std::string::npos) << text;
  EXPECT_NE(text.find("\033[33m1/20"), std::string::npos) << text;
  EXPECT_NE(text.find("\033[32m20/20"), std::string::npos) << text;
}

TEST(PowerText, KeepsItsLinesInTheirWidth) {
  std::istringstream lines(
      written(power_text_sink({.color = false, .quiet = false, .width = 60}), small_power()));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }), 60) << line;
  }
}

TEST(PowerText, SaysNothingOfBlindnessWhereThereIsNone) {
  RunResult run = small_power();
  run.configurations.resize(2);
  EXPECT_NE(
      written(power_text_sink({}), run).find("1 of 2 settings lost the race in every trial, 0 in none.\n"),
      std::string::npos);
}

}  // namespace
}  // namespace ccbench
