// ccbench: does the guard around a critical section hold, what does it cost, and what were the other
// threads doing meanwhile?
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "cli/explore_command.h"
#include "cli/gate_command.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "driver/benchmarks.h"
#include "driver/calibration.h"
#include "driver/run.h"
#include "driver/shrink.h"
#include "explore/benchmarks.h"
#include "guards/guards_benchmark.h"
#include "report/dry_run.h"
#include "report/expectation.h"
#include "report/html.h"
#include "report/output.h"
#include "report/power.h"
#include "report/read_run.h"
#include "report/runs.h"

namespace ccbench {
namespace {

/// A file that is opened while standard output is closed would take its place and get the table.
void keep_standard_streams_open() {
  while (true) {
    const int lowest = open("/dev/null", O_RDWR);
    if (lowest > STDERR_FILENO) {
      close(lowest);
      return;
    }
    if (lowest < 0) return;
  }
}

/// What stands in arguments and names of files must not drive the terminal: control characters, also
/// those of two bytes (U+0080 to U+009F), become question marks.
std::string printable(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    const bool two_bytes = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    shown += byte < 0x20 || byte == 0x7f || two_bytes ? '?' : text[i];
    if (two_bytes) ++i;
  }
  return shown;
}

void complain(std::string_view sentence) { std::cerr << "ccbench: " << printable(sentence) << '\n'; }

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw UsageError(fmt::format("{} cannot be made: {}", path, error.message()));
}

void open_all(OutputFiles& files) {
  try {
    files.open();
  } catch (const std::runtime_error& error) {
    throw UsageError(error.what());
  }
}

OutputFiles open_outputs(const OutputPaths& paths, bool power) {
  OutputFiles files;
  const auto add = [&](const char* flag, const std::string& path, const char* usual_name, auto make_sink) {
    if (!path.empty()) files.add(flag, path, make_sink());
    if (!paths.folder.empty())
      files.add("--out", (std::filesystem::path(paths.folder) / usual_name).string(), make_sink());
  };
  if (power) {
    add("--csv", paths.trials_csv, "power.csv", power_csv_sink);
    add("--out", {}, "trials.csv", trials_csv_sink);
  } else {
    add("--csv", paths.trials_csv, "trials.csv", trials_csv_sink);
  }
  add("--requests-csv", paths.requests_csv, "requests.csv", requests_csv_sink);
  add("--snapshots-csv", paths.snapshots_csv, "snapshots.csv", snapshots_csv_sink);
  add("--thread-dump", paths.thread_dump, "threads.txt", thread_dump_sink);
  add("--json", paths.json, "run.json", json_sink);
  add("--html", paths.html, "report.html", html_sink);
  add("--trace", paths.trace, "trace.json", trace_sink);
  if (!paths.folder.empty()) make_folder(paths.folder);
  open_all(files);
  return files;
}

/// The one file that several runs share.
OutputFiles open_page(OutputPaths paths, std::span<const RunResult> runs) {
  OutputFiles files;
  if (!paths.html.empty()) files.add("--html", paths.html, html_sink_of(runs));
  paths.html.clear();
  if (files.use_standard_output() || paths != OutputPaths{})
    throw UsageError("report: of several folders only a file for --html can be made");
  open_all(files);
  return files;
}

/// That a race was seen, or was not, is what power is there to tell, and no failure.
int exit_code_of(const Options& options, const RunResult& result) {
  const int code = result.exit_code();
  const bool told = code == kExitInconclusive || code == exit_code_of(Verdict::violation);
  if (options.command == Command::power && told) return kExitOk;
  const int of_verdicts = code == kExitInconclusive && options.inconclusive_ok ? kExitOk : code;
  return worse_exit_code(of_verdicts, meets_expectations(result) ? kExitOk : kExitExpectation);
}

/// Of the guard's trials, the first that failed.
std::optional<FirstFailure> first_failure(const RunResult& result) {
  std::uint64_t trials = 0;
  for (const TrialResult& trial : result.trials) {
    if (trial.role == Role::control) continue;
    ++trials;
    if (has_failed(trial.verdict)) return FirstFailure{.seed = trial.seed, .trials = trials};
  }
  return std::nullopt;
}

RunResult measure(const Options& options, const Interruption& interruption) {
  TerminalProgress progress(options.progress && is_terminal(STDERR_FILENO));
  RunResult result = run(options.experiments, calibrate(interruption), interruption, progress);
  result.power = options.command == Command::power;
  const auto failure = first_failure(result);
  if (options.shrink && failure && interruption.signal() == 0) {
    result.shrunk = shrink(options.experiments.front(), *failure, interruption, progress);
    result.interrupted_by = interruption.signal();
  }
  return result;
}

