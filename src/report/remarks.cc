#include "report/remarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "driver/distrust.h"
#include "report/columns.h"
#include "report/command.h"
#include "report/comparison.h"
#include "report/expectation.h"
#include "report/layout.h"
#include "report/snapshot_words.h"
#include "report/sweep.h"
#include "stats/rate.h"

namespace ccbench {
namespace {

constexpr std::size_t kReasonsShown = 8;
constexpr std::size_t kPlacesShown = 5;
constexpr std::size_t kSnapshotsShown = 3;
constexpr std::size_t kStacksShown = 4;
constexpr std::size_t kFramesShown = 6;
constexpr std::size_t kFunctionWidth = 48;

/// How much of what was planned the numbers rest on.
Remarks interruption(const RunResult& run) {
  if (run.interrupted_by == 0) return {};
  // The trial that the signal ended says so at the end of its sentence.
  const bool cut_short = !run.trials.empty() && run.trials.back().sentence.ends_with("interrupted");
  return {{{},
           fmt::format("by {} after {} of {}", run.interrupted_by == SIGTERM ? "SIGTERM" : "SIGINT",
                       run.trials.size() - (cut_short ? 1 : 0), counted(run.planned_trials, "trial"))}};
}

/// What a control is there for; the line about the control says it.
bool did_its_duty(const GuardResult& guard) {
  return guard.role == Role::control &&
         (guard.verdict == Verdict::violation || guard.verdict == Verdict::inconclusive);
}

std::size_t guards_of(const RunResult& run) {
  return static_cast<std::size_t>(
      std::ranges::count(run.guards, Role::guard, [](const GuardResult& guard) { return guard.role; }));
}

/// `cas, synchronized`; of a sweep `6 of 6 rows`, and which where it is not all of them.
std::string who_held(const RunResult& run, const std::vector<std::string>& rows) {
  constexpr std::size_t kRowsShown = 4;
  if (!run.sweeps()) return fmt::format("{}", fmt::join(rows, ", "));
  std::string text = fmt::format("{} of {} rows", rows.size(), guards_of(run));
  if (rows.size() == guards_of(run)) return text;
  const std::span<const std::string> shown = std::span(rows).first(std::min(rows.size(), kRowsShown));
  text += fmt::format(" ({}", fmt::join(shown, "; "));
  if (rows.size() > kRowsShown) text += fmt::format("; and {} more", rows.size() - kRowsShown);
  return text + ")";
}

/// Why a guard is not OK; of those that are, what their trials prove, said once for all that prove the same.
Remarks verdicts(const RunResult& run) {
  Remarks remarks;
  std::map<std::string, std::vector<std::string>> held;
  for (const GuardResult& guard : run.guards) {
    if (guard.verdict == Verdict::ok) {
      held[guard.sentence].push_back(row_label(run, guard));
    } else if (!did_its_duty(guard)) {
      remarks.push_back({row_label(run, guard), guard.sentence});
    }
  }
  for (const auto& [sentence, names] : held) {
    remarks.push_back({{}, fmt::format("{}: {}", who_held(run, names), sentence)});
  }
  return remarks;
}

/// What was demanded of the figures, and whether it is so.
Remarks expectations(const RunResult& run) {
  Remarks remarks;
  for (const Expectation& expectation : expectations_of(run))
    remarks.push_back({expectation.text, sentence_of(run, expectation, fulfilment_of(run, expectation))});
  return remarks;
}

template <class Value>
std::optional<Nanos> median_of_guards(const RunResult& run, Value value) {
  std::vector<Nanos> values;
  for (const TrialResult& trial : run.trials) {
    const std::optional<Nanos> one = value(trial);
    if (trial.role == Role::guard && one) values.push_back(*one);
  }
  return percentile(values, 0.5);
}

/// How simultaneous the start was, in the middle of all trials of guards.
Remarks start(const RunResult& run) {
  const auto spread = median_of_guards(run, [](const TrialResult& trial) { return trial.start.spread; });
  const auto gap = median_of_guards(run, [](const TrialResult& trial) { return trial.start.first_gap; });
  const auto peak = median_of_guards(run, [](const TrialResult& trial) -> std::optional<Nanos> {
    return static_cast<Nanos>(trial.start.in_flight_peak);
  });
  if (run.sweeps() || run.experiment().threads < 2 || !spread) return {};
  std::string text;
  if (gap) text += fmt::format("first two {} apart, ", human(*gap));
  text += fmt::format("last {} after the first", human(*spread));
  if (peak && *peak > 0) text += fmt::format(", {} in flight at the peak", *peak);
  return {{{}, text}};
}

Remarks control(const RunResult& run) {
  Remarks remarks;
  for (const Configuration& configuration : run.configurations) {
    if (!configuration.control.sentence.empty())
      remarks.push_back({label_of(run, configuration), configuration.control.sentence});
  }
  return remarks;
}

/// `turned_away` is a name for programs.
std::string words_of(Outcome outcome) {
  std::string words(name_of(outcome));
  std::ranges::replace(words, '_', ' ');
  return words;
}

/// Failures by outcome and reason over all trials of a guard, the most frequent first.
std::vector<std::pair<std::uint64_t, std::string>> failures_of(const RunResult& run,
                                                               const GuardResult& guard) {
  std::map<std::pair<Outcome, std::string>, std::uint64_t> counts;
  for (const std::size_t index : guard.trials) {
    for (const auto& [failure, count] : run.trials.at(index).tally.reasons) counts[failure] += count;
  }
  std::vector<std::pair<std::uint64_t, std::string>> failures;
  failures.reserve(counts.size());
  for (const auto& [failure, count] : counts) {
    failures.emplace_back(count, fmt::format("{}: {}", words_of(failure.first), failure.second));
  }
  std::ranges::sort(failures, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  return failures;
}

Remarks failures(const RunResult& run) {
  std::size_t digits = 0;
  for (const GuardResult& guard : run.guards) {
    for (const auto& failure : failures_of(run, guard)) {
      digits = std::max(digits, std::to_string(failure.first).size());
    }
  }
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    const auto all = failures_of(run, guard);
    for (std::size_t i = 0; i < std::min(all.size(), kReasonsShown); ++i) {
      remarks.push_back(
          {row_label(run, guard), fmt::format("{:>{}} × {}", all[i].first, digits, all[i].second)});
    }
    if (all.size() > kReasonsShown) {
      remarks.push_back(
          {row_label(run, guard), fmt::format("and {} more reasons", all.size() - kReasonsShown)});
    }
  }
  return remarks;
}

double per_second(std::uint64_t requests, Nanos time) {
  return static_cast<double>(requests) * kSecond / static_cast<double>(std::max<Nanos>(time, 1));
}

/// Where workers go on for a duration, or requests arrive at a rate: how many ended per second, in all and by
/// worker, in the last trial of each guard.
Remarks rates(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    if (guard.trials.empty()) continue;
    const Experiment& experiment = run.configuration_of(guard).experiment;
    const TrialResult& trial = run.trials.at(guard.trials.back());
    if ((experiment.duration == 0 && experiment.rate == 0) || !trial.wall) continue;
    const Nanos time = run.rate_time_of(trial).value_or(0);
    std::string text = human_rate(per_second(trial.tally.ended(), time));
    if (trial.workers.size() > 1) {
      const auto [least, most] = std::ranges::minmax_element(trial.workers, {}, &WorkerReport::requests);
      const auto worker = [&](auto one) {
        return fmt::format("T{} {}", one - trial.workers.begin(),
                           human_rate(per_second(one->requests, time)));
      };
      text += fmt::format("; by worker from {} to {}", worker(least), worker(most));
    }
    remarks.push_back({row_label(run, guard), std::move(text)});
  }
  return remarks;
}

/// Below this, somebody got clearly less than his share: of ten workers one got nothing.
constexpr double kUnfair = 0.9;

/// Of the least fair trial of each guard of a pool: who was starved.
Remarks fairness(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    const TrialResult* worst = nullptr;
    double index_of_worst = kUnfair;
    for (const std::size_t index : guard.trials) {
      const TrialResult& trial = run.trials.at(index);
      const double index_of_trial = fairness_of(trial).value_or(1);
      if (index_of_trial >= index_of_worst) continue;
      worst = &trial;
      index_of_worst = index_of_trial;
    }
    if (worst == nullptr) continue;
    const auto [least, most] = std::ranges::minmax_element(worst->workers, {}, &WorkerReport::sections);
    const auto number = [&](auto worker) {
      return worker_name(static_cast<std::uint32_t>(worker - worst->workers.begin()));
    };
    remarks.push_back(
        {row_label(run, guard),
         fmt::format("Jain's index {:.2f}: {} entered {}, {} entered {}; the longest wait of {} was {}",
                     index_of_worst, number(least), counted(least->sections, "section"), number(most),
                     most->sections, number(least), human(least->longest_wait))});
  }
  return remarks;
}

