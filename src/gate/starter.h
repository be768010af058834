// What a repository needs so that its pull requests pass the gate.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace ccbench {

struct StarterOptions {
  /// The folder of ccbench's sources in the repository: base and candidate are built from there. Empty: there
  /// are none, an installed ccbench is used, and it is compared with a baseline.
  std::string sources = ".";
  std::string guards = "synchronized";            ///< to be compared
  std::string baseline = "ccbench-baseline.csv";  ///< where a run to compare with is kept
};

struct StarterFile {
  std::string path;  ///< below the repository's folder
  std::string text;
};

/// By whether ccbench's sources stand in the folder.
StarterOptions starter_options_of(const std::string& folder);

/// A workflow for GitHub Actions, and a page that says how to read it, repeat it and keep a baseline.
std::vector<StarterFile> starter_files(const StarterOptions& options);

/// Writes them below the folder, and makes the folders that they stand in. Throws GateError, and has written
/// nothing, if one of them is there already; also if one cannot be written.
void write_starter(const std::string& folder, std::span<const StarterFile> files);

}  // namespace ccbench
