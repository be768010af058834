#include "driver/warnings.h"

#include <fmt/format.h>

#include <algorithm>

namespace ccbench {
namespace {

void warn_of_build(const Build& build, std::vector<std::string>& warnings) {
  if (build.sanitizer != "none") {
    warnings.push_back(
        fmt::format("built with the {} sanitizer: every time is several times too long", build.sanitizer));
  } else if (!build.optimized) {
    warnings.push_back(fmt::format(
        "built without optimization ({}): times of a microsecond and less are too long", build.build_type));
  }
}

void warn_of_load(const RunResult& run, std::vector<std::string>& warnings) {
  if (run.trials.empty()) return;
  // Only what was there before the first trial is not our own doing.
  const double load = run.trials.front().load1;
  if (load >= 0.5 * run.machine.cpus) {
    warnings.push_back(
        fmt::format("load average {:.2f} on {} CPUs before the first trial: waiting and wall times are too "
                    "long and scatter",
                    load, run.machine.cpus));
  }
}

void warn_of_crowd(const RunResult& run, std::vector<std::string>& warnings) {
  const auto threads = run.experiment.threads;
  const auto cpus = static_cast<std::uint32_t>(run.machine.cpus);
  if (threads <= cpus) return;
  warnings.push_back(fmt::format(
      "{} threads on {} CPUs: at most {} run at once, so waits contain waiting for a CPU, and guards that "
      "spin look worse than with a CPU each",
      threads, cpus, cpus));
}

void warn_of_preemption(const RunResult& run, std::vector<std::string>& warnings) {
  // With more threads than CPUs they take the CPU from each other; here somebody else took it.
  if (run.experiment.threads > static_cast<std::uint32_t>(run.machine.cpus)) return;
  constexpr double kOftenPerSecond = 50;
  std::uint64_t involuntary = 0;
  double seconds = 0;
  for (const TrialResult& trial : run.trials) {
    if (!trial.cpu) continue;
    involuntary += trial.cpu->involuntary_switches;
    seconds += static_cast<double>(trial.cpu->user + trial.cpu->system) / kSecond;
  }
  if (involuntary < 5 || static_cast<double>(involuntary) < kOftenPerSecond * seconds) return;
  warnings.push_back(
      fmt::format("something else took a worker's CPU {} times in {:.2g} s: the longest waits contain that",
                  involuntary, seconds));
}

void warn_of_signals(const RunResult& run, std::vector<std::string>& warnings) {
  const auto perturbed = std::ranges::count_if(run.trials, &TrialResult::perturbed);
  if (perturbed == 0) return;
  warnings.push_back(
      fmt::format("the threads of {} of {} trial{} were signalled for their stacks (--snapshot-full): that "
                  "changes who gets a lock next, and can cut system calls short",
                  perturbed, run.trials.size(), run.trials.size() == 1 ? "" : "s"));
}

}  // namespace

std::vector<std::string> warnings_of(const RunResult& run) {
  std::vector<std::string> warnings;
  warn_of_build(run.build, warnings);
  warn_of_load(run, warnings);
  warn_of_crowd(run, warnings);
  warn_of_preemption(run, warnings);
  warn_of_signals(run, warnings);
  return warnings;
}

}  // namespace ccbench
