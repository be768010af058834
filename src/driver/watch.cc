#include "driver/watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>
#include <system_error>
#include <utility>

#include "driver/child_process.h"
#include "driver/clock.h"
#include "driver/hang.h"
#include "driver/limits.h"
#include "driver/snapshot_taker.h"

namespace ccbench {
namespace {

/// How often the watcher looks whether anything moved.
constexpr Nanos kLook = 20 * kMillisecond;
/// And where it takes over events, of which a queue holds so many that a worker may end 1.6 million a second.
constexpr Nanos kLookForEvents = 5 * kMillisecond;

/// Two looks that lie farther apart have been kept from each other.
constexpr Nanos kLongestGap = 5 * kLook;

/// Nothing has moved for so long: worth a look whether it can. Then for twice as long, and so on.
constexpr Nanos kFirstSuspicion = 100 * kMillisecond;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (valid()) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// With what it promises under the settings of the trial.
GuardInfo info_of(const TrialSetup& setup) {
  GuardInfo info = setup.guard.info;
  info.promises = setup.experiment.promises_of(setup.guard);
  return info;
}

int open_process(pid_t process) { return static_cast<int>(syscall(SYS_pidfd_open, process, 0)); }

class Watch {
 public:
  Watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption,
        SnapshotTaker& snapshots, LiveEvents& events)
      : experiment_(setup.experiment),
        guard_(info_of(setup)),
        memory_(memory),
        interruption_(interruption),
        snapshots_(snapshots),
        events_(events),
        look_every_(setup.experiment.live_events() ? kLookForEvents : kLook),
        begin_(steady_now()),
        last_move_(begin_),
        last_look_(begin_),
        longest_still_(setup.experiment.longest_step() + setup.experiment.stall),
        workers_(memory.slots().size()) {}

  /// Returns when the process has ended or has to be ended; in the latter case with the reason. `answer` is
  /// called when somebody may have asked for a snapshot.
  std::optional<TrialEnd::Kind> until_end(int process, int released, const sigset_t* outside,
                                          FunctionRef<void()> answer) {
    std::array<pollfd, 2> events = {
        {{.fd = process, .events = POLLIN, .revents = 0}, {.fd = released, .events = POLLIN, .revents = 0}}};
    while (true) {
      if (interruption_.signal() != 0) return TrialEnd::Kind::interrupted;
      const Nanos now = steady_now();
      const Nanos wait =
          std::clamp<Nanos>(snapshots_.next_due().value_or(now + look_every_) - now, 0, look_every_);
      const timespec timeout{.tv_sec = wait / kSecond, .tv_nsec = wait % kSecond};
      if (ppoll(events.data(), events.size(), &timeout, outside) < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "ppoll");
      }
      if ((events[0].revents & POLLIN) != 0) return std::nullopt;
      if (events[1].revents != 0) events[1].fd = -1;  // Once told of the release, no need to hear it again.
      events_.drain();
      answer();
      snapshots_.take_due();
      if (const auto end = look()) return end;
      if (snapshots_.deadlocked()) return TrialEnd::Kind::hung;
    }
  }

  /// Why the trial, which is still there, is to be ended.
  Hang explain(TrialEnd::Kind why) {
    const Nanos now = steady_now();
    snapshots_.take_last();
    const double cpus_wanted = snapshots_.deadlocked() ? 0 : snapshots_.cpus_wanted();
    const std::vector<WorkerProgress> progress = progress_of_workers(now);
    return explain_hang({.guard = guard_,
                         .scenario = experiment_.scenario->info,
                         .snapshot = snapshots_.last(),
                         .workers = progress,
                         .over_time = why == TrialEnd::Kind::over_time,
                         .trial = memory_.released() ? now - memory_.release() : 0,
                         .still = still_since(now),
                         .longest_step = experiment_.longest_step(),
                         .cpus_wanted = cpus_wanted,
                         .limit = limit(why)});
  }

 private:
  struct Worker {
    std::uint64_t moves = 0;
    Nanos moved = 0;          ///< when it was last seen to have moved
    std::uint64_t ended = 0;  ///< how many requests had been counted as ended by then
  };

  std::optional<TrialEnd::Kind> look() {
    const Nanos now = steady_now();
    note_gap(now);
    note_moves(now);
    // With many workers the release is announced long before it comes, and until then all stand still.
    const Nanos at_work_since = memory_.released() ? memory_.release() : begin_;
    const Nanos still = still_since(now);
    if (now - at_work_since > experiment_.arriving() + experiment_.timeout) return TrialEnd::Kind::over_time;
    if (still > longest_still_) return TrialEnd::Kind::hung;
    if (still > next_suspicion_) {
      next_suspicion_ *= 2;
      if (all_wait()) snapshots_.look_for_deadlock();
    }
    return std::nullopt;
  }

