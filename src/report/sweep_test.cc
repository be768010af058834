// What tells the configurations of a run apart, the commands that repeat one, and what a dry run says. The
// command line is the judge of commands: what it makes of one must be what was run.
#include "report/sweep.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/options.h"
#include "driver/quiet_run.h"
#include "report/command.h"
#include "report/dry_run.h"

namespace ccbench {
namespace {

std::vector<Experiment> experiments_of(const std::vector<std::string>& flags) {
  std::vector<const char*> words = {"ccbench"};
  for (const std::string& flag : flags) words.push_back(flag.c_str());
  return parse_options(words).experiments;
}

Experiment experiment_of(const std::vector<std::string>& flags) { return experiments_of(flags).at(0); }

RunResult run_of(const std::vector<std::string>& flags) {
  RunResult run;
  for (const Experiment& experiment : experiments_of(flags)) {
    run.configurations.push_back({.experiment = experiment});
  }
  return run;
}

/// What a shell makes of a command, word by word.
std::vector<std::string> words_of(const std::string& command) {
  const std::string script = "set -- " + command + R"(; printf '%s\n' "$@")";
  FILE* shell = popen(script.c_str(), "r");
  if (shell == nullptr) throw std::runtime_error("no shell");
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t length = fread(buffer.data(), 1, buffer.size(), shell))
    text.append(buffer.data(), length);
  pclose(shell);
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
    words.push_back(text.substr(begin, text.find('\n', begin) - begin));
  return words;
}

Experiment read_back(const std::string& command) {
  std::vector<std::string> words = words_of(command);
  EXPECT_EQ(words.at(0), "ccbench");
  words.erase(words.begin());
  return experiment_of(words);
}

// Commands

class Commands : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Commands, ReadBackAreTheSameExperiment) {
  const Experiment meant = experiment_of(GetParam());
  const std::string command = command_of(meant, meant.guards.front()->info.name, meant.seed);
  const Experiment read = read_back(command);
  EXPECT_EQ(read.config, meant.config) << command;
  EXPECT_EQ(read.params, meant.params) << command;
  EXPECT_EQ(read.parameters.section(), meant.parameters.section()) << command;
  EXPECT_EQ(read.guards, meant.guards) << command;
  EXPECT_EQ(read.threads, meant.threads) << command;
  EXPECT_EQ(read.window.kind, meant.window.kind) << command;
}

INSTANTIATE_TEST_SUITE_P(
    EverySetting, Commands,
    testing::Values(
        std::vector<std::string>{}, std::vector<std::string>{"--guard=cas", "--requests=7", "--keys=3"},
        std::vector<std::string>{"--requests=100", "--threads=4", "--key-skew=zipf:1.25", "--keys=9"},
        std::vector<std::string>{"--payment=1ms", "--db=0", "--visibility=instant", "--time-scale=0.5"},
        std::vector<std::string>{"--window=1500us", "--window-kind=jittered", "--start=latch"},
        std::vector<std::string>{"--scenario=counter", "--guard=synchronized", "--work=3us"},
        std::vector<std::string>{"--reenter=2", "--control=always", "--timeout=3s", "--stall=1s"},
        std::vector<std::string>{"--snapshot=10ms,20ms", "--snapshot-every=5ms", "--snapshot-full"},
        std::vector<std::string>{"--snapshot-at=blocked >= 3,inside<1", "--seed=18446744073709551615"},
        std::vector<std::string>{"--snapshot=never", "--control=never", "--requests=1"}));

TEST(Commands, NameTheGuardAndTheSeedToRepeat) {
  const Experiment experiment = experiment_of({"--guard=cas,synchronized", "--trials=5", "--seed=3"});
  const Experiment read = read_back(command_of(experiment, "synchronized", 99));
  EXPECT_EQ(read.guards.size(), 1U);
  EXPECT_EQ(read.guards.at(0)->info.name, "synchronized");
  EXPECT_EQ(read.seed, 99U);
  EXPECT_EQ(read.trials, 1);
}