/// What a person says of the workers in a snapshot: where each is, and in the guard what it waits for. Keys
/// are told apart only where requests wait for one.
class Whereabouts {
 public:
  Whereabouts(const SnapshotContext& context, const Snapshot& snapshot)
      : context_(context), snapshot_(snapshot) {
    for (const LockRow& lock : snapshot.locks) {
      std::string name = lock_name(lock, context.guard, context.promises, context.scenario);
      texts_.push_back(fmt::format("waiting for {}{}", name, held_clause(lock, snapshot)));
      locks_.emplace(std::move(name), texts_.size() - 1);
    }
  }

  std::string of(const ThreadRow& row) const {
    if (row.place.phase() != Phase::guard) return whereabouts(row.place, context_.scenario);
    if (row.lock != kNoIndex) return texts_.at(row.lock);
    // Awake, or asleep on something that nobody could look at: his word is what there is.
    const std::string lock = lock_name(row.place, context_.guard, context_.promises, context_.scenario);
    const auto found = locks_.find(lock);
    const bool is_through = found != locks_.end() && snapshot_.locks[found->second].owner == row.thread;
    if (lock.empty() || is_through) return fmt::format("in guard {}", context_.guard);
    return found != locks_.end() ? texts_[found->second] : "waiting for " + lock;
  }

