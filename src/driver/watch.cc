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
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "driver/clock.h"
#include "driver/hang.h"
#include "driver/limits.h"
#include "snapshot/observer.h"

namespace ccbench {
namespace {

/// How often the watcher looks whether anything moved.
constexpr Nanos kLook = 20 * kMillisecond;

/// How often while a snapshot waits for a moment that `--snapshot-at` names.
constexpr Nanos kLookForMoment = kMillisecond;

/// Rows of all snapshots of a run, which take some 50 bytes each and more in the files.
constexpr std::size_t kMostSnapshotRows = 2'000'000;

/// Copies of stacks are turned into frames after the trial, or when there are more than this many bytes.
constexpr std::size_t kMostUnresolved = std::size_t{64} << 20;

/// What opening the kernel's files takes at most, in all and by the worker.
constexpr Nanos kToPrepare = kMillisecond;
constexpr Nanos kToPrepareWorker = 20 * kMicrosecond;

/// Nothing has moved for so long: worth a look whether it can. Then for twice as long, and so on.
constexpr Nanos kFirstSuspicion = 100 * kMillisecond;

/// How long to watch what CPUs a stalled trial uses.
constexpr long kBurnWatch = 100 * kMillisecond;

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

int open_process(pid_t process) { return static_cast<int>(syscall(SYS_pidfd_open, process, 0)); }

/// When the next snapshot is due; times since the release.
class SnapshotClock {
 public:
  explicit SnapshotClock(const Experiment& experiment)
      : at_(experiment.snapshots), every_(experiment.snapshot_every), next_periodic_(every_) {}

  std::optional<Nanos> due() const {
    std::optional<Nanos> next;
    if (next_ < at_.size()) next = at_[next_];
    if (every_ > 0) next = next ? std::min(*next, next_periodic_) : next_periodic_;
    return next;
  }

  /// Everything due at `now` counts as taken: a late watcher takes one snapshot, not a burst.
  void taken(Nanos now) {
    while (next_ < at_.size() && at_[next_] <= now) ++next_;
    if (every_ > 0) next_periodic_ = std::max(next_periodic_, now / every_ * every_ + every_);
  }

 private:
  const std::vector<Nanos>& at_;
  const Nanos every_;
  std::size_t next_ = 0;
  Nanos next_periodic_;
};

class Watch {
 public:
  Watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption, pid_t process,
        Sight& sight, FunctionRef<void(const Snapshot&)> asked_for)
      : experiment_(setup.experiment),
        guard_(setup.guard.info),
        memory_(memory),
        interruption_(interruption),
        sight_(sight),
        asked_for_(asked_for),
        observer_(process, memory.slots(), sight.layout()),
        snapshot_clock_(setup.experiment),
        begin_(steady_now()),
        last_move_(begin_),
        longest_still_(setup.experiment.parameters.longest_step() + setup.experiment.stall),
        workers_(memory.slots().size()),
        moments_(setup.experiment.snapshot_at) {}

  /// Returns when the process has ended or has to be ended; in the latter case with the reason.
  std::optional<TrialEnd::Kind> until_end(int process, int released, const sigset_t* outside) {
    std::array<pollfd, 2> events = {
        {{.fd = process, .events = POLLIN, .revents = 0}, {.fd = released, .events = POLLIN, .revents = 0}}};
    while (true) {
      if (interruption_.signal() != 0) return TrialEnd::Kind::interrupted;
      const Nanos wait =
          std::clamp<Nanos>(next_look() - steady_now(), 0, moments_.empty() ? kLook : kLookForMoment);
      const timespec timeout{.tv_sec = wait / kSecond, .tv_nsec = wait % kSecond};
      if (ppoll(events.data(), events.size(), &timeout, outside) < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "ppoll");
      }
      if ((events[0].revents & POLLIN) != 0) return std::nullopt;
      if (interruption_.snapshots_asked() != sight_.snapshots_answered() && at_work()) answer_question();
      if (events[1].revents != 0) events[1].fd = -1;  // Once told of the release, no need to hear it again.
      if (const auto end = look()) return end;
      if (deadlocked()) return TrialEnd::Kind::hung;
    }
  }

