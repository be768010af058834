#include "report/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <system_error>
#include <utility>

namespace ccbench {
namespace {

constexpr std::string_view kStandardOutput = "-";

/// Empty if all went well.
std::string write_to(const Sink& sink, const RunResult& run, std::ostream& out, std::string_view name) {
  errno = 0;
  sink.write(run, out);
  out.flush();
  if (out.good()) return {};
  const int error = errno;
  if (&out == &std::cout && error == EPIPE) return {};
  return fmt::format("{} could not be written to its end: {}", name,
                     error == 0 ? "write error" : std::strerror(error));
}

}  // namespace

void OutputFiles::add(const std::string& path, std::unique_ptr<Sink> sink) {
  File file{.path = path, .sink = std::move(sink), .stream = {}};
  if (path != kStandardOutput) {
    errno = 0;
    file.stream.open(path, std::ios::binary | std::ios::trunc);
    if (!file.stream) throw std::system_error(errno, std::generic_category(), path + " cannot be written");
  }
  files_.push_back(std::move(file));
}

bool OutputFiles::use_standard_output() const {
  return std::ranges::any_of(files_, [](const File& file) { return file.path == kStandardOutput; });
}

std::vector<std::string> OutputFiles::write(const RunResult& run) {
  std::vector<std::string> failures;
  for (File& file : files_) {
    std::ostream& out = file.path == kStandardOutput ? std::cout : file.stream;
    std::string failure =
        write_to(*file.sink, run, out, file.path == kStandardOutput ? "standard output" : file.path);
    if (!failure.empty()) failures.push_back(std::move(failure));
  }
  return failures;
}

std::string print(const Sink& sink, const RunResult& run, std::ostream& out) {
  return write_to(sink, run, out, "standard output");
}

}  // namespace ccbench
