// ccbench: does the guard around a critical section hold, what does it cost, and what were the other
// threads doing meanwhile?
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <span>

#include "cli/options.h"
#include "cli/progress.h"
#include "driver/benchmarks.h"
#include "driver/run.h"
#include "guards/guards_benchmark.h"
#include "report/output.h"

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

OutputFiles open_outputs(const OutputPaths& paths) {
  OutputFiles files;
  const auto add = [&](const std::string& path, const char* usual_name, auto make_sink) {
    if (!path.empty()) files.add(path, make_sink());
    if (!paths.folder.empty())
      files.add((std::filesystem::path(paths.folder) / usual_name).string(), make_sink());
  };
  try {
    if (!paths.folder.empty()) std::filesystem::create_directories(paths.folder);
    add(paths.trials_csv, "trials.csv", trials_csv_sink);
    add(paths.requests_csv, "requests.csv", requests_csv_sink);
    add(paths.snapshots_csv, "snapshots.csv", snapshots_csv_sink);
    add(paths.json, "run.json", json_sink);
  } catch (const std::system_error& error) {
    throw UsageError(error.what());
  }
  return files;
}

int report(const Options& options, const RunResult& result, OutputFiles& files) {
  const bool to_error = files.use_standard_output();
  const bool color = options.color && wants_color() && is_terminal(to_error ? STDERR_FILENO : STDOUT_FILENO);
  std::vector<std::string> failures = files.write(result);
  const auto table = text_sink({.color = color, .quiet = options.quiet});
  if (std::string failure = print(*table, result, to_error ? std::cerr : std::cout); !failure.empty()) {
    failures.push_back(std::move(failure));
  }
  int code = result.exit_code();
  if (code == kExitInconclusive && options.inconclusive_ok) code = kExitOk;
  for (const std::string& failure : failures) {
    std::cerr << "ccbench: " << failure << '\n';
    code = worse_exit_code(code, kExitError);
  }
  return code;
}

int run_command(const Options& options) {
  OutputFiles files = open_outputs(options.outputs);
  const Interruption interruption;
  const RunResult result = [&] {
    TerminalProgress progress(options.progress && is_terminal(STDERR_FILENO));
    return run(options.experiment, interruption, progress);
  }();
  return report(options, result, files);
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
  benchmark::RunSpecifiedBenchmarks();
  return kExitOk;
}

int execute(const Options& options) {
  switch (options.command) {
    case Command::run: return run_command(options);
    case Command::list: std::cout << list_text(); return kExitOk;
    case Command::bench: return bench_command(options);
    case Command::help: std::cout << help_text(); return kExitOk;
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
  try {
    return ccbench::execute(
        ccbench::parse_options(std::span<const char* const>(argv, static_cast<std::size_t>(argc))));
  } catch (const ccbench::UsageError& error) {
    std::cerr << "ccbench: " << error.what() << '\n';
    return ccbench::kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << "ccbench: internal error: " << error.what() << '\n';
    return ccbench::kExitInternal;
  }
}
