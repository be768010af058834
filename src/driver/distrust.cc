#include "driver/distrust.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>

#include "driver/plan.h"
#include "stats/estimate.h"

namespace ccbench {
namespace {

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::uint32_t most_threads(const RunResult& run) {
  std::uint32_t most = 0;
  for (const Configuration& configuration : run.configurations)
    most = std::max(most, configuration.experiment.threads);
  return most;
}

std::uint32_t cpus_of(const RunResult& run) { return static_cast<std::uint32_t>(run.machine.cpus); }

template <class Value>
std::optional<Nanos> median_over_trials(const RunResult& run, const GuardResult& guard, Value value) {
  std::vector<Nanos> values;
  for (const std::size_t index : guard.trials) {
    if (const std::optional<Nanos> one = value(run.trials.at(index))) values.push_back(*one);
  }
  return percentile(values, 0.5);
}

// Adds up what the host took away, and what the CPUs could have given meanwhile.
class StolenSum {
 public:
  void add(const TrialResult& trial) {
    if (!trial.steal) return;
    stolen_ += *trial.steal;
    elapsed_ += trial.elapsed;
  }
  Nanos stolen() const { return stolen_; }
  std::optional<double> share(const Machine& machine) const {
    if (elapsed_ == 0) return std::nullopt;
    const int cpus = std::max({1, machine.cpus, machine.cpus_online});
    return static_cast<double>(stolen_) / (static_cast<double>(elapsed_) * cpus);
  }

