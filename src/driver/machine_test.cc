// What machines tell about themselves, planted as files.
#include "driver/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace ccbench {
namespace {

namespace fs = std::filesystem;

/// A folder that stands for `/`, gone with this object.
class Root {
 public:
  Root() {
    std::string name = (fs::temp_directory_path() / "ccbench-machine-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Root() { fs::remove_all(path_); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  void plant(std::string_view file, std::string_view text) const {
    const fs::path path = path_ + std::string(file);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void plant_cpu(int cpu, std::string_view file, std::string_view text) const {
    plant("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + std::string(file), text);
  }
  Machine machine() const { return machine_under(path_, kCpus); }
  const std::string& path() const { return path_; }

 private:
  static constexpr std::array<int, 3> kCpus = {0, 1, 4};
  std::string path_;
};

TEST(Machine, KnowsNothingOfASystemThatTellsNothing) {
  const Machine machine = Root().machine();
  EXPECT_EQ(machine.cpus, 3);
  EXPECT_EQ(machine.cpus_online, 0);
  EXPECT_EQ(machine.cores(), 0);
  EXPECT_EQ(machine.threads_per_core, 0);
  EXPECT_EQ(machine.cpu_quota, std::nullopt);
  EXPECT_EQ(machine.governor, "");
  EXPECT_EQ(machine.turbo, std::nullopt);
  EXPECT_EQ(machine.hypervisor, "");
  EXPECT_EQ(machine.cpu_model, "");
}

TEST(Machine, CountsWhatIsOnline) {
  const Root root;
  root.plant("/sys/devices/system/cpu/online", "0-5,8,10-11\n");
  EXPECT_EQ(root.machine().cpus_online, 9);
}

TEST(Machine, TellsCoresFromCpus) {
  const Root root;
  // CPU 0 shares a core with CPU 4, CPU 1 with one that this process may not use.
  root.plant_cpu(0, "/topology/thread_siblings_list", "0,4\n");
  root.plant_cpu(1, "/topology/thread_siblings_list", "1,5\n");
  EXPECT_EQ(root.machine().cores(), 0);  // Of CPU 4 nothing is known yet.
  root.plant_cpu(4, "/topology/thread_siblings_list", "0,4\n");
  const Machine machine = root.machine();
  EXPECT_EQ(machine.core_of_cpu, (std::vector<int>{0, 1, 0}));
  EXPECT_EQ(machine.cores(), 2);
  EXPECT_EQ(machine.threads_per_core, 2);
}

TEST(Machine, FindsTheQuotaOfItsGroupAndOfThoseAboveIt) {
  const Root root;
  root.plant("/proc/self/cgroup", "0::/user.slice/run-7.scope\n");
  root.plant("/sys/fs/cgroup/user.slice/run-7.scope/cpu.max", "max 100000\n");
  EXPECT_EQ(root.machine().cpu_quota, std::nullopt);
  root.plant("/sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(root.machine().cpu_quota, 1.5);
  root.plant("/sys/fs/cgroup/user.slice/run-7.scope/cpu.max", "800000 100000\n");
  EXPECT_EQ(root.machine().cpu_quota, 1.5);
  // As a container sees its own group, wherever it is.
  root.plant("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(root.machine().cpu_quota, 0.5);
}

TEST(Machine, FindsTheQuotaOfTheOldInterface) {
  const Root root;
  root.plant("/proc/self/cgroup", "8:pids:/a\n4:cpu,cpuacct:/docker/b:c\n3:cpuset:/\n");
  root.plant("/sys/fs/cgroup/cpu/docker/b:c/cpu.cfs_period_us", "50000\n");
  root.plant("/sys/fs/cgroup/cpu/docker/b:c/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(root.machine().cpu_quota, std::nullopt);
  root.plant("/sys/fs/cgroup/cpu/docker/b:c/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(root.machine().cpu_quota, 2.0);
  // A set of CPUs is no quota, whatever its name begins with.
  root.plant("/proc/self/cgroup", "3:cpuset:/docker/b:c\n");
  EXPECT_EQ(root.machine().cpu_quota, std::nullopt);
}

TEST(Machine, NamesTheGovernorThatIsNotPerformance) {
  const Root root;
  for (const int cpu : {0, 1, 4}) root.plant_cpu(cpu, "/cpufreq/scaling_governor", "performance\n");
  EXPECT_EQ(root.machine().governor, "performance");
  root.plant_cpu(1, "/cpufreq/scaling_governor", "schedutil\n");
  EXPECT_EQ(root.machine().governor, "schedutil");
  root.plant_cpu(1, "/cpufreq/scaling_governor", "performance\n");
  root.plant_cpu(2, "/cpufreq/scaling_governor", "powersave\n");  // Not ours.
  EXPECT_EQ(root.machine().governor, "performance");
}

TEST(Machine, KnowsWhetherTheClockMayGoAboveItsRatedSpeed) {
  const Root root;
  root.plant("/sys/devices/system/cpu/cpufreq/boost", "1\n");
  EXPECT_EQ(root.machine().turbo, true);
  root.plant("/sys/devices/system/cpu/cpufreq/boost", "0\n");
  EXPECT_EQ(root.machine().turbo, false);
  root.plant("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
  EXPECT_EQ(root.machine().turbo, true);
}

TEST(Machine, NamesItsHypervisor) {
  const Root root;
  root.plant("/proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu vme hypervisor_x\n");
  EXPECT_EQ(root.machine().hypervisor, "");
  EXPECT_EQ(root.machine().cpu_model, "AMD EPYC");
  root.plant("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme hypervisor\n");
  EXPECT_EQ(root.machine().hypervisor, "unknown");
  root.plant("/sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n");
  root.plant("/sys/class/dmi/id/product_name", "Virtual Machine\n");
  EXPECT_EQ(root.machine().hypervisor, "Hyper-V");
  root.plant("/sys/class/dmi/id/sys_vendor", "VMware, Inc.\n");
  root.plant("/sys/class/dmi/id/product_name", "VMware Virtual Platform\n");
  EXPECT_EQ(root.machine().hypervisor, "VMware");
  root.plant("/sys/class/dmi/id/sys_vendor", "Dell Inc.\n");
  root.plant("/sys/class/dmi/id/product_name", "PowerEdge R650\n");
  root.plant("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme\n");
  EXPECT_EQ(root.machine().hypervisor, "");
  root.plant("/sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc acpi_pm\n");
  EXPECT_EQ(root.machine().hypervisor, "KVM");
}

TEST(Machine, CountsTheCpusOfThisOne) {
  const Machine machine = this_machine();
  EXPECT_GE(machine.cpus, 1);
  // 0: a container without /sys.
  EXPECT_TRUE(machine.cpus_online == 0 || machine.cpus_online >= machine.cpus) << machine.cpus_online;
  EXPECT_LE(machine.cores(), machine.cpus);
  EXPECT_FALSE(machine.kernel.empty());
}

TEST(StolenTime, IsTheEighthCountOfTheFirstLine) {
  // Linux 6.x on a virtual machine, 3.x without guest_nice, 2.6.11.
  EXPECT_EQ(stolen_time_in("cpu  1440562 510280 315279 2506162 3519 0 1412 2589 0 0\n"
                           "cpu0 729203 232843 168653 1256894 599 0 356 1290 0 0\n",
                           100),
            25'890 * kMillisecond);
  EXPECT_EQ(stolen_time_in("cpu  84282 747 20805 1615949 44349 0 308 12 0\ncpu0 1 1 1 1\n", 100),
            120 * kMillisecond);
  EXPECT_EQ(stolen_time_in("cpu  7 6 5 4 3 2 1 0\n", 250), 0);
  EXPECT_EQ(stolen_time_in("cpu  7 6 5 4 3 2 1 25\n", 250), 100 * kMillisecond);
}

TEST(StolenTime, IsNothingWhereTheKernelDoesNotCountIt) {
  // Linux 2.6.0, where the next line must not be taken for the rest; 2.4.
  EXPECT_EQ(stolen_time_in("cpu  229 0 1032 55713 1182 12 4\ncpu0 229 0 1032 55713 1182 12 4 8 9\n", 100),
            std::nullopt);
  EXPECT_EQ(stolen_time_in("cpu  2255 34 2290 22625563\n", 100), std::nullopt);
  EXPECT_EQ(stolen_time_in("cpu  7 6 5 4 3 2 1 -\n", 100), std::nullopt);
  EXPECT_EQ(stolen_time_in("intr 7 6 5 4 3 2 1 8\n", 100), std::nullopt);
  EXPECT_EQ(stolen_time_in("", 100), std::nullopt);
}

TEST(StolenTime, IsReadFromTheSystem) {
  const Root root;
  EXPECT_EQ(stolen_time(root.path()), std::nullopt);
  root.plant("/proc/stat", "cpu  7 6 5 4 3 2 1 50 0 0\nctxt 5\n");
  EXPECT_EQ(stolen_time(root.path()), 50 * (kSecond / sysconf(_SC_CLK_TCK)));
}

}  // namespace
}  // namespace ccbench
