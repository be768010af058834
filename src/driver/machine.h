// The machine that a run was measured on.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"

namespace ccbench {

/// What the system does not tell, as most virtual machines do not tell how their clock speeds change, is
/// empty or 0.
struct Machine {
  std::string host;
  std::string cpu_model;
  std::string kernel;
  int cpus = 0;         ///< that this process may use
  int cpus_online = 0;  ///< of the whole machine
  /// Of each CPU that this process may use, in their order, the lowest number of a CPU on the same core.
  std::vector<int> core_of_cpu = {};
  int threads_per_core = 0;              ///< CPUs that share one core, be they this process's or not
  std::optional<double> cpu_quota = {};  ///< how many CPUs' time the control groups grant in a period
  std::string governor = {};             ///< of the frequency: `performance`, or what deviates from it
  std::optional<bool> turbo = {};        ///< whether the clock may go above its rated speed
  std::string hypervisor = {};           ///< `KVM`; `unknown` if there is one that gives no name

  int cores() const;  ///< that this process may use; 0: not known
};

/// Of the machine whose /proc and /sys are under `root`, seen by a process that may use `cpus`. Its names
/// (host, kernel) are those of this one.
Machine machine_under(const std::string& root, std::span<const int> cpus);

Machine this_machine();

/// The load average of the last minute; 0 where the system does not tell.
double load_average();
/// That a file of the kernel begins with; nothing for none, as the `max` of a control group.
std::optional<double> number_in(const std::string& file);

/// CPU time that the host has kept from this machine's CPUs while they had something to do, all together and
/// since the start; counted in steps of some 10 ms. Nothing where the kernel does not count it.
std::optional<Nanos> stolen_time(const std::string& root = "");

/// The same from the text of /proc/stat, with so many ticks per second.
std::optional<Nanos> stolen_time_in(std::string_view stat, long ticks_per_second);

}  // namespace ccbench
