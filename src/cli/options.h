// The command line: flags, configuration files, and what they mean.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/explore_options.h"
#include "cli/gate_options.h"
#include "driver/experiment.h"

namespace ccbench {

/// One clear sentence about what the user typed; exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Command : std::uint8_t {
  run,
  power,
  report,
  gate,
  explore,
  list,
  bench,
  help,
  gate_help,
  explore_help,
  version
};

/// Where results are to be written, besides the table. Empty: nowhere; `-`: standard output.
struct OutputPaths {
  std::string trials_csv;
  std::string requests_csv;
  std::string snapshots_csv;
  std::string thread_dump;
  std::string json;
  std::string html;
  std::string trace;
  std::string folder;  ///< all of them, under their usual names

  bool operator==(const OutputPaths&) const = default;
};

struct Options {
  Command command = Command::run;
  std::vector<Experiment> experiments;  ///< one; of a sweep one for each combination of settings
  OutputPaths outputs;
  std::vector<std::string> folders;  ///< of `report`: what `--out` has written
  bool faulty_only = false;          ///< of `list`
  bool shrink = false;
  bool dry_run = false;
  bool inconclusive_ok = false;
  bool quiet = false;
  bool color = true;     ///< where the terminal has it
  bool progress = true;  ///< likewise
  std::vector<std::string> bench_flags;
  GateOptions gate;        ///< of `gate`
  ExploreOptions explore;  ///< of `explore`
};

/// Reads the command line, and the file that `--config` names. Throws UsageError.
Options parse_options(std::span<const char* const> arguments);

std::string help_text();
std::string gate_help_text();
std::string explore_help_text();

/// What flags were given, by name without dashes; lists as they were typed.
using RawFlags = std::map<std::string, std::string>;

/// What the flags of `run` mean. Throws UsageError, naming flag, value and what is allowed.
Options resolve_options(const RawFlags& flags);

/// What the flags of `report` mean. Throws UsageError, also where there is no folder or a flag that says what
/// to run.
Options resolve_report(const RawFlags& flags, std::vector<std::string> folders);

/// Reads the flags of a configuration file. Throws UsageError.
using ReadConfig = std::function<RawFlags(const std::string& path)>;

/// What the flags of `gate` mean, and the words beside them (`init DIR`). Throws UsageError, and GateError
/// where what is to be compared is not there.
Options resolve_gate(const RawFlags& flags, const std::vector<std::string>& words,
                     const ReadConfig& read_config);

/// What the flags of `explore` mean. Throws UsageError.
Options resolve_explore(const RawFlags& flags);

/// The settings that run.json names. Throws UsageError.
Experiment experiment_of_config(const std::map<std::string, std::string>& config);

/// Whether the flag takes several values, for a sweep.
bool is_sweepable(std::string_view flag);

/// The flags of `power` where they are not given: a ladder over windows, requests and start modes, no guard,
/// and no delay but the window.
RawFlags with_power_defaults(RawFlags flags);

/// All guards and scenarios, with what they promise and need and who fits whom, in lines of so many
/// characters.
std::string list_text(std::size_t width);

/// The deliberately wrong guards, each with the command that shows what is wrong.
std::string list_faulty_text(std::size_t width);

}  // namespace ccbench