 private:
  const SnapshotContext& context_;
  const Snapshot& snapshot_;
  std::vector<std::string> texts_;            ///< by lock
  std::map<std::string, std::size_t> locks_;  ///< by name
};

/// `at 500 ms: 19 waiting for synchronized[ticket-1] held by T7, 1 in step payment (19 BLOCKED, …)`
std::string sentence_of(const RunResult& run, const TrialResult& trial, const Snapshot& snapshot) {
  const SnapshotContext context = context_of(run, trial);
  const Whereabouts whereabouts(context, snapshot);
  std::map<std::string, std::uint64_t> counts;
  for (const ThreadRow& row : snapshot.threads) ++counts[whereabouts.of(row)];
  const auto groups = fullest_first(counts);
  std::string text = fmt::format("at {}:", human(snapshot.at));
  for (std::size_t i = 0; i < std::min(groups.size(), kPlacesShown); ++i) {
    text += fmt::format("{} {} {}", i == 0 ? "" : ",", groups[i].second, groups[i].first);
  }
  if (groups.size() > kPlacesShown) {
    text += fmt::format(" and {}", counted(groups.size() - kPlacesShown, "more place"));
  }
  if (const std::string states = states_of(snapshot); !states.empty()) text += fmt::format(" ({})", states);
  return text;
}

/// The trial that the guard's verdict comes from.
const TrialResult* decisive_trial(const RunResult& run, const GuardResult& guard) {
  const auto decisive = std::ranges::find_if(
      guard.trials, [&](std::size_t index) { return run.trials.at(index).verdict == guard.verdict; });
  return decisive == guard.trials.end() ? nullptr : &run.trials[*decisive];
}

/// Of each guard's decisive trial the first snapshots and the last, which shows where a trial that hung came
/// to rest.
Remarks snapshots(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    const TrialResult* trial = decisive_trial(run, guard);
    if (trial == nullptr) continue;
    const std::size_t count = trial->snapshots.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (count > kSnapshotsShown && i == kSnapshotsShown - 1) {
        remarks.push_back({row_label(run, guard), fmt::format("… {} more", count - kSnapshotsShown)});
        i = count - 1;
      }
      remarks.push_back({row_label(run, guard), sentence_of(run, *trial, trial->snapshots[i])});
    }
  }
  return remarks;
}

