#include "cli/gate_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include "cli/progress.h"
#include "driver/calibration.h"
#include "driver/run.h"
#include "gate/baseline.h"
#include "gate/process_runner.h"
#include "gate/proof.h"
#include "gate/sinks.h"
#include "gate/starter.h"

namespace ccbench {
namespace {

using Task = GateOptions::Task;

/// The files of a gate: opened before anything is measured, and written to their ends.
class GateFiles {
 public:
  using Write = std::function<void(const GateResult&, std::ostream&)>;

  void add(std::string_view flag, const std::string& path, Write write) {
    if (path.empty()) return;
    files_.push_back({.flag = flag, .path = path, .write = std::move(write), .stream = {}});
  }

  /// Throws UsageError, naming the flag and the file.
  void open() {
    for (File& file : files_) {
      if (file.path == "-") continue;
      file.stream.open(file.path, std::ios::binary | std::ios::trunc);
      if (!file.stream)
        throw UsageError(
            fmt::format("--{}: {} cannot be written: {}", file.flag, file.path, std::strerror(errno)));
    }
  }

  bool use_standard_output() const { return std::ranges::any_of(files_, &File::is_standard_output); }

  /// Answers a sentence for each that could not be written to its end.
  std::vector<std::string> write(const GateResult& result) {
    std::vector<std::string> failures;
    for (File& file : files_) {
      std::ostream& out = file.is_standard_output() ? std::cout : file.stream;
      file.write(result, out);
      // Nobody reading standard output is no error.
      if (!out.flush() && !file.is_standard_output())
        failures.push_back(fmt::format("--{}: {} could not be written to its end", file.flag, file.path));
    }
    return failures;
  }

 private:
  struct File {
    std::string_view flag;
    std::string path;
    Write write;
    std::ofstream stream;  ///< not open for standard output

    bool is_standard_output() const { return path == "-"; }
  };

  std::vector<File> files_;
};

GateFiles open_files(const GateOutputs& outputs, const GateExit& exit) {
  const auto with_exit = [&exit](auto write) {
    return [&exit, write](const GateResult& result, std::ostream& out) { write(result, exit, out); };
  };
  GateFiles files;
  files.add("json", outputs.json, with_exit(write_gate_json));
  files.add("csv", outputs.csv, write_gate_csv);
  files.add("junit", outputs.junit, with_exit(write_gate_junit));
  files.add("markdown", outputs.markdown, write_gate_markdown);
  files.add("bencher", outputs.bencher, write_bencher);
  files.add("github-benchmark", outputs.github_benchmark, write_benchmark_action);
  files.open();
  return files;
}

/// A baseline may ask for what this ccbench has not.
Experiment experiment_of_baseline(const std::string& path, const ArmFlags& flags) {
  try {
    return experiment_of_config(flags);
  } catch (const UsageError& error) {
    throw GateError(fmt::format("the baseline {} cannot be run: {}", path, error.what()));
  }
}

GateResult measure(const GateOptions& gate, const std::vector<BaselineSetting>& baseline,
                   const Interruption& interruption, Progress& progress) {
  ProcessRunner runner(interruption);
  GatePlan plan = gate.plan;
  plan.rules.clock_look = cost_of_clock_read();
  if (gate.task == Task::self_test) return run_self_test(plan, runner, interruption, progress);
  if (gate.task == Task::compare) return run_gate(plan, runner, interruption, progress);
  const GateRules& rules = plan.rules;
  return run_against_baseline(baseline, rules.threshold, rules.alpha, [&](const ArmFlags& flags) {
    return run(experiment_of_baseline(gate.baseline, flags), Calibration{}, interruption, progress);
  });
}

/// Where GitHub runs it: annotations on standard output, and a summary of the step.
std::string tell_github(const GateResult& result, const GateExit& exit, std::ostream& out) {
  const char* actions = std::getenv("GITHUB_ACTIONS");  // NOLINT(concurrency-mt-unsafe): one thread
  if (actions == nullptr || std::string_view(actions) != "true") return {};
  write_gate_annotations(result, exit, out);
  const char* summary = std::getenv("GITHUB_STEP_SUMMARY");  // NOLINT(concurrency-mt-unsafe)
  if (summary == nullptr || *summary == '\0') return {};
  std::ofstream file(summary, std::ios::binary | std::ios::app);
  write_gate_markdown(result, file);
  return file.flush() ? std::string{} : fmt::format("the step summary {} could not be written", summary);
}

void say_what_would_run(const GatePlan& plan) {
  for (const Contest& contest : plan.contests) {
    std::cout << fmt::format("{}\n  base       {}\n  candidate  {}\n", contest.name, command_of(contest.base),
                             command_of(contest.candidate));
  }
  const int most = plan.rules.looks.back() * plan.rules.repetitions * 2;
  std::cout << fmt::format(
      "{} trials of each arm for correctness; then at most {} trials per guard, within {}\n",
      plan.rules.correctness_trials, most, to_text(plan.rules.budget));
}

int init_command(const std::string& folder) {
  const std::vector<StarterFile> files = starter_files(starter_options_of(folder));
  write_starter(folder, files);
  for (const StarterFile& file : files)
    std::cout << fmt::format("wrote {}\n", (std::filesystem::path(folder) / file.path).string());
  return kExitOk;
}

/// Writes everything. Answers 0, or what it exits with if something could not be written.
int show(const Options& options, const GateResult& result, const GateExit& exit, GateFiles& files) {
  const bool to_error = files.use_standard_output();
  const int descriptor = to_error ? STDERR_FILENO : STDOUT_FILENO;
  std::vector<std::string> failures = files.write(result);
  std::ostream& out = to_error ? std::cerr : std::cout;
  write_gate_text(result,
                  {.color = options.color && wants_color() && is_terminal(descriptor),
                   .quiet = options.quiet,
                   .width = terminal_width(descriptor)},
                  out);
  if (std::string failure = tell_github(result, exit, out); !failure.empty()) failures.push_back(failure);
  for (const std::string& failure : failures) std::cerr << "ccbench: " << failure << '\n';
  return failures.empty() ? kExitOk : kExitError;
}

}  // namespace

int gate_command(const Options& options) {
  const GateOptions& gate = options.gate;
  if (gate.task == Task::init) return init_command(gate.folder);
  if (gate.dry_run) {
    say_what_would_run(gate.plan);
    return kExitOk;
  }
  const std::vector<BaselineSetting> baseline =
      gate.task == Task::baseline ? read_baseline(gate.baseline) : std::vector<BaselineSetting>{};
  GateExit exit{.inconclusive_ok = gate.inconclusive_ok, .inconclusive_fails = gate.inconclusive_fails};
  GateFiles files = open_files(gate.outputs, exit);
  Interruption interruption;
  TerminalProgress progress(options.progress && is_terminal(STDERR_FILENO));
  const GateResult result = measure(gate, baseline, interruption, progress);
  interruption.end_at_once();
  exit.code = exit_code_of(result, gate.inconclusive_fails);
  if (exit.code == kExitInconclusive && gate.inconclusive_ok) exit.code = kExitOk;
  return worse_exit_code(exit.code, show(options, result, exit, files));
}

}  // namespace ccbench
