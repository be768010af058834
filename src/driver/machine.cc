#include "driver/machine.h"

#include <sys/utsname.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "driver/worker_threads.h"

namespace ccbench {
namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    const auto colon = line.find(": ");
    return colon == std::string::npos ? std::string{} : line.substr(colon + 2);
  }
  return {};
}

}  // namespace

Machine this_machine() {
  utsname names{};
  uname(&names);
  return {.host = names.nodename,
          .cpu_model = cpu_model(),
          .kernel = names.release,
          .cpus = static_cast<int>(usable_cpus().size())};
}

double load_average() {
  std::array<double, 1> load{};
  return getloadavg(load.data(), 1) == 1 ? load[0] : 0.0;
}

}  // namespace ccbench
