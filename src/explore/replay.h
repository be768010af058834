// A schedule as text, and the same schedule again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/scheduler.h"

namespace ccbench::explore {

/// Who took a step, and of what kind.
struct ReplayStep {
  Task task = kNoTask;
  OperationKind kind = OperationKind::yield;
  bool old = false;  ///< a load that did not see the last value
  bool operator==(const ReplayStep&) const = default;
};

/// `1:0.load+sleep,1.load`: the version of the form, and then tasks with the operations that each does in a
/// row. A load of an old value is `load_old`.
std::string to_replay(std::span<const Step> steps);

/// Reads what `to_replay` writes. Nothing for anything else.
std::optional<std::vector<ReplayStep>> parse_replay(std::string_view text);

/// One schedule, step by step as it was. Where the program does something else, it is cut, and says so.
class Replay final : public Strategy {
 public:
  explicit Replay(std::vector<ReplayStep> steps) : steps_(std::move(steps)) {}

  void begin(const Scheduler& schedule) override;
  Task choose(const Scheduler& schedule, TaskSet enabled) override;
  bool end(const Scheduler& schedule, Ending ending) override;

  /// Some loads saw old values: the scheduler must let them.
  bool sees_old() const { return std::ranges::any_of(steps_, &ReplayStep::old); }
  /// `DIVERGED at step 3: expected request 1 to load, which would lock mutex#1`; empty: it went as it was.
  const std::string& diverged() const { return diverged_; }

 private:
  bool last_was_the_same(const Scheduler& schedule);

  const std::vector<ReplayStep> steps_;
  std::string diverged_;
};

}  // namespace ccbench::explore
