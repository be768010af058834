#include "driver/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "driver/worker_threads.h"

namespace ccbench {
namespace {

/// The first line; empty if there is no such file.
std::string line_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// What is behind the colon of the first line that begins with `label` in /proc/cpuinfo.
std::string cpu_info(const std::string& root, std::string_view label) {
  std::ifstream info(root + "/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with(label)) continue;
    const auto colon = line.find(": ");
    return colon == std::string::npos ? std::string{} : line.substr(colon + 2);
  }
  return {};
}

/// The kernel's way to write sets of CPUs, `0-3,8`, as a list.
std::vector<int> cpus_in(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream in(text);
  for (std::string range; std::getline(in, range, ',');) {
    int first = 0;
    const char* end = range.data() + range.size();
    const auto [rest, error] = std::from_chars(range.data(), end, first);
    if (error != std::errc{}) continue;
    int last = first;
    if (rest != end && *rest == '-') std::from_chars(rest + 1, end, last);
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::string folder_of(const std::string& root, int cpu) {
  return root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
}

void find_cores(const std::string& root, std::span<const int> cpus, Machine& machine) {
  for (const int cpu : cpus) {
    const std::vector<int> siblings =
        cpus_in(line_in(folder_of(root, cpu) + "/topology/thread_siblings_list"));
    if (siblings.empty()) {
      machine.core_of_cpu.clear();
      return;
    }
    machine.core_of_cpu.push_back(siblings.front());
    machine.threads_per_core = std::max(machine.threads_per_core, static_cast<int>(siblings.size()));
  }
}

/// CPUs' worth of time per period in a group's folder, in either version of the interface.
std::optional<double> quota_in(const std::string& folder) {
  if (std::ifstream in(folder + "/cpu.max"); in) {
    double quota = 0;
    double period = 0;
    return in >> quota >> period && period > 0 ? std::optional(quota / period)
                                               : std::nullopt;  // `max`: none.
  }
  const double quota = number_in(folder + "/cpu.cfs_quota_us").value_or(-1);  // -1: none.
  const double period = number_in(folder + "/cpu.cfs_period_us").value_or(0);
  return quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
}

bool is_listed(std::string_view name, const std::string& list) {
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) {
    if (one == name) return true;
  }
  return false;
}

/// The least that this process's groups and those above them grant. Inside a container a path may begin above
/// what is mounted: then the folder of the mount is the process's own group.
std::optional<double> cpu_quota(const std::string& root) {
  std::optional<double> least;
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !is_listed("cpu", controllers)) continue;
    const std::string mount = root + "/sys/fs/cgroup" + (controllers.empty() ? "" : "/cpu");
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/'))) {
      const auto quota = quota_in(mount + path);
      if (quota && (!least || *quota < *least)) least = quota;
      if (path.find('/') == std::string::npos) break;
    }
  }
  return least;
}

std::string governor(const std::string& root, std::span<const int> cpus) {
  std::string found;
  for (const int cpu : cpus) {
    found = line_in(folder_of(root, cpu) + "/cpufreq/scaling_governor");
    if (found != "performance") break;
  }
  return found;
}

std::optional<bool> turbo(const std::string& root) {
  const std::string folder = root + "/sys/devices/system/cpu";
  if (const auto off = number_in(folder + "/intel_pstate/no_turbo")) return *off == 0;
  if (const auto on = number_in(folder + "/cpufreq/boost")) return *on != 0;
  return std::nullopt;
}

struct Sign {
  std::string_view text;
  std::string_view hypervisor;
};

/// Clocks are the better witness: the board is often named after who sells the machine.
std::string hypervisor(const std::string& root) {
  const std::string clocks =
      line_in(root + "/sys/devices/system/clocksource/clocksource0/available_clocksource");
  std::string board = line_in(root + "/sys/class/dmi/id/sys_vendor");
  board.append(" ").append(line_in(root + "/sys/class/dmi/id/product_name"));
  constexpr auto kClocks = std::to_array<Sign>({{.text = "kvm-clock", .hypervisor = "KVM"},
                                                {.text = "hyperv", .hypervisor = "Hyper-V"},
                                                {.text = "xen", .hypervisor = "Xen"}});
  constexpr auto kBoards = std::to_array<Sign>({{.text = "QEMU", .hypervisor = "KVM"},
                                                {.text = "KVM", .hypervisor = "KVM"},
                                                {.text = "VMware", .hypervisor = "VMware"},
                                                {.text = "VirtualBox", .hypervisor = "VirtualBox"},
                                                {.text = "Virtual Machine", .hypervisor = "Hyper-V"},
                                                {.text = "Xen", .hypervisor = "Xen"}});
  for (const Sign& sign : kClocks) {
    if (clocks.find(sign.text) != std::string::npos) return std::string(sign.hypervisor);
  }
  for (const Sign& sign : kBoards) {
    if (board.find(sign.text) != std::string::npos) return std::string(sign.hypervisor);
  }
  const std::string flags = ' ' + cpu_info(root, "flags") + ' ';
  return flags.find(" hypervisor ") != std::string::npos ? "unknown" : "";
}

}  // namespace

std::optional<double> number_in(const std::string& file) {
  std::ifstream in(file);
  double number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

int Machine::cores() const {
  return static_cast<int>(std::set<int>(core_of_cpu.begin(), core_of_cpu.end()).size());
}

Machine machine_under(const std::string& root, std::span<const int> cpus) {
  utsname names{};
  uname(&names);
  Machine machine{
      .host = names.nodename,
      .cpu_model = cpu_info(root, "model name"),
      .kernel = names.release,
      .cpus = static_cast<int>(cpus.size()),
      .cpus_online = static_cast<int>(cpus_in(line_in(root + "/sys/devices/system/cpu/online")).size()),
      .cpu_quota = cpu_quota(root),
      .governor = governor(root, cpus),
      .turbo = turbo(root),
      .hypervisor = hypervisor(root)};
  find_cores(root, cpus, machine);
  return machine;
}

Machine this_machine() { return machine_under("", usable_cpus()); }

double load_average() {
  std::array<double, 1> load{};
  return getloadavg(load.data(), 1) == 1 ? load[0] : 0.0;
}

std::optional<Nanos> stolen_time_in(std::string_view stat, long ticks_per_second) {
  std::istringstream in{std::string(stat)};
  std::string label;
  if (!(in >> label) || label != "cpu") return std::nullopt;
  // user, nice, system, idle, iowait, irq, softirq, steal: the eighth is there since Linux 2.6.11. Where it
  // is not, the next line begins, which is no number.
  constexpr int kSteal = 8;
  Nanos ticks = 0;
  for (int i = 0; i < kSteal; ++i) {
    if (!(in >> ticks)) return std::nullopt;
  }
  return ticks * (kSecond / ticks_per_second);
}

std::optional<Nanos> stolen_time(const std::string& root) {
  return stolen_time_in(line_in(root + "/proc/stat"), sysconf(_SC_CLK_TCK));
}

}  // namespace ccbench