/// Names of templates can be longer than anybody reads on a terminal. What is in parentheses at the end, the
/// line in the source, stays.
std::string shortened(const std::string& frame) {
  const std::size_t end = std::min(frame.rfind(" ("), frame.size());
  return clipped(frame.substr(0, end), kFunctionWidth) + frame.substr(end);
}

/// One line per frame, ours and those below left out:
///     19 × at __lll_lock_wait (libc.so.6)
///          at SynchronizedGuard<StdSync>::run (synchronized.cc:24)
void add_stacks(const RunResult& run, const TrialResult& trial, const std::string& label, Remarks& remarks) {
  if (trial.snapshots.empty()) return;
  const std::vector<StackGroup> groups = group_by_stack(context_of(run, trial), trial.snapshots.back());
  if (groups.empty()) return;
  const std::size_t digits = std::to_string(groups.front().threads).size();
  for (std::size_t i = 0; i < std::min(groups.size(), kStacksShown); ++i) {
    const std::vector<std::string>& frames = groups[i].frames;
    std::string margin = fmt::format("{:>{}} × ", groups[i].threads, digits);
    if (frames.empty()) remarks.push_back({label, margin + "in nothing but the harness"});
    for (std::size_t k = 0; k < std::min(frames.size(), kFramesShown); ++k) {
      remarks.push_back({label, fmt::format("{}at {}", margin, shortened(frames[k]))});
      margin.assign(digits + 3, ' ');
    }
    if (frames.size() > kFramesShown) {
      remarks.push_back({label, fmt::format("{}… {} more", margin, frames.size() - kFramesShown)});
    }
  }
  const std::string more = groups.size() > kStacksShown
                               ? fmt::format("and {}; ", counted(groups.size() - kStacksShown, "more stack"))
                               : "";
  remarks.push_back({label, more + "--thread-dump has all"});
}

/// Of each guard whose decisive trial did not end: why not, and in which functions its threads are.
Remarks hangs(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    const TrialResult* trial = decisive_trial(run, guard);
    if (trial == nullptr || !trial->hang) continue;
    // The line about the verdict may have said it all.
    const bool said = guard.sentence.find(trial->hang->sentence) != std::string::npos;
    remarks.push_back({row_label(run, guard), said ? trial->hang->kind : text_of(*trial->hang)});
    add_stacks(run, *trial, row_label(run, guard), remarks);
  }
  return remarks;
}

/// The command that repeats the first trial in which a guard failed.
Remarks repeats(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    if (guard.role == Role::control || !has_failed(guard.verdict)) continue;
    remarks.push_back({row_label(run, guard), repeating_command_of(run, guard), true});
  }
  return remarks;
}

/// `3 requests, window 7.81 ms`
std::string setting_text(std::uint64_t requests, Nanos window) {
  return fmt::format("{}, window {}", counted(requests, "request"), window == 0 ? "0" : human(window));
}

std::string text_of(const ShrinkStep& step) {
  const std::string setting = setting_text(step.requests, step.window);
  if (step.failed) return fmt::format("{}: failed in trial {}", setting, step.trials);
  return fmt::format("{}: held in {}, below {:.2g} % per trial at 95 %", setting,
                     counted(step.trials, "trial"), 100 * bound_of_clean_trials(step.trials));
}

std::string text_of(const Confirmation& again) {
  const std::string setting = setting_text(again.requests, again.window);
  if (again.failed == 0)
    return fmt::format("{}: run again, held in {}", setting, counted(again.trials, "trial"));
  const Interval rate = rate_interval(again.failed, again.trials);
  return fmt::format("{}: run again, failed in {} of {}, {:.2g} to {:.2g} % per trial at 95 %", setting,
                     again.failed, counted(again.trials, "trial"), 100 * rate.low, 100 * rate.high);
}

/// What is known of the smallest setting, and what is not.
std::string about_smallest(const Shrunk& shrunk) {
  const std::string setting = setting_text(shrunk.smallest.requests, shrunk.smallest.window.length);
  const bool confirmed = !shrunk.confirmations.empty() && shrunk.confirmations.back().failed > 0;
  if (shrunk.cut_short)
    return fmt::format("interrupted: smaller ones may fail, too; seen to fail: {}", setting);
  if (!confirmed) return fmt::format("nothing failed again, which may be chance; given was: {}", setting);
  return fmt::format("the smallest that still fails: {}", setting);
}