/// Writes the files and the table. Answers 0, or what it exits with if something could not be written.
int show(const Options& options, const RunResult& result, OutputFiles& files) {
  const bool to_error = files.use_standard_output();
  const int descriptor = to_error ? STDERR_FILENO : STDOUT_FILENO;
  const bool color = options.color && wants_color() && is_terminal(descriptor);
  std::vector<std::string> failures = files.write(result);
  const TextStyle style{.color = color, .quiet = options.quiet, .width = terminal_width(descriptor)};
  const auto table = result.power ? power_text_sink(style) : text_sink(style);
  if (std::string failure = print(*table, result, to_error ? std::cerr : std::cout); !failure.empty()) {
    failures.push_back(std::move(failure));
  }
  for (const std::string& failure : failures) complain(failure);
  return failures.empty() ? kExitOk : kExitError;
}

int run_command(const Options& options) {
  if (options.dry_run) {
    std::cout << plan_text(options.experiments);
    return kExitOk;
  }
  OutputFiles files = open_outputs(options.outputs, options.command == Command::power);
  Interruption interruption;
  const RunResult result = measure(options, interruption);
  interruption.end_at_once();
  return worse_exit_code(exit_code_of(options, result), show(options, result, files));
}

std::vector<RunResult> read_runs(const std::vector<std::string>& folders) {
  std::vector<RunResult> runs;
  runs.reserve(folders.size());
  for (const std::string& folder : folders) runs.push_back(read_run(folder, experiment_of_config));
  return runs;
}

/// What is made of requests needs their rows: without them it would be empty, and look like a run of none.
void check_requests(const std::string& folder, const OutputPaths& paths) {
  if (std::filesystem::exists(std::filesystem::path(folder) / "requests.csv")) return;
  for (const auto& [flag, path] :
       {std::pair("--requests-csv", paths.requests_csv), std::pair("--trace", paths.trace)}) {
    if (!path.empty())
      throw UsageError(fmt::format("{}: {} has no requests.csv to make it of", flag, folder));
  }
  if (!paths.folder.empty())
    complain(
        fmt::format("{} has no requests.csv: that and trace.json are empty in {}", folder, paths.folder));
}

/// Shows again what was measured: the verdicts are in it, and no failure of this command.
int report_command(const Options& options) {
  const std::vector<RunResult> runs = read_runs(options.folders);
  if (runs.size() == 1) {
    check_requests(options.folders.front(), options.outputs);
    OutputFiles files = open_outputs(options.outputs, runs.front().power);
    return show(options, runs.front(), files);
  }
  OutputFiles page = open_page(options.outputs, runs);
  int code = kExitOk;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::cout << fmt::format("== {}\n", printable(options.folders[i]));
    OutputFiles none;
    code = worse_exit_code(code, show(options, runs[i], none));
    std::cout << '\n';
  }
  std::cout << runs_text(runs, options.folders);
  for (const std::string& failure : page.write(runs.front())) {
    complain(failure);
    code = kExitError;
  }
  return code;
}

int bench_command(const Options& options) {
  std::vector<std::string> words = {"ccbench bench"};
  words.insert(words.end(), options.bench_flags.begin(), options.bench_flags.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size());
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return kExitUsage;
  register_guard_benchmarks();
  register_driver_benchmarks();
  register_explore_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  return kExitOk;
}

int list_command(const Options& options) {
  const std::size_t width = terminal_width(STDOUT_FILENO);
  std::cout << (options.faulty_only ? list_faulty_text(width) : list_text(width));
  return kExitOk;
}

int execute(const Options& options) {
  switch (options.command) {
    case Command::run:
    case Command::power: return run_command(options);
    case Command::report: return report_command(options);
    case Command::list: return list_command(options);
    case Command::bench: return bench_command(options);
    case Command::gate: return gate_command(options);
    case Command::explore: return explore_command(options);
    case Command::help: std::cout << help_text(); return kExitOk;
    case Command::gate_help: std::cout << gate_help_text(); return kExitOk;
    case Command::explore_help: std::cout << explore_help_text(); return kExitOk;
    case Command::version: {
      const Build build = this_build();
      std::cout << fmt::format("ccbench {} ({}, {}, sanitizer: {})\n", build.version, build.compiler,
                               build.build_type, build.sanitizer);
      return kExitOk;
    }
  }
  return kExitInternal;
}

}  // namespace
}  // namespace ccbench

int main(int argc, char** argv) {
  ccbench::keep_standard_streams_open();
  std::signal(SIGPIPE, SIG_IGN);
  // Whoever starts ccbench may have it ignored, and then the system keeps no ends of trials to wait for.
  std::signal(SIGCHLD, SIG_DFL);
  try {
    return ccbench::execute(
        ccbench::parse_options(std::span<const char* const>(argv, static_cast<std::size_t>(argc))));
  } catch (const ccbench::UsageError& error) {
    ccbench::complain(error.what());
    return ccbench::kExitUsage;
  } catch (const ccbench::GateError& error) {
    ccbench::complain(error.what());
    return ccbench::kExitError;
  } catch (const ccbench::UnreadableRun& error) {
    ccbench::complain(error.what());
    return ccbench::kExitError;
  } catch (const std::exception& error) {
    ccbench::complain(fmt::format("internal error: {}", error.what()));
    return ccbench::kExitInternal;
  }
}