TEST(Commands, LeaveOutWhatIsAtItsDefault) {
  EXPECT_EQ(command_of(experiment_of({"--guard=cas"}), "cas", 7),
            "ccbench --guard=cas --requests=20 --seed=7");
}

TEST(Commands, OfAConfigurationAreOfThatAlone) {
  const RunResult run = run_of({"--guard=cas", "--requests=2,20", "--window=0,1us", "--payment=1ms,2ms"});
  ASSERT_EQ(run.configurations.size(), 8U);
  for (const Configuration& configuration : run.configurations) {
    const Experiment read = read_back(command_of(configuration.experiment, "cas", run.experiment().seed));
    EXPECT_EQ(read.config, configuration.experiment.config);
  }
}

// Sweeps

TEST(Sweep, OfOneConfigurationIsNone) {
  const RunResult run = run_of({"--guard=cas", "--requests=7"});
  EXPECT_TRUE(swept_settings(run).empty());
  EXPECT_EQ(label_of(run, run.configurations[0]), "");
  EXPECT_EQ(config_of(run), run.experiment().config);
}

TEST(Sweep, NamesWhatItsConfigurationsDifferIn) {
  const RunResult run = run_of({"--guard=cas", "--window=0,1us", "--requests=2,20", "--payment=5ms"});
  EXPECT_EQ(swept_settings(run), (std::vector<std::string>{"requests", "window"}));
  std::vector<std::string> labels;
  for (const Configuration& configuration : run.configurations)
    labels.push_back(label_of(run, configuration));
  EXPECT_EQ(labels, (std::vector<std::string>{"requests=2 window=0", "requests=2 window=1us",
                                              "requests=20 window=0", "requests=20 window=1us"}));
  const auto config = config_of(run);
  EXPECT_EQ(config.at("requests"), "2,20");
  EXPECT_EQ(config.at("window"), "0,1us");
  EXPECT_EQ(config.at("payment"), "5ms");
  EXPECT_EQ(value_of(run.configurations[1], "window"), "1us");
  EXPECT_EQ(value_of(run.configurations[1], "no such setting"), "");
}

TEST(Sweep, NamesThreadsOnlyWhereTheyAreMoreThanAFollowerOfRequests) {
  EXPECT_EQ(swept_settings(run_of({"--requests=2,20"})), (std::vector<std::string>{"requests"}));
  EXPECT_EQ(swept_settings(run_of({"--requests=2,20", "--threads=4"})),
            (std::vector<std::string>{"requests", "threads"}))
      << "2 of 2, and 4 of 20";
  EXPECT_EQ(swept_settings(run_of({"--requests=20", "--threads=2,4"})),
            (std::vector<std::string>{"threads"}));
}

// Dry runs

Nanos expected(std::string_view guard_name, const std::vector<std::string>& flags) {
  return expected_length(experiment_of(flags), guard(guard_name));
}

/// Within what a start costs by expectation.
void expect_about(Nanos length, Nanos wanted) {
  EXPECT_GE(length, wanted);
  EXPECT_LE(length, wanted + 50 * kMillisecond);
}

TEST(DryRun, ExpectsSectionsOneAfterTheOtherWhereTheGuardLetsOneIn) {
  const std::vector<std::string> work = {"--scenario=counter", "--work=1s", "--requests=20"};
  expect_about(expected("none", work), kSecond);
  expect_about(expected("synchronized", work), 20 * kSecond);
  const std::vector<std::string> four_keys = {"--scenario=counter", "--work=1s", "--requests=20", "--keys=4"};
  expect_about(expected("synchronized", four_keys), 5 * kSecond);
  expect_about(expected("global", four_keys), 20 * kSecond);
  const std::vector<std::string> pool = {"--scenario=counter", "--work=1s", "--requests=20", "--keys=4",
                                         "--threads=2"};
  expect_about(expected("synchronized", pool), 10 * kSecond);
  expect_about(expected("none", pool), 10 * kSecond);
}

