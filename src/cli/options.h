// The command line: flags, configuration files, and what they mean.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "driver/experiment.h"

namespace ccbench {

/// One clear sentence about what the user typed; exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Command : std::uint8_t { run, list, bench, help, version };

/// Where results are to be written, besides the table. Empty: nowhere; `-`: standard output.
struct OutputPaths {
  std::string trials_csv;
  std::string requests_csv;
  std::string snapshots_csv;
  std::string thread_dump;
  std::string json;
  std::string folder;  ///< all of them, under their usual names
};

struct Options {
  Command command = Command::run;
  Experiment experiment;
  OutputPaths outputs;
  bool inconclusive_ok = false;
  bool quiet = false;
  bool color = true;     ///< where the terminal has it
  bool progress = true;  ///< likewise
  std::vector<std::string> bench_flags;
};

/// Reads the command line, and the file that `--config` names. Throws UsageError.
Options parse_options(std::span<const char* const> arguments);

std::string help_text();

/// What flags were given, by name without dashes; lists as they were typed.
using RawFlags = std::map<std::string, std::string>;

/// What the flags of `run` mean. Throws UsageError, naming flag, value and what is allowed.
Options resolve_options(const RawFlags& flags);

/// All guards and scenarios, with what they promise and need and who fits whom.
std::string list_text();

}  // namespace ccbench
