// The starter's files, as far as they can be run without the service that they are for.
#include "gate/starter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "gate/arm.h"
#include "gate/sinks_fixture.h"

namespace ccbench {
namespace {

namespace fs = std::filesystem;

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "ccbench_starter_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }

  std::string path() const { return path_.string(); }
  fs::path operator/(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string workflow_of(const StarterOptions& options) { return starter_files(options).front().text; }

const std::vector<StarterOptions>& all_options() {
  static const std::vector<StarterOptions> kAll = {
      {},
      {.sources = "third_party/ccbench", .guards = "cas,rwlock", .baseline = "ci/base.csv"},
      {.sources = ""}};
  return kAll;
}

/// The workflow as Python's YAML parser reads it, as JSON; what it says instead, if it cannot.
std::string parsed(const std::string& workflow) {
  return run_in_shell(
             "/usr/bin/python3 -c 'import json, sys, yaml; "
             "json.dump(yaml.load(sys.stdin, yaml.BaseLoader), sys.stdout)'",
             workflow)
      .output;
}

struct Step {
  std::string name;
  std::string script;  ///< empty: of an action
  std::string condition;
};

/// Read once each: a parser of its own takes its time to start.
const std::vector<Step>& steps_of(const std::string& workflow) {
  static std::map<std::string, std::vector<Step>> known;
  const auto [found, fresh] = known.try_emplace(workflow);
  if (!fresh) return found->second;
  const auto job = nlohmann::json::parse(parsed(workflow)).at("jobs").at("gate");
  for (const auto& step : job.at("steps"))
    found->second.push_back({step.value("name", ""), step.value("run", ""), step.value("if", "")});
  return found->second;
}

const Step& step_named(const std::vector<Step>& steps, std::string_view name) {
  for (const Step& step : steps) {
    if (step.name == name) return step;
  }
  throw std::runtime_error(fmt::format("no step {}", name));
}

/// What bash says of a script without running it; empty if it can be read.
std::string faults_of_script(const std::string& script) { return run_in_shell("bash -n", script).output; }

TEST(Starter, WritesAWorkflowThatParses) {
  for (const StarterOptions& options : all_options()) {
    const auto workflow = nlohmann::json::parse(parsed(workflow_of(options)));
    EXPECT_EQ(workflow["permissions"], (nlohmann::json{{"contents", "read"}}));
    EXPECT_TRUE(workflow["on"].contains("pull_request"));
    EXPECT_EQ(workflow["jobs"]["gate"]["steps"][0]["with"]["fetch-depth"], "0");
    EXPECT_EQ(workflow["jobs"]["gate"]["defaults"]["run"]["shell"], "bash");
    for (const Step& step : steps_of(workflow_of(options)))
      EXPECT_FALSE(step.name.empty() && !step.script.empty());
  }
  EXPECT_NE(parsed("a:\n\t- b\n").find("ScannerError"), std::string::npos);
}

TEST(Starter, HasScriptsThatBashReads) {
  for (const StarterOptions& options : all_options()) {
    for (const Step& step : steps_of(workflow_of(options)))
      EXPECT_EQ(faults_of_script(step.script), "") << step.name;
  }
  EXPECT_NE(faults_of_script("if true; then echo"), "");
}

/// Expressions are pasted into a script before a shell reads it: what somebody calls his branch would be run.
TEST(Starter, PastesNothingIntoScripts) {
  for (const StarterOptions& options : all_options()) {
    for (const Step& step : steps_of(workflow_of(options)))
      EXPECT_EQ(step.script.find("${{"), std::string::npos) << step.script;
  }
}

TEST(Starter, LeavesNoMarkOfItsOwn) {
  for (const StarterOptions& options : all_options()) {
    for (const StarterFile& file : starter_files(options)) {
      std::string text = file.text;
      for (const std::string_view action : {"checkout@v4", "upload-artifact@v4"}) {
        if (const auto at = text.find(action); at != std::string::npos) text.erase(at, action.size());
      }
      EXPECT_EQ(text.find('@'), std::string::npos) << text;
    }
  }
}

/// A ccbench that writes down how it was called, and exits with $CODE.
constexpr std::string_view kRecorder = R"(#!/bin/bash
printf '%s\n' "$@" >>"$CALLS"
exit "${CODE:-0}"
)";

/// Runs a step's script as the service does, beside a program that only writes down its arguments.
class Service {
 public:
  explicit Service(const StarterOptions& options) : steps_(steps_of(workflow_of(options))) {
    program_ = (folder_ / "bin" / "ccbench").string();
    write_file(program_, kRecorder);
    fs::permissions(program_, fs::perms::owner_all);
    fs::create_directories(folder_ / "repository");
  }