  /// One more snapshot of a trial that is about to be ended, unless the last one shows why already; and why.
  void take_last_snapshot(TrialEnd::Kind why) {
    decided_ = steady_now();
    if (!deadlocked() && at_work()) keep(observer_.look(since_release(), memory_.signalled_stacks()));
    const bool ends_by_rule = why == TrialEnd::Kind::hung || why == TrialEnd::Kind::over_time;
    if (ends_by_rule && !deadlocked()) cpus_wanted_ = measure_cpus_wanted();
  }

  /// After the end: the slots outlive the process. Where everybody was when it died.
  void take_published_snapshot() {
    if (at_work()) snapshots_.push_back(published_snapshot(memory_.slots(), since_release()));
  }

  Hang hang(TrialEnd::Kind why) {
    resolve();  // What a thread waits for may only show in its stack.
    const std::vector<WorkerProgress> progress = progress_of_workers();
    const Snapshot nothing;
    return explain_hang({.guard = guard_,
                         .scenario = experiment_.scenario->info,
                         .snapshot = snapshots_.empty() ? nothing : snapshots_.back(),
                         .workers = progress,
                         .over_time = why == TrialEnd::Kind::over_time,
                         .trial = released() ? decided_ - release() : 0,
                         .still = still_since(decided_),
                         .longest_step = experiment_.parameters.longest_step(),
                         .cpus_wanted = cpus_wanted_,
                         .limit = limit(why)});
  }

  /// Hands the snapshots over, their stacks resolved if somebody wants them.
  std::vector<Snapshot> snapshots(bool with_stacks) {
    if (with_stacks) {
      resolve();
    } else {
      for (std::size_t i = resolved_; i < snapshots_.size(); ++i) {
        for (ThreadRow& row : snapshots_[i].threads) row.stack = kNoIndex;
      }
    }
    return std::move(snapshots_);
  }
  std::uint64_t snapshots_left_out() const { return snapshots_left_out_; }
  std::vector<std::string> limitations() const {
    std::vector<std::string> sentences = observer_.limitations();
    for (const SnapshotCondition& moment : moments_) {
      sentences.push_back(fmt::format("no snapshot at '{}': that moment was not seen in a trial of {}",
                                      to_text(moment), guard_.name));
    }
    return sentences;
  }

 private:
  struct Worker {
    std::uint64_t moves = 0;
    Nanos moved = 0;  ///< when it was last seen to have moved
  };

  bool released() const {
    const Stage stage = memory_.header().stage.load(std::memory_order_acquire);
    return stage == Stage::released || stage == Stage::ended;
  }
  Nanos release() const { return memory_.header().release.load(std::memory_order_relaxed); }
  Nanos since_release() const { return steady_now() - release(); }

  bool at_work() const { return released() && since_release() >= 0; }

  /// Nothing before the release, and nothing once there are too many: the last one would push the first
  /// ones out of memory.
  void take_snapshot() {
    if (!at_work()) return;
    if (sight_.kept_rows() + memory_.slots().size() > kMostSnapshotRows) {
      ++snapshots_left_out_;
      return;
    }
    keep(observer_.look(since_release(), memory_.signalled_stacks()));
  }

  void keep(Snapshot snapshot) {
    observer_.keep(snapshot);
    sight_.count_kept(snapshot.threads.size());
    snapshots_.push_back(std::move(snapshot));
    if (observer_.unresolved_bytes() > kMostUnresolved) resolve();
  }

  /// SIGQUIT's: kept however many there are, since somebody has asked for it.
  void answer_question() {
    sight_.answer_snapshots(interruption_.snapshots_asked());
    keep(observer_.look(since_release(), memory_.signalled_stacks()));
    resolve();
    asked_for_(snapshots_.back());
  }

