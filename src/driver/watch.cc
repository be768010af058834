#include "driver/watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "driver/clock.h"
#include "driver/limits.h"

namespace ccbench {
namespace {

/// How often the watcher looks whether anything moved.
constexpr Nanos kLook = 20 * kMillisecond;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

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
      if (events[1].revents != 0) events[1].fd = -1;  // Once told of the release, no need to hear it again.
      if (const auto end = look()) return end;
    }
  }

  void take_snapshot() {
    if (!released()) return;
    snapshots_.push_back(ccbench::take_snapshot(memory_.slots(), since_release()));
  }

  std::vector<Snapshot>& snapshots() { return snapshots_; }
  Nanos longest_still() const { return longest_still_; }

 private:
  bool released() const { return memory_.header().stage.load(std::memory_order_acquire) >= Stage::released; }
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
    // Before the release nobody is at work yet: the clock of the limit starts with it.
    if (now - (released() ? std::max(release(), begin_) : begin_) > experiment_.timeout) {
      return TrialEnd::Kind::over_time;
    }
    if (now - last_move_ > longest_still_) return TrialEnd::Kind::hung;
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
};

/// Ends every process of the trial's group and waits for its first.
siginfo_t end_and_reap(pid_t process) {
  kill(-process, SIGKILL);
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(process), &info, WEXITED) < 0 && errno == EINTR) {
  }
  kill(-process, SIGKILL);  // What it may have started between the two lines above.
  return info;
}

std::string sentence_of_signal(int signal, std::uint64_t memory_kills) {
  std::string sentence = fmt::format("killed by SIG{} ({})", sigabbrev_np(signal), strsignal(signal));
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

}  // namespace

TrialEnd run_and_watch(const TrialSetup& setup, TrialMemory& memory, const Interruption& interruption) {
  const Interruption::Held held;
  const FileDescriptor released(eventfd(0, EFD_CLOEXEC));
  const std::uint64_t memory_kills = out_of_memory_kills();
  const pid_t parent = getpid();
  const pid_t process = fork();
  if (process < 0) {
    return {.kind = TrialEnd::Kind::failed,
            .sentence = fmt::format("the system refused a process: {}", std::strerror(errno)),
            .snapshots = {}};
  }
  if (process == 0) run_trial_process(setup, parent, released.get(), memory);
  setpgid(process, process);  // The child does the same: whoever comes first.

  const FileDescriptor process_fd(open_process(process));
  Watch watch(setup, memory, interruption);
  const auto stopped = watch.until_end(process_fd.get(), released.get(), held.outside());
  if (stopped) watch.take_snapshot();
  const siginfo_t info = end_and_reap(process);
  TrialEnd end = end_of(info, memory, memory_kills);
  if (stopped) {
    end.kind = *stopped;
    end.sentence = sentence_of(*stopped, setup.experiment, watch.longest_still());
  } else if (end.kind == TrialEnd::Kind::crashed) {
    watch.take_snapshot();  // The slots outlive the process: where everybody was when it died.
  }
  end.snapshots = std::move(watch.snapshots());
  return end;
}

}  // namespace ccbench