  ShellAnswer run(std::string_view step, int code = 0) {
    write_file(folder_ / "script", step_named(steps_, step).script);
    const std::string command = fmt::format(
        "cd {0}/repository && CALLS={0}/calls CODE={1} CCBENCH={2} BASE=/old/ccbench GUARDS=cas,rwlock "
        "BASELINE=base.csv RESULTS=results "
        "bash --noprofile --norc -eo pipefail {0}/script",
        folder_.path(), code, program_);
    return run_in_shell(command, "");
  }

  const Folder& folder() const { return folder_; }
  std::string calls() const { return content_of(folder_ / "calls"); }

 private:
  Folder folder_;
  std::vector<Step> steps_;
  std::string program_;
};

TEST(Starter, ComparesWithTheBaseAndKeepsItsExitCode) {
  Service service({});
  EXPECT_EQ(service.run("Compare with the base", 4).exit_code, 4);
  EXPECT_EQ(
      service.calls(),
      "gate\n--base=/old/ccbench\n--guard=cas,rwlock\n--json=results/gate.json\n--csv=results/trials.csv\n"
      "--junit=results/gate.xml\n--markdown=results/gate.md\n");
  EXPECT_TRUE(fs::is_directory(service.folder() / "repository/results"));
}

/// What a recorded call means to the command line; throws UsageError for what it does not take.
Options options_of(const std::string& calls) {
  std::vector<std::string> words = {"ccbench"};
  std::istringstream in(calls);
  for (std::string word; std::getline(in, word);)
    words.push_back(word == "--base=/old/ccbench" ? "--base=/proc/self/exe" : word);
  std::vector<const char*> arguments;
  arguments.reserve(words.size());
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return parse_options(arguments);
}

TEST(Starter, GivesTheCommandFlagsThatItTakes) {
  Service base({});
  base.run("Compare with the base");
  const Options compared = options_of(base.calls());
  EXPECT_EQ(compared.gate.plan.contests.size(), 2U);
  EXPECT_EQ(compared.gate.outputs.junit, "results/gate.xml");
  Service baseline({.sources = ""});
  baseline.run("Compare with the baseline");
  EXPECT_EQ(options_of(baseline.calls()).gate.baseline, "base.csv");
  Service test({});
  test.run("Test the gate itself");
  EXPECT_EQ(options_of(test.calls()).gate.task, GateOptions::Task::self_test);
  EXPECT_THROW(options_of("gate\n--base=/proc/self/exe\n--guards=cas\n"), UsageError);
}

TEST(Starter, ComparesWithABaselineIfThereIsOne) {
  Service service({});
  EXPECT_EQ(service.run("Compare with the baseline", 4).exit_code, 0);
  EXPECT_EQ(service.calls(), "");
  write_file(service.folder() / "repository/base.csv", "x");
  EXPECT_EQ(service.run("Compare with the baseline", 3).exit_code, 3);
  EXPECT_EQ(service.calls(),
            "gate\n--baseline=base.csv\n--json=results/baseline.json\n--junit=results/baseline.xml\n"
            "--markdown=results/baseline.md\n");
}

TEST(Starter, AsksForABaselineWhereThereAreNoSources) {
  Service service({.sources = ""});
  EXPECT_EQ(service.run("Find ccbench").exit_code, 0);
  EXPECT_EQ(service.run("Compare with the baseline", 7).exit_code, 7);
  EXPECT_TRUE(service.calls().starts_with("gate\n--baseline=base.csv\n"));
  fs::remove(service.folder() / "bin/ccbench");
  const ShellAnswer answer = service.run("Find ccbench");
  EXPECT_EQ(answer.exit_code, 7);
  EXPECT_TRUE(answer.output.starts_with("::error title=ccbench::there is no ")) << answer.output;
}

TEST(Starter, KeepsTheResultsOfARedRun) {
  for (const StarterOptions& options : all_options()) {
    const std::vector<Step>& steps = steps_of(workflow_of(options));
    EXPECT_EQ(step_named(steps, "Keep the results").condition, "${{ !cancelled() }}");
    EXPECT_EQ(step_named(steps, "Compare with the baseline").condition,
              "${{ !cancelled() && steps.candidate.outcome == 'success' }}");
    EXPECT_EQ(step_named(steps, "Test the gate itself").script, "\"$CCBENCH\" gate --self-test\n");
  }
}

/// Git alone, with a preset that copies instead of building.
TEST(Starter, BuildsTheBaseFromWhereTheBranchBegan) {
  Service service({});
  const std::string& folder = service.folder().path();
  const std::string setup = fmt::format(
      "set -e; cd {}/repository; export HOME={} GIT_CONFIG_NOSYSTEM=1; git init -q -b main; "
      "git config user.email a@b; git config user.name a; "
      "echo old >version; git add .; git commit -qm old; "
      "git update-ref refs/remotes/origin/main HEAD; git checkout -q -b mine; "
      "echo new >version; git commit -qam new; git commit -q --allow-empty -m newer; "
      "mkdir {}/tools; printf '#!/bin/sh\\nexit 0\\n' >{}/tools/cmake; chmod +x {}/tools/cmake",
      folder, folder, folder, folder, folder);
  ASSERT_EQ(run_in_shell(setup, "").output, "");
  write_file(service.folder() / "build", step_named(steps_of(workflow_of({})), "Build the base").script);
  const auto build = [&](const std::string& environment) {
    return run_in_shell(
        fmt::format("cd {0}/repository && HOME={0} PATH={0}/tools:$PATH SOURCES=. GITHUB_ENV={0}/env {1} "
                    "bash --noprofile --norc -eo pipefail {0}/build",
                    folder, environment),
        "");
  };
  const std::string first = folder + "/first";
  EXPECT_EQ(build("GITHUB_BASE_REF=main RUNNER_TEMP=" + first).exit_code, 0);
  EXPECT_EQ(content_of(first + "/base/version"), "old\n");
  EXPECT_EQ(content_of(folder + "/env"), fmt::format("BASE={}/base/./build/release/ccbench\n", first));
  // Started by hand, it is the commit before.
  const std::string second = folder + "/second";
  EXPECT_EQ(build("RUNNER_TEMP=" + second).exit_code, 0);
  EXPECT_EQ(content_of(second + "/base/version"), "new\n");
}

TEST(Starter, SaysWhereTheBaselineIsAndHowToRecordIt) {
  const std::string page =
      starter_files({.sources = "tools", .guards = "cas", .baseline = "ci/b.csv"})[1].text;
  EXPECT_NE(
      page.find(
          "    ./tools/build/release/ccbench --scenario=counter --threads=4 --requests=20000 --guard=all "
          "--trials=20 --csv=ci/b.csv\n"),
      std::string::npos)
      << page;
  EXPECT_NE(
      page.find(
          "    ./tools/build/release/ccbench gate --base=../base/tools/build/release/ccbench --guard=cas\n"),
      std::string::npos)
      << page;
  EXPECT_NE(starter_files({.sources = ""})[1].text.find("    ccbench gate --baseline=ccbench-baseline.csv\n"),
            std::string::npos);
}

TEST(Starter, RefusesWhatAShellOrYamlWouldReadOtherwise) {
  for (const char* bad : {"a b", "$(rm)", "a\"b", "a\nb", "a'b", "@SOURCES@"}) {
    EXPECT_THROW(starter_files({.sources = bad}), GateError) << bad;
    EXPECT_THROW(starter_files({.guards = bad}), GateError) << bad;
    EXPECT_THROW(starter_files({.baseline = bad}), GateError) << bad;
  }
}

TEST(Starter, KnowsARepositoryWithSources) {
  const Folder folder;
  EXPECT_EQ(starter_options_of(folder.path()).sources, "");
  write_file(folder / "scripts/setup.sh", "");
  EXPECT_EQ(starter_options_of(folder.path()).sources, "");
  fs::create_directories(folder / "src/gate");
  EXPECT_EQ(starter_options_of(folder.path()).sources, ".");
}

std::string refusal_of(const std::string& folder, const std::vector<StarterFile>& files) {
  try {
    write_starter(folder, files);
  } catch (const GateError& error) {
    return error.what();
  }
  return {};
}

TEST(WriteStarter, WritesAllFiles) {
  const Folder folder;
  const std::vector<StarterFile> files = starter_files({});
  EXPECT_EQ(refusal_of(folder.path(), files), "");
  EXPECT_EQ(content_of(folder / ".github/workflows/ccbench.yml"), files[0].text);
  EXPECT_EQ(content_of(folder / ".github/ccbench.md"), files[1].text);
}

TEST(WriteStarter, ReplacesNothingAndThenWritesNothing) {
  const Folder folder;
  write_file(folder / ".github/ccbench.md", "mine");
  EXPECT_EQ(refusal_of(folder.path(), starter_files({})),
            folder.path() + "/.github/ccbench.md is there already; nothing was written");
  EXPECT_EQ(content_of(folder / ".github/ccbench.md"), "mine");
  EXPECT_FALSE(fs::exists(folder / ".github/workflows"));
  fs::remove(folder / ".github/ccbench.md");
  fs::create_symlink("nowhere", folder / ".github/ccbench.md");
  EXPECT_NE(refusal_of(folder.path(), starter_files({})), "");
  EXPECT_FALSE(fs::exists(folder / ".github/nowhere"));
}

TEST(WriteStarter, SaysWhatCannotBeWritten) {
  const Folder folder;
  write_file(folder / ".github", "a file");
  EXPECT_EQ(refusal_of(folder.path(), starter_files({})),
            folder.path() + "/.github/workflows cannot be made: Not a directory");
}

}  // namespace
}  // namespace ccbench