bool was_to_shrink(const RunResult& run) {
  const auto asked = run.experiment().config.find("shrink");
  return asked != run.experiment().config.end() && asked->second == "true";
}

/// The way to the smallest setting that fails, and the command that repeats it.
Remarks shrinking(const RunResult& run) {
  if (!run.shrunk && was_to_shrink(run)) {
    const bool failed = std::ranges::any_of(run.guards, [](const GuardResult& guard) {
      return guard.role == Role::guard && has_failed(guard.verdict);
    });
    return {{{}, failed ? "interrupted: nothing was tried" : "no trial failed: nothing to shrink"}};
  }
  if (!run.shrunk) return {};
  Remarks remarks;
  for (const ShrinkStep& step : run.shrunk->steps) remarks.push_back({{}, text_of(step)});
  for (const Confirmation& again : run.shrunk->confirmations) remarks.push_back({{}, text_of(again)});
  remarks.push_back({{}, about_smallest(*run.shrunk)});
  remarks.push_back({{}, command_of(*run.shrunk), true});
  return remarks;
}

/// Where the guard that all were to be measured against does not hold.
Remarks reference(const RunResult& run) {
  const GuardPlugin* const wanted = run.experiment().reference;
  if (wanted == nullptr) return {};
  std::vector<std::string> without;  // Ratios, by configuration.
  for (const Comparison& comparison : compare(run)) {
    if (!comparison.reference) without.push_back(label_of(run, run.configurations[comparison.configuration]));
  }
  const std::string why =
      fmt::format("{} was not shown to hold: there are no ratios to it", wanted->info.name);
  if (without.size() == run.configurations.size()) return {{{}, why}};
  Remarks remarks;
  for (const std::string& settings : without) remarks.push_back({settings, why});
  return remarks;
}

/// With the settings under which it was, unless it was under all.
Remarks left_out(const RunResult& run) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> settings;  // By guard and why.
  for (const Configuration& configuration : run.configurations) {
    for (const auto& [guard, lacking] : configuration.experiment.left_out) {
      const std::string why = fmt::format("does not promise: {}", fmt::join(lacking, ", "));
      settings[{guard, why}].push_back(label_of(run, configuration));
    }
  }
  Remarks remarks;
  for (const auto& [left, labels] : settings) {
    const auto& [guard, why] = left;
    if (labels.size() == run.configurations.size()) {
      remarks.push_back({guard, why});
      continue;
    }
    for (const std::string& label : labels) remarks.push_back({fmt::format("{} {}", guard, label), why});
  }
  return remarks;
}

Remarks misfits(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    if (guard.lacking.empty() || guard.role == Role::control) continue;
    remarks.push_back({guard.guard, fmt::format("does not promise: {}", fmt::join(guard.lacking, ", "))});
  }
  return remarks;
}

Remarks noisy(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    if (!guard.noisy.empty()) remarks.push_back({row_label(run, guard), guard.noisy});
  }
  return remarks;
}

/// `2 of 8 CPUs on 1 core`
std::string cpus_of(const Machine& machine) {
  std::string text = counted(static_cast<std::uint64_t>(std::max(machine.cpus, 0)), "CPU");
  if (machine.cpus_online > machine.cpus)
    text = fmt::format("{} of {}", machine.cpus,
                       counted(static_cast<std::uint64_t>(machine.cpus_online), "CPU"));
  if (machine.cores() > 0 && machine.cores() < machine.cpus)
    text += " on " + counted(static_cast<std::uint64_t>(machine.cores()), "core");
  return text;
}

std::string threads_per_cpu(const RunResult& run) {
  if (run.sweeps()) return {};
  const double per_cpu = static_cast<double>(run.experiment().threads) / std::max(run.machine.cpus, 1);
  return fmt::format("{:.{}f} thread{} per CPU", per_cpu, per_cpu == std::floor(per_cpu) ? 0 : 1,
                     per_cpu == 1 ? "" : "s");
}