  void resolve() {
    observer_.resolve(std::span(snapshots_).subspan(resolved_), sight_.unwinder(), sight_.stacks());
    resolved_ = snapshots_.size();
  }

  bool deadlocked() const { return !snapshots_.empty() && !snapshots_.back().cycles.empty(); }

  Nanos next_look() const {
    const auto due = snapshot_clock_.due();
    if (!due || !released()) return steady_now() + kLook;
    // The descriptors are opened just before they are needed first.
    return release() + (observer_.prepared() ? *due : std::max<Nanos>(0, *due - time_to_prepare()));
  }

  Nanos time_to_prepare() const {
    return kToPrepare + kToPrepareWorker * static_cast<Nanos>(workers_.size());
  }

  std::optional<TrialEnd::Kind> look() {
    const Nanos now = steady_now();
    if (const auto due = snapshot_clock_.due(); due && released()) {
      if (!observer_.prepared() && since_release() >= std::max<Nanos>(0, *due - time_to_prepare()))
        observer_.prepare();
      if (since_release() >= *due) {
        take_snapshot();
        snapshot_clock_.taken(since_release());
      }
    }
    if (!moments_.empty() && released() && since_release() >= 0) look_for_moment();
    note_moves(now);
    // With many workers the release is announced long before it comes, and until then all stand still.
    const Nanos at_work_since = released() ? release() : begin_;
    const Nanos still = still_since(now);
    if (now - at_work_since > experiment_.timeout) return TrialEnd::Kind::over_time;
    if (still > longest_still_) return TrialEnd::Kind::hung;
    if (released() && still > next_suspicion_) look_for_deadlock();
    return std::nullopt;
  }

  /// How long no worker has moved; before the release, since the beginning.
  Nanos still_since(Nanos now) const { return now - std::max(last_move_, released() ? release() : begin_); }

  std::vector<WorkerProgress> progress_of_workers() const {
    std::vector<WorkerProgress> progress(workers_.size());
    std::vector<Nanos> ended;  // when the requests came that have ended
    std::vector<Nanos> open(workers_.size(), decided_);
    for (const Record& record : memory_.records()) {
      if (record.start == 0) continue;
      if (record.end.load(std::memory_order_acquire) != 0) {
        ended.push_back(record.start);
      } else if (record.worker < open.size()) {
        open[record.worker] = record.start;
      }
    }
    std::ranges::sort(ended);
    for (std::size_t i = 0; i < progress.size(); ++i) {
      progress[i].still = decided_ - std::max(workers_[i].moved, begin_);
      progress[i].overtaken =
          static_cast<std::uint64_t>(ended.end() - std::ranges::upper_bound(ended, open[i]));
    }
    return progress;
  }

  /// Where nobody is in a section, nobody will let the others in: most likely for good. The look is kept only
  /// if it shows a deadlock.
  void look_for_deadlock() {
    next_suspicion_ *= 2;
    bool somebody_waits = false;
    for (const WorkerSlot& slot : memory_.slots()) {
      const Phase phase = slot.place.load(std::memory_order_relaxed).phase();
      if (phase == Phase::barrier || phase == Phase::step) return;
      somebody_waits = somebody_waits || phase == Phase::guard;
    }
    if (!somebody_waits) return;
    Snapshot snapshot = observer_.look(since_release());
    if (!snapshot.cycles.empty()) keep(std::move(snapshot));
  }

  /// One snapshot for all moments that have come; each comes once.
  void look_for_moment() {
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
    if (come > 0) take_snapshot();
  }

