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

#include "driver/clock.h"
#include "driver/limits.h"

namespace ccbench {
namespace {

/// How often the watcher looks whether anything moved.
constexpr Nanos kLook = 20 * kMillisecond;

/// Rows of all snapshots of a trial, which take some 24 bytes each and more in the files.
constexpr std::size_t kMostSnapshotRows = 2'000'000;

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
  Watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption)
      : experiment_(setup.experiment),
        memory_(memory),
        interruption_(interruption),
        snapshot_clock_(setup.experiment),
        begin_(steady_now()),
        last_move_(begin_),
        longest_still_(setup.experiment.parameters.longest_step() + setup.experiment.stall) {}

  /// Returns when the process has ended or has to be ended; in the latter case with the reason.
  std::optional<TrialEnd::Kind> until_end(int process, int released, const sigset_t* outside) {
    std::array<pollfd, 2> events = {
        {{.fd = process, .events = POLLIN, .revents = 0}, {.fd = released, .events = POLLIN, .revents = 0}}};
    while (true) {
      if (interruption_.signal() != 0) return TrialEnd::Kind::interrupted;
      const Nanos wait = std::clamp<Nanos>(next_look() - steady_now(), 0, kLook);
      const timespec timeout{.tv_sec = wait / kSecond, .tv_nsec = wait % kSecond};
      if (ppoll(events.data(), events.size(), &timeout, outside) < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "ppoll");
      }
      if ((events[0].revents & POLLIN) != 0) return std::nullopt;
      if (interruption_.snapshots_asked() != snapshots_asked_) {
        snapshots_asked_ = interruption_.snapshots_asked();
        take_snapshot();
      }
      if (events[1].revents != 0) events[1].fd = -1;  // Once told of the release, no need to hear it again.
      if (const auto end = look()) return end;
    }
  }

  /// Nothing before the release, and nothing once there are too many: the last one would push the first
  /// ones out of memory.
  void take_snapshot() {
    if (!released() || since_release() < 0) return;
    if ((snapshots_.size() + 1) * memory_.slots().size() > kMostSnapshotRows) {
      ++snapshots_left_out_;
      return;
    }
    snapshots_.push_back(published_snapshot(memory_.slots(), since_release()));
  }

  std::vector<Snapshot>& snapshots() { return snapshots_; }
  std::uint64_t snapshots_left_out() const { return snapshots_left_out_; }
  Nanos longest_still() const { return longest_still_; }

 private:
  bool released() const {
    const Stage stage = memory_.header().stage.load(std::memory_order_acquire);
    return stage == Stage::released || stage == Stage::ended;
  }
  Nanos release() const { return memory_.header().release.load(std::memory_order_relaxed); }
  Nanos since_release() const { return steady_now() - release(); }

  Nanos next_look() const {
    const auto due = snapshot_clock_.due();
    return due && released() ? release() + *due : steady_now() + kLook;
  }

  std::optional<TrialEnd::Kind> look() {
    const Nanos now = steady_now();
    if (const auto due = snapshot_clock_.due(); due && released() && since_release() >= *due) {
      take_snapshot();
      snapshot_clock_.taken(since_release());
    }
    if (const std::uint64_t moves = moves_so_far(); moves != moves_) {
      moves_ = moves;
      last_move_ = now;
    }
    // With many workers the release is announced long before it comes, and until then all stand still.
    const Nanos at_work_since = released() ? release() : begin_;
    if (now - at_work_since > experiment_.timeout) return TrialEnd::Kind::over_time;
    if (now - std::max(last_move_, at_work_since) > longest_still_) return TrialEnd::Kind::hung;
    return std::nullopt;
  }

  std::uint64_t moves_so_far() const {
    std::uint64_t moves = memory_.header().arrived.load(std::memory_order_relaxed);
    for (const WorkerSlot& slot : memory_.slots()) moves += slot.moves.load(std::memory_order_relaxed);
    return moves;
  }

  const Experiment& experiment_;
  TrialMemory& memory_;
  const Interruption& interruption_;
  SnapshotClock snapshot_clock_;
  std::vector<Snapshot> snapshots_;
  const Nanos begin_;
  Nanos last_move_;
  const Nanos longest_still_;
  std::uint64_t moves_ = 0;
  int snapshots_asked_ = 0;
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

/// Ends the process and its group, which it may have left. The process is reaped last: until then its
/// number, which is also its group's, can belong to nobody else.
siginfo_t end_and_reap(pid_t process) {
  kill(process, SIGKILL);
  wait_for(process, WEXITED | WNOWAIT);
  kill(-process, SIGKILL);
  return wait_for(process, WEXITED);
}

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

/// How a process that ended by itself ended.
TrialEnd end_of(const siginfo_t& info, const TrialMemory& memory, std::uint64_t memory_kills) {
  if (info.si_code != CLD_EXITED) {
    return {.kind = TrialEnd::Kind::crashed,
            .sentence = sentence_of_signal(info.si_status, memory_kills),
            .snapshots = {}};
  }
  const Stage stage = memory.header().stage.load(std::memory_order_acquire);
  if (stage == Stage::failed) {
    return {.kind = TrialEnd::Kind::failed, .sentence = memory.header().failure.data(), .snapshots = {}};
  }
  // A sanitizer that has found something says so by the exit status, also after everything has ended.
  if (stage == Stage::ended && info.si_status == 0) return {};
  return {.kind = TrialEnd::Kind::crashed,
          .sentence = fmt::format("the trial's process was ended with exit status {}", info.si_status),
          .snapshots = {}};
}

/// Why the watcher ended the trial.
std::string sentence_of(TrialEnd::Kind kind, const Experiment& experiment, Nanos longest_still) {
  switch (kind) {
    case TrialEnd::Kind::hung:
      return fmt::format("no worker changed phase for {} (the longest step and --stall={})",
                         to_text(longest_still), to_text(experiment.stall));
    case TrialEnd::Kind::over_time: return fmt::format("over --timeout={}", to_text(experiment.timeout));
    default: return "interrupted";
  }
}

/// `errno` says why.
TrialEnd system_refused(std::string_view what) {
  return {.kind = TrialEnd::Kind::failed,
          .sentence = fmt::format("the system refused {}: {}", what, std::strerror(errno)),
          .snapshots = {}};
}

}  // namespace

TrialEnd run_and_watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption) {
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
  setpgid(process, process);  // The child does the same: whoever comes first.

  const FileDescriptor process_fd(open_process(process));
  if (!process_fd.valid()) {
    TrialEnd end = system_refused("a process descriptor");
    end_and_reap(process);
    return end;
  }
  Watch watch(setup, memory, interruption);
  const auto stopped = watch.until_end(process_fd.get(), released.get(), held.outside());
  if (stopped) watch.take_snapshot();
  const siginfo_t info = end_and_reap(process);
  end_orphans(children_before);
  TrialEnd end = end_of(info, memory, memory_kills);
  if (stopped) {
    end.kind = *stopped;
    end.sentence = sentence_of(*stopped, setup.experiment, watch.longest_still());
  } else if (end.kind == TrialEnd::Kind::crashed) {
    watch.take_snapshot();  // The slots outlive the process: where everybody was when it died.
  }
  end.snapshots = std::move(watch.snapshots());
  end.snapshots_left_out = watch.snapshots_left_out();
  return end;
}

}  // namespace ccbench