/// Where the figures are from, and what it costs there to take them.
Remarks machine(const RunResult& run) {
  const auto [clock_read, harness] = run.calibration;
  std::vector<std::string> parts = {cpus_of(run.machine), threads_per_cpu(run)};
  const auto add = [&](std::string part) { parts.push_back(std::move(part)); };
  if (run.machine.cpu_quota) add(fmt::format("quota {:.3g}", *run.machine.cpu_quota));
  if (!run.trials.empty()) add(fmt::format("load {:.2f}", run.trials.front().load1));
  if (const auto share = stolen_share(run)) add(fmt::format("steal {:.1f} %", 100 * *share));
  if (clock_read) add("clock " + human(std::llround(*clock_read)));
  if (harness) add(fmt::format("harness {} per request", human(std::llround(*harness))));
  add(run.build.build_type.empty() ? "" : run.build.build_type + " build");
  add(run.machine.governor.empty() ? "" : "governor " + run.machine.governor);
  if (!run.machine.hypervisor.empty()) {
    add(run.machine.hypervisor == "unknown" ? "virtual"
                                            : fmt::format("virtual ({})", run.machine.hypervisor));
  }
  std::erase(parts, std::string());
  return {{{}, fmt::format("{}", fmt::join(parts, ", "))}};
}

Remarks warnings(const RunResult& run) {
  Remarks remarks;
  for (const std::string& warning : run.warnings) remarks.push_back({{}, warning});
  return remarks;
}

/// How many of each guard; where the first failure ends it, nobody knows before.
std::string trials_of(const Experiment& experiment) {
  const std::string most = counted(static_cast<std::uint64_t>(experiment.trials), "trial");
  return experiment.until_fail ? "until a guard fails, at most " + most : most;
}

struct Source {
  std::string_view label;
  Remarks (*remarks)(const RunResult&);
};
constexpr auto kSources = std::to_array<Source>({
    {"interrupted", interruption},
    {"verdict", verdicts},
    {"expect", expectations},
    {"start", start},
    {"machine", machine},
    {"control", control},
    {"failures", failures},
    {"rate", rates},
    {"fairness", fairness},
    {"snapshots", snapshots},
    {"hang", hangs},
    {"repeat", repeats},
    {"shrink", shrinking},
    {"reference", reference},
    {"left out", left_out},
    {"misfit", misfits},
    {"noisy", noisy},
    {"warning", warnings},
});

}  // namespace

std::vector<Topic> remarks_on(const RunResult& run) {
  std::vector<Topic> topics;
  for (const Source& source : kSources) {
    Remarks remarks = source.remarks(run);
    if (!remarks.empty()) topics.push_back({source.label, std::move(remarks)});
  }
  return topics;
}

std::string headline(const RunResult& run) {
  const Experiment& experiment = run.experiment();
  std::string text = fmt::format("ccbench {} · {} · ", run.build.version, experiment.scenario->info.name);
  if (run.sweeps()) {
    text += counted(run.configurations.size(), "configuration");
  } else {
    text += size_of(experiment);
  }
  text += fmt::format(", {} · seed {}", trials_of(experiment), experiment.seed);
  const bool planted = std::ranges::any_of(run.configurations, [](const Configuration& configuration) {
    return configuration.experiment.plant.has_value();
  });
  if (planted) text += " · planted";
  return text;
}

std::string label_of(const GuardResult& guard) {
  return guard.role == Role::control ? guard.guard + " (control)" : guard.guard;
}

std::string row_label(const RunResult& run, const GuardResult& guard) {
  const std::string settings = label_of(run, run.configuration_of(guard));
  return settings.empty() ? label_of(guard) : fmt::format("{} {}", label_of(guard), settings);
}

std::optional<double> fairness_of(const TrialResult& trial) {
  constexpr std::uint64_t kSectionsPerWorker = 10;
  constexpr double kPlaces = 1e4;
  std::uint64_t sections = 0;
  for (const WorkerReport& worker : trial.workers) sections += worker.sections;
  const bool shared = !trial.workers.empty() && sections >= kSectionsPerWorker * trial.workers.size();
  if (!trial.fairness || !shared) return std::nullopt;
  return std::round(*trial.fairness * kPlaces) / kPlaces;
}

}  // namespace ccbench
