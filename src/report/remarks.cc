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
#include "report/snapshot_words.h"

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
        remarks.push_back({label_of(guard), fmt::format("… {} more", count - kSnapshotsShown)});
        i = count - 1;
      }
      remarks.push_back({label_of(guard), sentence_of(run, *trial, trial->snapshots[i])});
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
    remarks.push_back({label_of(guard), said ? trial->hang->kind : text_of(*trial->hang)});
    add_stacks(run, *trial, label_of(guard), remarks);
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
    {"hang", hangs},
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
