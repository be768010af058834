#include "driver/limits.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "driver/machine.h"
#include "driver/worker_threads.h"

namespace ccbench {
namespace {

struct Limit {
  std::string name;
  double used = 0;
  double most = 0;
  double fullness() const { return most > 0 ? std::min(1.0, used / most) : 0; }
};

/// The first number behind `label` in a file of `label: number` or `label number` lines.
std::optional<double> number_behind(const std::string& file, const std::string& label) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(label)) return std::strtod(line.c_str() + label.size(), nullptr);
  }
  return std::nullopt;
}

double soft_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  return static_cast<double>(limit.rlim_cur);
}

/// Threads of this user on the whole machine: what RLIMIT_NPROC counts.
double threads_of_this_user() {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return 0;
  double threads = 0;
  while (const dirent* entry = readdir(proc.get())) {  // NOLINT(concurrency-mt-unsafe): one reader.
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const std::string status = std::string("/proc/") + entry->d_name + "/status";
    if (number_behind(status, "Uid:") == static_cast<double>(getuid())) {
      threads += number_behind(status, "Threads:").value_or(0);
    }
  }
  return threads;
}

/// Threads on the whole machine: the number behind the slash in `0.00 0.01 0.05 1/79 2252`.
double threads_of_all() {
  std::ifstream in("/proc/loadavg");
  std::string word;
  for (int i = 0; i < 4; ++i) in >> word;
  const auto slash = word.find('/');
  return slash == std::string::npos ? 0 : std::strtod(word.c_str() + slash + 1, nullptr);
}

double mappings_of_this_process() {
  std::ifstream in("/proc/self/maps");
  return static_cast<double>(
      std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
}

/// Where this process's control group keeps its `pids` files, in either version of the interface.
std::vector<std::string> pids_folders() {
  std::vector<std::string> folders;
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controller = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controller.empty()) folders.push_back("/sys/fs/cgroup" + path);
    if (controller == "pids") folders.push_back("/sys/fs/cgroup/pids" + path);
  }
  return folders;
}

/// `stacks`: bytes that were asked for and not given.
std::vector<Limit> thread_limits(double stacks) {
  const double machine = threads_of_all();
  std::vector<Limit> limits = {
      {"kernel.threads-max", machine, number_in("/proc/sys/kernel/threads-max").value_or(0)},
      {"kernel.pid_max", machine, number_in("/proc/sys/kernel/pid_max").value_or(0)},
      {"vm.max_map_count", mappings_of_this_process(), number_in("/proc/sys/vm/max_map_count").value_or(0)},
      {"RLIMIT_AS (virtual memory)",
       number_behind("/proc/self/status", "VmSize:").value_or(0) * 1024 + stacks, soft_limit(RLIMIT_AS)},
  };
  // Root is above this one.
  if (geteuid() != 0) {
    limits.push_back({"RLIMIT_NPROC (max user processes)", threads_of_this_user(), soft_limit(RLIMIT_NPROC)});
  }
  for (const std::string& folder : pids_folders()) {
    limits.push_back({"pids.max of the control group", number_in(folder + "/pids.current").value_or(0),
                      number_in(folder + "/pids.max").value_or(0)});
  }
  return limits;
}

}  // namespace

std::string refused_threads(std::uint32_t started, std::uint32_t wanted, int error) {
  // All stacks are asked for together, before the first thread.
  const double stacks = started == 0 ? static_cast<double>(kWorkerStackBytes) * wanted : 0;
  const std::vector<Limit> limits = thread_limits(stacks);
  const auto fullest = std::ranges::max_element(limits, {}, &Limit::fullness);
  constexpr double kReached = 0.95;
  const std::string which = fullest->fullness() >= kReached
                                ? fmt::format("the limit reached is {}, {:.0f}", fullest->name, fullest->most)
                                : std::string("none of the limits that ccbench knows is reached");
  return fmt::format("the system refused thread {} of {} ({}): {}; nothing was released", started + 1, wanted,
                     std::strerror(error), which);
}

std::uint64_t out_of_memory_kills() {
  return static_cast<std::uint64_t>(number_behind("/proc/vmstat", "oom_kill ").value_or(0));
}

}  // namespace ccbench
