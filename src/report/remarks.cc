#include "report/remarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <map>
#include <optional>
#include <utility>

#include "report/columns.h"
#include "report/layout.h"

namespace ccbench {
namespace {

constexpr std::size_t kReasonsShown = 8;
constexpr std::size_t kPlacesShown = 5;
constexpr std::size_t kSnapshotsShown = 3;

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

/// Why a guard is not OK; of those that are, what their trials prove, said once for all that prove the same.
Remarks verdicts(const RunResult& run) {
  Remarks remarks;
  std::map<std::string, std::vector<std::string>> held;
  for (const GuardResult& guard : run.guards) {
    if (guard.verdict == Verdict::ok) {
      held[guard.sentence].push_back(guard.guard);
    } else if (!did_its_duty(guard)) {
      remarks.push_back({label_of(guard), guard.sentence});
    }
  }
  for (const auto& [sentence, names] : held) {
    remarks.push_back({{}, fmt::format("{}: {}", fmt::join(names, ", "), sentence)});
  }
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
  if (run.experiment.threads < 2 || !spread) return {};
  std::string text;
  if (gap) text += fmt::format("first two {} apart, ", human(*gap));
  text += fmt::format("last {} after the first, ", human(*spread));
  if (peak) text += fmt::format("{} in flight at the peak, ", *peak);
  const double per_cpu = static_cast<double>(run.experiment.threads) / std::max(run.machine.cpus, 1);
  text += fmt::format("{:.{}f} thread{} per CPU", per_cpu, per_cpu == std::floor(per_cpu) ? 0 : 1,
                      per_cpu == 1 ? "" : "s");
  return {{{}, text}};
}

Remarks control(const RunResult& run) {
  if (run.control.sentence.empty()) return {};
  return {{{}, run.control.sentence}};
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
      remarks.push_back({label_of(guard), fmt::format("{:>{}} × {}", all[i].first, digits, all[i].second)});
    }
    if (all.size() > kReasonsShown) {
      remarks.push_back({label_of(guard), fmt::format("and {} more reasons", all.size() - kReasonsShown)});
    }
  }
  return remarks;
}

/// What a person says of a worker at this place. Keys are told apart only where requests wait for one.
std::string whereabouts(const RunResult& run, const TrialResult& trial, Place place) {
  const ScenarioInfo& scenario = run.experiment.scenario->info;
  switch (place.phase()) {
    case Phase::barrier: return "at the start barrier";
    case Phase::guard: {
      const std::string lock = lock_of(run, trial, place);
      return lock.empty() ? "in guard " + trial.guard : "waiting for " + lock;
    }
    case Phase::step: break;
    case Phase::finished: return "finished";
  }
  if (place.step() >= scenario.steps.size()) return "in the section";
  return "in step " + std::string(scenario.steps[place.step()]);
}

/// `at 500 ms: 19 waiting for synchronized[ticket-1], 1 in step payment`
std::string sentence_of(const RunResult& run, const TrialResult& trial, const Snapshot& snapshot) {
  std::map<std::string, std::uint64_t> counts;
  for (const PlaceCount& group : group_by_place(snapshot)) {
    counts[whereabouts(run, trial, group.place)] += group.threads;
  }
  std::vector<std::pair<std::string, std::uint64_t>> groups(counts.begin(), counts.end());
  std::ranges::sort(groups, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::string text = fmt::format("at {}:", human(snapshot.at));
  for (std::size_t i = 0; i < std::min(groups.size(), kPlacesShown); ++i) {
    text += fmt::format("{} {} {}", i == 0 ? "" : ",", groups[i].second, groups[i].first);
  }
  if (groups.size() > kPlacesShown) {
    text += fmt::format(" and {}", counted(groups.size() - kPlacesShown, "more place"));
  }
  return text;
}

/// Of each guard the trial that its verdict comes from; of that trial the first snapshots and the last,
/// which shows where a trial that hung came to rest.
Remarks snapshots(const RunResult& run) {
  Remarks remarks;
  for (const GuardResult& guard : run.guards) {
    const auto decisive = std::ranges::find_if(
        guard.trials, [&](std::size_t index) { return run.trials.at(index).verdict == guard.verdict; });
    if (decisive == guard.trials.end()) continue;
    const TrialResult& trial = run.trials[*decisive];
    const std::size_t count = trial.snapshots.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (count > kSnapshotsShown && i == kSnapshotsShown - 1) {
        remarks.push_back({label_of(guard), fmt::format("… {} more", count - kSnapshotsShown)});
        i = count - 1;
      }
      remarks.push_back({label_of(guard), sentence_of(run, trial, trial.snapshots[i])});
    }
  }
  return remarks;
}

Remarks left_out(const RunResult& run) {
  Remarks remarks;
  for (const auto& [guard, lacking] : run.experiment.left_out) {
    remarks.push_back({guard, fmt::format("does not promise: {}", fmt::join(lacking, ", "))});
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

Remarks warnings(const RunResult& run) {
  Remarks remarks;
  for (const std::string& warning : run.warnings) remarks.push_back({{}, warning});
  return remarks;
}

struct Source {
  std::string_view label;
  Remarks (*remarks)(const RunResult&);
};
constexpr auto kSources = std::to_array<Source>({
    {"interrupted", interruption},
    {"verdict", verdicts},
    {"start", start},
    {"control", control},
    {"failures", failures},
    {"snapshots", snapshots},
    {"left out", left_out},
    {"misfit", misfits},
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

std::string label_of(const GuardResult& guard) {
  return guard.role == Role::control ? guard.guard + " (control)" : guard.guard;
}

}  // namespace ccbench
