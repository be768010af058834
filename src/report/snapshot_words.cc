#include "report/snapshot_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "report/layout.h"

namespace ccbench {
namespace {

bool has_finished(std::uint32_t thread, const Snapshot& snapshot) {
  return thread < snapshot.threads.size() && is_over(snapshot.threads[thread]);
}

/// Without those of the harness, and without those that have no name, which tell nobody anything; but if none
/// has a name, with all.
std::vector<std::string> visible_frames(const Stack& stack) {
  std::vector<std::string> named;
  std::vector<std::string> nameless;
  for (const Frame& frame : stack.frames) {
    if (!frame.harness) (frame.function.empty() ? nameless : named).push_back(text_of(frame));
  }
  return named.empty() ? nameless : named;
}

}  // namespace

SnapshotContext context_of(const RunResult& run, const TrialResult& trial) {
  return {.scenario = run.experiment().scenario->info,
          .guard = trial.guard,
          .promises = trial.tally.promises,
          .stacks = run.stacks};
}

bool is_published(const Snapshot& snapshot) { return snapshot.mode == "published"; }

std::string worker_name(std::uint32_t thread) { return fmt::format("T{}", thread); }

std::string worker_ranges(std::span<const std::uint32_t> threads, std::size_t most) {
  std::string text;
  std::size_t ranges = 0;
  for (std::size_t begin = 0; begin < threads.size();) {
    if (ranges++ == most) {
      text += fmt::format(" and {} more", threads.size() - begin);
      break;
    }
    std::size_t end = begin + 1;
    while (end < threads.size() && threads[end] == threads[end - 1] + 1) ++end;
    if (!text.empty()) text += ", ";
    text += worker_name(threads[begin]);
    // Of two neighbours both are named.
    if (end - begin > 1)
      text += fmt::format("{}{}", end - begin == 2 ? ", " : "-", worker_name(threads[end - 1]));
    begin = end;
  }
  return text;
}

std::string lock_name(const SnapshotContext& context, const Snapshot& snapshot, std::uint32_t lock) {
  return lock_name(snapshot.locks.at(lock), context.guard, context.promises, context.scenario);
}

std::string lock_of(const SnapshotContext& context, const Snapshot& snapshot, const ThreadRow& row) {
  if (row.lock != kNoIndex) return lock_name(context, snapshot, row.lock);
  // Who was found running or asleep on no lock waits for none, whatever phase he is in.
  if (row.state != ThreadState::unknown) return {};
  return lock_name(row.place, context.guard, context.promises, context.scenario);
}

bool is_over(const ThreadRow& row) {
  return row.state == ThreadState::terminated || row.place.phase() == Phase::finished;
}

bool is_held(LockKind kind) {
  switch (kind) {
    case LockKind::mutex:
    case LockKind::recursive_mutex:
    case LockKind::timed_mutex:
    case LockKind::shared_mutex: return true;
    case LockKind::none:
    case LockKind::condition_variable:
    case LockKind::futex: break;
  }
  return false;
}

std::string holder_of(const LockRow& lock, const Snapshot& snapshot) {
  if (lock.owner) {
    return fmt::format("held by {}{}", worker_name(*lock.owner),
                       has_finished(*lock.owner, snapshot) ? ", which has finished" : "");
  }
  if (lock.owner_tid != 0) return fmt::format("held by thread {}, no worker", lock.owner_tid);
  if (lock.readers > 0) return fmt::format("held by {}", counted(lock.readers, "reader"));
  return {};
}

std::string held_clause(const LockRow& lock, const Snapshot& snapshot) {
  if (lock.owner && has_finished(*lock.owner, snapshot)) {
    return fmt::format(", held by {} which has finished", worker_name(*lock.owner));
  }
  const std::string holder = holder_of(lock, snapshot);
  return holder.empty() ? holder : " " + holder;
}

std::string whereabouts(Place place, const ScenarioInfo& scenario) {
  switch (place.phase()) {
    case Phase::barrier: return "at the start barrier";
    case Phase::guard: return "in the guard";
    case Phase::finished: return "finished";
    case Phase::idle: return "idle";
    case Phase::step: break;
  }
  if (place.step() >= scenario.steps.size()) return "in the section";
  return "in step " + std::string(scenario.steps[place.step()]);
}

std::string states_of(const Snapshot& snapshot) {
  std::map<ThreadState, std::uint64_t> counts;
  bool known = false;
  for (const ThreadRow& row : snapshot.threads) {
    ++counts[row.state];
    known = known || (row.state != ThreadState::unknown && row.state != ThreadState::terminated);
  }
  if (!known) return {};
  std::string text;
  for (const auto& [state, count] : fullest_first(counts)) {
    const std::string_view name = name_of(state);
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name.empty() ? "unknown" : name);
  }
  return text;
}

std::string text_of(const Hang& hang) {
  return hang.sentence.starts_with(hang.kind) ? hang.sentence
                                              : fmt::format("{}: {}", hang.kind, hang.sentence);
}

std::string text_of(const Frame& frame) {
  std::string text = frame.function.empty() ? fmt::format("{:#x}", frame.address) : frame.function;
  if (!frame.file.empty()) {
    text += fmt::format(" ({}:{})", frame.file, frame.line);
  } else if (!frame.module.empty()) {
    text += fmt::format(" ({})", frame.module);
  }
  return text;
}

std::vector<StackGroup> group_by_stack(const SnapshotContext& context, const Snapshot& snapshot) {
  std::map<std::uint32_t, std::uint64_t> counts;
  for (const ThreadRow& row : snapshot.threads) {
    if (row.stack < context.stacks.size()) ++counts[row.stack];
  }
  std::map<std::vector<std::string>, StackGroup> groups;
  for (const auto& [stack, threads] : fullest_first(counts)) {
    std::vector<std::string> frames = visible_frames(context.stacks[stack]);
    StackGroup& group = groups[frames];
    group.frames = std::move(frames);
    group.stacks.push_back(stack);
    group.threads += threads;
  }
  std::vector<StackGroup> sorted;
  sorted.reserve(groups.size());
  for (auto& [frames, group] : groups) sorted.push_back(std::move(group));
  std::ranges::sort(sorted, [](const StackGroup& a, const StackGroup& b) {
    return a.threads != b.threads ? a.threads > b.threads : a.stacks.front() < b.stacks.front();
  });
  return sorted;
}

}  // namespace ccbench
