#include "report/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
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
  if ((&out == &std::cout || &out == &std::cerr) && error == EPIPE) return {};
  return fmt::format("{} could not be written to its end: {}", name,
                     error == 0 ? "write error" : std::strerror(error));
}

/// Devices and pipes can be written by several, and have nothing to be emptied of.
bool is_plain_file(const std::string& path) {
  std::error_code ignored;
  const auto type = std::filesystem::status(path, ignored).type();
  return type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found;
}

/// One name per file, whether it exists yet or not: `x`, `./x` and a link to x are the same.
std::filesystem::path normal(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  std::filesystem::path normal = std::filesystem::weakly_canonical(absolute, error);
  return error ? absolute.lexically_normal() : normal;
}

[[noreturn]] void refuse(const std::string& sentence, int error) {
  throw std::system_error(error, std::generic_category(), sentence);
}

}  // namespace

void OutputFiles::add(std::string flag, std::string path, std::unique_ptr<Sink> sink) {
  files_.push_back({.flag = std::move(flag), .path = std::move(path), .sink = std::move(sink), .stream = {}});
}

void OutputFiles::open() {
  refuse_shared();
  for (File& file : files_) {
    if (file.path == kStandardOutput) continue;
    errno = 0;
    file.stream.open(file.path, std::ios::binary | std::ios::app);
    if (!file.stream) refuse(file.path + " cannot be written", errno);
  }
  for (const File& file : files_) {
    if (file.path == kStandardOutput || !is_plain_file(file.path)) continue;
    std::error_code error;
    std::filesystem::resize_file(file.path, 0, error);
    if (error) refuse(file.path + " cannot be written", error.value());
  }
}

void OutputFiles::refuse_shared() const {
  std::map<std::filesystem::path, const File*> owners;
  for (const File& file : files_) {
    if (file.path == kStandardOutput || !is_plain_file(file.path)) continue;
    const auto [owner, fresh] = owners.emplace(normal(file.path), &file);
    if (fresh) continue;
    throw std::runtime_error(
        fmt::format("{} and {} name the same file, {}", owner->second->flag, file.flag, file.path));
  }
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
  return write_to(sink, run, out, &out == &std::cerr ? "standard error" : "standard output");
}

}  // namespace ccbench