  void note_moves(Nanos now) {
    std::uint64_t moves = memory_.header().arrived.load(std::memory_order_relaxed);
    for (const WorkerSlot& slot : memory_.slots()) moves += slot.moves.load(std::memory_order_relaxed);
    if (moves == moves_) return;
    moves_ = moves;
    last_move_ = now;
    next_suspicion_ = kFirstSuspicion;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const std::uint64_t own = memory_.slots()[i].moves.load(std::memory_order_relaxed);
      if (own != workers_[i].moves) workers_[i] = {.moves = own, .moved = now};
    }
  }

  /// How many CPUs the workers use or queue for: near 0 where all of them sleep.
  double measure_cpus_wanted() {
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

  std::string limit(TrialEnd::Kind why) const {
    if (why == TrialEnd::Kind::over_time)
      return fmt::format("over --timeout={}", to_text(experiment_.timeout));
    return fmt::format("no worker changed phase for {} (the longest step and --stall={})",
                       to_text(longest_still_), to_text(experiment_.stall));
  }

  const Experiment& experiment_;
  const GuardInfo& guard_;
  TrialMemory& memory_;
  const Interruption& interruption_;
  Sight& sight_;
  FunctionRef<void(const Snapshot&)> asked_for_;
  Observer observer_;
  SnapshotClock snapshot_clock_;
  std::vector<Snapshot> snapshots_;
  std::size_t resolved_ = 0;  ///< so many of them
  const Nanos begin_;
  Nanos last_move_;
  const Nanos longest_still_;
  Nanos next_suspicion_ = kFirstSuspicion;
  std::vector<Worker> workers_;
  std::vector<SnapshotCondition> moments_;  ///< that have not come yet
  std::uint64_t moves_ = 0;
  Nanos decided_ = 0;  ///< when it was decided to end the trial
  double cpus_wanted_ = 0;
  std::uint64_t snapshots_left_out_ = 0;
};

/// waitid, whatever signals come meanwhile.
siginfo_t wait_for(pid_t process, int options) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(process), &info, options) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitid");
  }
  return info;
}

/// A process that does not outlive this object.
class ChildProcess {
 public:
  explicit ChildProcess(pid_t process) : process_(process) {}
  /// Only where something was thrown is there anything left to end, and nobody left to hear how that went.
  ~ChildProcess() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    kill(-process_, SIGKILL);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Ends the process and its group, which it may have left. The process is reaped last: until then its
  /// number, which is also its group's, can belong to nobody else.
  siginfo_t end() {
    kill(process_, SIGKILL);
    wait_for(process_, WEXITED | WNOWAIT);
    kill(-process_, SIGKILL);
    return wait_for(std::exchange(process_, 0), WEXITED);
  }

 private:
  pid_t process_;
};

/// The children of this process, which has one thread.
std::set<pid_t> children() {
  std::ifstream in(fmt::format("/proc/self/task/{}/children", getpid()));
  return {std::istream_iterator<pid_t>(in), {}};
}

/// Ends what a trial has left behind: orphans come to this process, which has made itself their next of
/// kin, also those that left the trial's group. Who was a child before the trial is not ours to end.
void end_orphans(const std::set<pid_t>& before) {
  for (bool found = true; found;) {
    found = false;
    for (const pid_t child : children()) {
      if (before.contains(child)) continue;
      kill(child, SIGKILL);
      wait_for(child, WEXITED);
      found = true;
    }
  }
}

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
  Watch watch(setup, memory, interruption, process, sight, asked_for);
  const auto stopped = watch.until_end(process_fd.get(), released.get(), held.outside());
  if (stopped) watch.take_last_snapshot(*stopped);
  const siginfo_t info = child.end();
  end_orphans(children_before);
  TrialEnd end = end_of(info, memory, memory_kills);
  if (stopped) {
    end.kind = *stopped;
    if (end.kind == TrialEnd::Kind::interrupted) {
      end.sentence = "interrupted";
    } else {
      end.hang = watch.hang(end.kind);
      end.sentence = end.hang->sentence;
    }
  } else if (end.kind == TrialEnd::Kind::crashed) {
    watch.take_published_snapshot();
  }
  end.snapshots = watch.snapshots(setup.experiment.keep_stacks || end.hang.has_value());
  end.snapshots_left_out = watch.snapshots_left_out();
  end.limitations = watch.limitations();
  return end;
}

}  // namespace ccbench
