// The snapshots of one trial: when they are taken, and what becomes of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "driver/experiment.h"
#include "driver/trial_memory.h"
#include "snapshot/observer.h"
#include "snapshot/sight.h"

namespace ccbench {

/// When the next snapshot is due; times since the release.
class SnapshotClock {
 public:
  explicit SnapshotClock(const Experiment& experiment)
      : at_(experiment.snapshots), every_(experiment.snapshot_every), next_periodic_(every_) {}

  std::optional<Nanos> due() const;

  /// Everything due at `now` counts as taken: a late watcher takes one snapshot, not a burst.
  void taken(Nanos now);

 private:
  const std::vector<Nanos>& at_;
  const Nanos every_;
  std::size_t next_ = 0;
  Nanos next_periodic_;
};

/// Takes none before the release.
class SnapshotTaker {
 public:
  /// All of these must outlive it.
  SnapshotTaker(const Experiment& experiment, const GuardPlugin& guard, TrialMemory& memory, pid_t process,
                Sight& sight);

  /// When `take_due` has something to do next, on the steady clock; nothing: not of its own accord.
  std::optional<Nanos> next_due() const;

  /// Takes the one that is due, and the one for a moment of `--snapshot-at` that has come.
  void take_due();

  /// One that somebody has asked for: taken however many there are, with its stacks. Null before the release.
  const Snapshot* take_asked();

  /// Looks at who waits, and keeps that only if it shows a deadlock.
  void look_for_deadlock();

  /// One more of a trial that is about to be ended, however many there are.
  void take_last();

  /// Of a trial that has died: the slots outlive it. Where everybody was.
  void take_published();

  /// The last one shows a deadlock.
  bool deadlocked() const { return !snapshots_.empty() && !snapshots_.back().cycles.empty(); }

  /// How many CPUs the workers use or queue for, watched for a tenth of a second: near 0 where all of them
  /// sleep.
  double cpus_wanted();

  /// The last one, with its stacks and what they tell; an empty one if there is none.
  const Snapshot& last();

  /// Hands the snapshots over, with their stacks or without.
  std::vector<Snapshot> hand_over(bool with_stacks);

  /// How many there would have been room for no more.
  std::uint64_t left_out() const { return left_out_; }

  /// Sentences: what the snapshots of a trial of `guard` lack, and why.
  std::vector<std::string> limitations(std::string_view guard) const;

 private:
  bool at_work() const { return memory_.released() && since_release() >= 0; }
  Nanos since_release() const;
  Nanos time_to_prepare() const;
  void take();
  void take_at_moment();
  void keep(Snapshot snapshot);
  void resolve();

  TrialMemory& memory_;
  Sight& sight_;
  Observer observer_;
  SnapshotClock clock_;
  std::vector<SnapshotCondition> moments_;  ///< that have not come yet
  std::vector<Snapshot> snapshots_;
  std::size_t resolved_ = 0;  ///< so many of them
  std::uint64_t left_out_ = 0;
};

}  // namespace ccbench