  /// While this process was kept from looking, stopped or without a CPU or with the whole machine, so may the
  /// workers have been: that is no time in which they stood still.
  void note_gap(Nanos now) {
    const Nanos gap = now - std::exchange(last_look_, now);
    if (gap > kLongestGap) unseen_ += gap;
  }

  void note_moves(Nanos now) {
    std::uint64_t moves = memory_.header().arrived.load(std::memory_order_relaxed);
    for (const WorkerSlot& slot : memory_.slots()) moves += slot.moves.load(std::memory_order_relaxed);
    if (moves == moves_ && !somebody_idles()) return;
    moves_ = moves;
    last_move_ = now;
    unseen_ = 0;
    next_suspicion_ = kFirstSuspicion;
    const std::uint64_t ended = counted_as_ended();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const std::uint64_t own = memory_.slots()[i].moves.load(std::memory_order_relaxed);
      if (own != workers_[i].moves) workers_[i] = {.moves = own, .moved = now, .ended = ended};
    }
  }

  /// Who waits for the next request to arrive will move without anybody's help.
  bool somebody_idles() const {
    return std::ranges::any_of(memory_.slots(), [](const WorkerSlot& slot) {
      return slot.place.load(std::memory_order_relaxed).phase() == Phase::idle;
    });
  }

  /// 0 where there are records.
  std::uint64_t counted_as_ended() const {
    std::uint64_t ended = 0;
    for (const WorkerCounts& worker : memory_.worker_counts()) ended += worker.ended();
    return ended;
  }

  /// How long no worker was seen to move; before the release, since the beginning.
  Nanos still_since(Nanos now) const {
    return now - std::max(last_move_, memory_.released() ? memory_.release() : begin_) - unseen_;
  }

  /// Where nobody is in a section, nobody will let the others in: most likely for good.
  bool all_wait() const {
    bool somebody_waits = false;
    for (const WorkerSlot& slot : memory_.slots()) {
      const Phase phase = slot.place.load(std::memory_order_relaxed).phase();
      if (phase == Phase::barrier || phase == Phase::step || phase == Phase::idle) return false;
      somebody_waits = somebody_waits || phase == Phase::guard;
    }
    return somebody_waits;
  }

  std::vector<WorkerProgress> progress_of_workers(Nanos now) const {
    std::vector<WorkerProgress> progress(workers_.size());
    const std::vector<std::uint64_t> overtaken =
        experiment_.counts() ? overtaken_by_counts() : overtaken_by_records(now);
    for (std::size_t i = 0; i < progress.size(); ++i) {
      progress[i].still = now - std::max(workers_[i].moved, begin_);
      progress[i].overtaken = overtaken[i];
    }
    return progress;
  }

  /// By so many requests at least: of those that have ended since it was last seen to move, some that others
  /// carried at that time had come before.
  std::vector<std::uint64_t> overtaken_by_counts() const {
    const std::uint64_t ended = counted_as_ended();
    std::vector<std::uint64_t> overtaken;
    overtaken.reserve(workers_.size());
    for (const Worker& worker : workers_)
      overtaken.push_back(ended - std::min(ended, worker.ended + workers_.size()));
    return overtaken;
  }

  std::vector<std::uint64_t> overtaken_by_records(Nanos now) const {
    std::vector<std::uint64_t> overtaken(workers_.size());
    std::vector<Nanos> ended;  // when the requests came that have ended
    std::vector<Nanos> open(workers_.size(), now);
    for (const Record& record : memory_.records()) {
      if (record.start == 0) continue;
      if (record.end.load(std::memory_order_acquire) != 0) {
        ended.push_back(record.start);
      } else if (record.worker < open.size()) {
        open[record.worker] = record.start;
      }
    }
    std::ranges::sort(ended);
    for (std::size_t i = 0; i < overtaken.size(); ++i)
      overtaken[i] = static_cast<std::uint64_t>(ended.end() - std::ranges::upper_bound(ended, open[i]));
    return overtaken;
  }

  std::string limit(TrialEnd::Kind why) const {
    if (why == TrialEnd::Kind::over_time)
      return fmt::format("over --timeout={}", to_text(experiment_.timeout));
    return fmt::format("no worker changed phase for {} (the longest step and --stall={})",
                       to_text(longest_still_), to_text(experiment_.stall));
  }

  const Experiment& experiment_;
  const GuardInfo guard_;
  TrialMemory& memory_;
  const Interruption& interruption_;
  SnapshotTaker& snapshots_;
  LiveEvents& events_;
  const Nanos look_every_;
  const Nanos begin_;
  Nanos last_move_;
  Nanos last_look_;
  Nanos unseen_ = 0;  ///< of the time since the last move
  const Nanos longest_still_;
  Nanos next_suspicion_ = kFirstSuspicion;
  std::vector<Worker> workers_;
  std::uint64_t moves_ = 0;
};

