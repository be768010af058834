#include "cli/explore_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <vector>

#include "cli/progress.h"
#include "driver/interruption.h"
#include "explore/sinks.h"

namespace ccbench {
namespace {

using explore::SearchResult;

/// A file that is asked for, or standard output.
class OutputFile {
 public:
  /// Throws UsageError where it cannot be written.
  OutputFile(std::string_view flag, const std::string& path) : flag_(flag), path_(path) {
    if (path.empty() || path == "-") return;
    stream_.open(path, std::ios::binary | std::ios::trunc);
    if (!stream_)
      throw UsageError(fmt::format("--{}: {} cannot be written: {}", flag, path, std::strerror(errno)));
  }

  bool is_standard_output() const { return path_ == "-"; }

  /// Answers whether all of it is written; where it is not, says so.
  template <class Write>
  bool write(Write write_to) {
    if (path_.empty()) return true;
    if (is_standard_output()) {
      write_to(std::cout);
      std::cout.flush();
      return true;  // Nobody reading it is no error.
    }
    write_to(stream_);
    if (stream_.flush()) return true;
    std::cerr << fmt::format("ccbench: --{}: {} could not be written to its end\n", flag_, path_);
    return false;
  }

 private:
  const std::string flag_;
  const std::string path_;
  std::ofstream stream_;
};

/// All guards, one after the other, until a signal comes.
std::vector<SearchResult> search_all(const Options& options, const Interruption& interruption) {
  const ProgressLine line(options.progress && is_terminal(STDERR_FILENO));
  const std::vector<explore::ExploredTrial>& trials = options.explore.trials;
  explore::SearchOptions search = options.explore.search;
  search.interrupted = [&] { return interruption.signal() != 0; };
  std::vector<SearchResult> results;
  for (const explore::ExploredTrial& trial : trials) {
    search.progress = [&](std::uint64_t schedules) {
      line.show(fmt::format("guard {} of {}: {}: {} schedules", results.size() + 1, trials.size(),
                            trial.guard->info.name, schedules));
    };
    results.push_back(explore::search(trial, search));
    if (results.back().interrupted) break;
  }
  return results;
}

int exit_code_of(const Options& options, const std::vector<SearchResult>& results) {
  int code = kExitOk;
  for (const SearchResult& result : results) {
    if (result.interrupted) code = worse_exit_code(code, kExitInterrupted);
    const bool bounded = result.verdict == Verdict::ok && !explore::is_exhaustive(result);
    const int own =
        bounded && options.explore.require_exhaustive ? kExitInconclusive : exit_code_of(result.verdict);
    code = worse_exit_code(code, own == kExitInconclusive && options.inconclusive_ok ? kExitOk : own);
  }
  return code;
}

}  // namespace

int explore_command(const Options& options) {
  const ExploreOptions& asked = options.explore;
  OutputFile csv("csv", asked.csv);
  OutputFile json("json", asked.json);
  OutputFile html("html", asked.html);
  const std::array files = {&csv, &json, &html};
  const auto to_output = std::ranges::count_if(files, &OutputFile::is_standard_output);
  if (to_output > 1) throw UsageError("--csv, --json and --html: one of them may be standard output");

  Interruption interruption;
  const std::vector<SearchResult> results = search_all(options, interruption);
  interruption.end_at_once();

  const bool to_error = to_output > 0;
  const int descriptor = to_error ? STDERR_FILENO : STDOUT_FILENO;
  const explore::ExploreText text{.settings = asked.settings,
                                  .left_out = asked.left_out,
                                  .color = options.color && wants_color() && is_terminal(descriptor),
                                  .quiet = options.quiet,
                                  .width = terminal_width(descriptor)};
  bool written = csv.write([&](std::ostream& out) { explore::write_csv(results, out); });
  written = json.write([&](std::ostream& out) { explore::write_json(results, out); }) && written;
  const explore::ExplorePage page{
      .command = asked.command, .settings = asked.settings, .left_out = asked.left_out};
  written = html.write([&](std::ostream& out) { explore::write_html(results, page, out); }) && written;
  explore::write_text(results, text, to_error ? std::cerr : std::cout);
  return worse_exit_code(exit_code_of(options, results), written ? kExitOk : kExitError);
}

}  // namespace ccbench
