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
#include <stdexcept>
#include <string>
#include <string_view>

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

OutputFiles open_outputs(const OutputPaths& paths) {
  OutputFiles files;
  const auto add = [&](const char* flag, const std::string& path, const char* usual_name, auto make_sink) {
    if (!path.empty()) files.add(flag, path, make_sink());
    if (!paths.folder.empty())
      files.add("--out", (std::filesystem::path(paths.folder) / usual_name).string(), make_sink());
  };
  add("--csv", paths.trials_csv, "trials.csv", trials_csv_sink);
  add("--requests-csv", paths.requests_csv, "requests.csv", requests_csv_sink);
  add("--snapshots-csv", paths.snapshots_csv, "snapshots.csv", snapshots_csv_sink);
  add("--thread-dump", paths.thread_dump, "threads.txt", thread_dump_sink);
  add("--json", paths.json, "run.json", json_sink);
  if (!paths.folder.empty()) make_folder(paths.folder);
  try {
    files.open();
  } catch (const std::runtime_error& error) {
    throw UsageError(error.what());
  }
  return files;
}

int report(const Options& options, const RunResult& result, OutputFiles& files) {
  const bool to_error = files.use_standard_output();
  const int descriptor = to_error ? STDERR_FILENO : STDOUT_FILENO;
  const bool color = options.color && wants_color() && is_terminal(descriptor);
  std::vector<std::string> failures = files.write(result);
  const auto table = text_sink({.color = color, .quiet = options.quiet, .width = terminal_width(descriptor)});
  if (std::string failure = print(*table, result, to_error ? std::cerr : std::cout); !failure.empty()) {
    failures.push_back(std::move(failure));
  }
  int code = result.exit_code();
  if (code == kExitInconclusive && options.inconclusive_ok) code = kExitOk;
  for (const std::string& failure : failures) {
    complain(failure);
    code = worse_exit_code(code, kExitError);
  }
  return code;
}

int run_command(const Options& options) {
  OutputFiles files = open_outputs(options.outputs);
  Interruption interruption;
  const RunResult result = [&] {
    TerminalProgress progress(options.progress && is_terminal(STDERR_FILENO));
    return run(options.experiment, interruption, progress);
  }();
  interruption.end_at_once();
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
  // Whoever starts ccbench may have it ignored, and then the system keeps no ends of trials to wait for.
  std::signal(SIGCHLD, SIG_DFL);
  try {
    return ccbench::execute(
        ccbench::parse_options(std::span<const char* const>(argv, static_cast<std::size_t>(argc))));
  } catch (const ccbench::UsageError& error) {
    ccbench::complain(error.what());
    return ccbench::kExitUsage;
  } catch (const std::exception& error) {
    ccbench::complain(fmt::format("internal error: {}", error.what()));
    return ccbench::kExitInternal;
  }
}
