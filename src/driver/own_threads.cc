#include "driver/own_threads.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "snapshot/thread_files.h"

namespace ccbench {
namespace {

constexpr const char* kTasks = "/proc/self/task";

std::string text_in(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::optional<OwnThreads::Usage> usage_of(pid_t thread) {
  const auto schedule = ThreadFiles(getpid(), thread, ThreadFiles::Keep::closed).schedule();
  const std::filesystem::path folder = std::filesystem::path(kTasks) / std::to_string(thread);
  OwnThreads::Usage usage;
  if (!schedule || !parse_ticks(text_in(folder / "stat"), usage) ||
      !parse_switches(text_in(folder / "status"), usage))
    return std::nullopt;
  usage.ran = schedule->ran;
  return usage;
}

}  // namespace

OwnThreads::OwnThreads() {
  for (const auto& task : std::filesystem::directory_iterator(kTasks)) {
    const pid_t thread = std::stoi(task.path().filename());
    if (thread != gettid()) threads_.push_back(thread);
  }
}

std::optional<OwnThreads::Usage> OwnThreads::usage() const {
  Usage sum;
  for (const pid_t thread : threads_) {
    const auto usage = usage_of(thread);
    if (!usage) return std::nullopt;
    sum.ran += usage->ran;
    sum.user_ticks += usage->user_ticks;
    sum.system_ticks += usage->system_ticks;
    sum.voluntary_switches += usage->voluntary_switches;
    sum.involuntary_switches += usage->involuntary_switches;
  }
  return sum;
}

CpuReport between(const OwnThreads::Usage& before, const OwnThreads::Usage& after) {
  const auto ran = static_cast<Nanos>(after.ran - before.ran);
  const std::uint64_t in_system = after.system_ticks - before.system_ticks;
  const std::uint64_t all = in_system + after.user_ticks - before.user_ticks;
  const double share = all == 0 ? 0 : static_cast<double>(in_system) / static_cast<double>(all);
  const auto system = static_cast<Nanos>(static_cast<double>(ran) * share);
  return {.user = ran - system,
          .system = system,
          .voluntary_switches = after.voluntary_switches - before.voluntary_switches,
          .involuntary_switches = after.involuntary_switches - before.involuntary_switches};
}

bool parse_ticks(std::string_view stat, OwnThreads::Usage& usage) {
  // The name, in parentheses, may hold anything. Behind it stand the state, ten numbers, and the two.
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string_view::npos) return false;
  std::istringstream words{std::string(stat.substr(end_of_name + 1))};
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  return static_cast<bool>(words >> usage.user_ticks >> usage.system_ticks);
}

bool parse_switches(std::string_view status, OwnThreads::Usage& usage) {
  int found = 0;
  std::istringstream lines{std::string(status)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string label;
    std::uint64_t count = 0;
    words >> label >> count;
    if (label == "voluntary_ctxt_switches:" && words) {
      usage.voluntary_switches = count;
      ++found;
    } else if (label == "nonvoluntary_ctxt_switches:" && words) {
      usage.involuntary_switches = count;
      ++found;
    }
  }
  return found == 2;
}

}  // namespace ccbench