TEST(DryRun, ExpectsAsManySectionsAtOnceAsTheGuardAdmits) {
  const auto length = [](const char* permits) {
    return expected("semaphore", {"--guard=semaphore", "--scenario=counter", "--work=1s", "--requests=20",
                                  "--keys=2", std::string("--permits=") + permits});
  };
  expect_about(length("1"), 10 * kSecond);
  expect_about(length("3"), 4 * kSecond);
  expect_about(length("1000000"), kSecond);
}

TEST(DryRun, ExpectsOneSectionOfAPurchaseWhoseOthersAreRefused) {
  const std::vector<std::string> flags = {"--payment=1s", "--db=500ms", "--window=250ms"};
  for (const std::string_view name : {"cas", "synchronized", "global", "none", "single-flight"})
    expect_about(expected(name, flags), 1750 * kMillisecond);
}

TEST(DryRun, ExpectsNoTrialToBeLongerThanItsLimit) {
  const std::vector<std::string> flags = {"--scenario=counter", "--work=24h", "--timeout=1s",
                                          "--requests=2000000", "--threads=2"};
  for (const std::string_view name : {"none", "synchronized"}) expect_about(expected(name, flags), kSecond);
}

TEST(DryRun, SaysWhatWouldRunAndForHowLong) {
  const std::string text = plan_text(experiments_of(
      {"--guard=cas,synchronized", "--requests=2,4", "--trials=30", "--payment=1s", "--db=0", "--seed=7"}));
  EXPECT_EQ(
      text,
      "would run lotto-purchase · 2 configurations of 2 guards · 120 trials · and up to 10 controls · seed "
      "7\n"
      "\n"
      "                                         expected\n"
      "requests  guard         trials  section      each\n"
      "2         cas               30   1.00 s    1.00 s\n"
      "2         synchronized      30   1.00 s    1.00 s\n"
      "4         cas               30   1.00 s    1.00 s\n"
      "4         synchronized      30   1.00 s    1.00 s\n"
      "\n"
      "about 2 min 2 s, if every trial ends as its guard promises; none longer than --timeout=60s\n");
}

TEST(DryRun, CanSayHowLongTheLongestWouldTake) {
  const std::string text =
      plan_text(experiments_of({"--guard=none,synchronized", "--scenario=counter", "--work=24h",
                                "--timeout=24h", "--requests=2000000", "--threads=2", "--trials=100000"}));
  EXPECT_NE(text.find("about 200000 days"), std::string::npos) << text;
}

TEST(DryRun, CountsTheLimitFromTheLastArrival) {
  const std::vector<std::string> flags = {"--guard=cas", "--rate=10", "--requests=3", "--timeout=1s"};
  EXPECT_NE(plan_text(experiments_of(flags)).find("--timeout=1s after its last arrival\n"),
            std::string::npos);
  // The first comes at once.
  expect_about(expected("none", {"--rate=10", "--requests=3", "--payment=0", "--db=0"}), 200 * kMillisecond);
  EXPECT_NE(plan_text(experiments_of({"--guard=cas", "--duration=1s"})).find(" after its --duration\n"),
            std::string::npos);
}

TEST(DryRun, SaysThatTheSearchOfShrinkIsNotCounted) {
  const std::string_view said = "the search of --shrink, once a trial has failed, is not counted in that";
  EXPECT_NE(plan_text(experiments_of({"--guard=cas", "--shrink"})).find(said), std::string::npos);
  EXPECT_EQ(plan_text(experiments_of({"--guard=cas"})).find(said), std::string::npos);
}

TEST(DryRun, SaysThatItMayEndBefore) {
  const std::string text = plan_text(experiments_of({"--guard=cas", "--until-fail", "--trials=3"}));
  EXPECT_NE(text.find("and none fails before"), std::string::npos) << text;
}

}  // namespace
}  // namespace ccbench