std::string sentence_of_signal(int signal, std::uint64_t memory_kills) {
  const char* name = sigabbrev_np(signal);  // None for the real-time signals.
  const std::string number = std::to_string(signal);
  std::string sentence =
      fmt::format("killed by SIG{} ({})", name != nullptr ? name : number, strsignal(signal));
  if (signal == SIGKILL && out_of_memory_kills() > memory_kills) {
    sentence += ": the kernel had run out of memory";
  }
  return sentence;
}

TrialEnd ended(TrialEnd::Kind kind, std::string sentence) {
  TrialEnd end;
  end.kind = kind;
  end.sentence = std::move(sentence);
  return end;
}

/// How a process that ended by itself ended.
TrialEnd end_of(const siginfo_t& info, const TrialMemory& memory, std::uint64_t memory_kills) {
  if (info.si_code != CLD_EXITED)
    return ended(TrialEnd::Kind::crashed, sentence_of_signal(info.si_status, memory_kills));
  const Stage stage = memory.header().stage.load(std::memory_order_acquire);
  if (stage == Stage::failed) return ended(TrialEnd::Kind::failed, memory.header().failure.data());
  // A sanitizer that has found something says so by the exit status, also after everything has ended.
  if (stage == Stage::ended && info.si_status == 0) return {};
  return ended(TrialEnd::Kind::crashed,
               fmt::format("the trial's process was ended with exit status {}", info.si_status));
}

/// `errno` says why.
TrialEnd system_refused(std::string_view what) {
  return ended(TrialEnd::Kind::failed, fmt::format("the system refused {}: {}", what, std::strerror(errno)));
}

}  // namespace

TrialEnd run_and_watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption,
                       Sight& sight, FunctionRef<void(const Snapshot&)> asked_for) {
  const Interruption::Held held;
  const std::set<pid_t> children_before = children();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const FileDescriptor released(eventfd(0, EFD_CLOEXEC));
  if (!released.valid()) return system_refused("an event descriptor");
  const std::uint64_t memory_kills = out_of_memory_kills();
  const pid_t parent = getpid();
  const pid_t process = fork();
  if (process < 0) return system_refused("a process");
  if (process == 0) run_trial_process(setup, parent, released.get(), memory);
  ChildProcess child(process);
  setpgid(process, process);  // The child does the same: whoever comes first.

  const FileDescriptor process_fd(open_process(process));
  if (!process_fd.valid()) return system_refused("a process descriptor");
  SnapshotTaker snapshots(setup.experiment, setup.guard, memory, process, sight);
  LiveEvents events(memory, setup.experiment.most_rows());
  Watch watch(setup, memory, interruption, snapshots, events);
  const auto answer = [&] {
    const int asked = interruption.snapshots_asked();
    if (asked == sight.snapshots_answered()) return;
    const Snapshot* snapshot = snapshots.take_asked();
    if (snapshot == nullptr) return;  // Before the release: it is not forgotten.
    sight.answer_snapshots(asked);
    asked_for(*snapshot);
  };
  const auto stopped = watch.until_end(process_fd.get(), released.get(), held.outside(), answer);
  std::optional<Hang> hang;
  if (stopped == TrialEnd::Kind::interrupted) snapshots.take_last();
  if (stopped && stopped != TrialEnd::Kind::interrupted) hang = watch.explain(*stopped);
  const siginfo_t info = child.end();
  const Nanos gone = steady_now();
  end_orphans(children_before);
  events.drain();
  TrialEnd end =
      stopped ? ended(*stopped, hang ? hang->sentence : "interrupted") : end_of(info, memory, memory_kills);
  if (end.kind == TrialEnd::Kind::crashed) snapshots.take_published();
  end.snapshots = snapshots.hand_over(setup.experiment.keep_stacks || hang.has_value());
  end.gone = gone;
  end.hang = std::move(hang);
  end.events = events.hand_over();
  end.events_not_kept = events.beyond_most();
  end.snapshots_left_out = snapshots.left_out();
  end.limitations = snapshots.limitations(setup.guard.info.name);
  return end;
}

}  // namespace ccbench
