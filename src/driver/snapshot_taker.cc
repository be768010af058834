#include "driver/snapshot_taker.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <span>
#include <utility>

#include "driver/clock.h"

namespace ccbench {
namespace {

/// How often to look for a moment that `--snapshot-at` names.
constexpr Nanos kLookForMoment = kMillisecond;

/// Rows of all snapshots of a run, which take some 50 bytes each and more in the files.
constexpr std::size_t kMostRows = 2'000'000;

/// Copies of stacks are turned into frames after the trial, or when there are more than this many bytes.
constexpr std::size_t kMostUnresolved = std::size_t{64} << 20;

/// What opening the kernel's files takes at most, in all and by the worker.
constexpr Nanos kToPrepare = kMillisecond;
constexpr Nanos kToPrepareWorker = 20 * kMicrosecond;

/// How long to watch what CPUs are used.
constexpr long kBurnWatch = 100 * kMillisecond;

}  // namespace

std::optional<Nanos> SnapshotClock::due() const {
  std::optional<Nanos> next;
  if (next_ < at_.size()) next = at_[next_];
  if (every_ > 0) next = next ? std::min(*next, next_periodic_) : next_periodic_;
  return next;
}

void SnapshotClock::taken(Nanos now) {
  while (next_ < at_.size() && at_[next_] <= now) ++next_;
  if (every_ > 0) next_periodic_ = std::max(next_periodic_, now / every_ * every_ + every_);
}

SnapshotTaker::SnapshotTaker(const Experiment& experiment, const GuardPlugin& guard, TrialMemory& memory,
                             pid_t process, Sight& sight)
    : memory_(memory),
      sight_(sight),
      observer_(process, memory.slots(), sight.layout(),
                experiment.promises_of(guard).fifo ? Observer::Again::sleep : Observer::Again::nothing),
      clock_(experiment),
      moments_(experiment.snapshot_at) {}

std::optional<Nanos> SnapshotTaker::next_due() const {
  if (!memory_.released()) return std::nullopt;
  std::optional<Nanos> next;
  if (const auto due = clock_.due()) {
    // The kernel's files are opened just before they are needed first.
    next = memory_.release() + (observer_.prepared() ? *due : std::max<Nanos>(0, *due - time_to_prepare()));
  }
  if (moments_.empty()) return next;
  const Nanos look = std::max(memory_.release(), steady_now() + kLookForMoment);
  return next ? std::min(*next, look) : look;
}

void SnapshotTaker::take_due() {
  if (!at_work()) return;
  if (const auto due = clock_.due()) {
    if (!observer_.prepared() && since_release() >= *due - time_to_prepare()) observer_.prepare();
    if (since_release() >= *due) {
      take();
      clock_.taken(since_release());
    }
  }
  if (!moments_.empty()) take_at_moment();
}

/// One for all moments that have come; each comes once.
void SnapshotTaker::take_at_moment() {
  if (!observer_.prepared()) observer_.prepare();
  std::uint64_t blocked = 0;
  std::uint64_t inside = 0;
  std::uint64_t finished = 0;
  for (const WorkerSlot& slot : memory_.slots()) {
    const Phase phase = slot.place.load(std::memory_order_relaxed).phase();
    blocked += phase == Phase::guard ? 1 : 0;
    inside += phase == Phase::step ? 1 : 0;
    finished += phase == Phase::finished ? 1 : 0;
  }
  const auto come = std::erase_if(
      moments_, [&](const SnapshotCondition& moment) { return moment.holds(blocked, inside, finished); });
  if (come > 0) take();
}

const Snapshot* SnapshotTaker::take_asked() {
  if (!at_work()) return nullptr;
  keep(observer_.look(since_release(), memory_.signalled_stacks()));
  resolve();
  return &snapshots_.back();
}

void SnapshotTaker::look_for_deadlock() {
  if (!at_work()) return;
  Snapshot snapshot = observer_.look(since_release());
  if (!snapshot.cycles.empty()) keep(std::move(snapshot));
}

void SnapshotTaker::take_last() {
  if (!deadlocked() && at_work()) keep(observer_.look(since_release(), memory_.signalled_stacks()));
}

void SnapshotTaker::take_published() {
  if (at_work()) snapshots_.push_back(published_snapshot(memory_.slots(), since_release()));
}

double SnapshotTaker::cpus_wanted() {
  const auto wanted = [this] {
    std::uint64_t sum = 0;
    for (const auto& schedule : observer_.schedules()) {
      if (schedule) sum += schedule->ran + schedule->queued;
    }
    return sum;
  };
  const std::uint64_t before = wanted();
  const Nanos begin = steady_now();
  const timespec pause{.tv_sec = 0, .tv_nsec = kBurnWatch};
  nanosleep(&pause, nullptr);
  const std::uint64_t after = wanted();
  return static_cast<double>(after - std::min(before, after)) / static_cast<double>(steady_now() - begin);
}

const Snapshot& SnapshotTaker::last() {
  static const Snapshot kNone;
  resolve();
  return snapshots_.empty() ? kNone : snapshots_.back();
}

std::vector<Snapshot> SnapshotTaker::hand_over(bool with_stacks) {
  if (with_stacks) {
    resolve();
  } else {
    for (Snapshot& snapshot : std::span(snapshots_).subspan(resolved_)) {
      for (ThreadRow& row : snapshot.threads) row.stack = kNoIndex;
    }
  }
  return std::move(snapshots_);
}

std::vector<std::string> SnapshotTaker::limitations(std::string_view guard) const {
  std::vector<std::string> sentences = observer_.limitations();
  for (const SnapshotCondition& moment : moments_) {
    sentences.push_back(fmt::format("no snapshot at '{}': that moment was not seen in a trial of {}",
                                    to_text(moment), guard));
  }
  return sentences;
}

Nanos SnapshotTaker::since_release() const { return steady_now() - memory_.release(); }

Nanos SnapshotTaker::time_to_prepare() const {
  return kToPrepare + kToPrepareWorker * static_cast<Nanos>(memory_.slots().size());
}

/// None once there are too many: the last one would push the first ones out of memory.
void SnapshotTaker::take() {
  if (sight_.kept_rows() + memory_.slots().size() > kMostRows) {
    ++left_out_;
    return;
  }
  keep(observer_.look(since_release(), memory_.signalled_stacks()));
}

void SnapshotTaker::keep(Snapshot snapshot) {
  snapshot.done = since_release();
  observer_.keep(snapshot);
  sight_.count_kept(snapshot.threads.size());
  snapshots_.push_back(std::move(snapshot));
  if (observer_.unresolved_bytes() > kMostUnresolved) resolve();
}

void SnapshotTaker::resolve() {
  observer_.resolve(std::span(snapshots_).subspan(resolved_), sight_.unwinder(), sight_.stacks());
  resolved_ = snapshots_.size();
}

}  // namespace ccbench
