// Where results go: files opened before anything is measured, and written to their ends.
#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "report/sink.h"

namespace ccbench {

/// The files of one run. All are opened before anything is measured, so that one that cannot be written
/// fails the command at once and not after an hour.
class OutputFiles {
 public:
  /// `flag` is what asked for the file; `path` may be `-` for standard output.
  void add(std::string flag, std::string path, std::unique_ptr<Sink> sink);

  /// Opens all, and empties them once none is missing: a mistake in one name costs no older results.
  /// Throws std::runtime_error, its text naming the file, also for one that is asked for twice.
  void open();

  /// Whether one of them is standard output; the table then goes elsewhere.
  bool use_standard_output() const;

  /// Writes all. Answers a sentence for each that could not be written to its end.
  std::vector<std::string> write(const RunResult& run);

 private:
  struct File {
    std::string flag;
    std::string path;
    std::unique_ptr<Sink> sink;
    std::ofstream stream;  ///< not open for standard output
  };

  void refuse_shared() const;

  std::vector<File> files_;
};

/// Writes to standard output (or error) what `sink` makes of the run. Nobody reading is no error;
/// answers a sentence for anything else that prevents it.
std::string print(const Sink& sink, const RunResult& run, std::ostream& out);

}  // namespace ccbench
