#include "explore/replay.h"

#include <fmt/format.h>

#include <charconv>

namespace ccbench::explore {
namespace {

constexpr std::string_view kVersion = "1:";
constexpr std::string_view kOld = "_old";  ///< behind the operation

/// Cuts what stands before `separator` off the text; all of it where there is none.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return part;
}

std::optional<Task> parse_task(std::string_view text) {
  Task task = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), task);
  if (status != std::errc{} || end != text.data() + text.size() || task >= kMostTasks) return std::nullopt;
  return task;
}

}  // namespace

std::string to_replay(std::span<const Step> steps) {
  std::string text(kVersion);
  Task last = kNoTask;
  for (const Step& step : steps) {
    if (step.task == last) {
      text += '+';
    } else {
      text += fmt::format("{}{}.", last == kNoTask ? "" : ",", step.task);
    }
    text += to_text(step.kind);
    if (step.old) text += kOld;
    last = step.task;
  }
  return text;
}

std::optional<std::vector<ReplayStep>> parse_replay(std::string_view text) {
  if (!text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  std::vector<ReplayStep> steps;
  while (!text.empty()) {
    std::string_view turn = take(text, ',');
    const std::optional<Task> task = parse_task(take(turn, '.'));
    if (!task || turn.empty()) return std::nullopt;
    while (!turn.empty()) {
      ReplayStep step{.task = *task};
      std::string_view operation = take(turn, '+');
      step.old = operation.ends_with(kOld);
      if (step.old) operation.remove_suffix(kOld.size());
      if (!parse(operation, step.kind)) return std::nullopt;
      if (step.old && step.kind != OperationKind::load) return std::nullopt;
      steps.push_back(step);
    }
  }
  return steps;
}

void Replay::begin(const Scheduler& /*schedule*/) { diverged_.clear(); }

/// What a load has seen is known only after it.
bool Replay::last_was_the_same(const Scheduler& schedule) {
  const std::size_t number = schedule.steps().size();
  if (number == 0 || number > steps_.size() || schedule.steps().back().old == steps_[number - 1].old)
    return true;
  const bool old = steps_[number - 1].old;
  diverged_ = fmt::format("DIVERGED at step {}: expected request {} to load {}, which loads {}", number,
                          steps_[number - 1].task, old ? "an old value" : "the last value",
                          old ? "the last one" : "an old one");
  return false;
}

Task Replay::choose(const Scheduler& schedule, TaskSet enabled) {
  if (!last_was_the_same(schedule)) return kNoTask;
  const std::size_t number = schedule.steps().size();
  if (number == steps_.size()) {
    diverged_ = fmt::format("DIVERGED at step {}: expected the end, and more can be done", number + 1);
    return kNoTask;
  }
  const ReplayStep& step = steps_[number];
  const auto diverges = [&](std::string_view how) {
    diverged_ = fmt::format("DIVERGED at step {}: expected request {} to {}, {}", number + 1, step.task,
                            to_text(step.kind), how);
    return kNoTask;
  };
  if (!schedule.unfinished().contains(step.task)) return diverges("which has ended");
  const Operation& pending = schedule.pending(step.task);
  if (pending.kind != step.kind) return diverges(fmt::format("which would {}", to_text(pending.kind)));
  if (!enabled.contains(step.task)) return diverges(fmt::format("which {}", schedule.why_blocked(step.task)));
  return step.task;
}

bool Replay::end(const Scheduler& schedule, Ending ending) {
  if (diverged_.empty() && last_was_the_same(schedule) && ending != Ending::too_long &&
      schedule.steps().size() < steps_.size()) {
    const ReplayStep& step = steps_[schedule.steps().size()];
    diverged_ =
        fmt::format("DIVERGED at step {}: expected request {} to {}, and nothing can be done any more",
                    schedule.steps().size() + 1, step.task, to_text(step.kind));
  }
  return false;
}

}  // namespace ccbench::explore