 private:
  Nanos stolen_ = 0;
  Nanos elapsed_ = 0;
};

StolenSum stolen_from(const RunResult& run) {
  StolenSum sum;
  for (const TrialResult& trial : run.trials) sum.add(trial);
  return sum;
}

std::optional<Distrust> build(const RunResult& run) {
  if (run.build.sanitizer != "none") {
    return Distrust{.what = fmt::format("built with the {} sanitizer", run.build.sanitizer),
                    .spoils = "every time is several times too long"};
  }
  if (run.build.optimized) return std::nullopt;
  return Distrust{.what = fmt::format("built without optimization ({})", run.build.build_type),
                  .spoils = "times of a microsecond and less are too long"};
}

std::optional<Distrust> load(const RunResult& run) {
  if (!was_loaded(run)) return std::nullopt;
  return Distrust{.what = fmt::format("load average {:.2f} on {} before the first trial",
                                      run.trials.front().load1, plural(cpus_of(run), "CPU")),
                  .spoils = "waiting and wall times are too long and scatter"};
}

/// Of a test that something notices slower guards: nobody may take its times for theirs.
std::optional<Distrust> plant(const RunResult& run) {
  std::set<std::string> plants;
  for (const Configuration& configuration : run.configurations) {
    if (configuration.experiment.plant) plants.insert("--plant=" + to_text(*configuration.experiment.plant));
  }
  if (plants.empty()) return std::nullopt;
  return Distrust{.what = fmt::format("the guards are slowed down on purpose ({})", fmt::join(plants, ", ")),
                  .spoils = "no time here is one of theirs"};
}

std::optional<Distrust> steal(const RunResult& run) {
  // A single tick of the kernel's counter can be from before the trials.
  constexpr Nanos kTwoTicks = 20 * kMillisecond;
  const StolenSum sum = stolen_from(run);
  const double share = sum.share(run.machine).value_or(0);
  if (share <= kSpoilingSteal || sum.stolen() < kTwoTicks) return std::nullopt;
  return Distrust{.what = fmt::format("the host took away {:.1f} % of the CPUs", 100 * share),
                  .spoils = "waits and wall times contain that"};
}

std::optional<Distrust> crowd(const RunResult& run) {
  const std::uint32_t threads = most_threads(run);
  const std::uint32_t cpus = cpus_of(run);
  if (threads <= cpus) return std::nullopt;
  return Distrust{
      .what = fmt::format("{}{} threads on {}", run.sweeps() ? "up to " : "", threads, plural(cpus, "CPU")),
      .spoils =
          fmt::format("at most {} run at once, so waits contain waiting for a CPU, and guards that spin "
                      "look worse than with a CPU each",
                      cpus)};
}

/// On how many cores the threads of an experiment are that has a CPU for each of them. At an aligned start
/// thread i is bound to CPU i; else the kernel takes idle cores first.
std::uint32_t cores_used(const Experiment& experiment, const Machine& machine) {
  const std::vector<int>& cores = machine.core_of_cpu;
  if (experiment.start == StartMode::latch)
    return std::min(experiment.threads, static_cast<std::uint32_t>(machine.cores()));
  const auto behind = cores.begin() + std::min<std::ptrdiff_t>(experiment.threads, std::ssize(cores));
  return static_cast<std::uint32_t>(std::set<int>(cores.begin(), behind).size());
}

/// With more threads than CPUs there is more to say, and `crowd` says it.
std::optional<Distrust> shared_cores(const RunResult& run) {
  if (run.machine.core_of_cpu.empty()) return std::nullopt;
  for (const Configuration& configuration : run.configurations) {
    const std::uint32_t threads = configuration.experiment.threads;
    const std::uint32_t cores = cores_used(configuration.experiment, run.machine);
    if (threads > cpus_of(run) || threads <= cores) continue;
    return Distrust{.what = fmt::format("{} threads on {}", threads, plural(cores, "core")),
                    .spoils =
                        "CPUs that share a core slow each other down, so spinning looks dearer, and "
                        "throughput is below that of a core each"};
  }
  return std::nullopt;
}

std::optional<Distrust> quota(const RunResult& run) {
  const std::uint32_t busy = std::min(most_threads(run), cpus_of(run));
  if (!run.machine.cpu_quota || *run.machine.cpu_quota >= busy) return std::nullopt;
  return Distrust{.what = fmt::format("the control group grants the time of {:.3g} of {}",
                                      *run.machine.cpu_quota, plural(cpus_of(run), "CPU")),
                  .spoils =
                      "once that is used up all threads stand still until the next period, which shows "
                      "in the longest waits"};
}

std::optional<Distrust> governor(const RunResult& run) {
  if (run.machine.governor.empty() || run.machine.governor == "performance") return std::nullopt;
  return Distrust{.what = fmt::format("frequency governor {}", run.machine.governor),
                  .spoils =
                      "times of a few milliseconds and less are too long until the clock has gone up, "
                      "and scatter"};
}

std::optional<Distrust> preemption(const RunResult& run) {
  constexpr double kOftenPerSecond = 50;
  std::uint64_t involuntary = 0;
  double seconds = 0;
  for (const TrialResult& trial : run.trials) {
    // With more threads than CPUs they take the CPU from each other; here somebody else took it.
    if (!trial.cpu || run.experiment_of(trial).threads > cpus_of(run)) continue;
    involuntary += trial.cpu->involuntary_switches;
    seconds += static_cast<double>(trial.cpu->user + trial.cpu->system) / kSecond;
  }
  if (involuntary < 5 || static_cast<double>(involuntary) < kOftenPerSecond * seconds) return std::nullopt;
  return Distrust{
      .what = fmt::format("something else took a worker's CPU {} times in {:.2g} s", involuntary, seconds),
      .spoils = "the longest waits contain that"};
}

std::optional<Distrust> signals(const RunResult& run) {
  const auto perturbed = std::ranges::count_if(run.trials, &TrialResult::perturbed);
  if (perturbed == 0) return std::nullopt;
  return Distrust{.what = fmt::format("the threads of {} of {} were signalled for their stacks "
                                      "(--snapshot-full)",
                                      perturbed, plural(run.trials.size(), "trial")),
                  .spoils = "that changes who gets a lock next, and can cut system calls short"};
}

/// The guards whose median is below `limit`: `median wait of cas, global`.
template <class Value>
std::string small_medians(const RunResult& run, std::string_view name, double limit, Value value) {
  std::set<std::string> small;
  for (const GuardResult& guard : run.guards) {
    // Nobody waits where nothing guards, nor is it compared.
    if (guard.role == Role::control || guard.guard == control_guard().info.name) continue;
    const auto median = median_over_trials(run, guard, value);
    if (median && static_cast<double>(*median) < limit) small.insert(guard.guard);
  }
  return small.empty() ? std::string() : fmt::format("median {} of {}", name, fmt::join(small, ", "));
}

std::optional<Distrust> small_times(const RunResult& run) {
  if (!run.calibration.clock_read) return std::nullopt;
  // A time is the difference of two reads, so a tenth of it is theirs; and between entry and leaving the
  // driver does a part of what it does per request.
  constexpr double kClockReads = 10;
  const double harness = run.calibration.harness.value_or(0);
  const double limit = std::max(kClockReads * *run.calibration.clock_read, harness);
  const std::string wait =
      small_medians(run, "wait", limit, [](const TrialResult& trial) { return trial.wait.p50; });
  const std::string hold =
      small_medians(run, "hold", limit, [](const TrialResult& trial) { return trial.hold.p50; });
  if (wait.empty() && hold.empty()) return std::nullopt;
  return Distrust{
      .what = fmt::format("{}{}{} under {:.0f} ns, with {:.0f} ns for a clock read and {:.0f} ns per request "
                          "for the harness",
                          wait, wait.empty() || hold.empty() ? "" : " and ", hold, limit,
                          *run.calibration.clock_read, harness),
      .spoils = "times of that size are mostly the harness's own"};
}

/// How long a request of the guard kept a CPU or a worker of the pool, whichever there are fewer of.
std::optional<double> typical_time_per_request(const RunResult& run, const GuardResult& guard) {
  const Experiment& experiment = run.configuration_of(guard).experiment;
  if (!experiment.pool()) return std::nullopt;
  const auto wall = median_over_trials(run, guard, [](const TrialResult& trial) { return trial.wall; });
  const auto requests = median_over_trials(run, guard, [](const TrialResult& trial) {
    return std::optional(static_cast<Nanos>(trial.tally.ended()));
  });
  if (!wall || !requests || *requests == 0) return std::nullopt;
  const std::uint32_t abreast = std::max(1U, std::min(experiment.threads, cpus_of(run)));
  return static_cast<double>(*wall) * abreast / static_cast<double>(*requests);
}

std::optional<Distrust> harness(const RunResult& run) {
  // What ccbench may cost in a comparison before it hides what it compares.
  constexpr double kShare = 0.1;
  if (!run.calibration.harness) return std::nullopt;
  const GuardResult* fastest = nullptr;
  double least = *run.calibration.harness / kShare;
  for (const GuardResult& guard : run.guards) {
    const auto time = typical_time_per_request(run, guard);
    if (guard.role == Role::control || !time || *time > least) continue;
    fastest = &guard;
    least = *time;
  }
  if (fastest == nullptr) return std::nullopt;
  return Distrust{.what = fmt::format("a request of {} takes {:.0f} ns, and the harness alone {:.0f} ns",
                                      fastest->guard, least, *run.calibration.harness),
                  .spoils =
                      "wall times and rates are partly the harness's own, so guards differ by more than "
                      "they show"};
}

/// Only where guards are there to be compared.
std::optional<Distrust> few_trials(const RunResult& run) {
  std::vector<std::size_t> ranked(run.configurations.size());
  std::uint64_t fewest = kSamplesForInterval;
  for (const GuardResult& guard : run.guards) {
    if (guard.role == Role::control || guard.verdict != Verdict::ok) continue;
    ++ranked.at(guard.configuration);
    fewest = std::min<std::uint64_t>(fewest, guard.trials.size());
  }
  const bool compared = std::ranges::any_of(ranked, [](std::size_t guards) { return guards > 1; });
  if (!compared || fewest >= kSamplesForInterval) return std::nullopt;
  return Distrust{.what = fmt::format("{} per guard", plural(fewest, "trial")),
                  .spoils = fmt::format("below {} there is no interval, so differences between guards may be "
                                        "chance",
                                        kSamplesForInterval)};
}

std::optional<Distrust> thin_percentile(const RunResult& run) {
  // With ten samples beyond it a percentile scatters by a third of them.
  constexpr std::uint64_t kBeyond = 10;
  std::optional<std::uint64_t> fewest;
  for (const TrialResult& trial : run.trials) {
    if (trial.role == Role::guard && trial.wait.p99)
      fewest = std::min(fewest.value_or(trial.wait.samples), trial.wait.samples);
  }
  if (!fewest) return std::nullopt;
  const std::uint64_t beyond = *fewest - nearest_rank(0.99, *fewest);
  if (beyond >= kBeyond) return std::nullopt;
  return Distrust{.what = fmt::format("p99 has {} of {} samples beyond it", beyond, *fewest),
                  .spoils = "it is little steadier than the longest wait"};
}

std::optional<Distrust> histograms(const RunResult& run) {
  for (const Configuration& configuration : run.configurations) {
    const Experiment& experiment = configuration.experiment;
    if (!experiment.counts()) continue;
    return Distrust{.what = experiment.duration > 0
                                ? std::string("with --duration requests are counted")
                                : fmt::format("more than {} requests", experiment.most_records),
                    .spoils = "percentiles are from histograms, within 1 %"};
  }
  return std::nullopt;
}

/// Requests that a file or a picture would show and does not.
std::optional<Distrust> lost_events(const RunResult& run) {
  std::uint64_t lost = 0;
  std::uint64_t all = 0;
  for (const TrialResult& trial : run.trials) {
    lost += trial.lost_events;
    if (trial.lost_events > 0) all += trial.tally.requests;
  }
  if (lost == 0) return std::nullopt;
  return Distrust{
      .what = fmt::format("{} of {} requests are counted and have no row", lost, all),
      .spoils = fmt::format("they ended faster than they could be taken over, or were more than {} in "
                            "a trial",
                            run.experiment().most_rows())};
}

/// A worker may wake up late, and random arrivals come in crowds; a backlog that lasts is more than that.
bool fell_behind(const ArrivalReport& arrivals) {
  constexpr Nanos kNothing = 20 * kMillisecond;
  return arrivals.delay > std::max(kNothing, arrivals.last_start / 100);
}

/// Of the trial that fell behind furthest.
std::optional<Distrust> missed_rate(const RunResult& run) {
  const TrialResult* worst = nullptr;
  ArrivalReport arrivals;
  for (const TrialResult& trial : run.trials) {
    const ArrivalReport report = trial.arrivals.value_or(ArrivalReport{});
    if (!fell_behind(report) || report.delay <= arrivals.delay) continue;
    worst = &trial;
    arrivals = report;
  }
  if (worst == nullptr) return std::nullopt;
  const double seconds = static_cast<double>(arrivals.last_start) / kSecond;
  std::string spoils =
      fmt::format("{} started {:.4g}/s", worst->guard, static_cast<double>(arrivals.started) / seconds);
  const std::string delay = to_text(arrivals.delay / kMillisecond * kMillisecond);
  spoils += arrivals.queued > 0 ? fmt::format(", and at the end {} were queued, the first of them for {}",
                                              plural(arrivals.queued, "request"), delay)
                                : fmt::format(", the last request {} after its arrival", delay);
  return Distrust{.what = fmt::format("the rate of {}/s was not reached", run.experiment_of(*worst).rate),
                  .spoils = spoils};
}

constexpr auto kRules = std::to_array<std::optional<Distrust> (*)(const RunResult&)>(
    {plant, build, load, steal, crowd, shared_cores, quota, governor, preemption, signals, small_times,
     harness, few_trials, thin_percentile, histograms, lost_events, missed_rate});

}  // namespace

std::vector<Distrust> distrust_of(const RunResult& run) {
  std::vector<Distrust> reasons;
  for (const auto rule : kRules) {
    if (auto reason = rule(run)) reasons.push_back(*std::move(reason));
  }
  return reasons;
}

std::optional<double> stolen_share(const RunResult& run) { return stolen_from(run).share(run.machine); }

std::optional<double> stolen_share(const RunResult& run, const GuardResult& guard) {
  StolenSum sum;
  for (const std::size_t index : guard.trials) sum.add(run.trials.at(index));
  return sum.share(run.machine);
}

bool was_loaded(const RunResult& run) {
  return !run.trials.empty() && run.trials.front().load1 >= 0.5 * run.machine.cpus;
}

}  // namespace ccbench
