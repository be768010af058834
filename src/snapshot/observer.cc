#include "snapshot/observer.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "snapshot/wait_graph.h"

namespace ccbench {
namespace {

/// More than a worker's stack holds, and enough for a section that has put it on a larger one.
constexpr std::uint64_t kMostOfAStack = std::uint64_t{256} << 10;

/// A signalled thread that has not answered by then has the signal blocked, or no CPU for it.
constexpr std::chrono::milliseconds kAnswerLimit{50};
constexpr std::chrono::microseconds kAnswerLook{50};

/// Descriptors left for everything else.
constexpr rlim_t kSpareDescriptors = 64;
constexpr rlim_t kDescriptorsPerThread = 2;

/// A sleep that a stop has interrupted (Ctrl-Z and fg, a debugger) goes on as the last of these.
bool is_sleep(long system_call) {
  return system_call == SYS_clock_nanosleep || system_call == SYS_nanosleep ||
         system_call == SYS_restart_syscall;
}

bool is_lock(LockKind kind) {
  return kind == LockKind::mutex || kind == LockKind::recursive_mutex || kind == LockKind::timed_mutex ||
         kind == LockKind::shared_mutex;
}

void sort_by_waiters(Snapshot& snapshot) {
  std::vector<std::uint32_t> order(snapshot.locks.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    const LockRow& first = snapshot.locks[a];
    const LockRow& second = snapshot.locks[b];
    return first.waiters != second.waiters ? first.waiters > second.waiters : first.address < second.address;
  });
  std::vector<LockRow> sorted;
  std::vector<std::uint32_t> place(order.size());
  for (const std::uint32_t lock : order) {
    place[lock] = static_cast<std::uint32_t>(sorted.size());
    sorted.push_back(snapshot.locks[lock]);
  }
  snapshot.locks = std::move(sorted);
  for (ThreadRow& row : snapshot.threads) {
    if (row.lock != kNoIndex) row.lock = place[row.lock];
  }
}

/// Where those who wait for a lock say that they are. They may wait for several keys: for one lock of all, or
/// on their way to something that the guard does not tell.
void name_by_waiters(Snapshot& snapshot) {
  struct Less {
    bool operator()(Place a, Place b) const { return a.key() < b.key(); }
  };
  std::vector<std::map<Place, std::uint32_t, Less>> votes(snapshot.locks.size());
  for (const ThreadRow& row : snapshot.threads) {
    if (row.lock != kNoIndex && row.place.phase() == Phase::guard) ++votes[row.lock][row.place];
  }
  for (std::size_t i = 0; i < votes.size(); ++i) {
    LockRow& lock = snapshot.locks[i];
    std::uint32_t most = 0;
    std::uint32_t all = 0;
    for (const auto& [place, count] : votes[i]) {
      all += count;
      if (count <= most) continue;
      most = count;
      lock.place = place;
    }
    lock.disputed = 2 * most <= all;
  }
}

/// A lock that somebody of another key waits for as well, beyond doubt, is not that of one key.
void dispute(const ThreadRow& row, std::vector<LockRow>& locks) {
  if (row.lock == kNoIndex || row.place.phase() != Phase::guard) return;
  LockRow& lock = locks[row.lock];
  lock.disputed = lock.disputed || (lock.place && lock.place->key() != row.place.key());
}

ThreadState state_of(const ThreadRow& row, LockKind kind) {
  if (row.lock == kNoIndex) {
    if (row.system_call < 0) return ThreadState::runnable;
    return is_sleep(row.system_call) ? ThreadState::timed_waiting : ThreadState::in_syscall;
  }
  if (row.limited) return ThreadState::timed_waiting;
  return is_lock(kind) ? ThreadState::blocked : ThreadState::waiting;
}

/// What the C library's function that a thread sleeps in waits for; nothing if it is none of those.
std::optional<LockKind> kind_by_name(std::string_view function) {
  if (function.find("pthread_cond_") != std::string_view::npos) return LockKind::condition_variable;
  if (function.find("pthread_rwlock_") != std::string_view::npos) return LockKind::shared_mutex;
  if (function.find("pthread_mutex_") != std::string_view::npos) return LockKind::mutex;
  return std::nullopt;
}

std::optional<LockKind> kind_by_stack(const Backtrace& trace, Unwinder& unwinder) {
  // The C library's function is at most a few frames up from the system call.
  constexpr std::size_t kNear = 5;
  std::optional<LockKind> kind;
  for (std::size_t i = 0; i < std::min(kNear, trace.addresses.size()) && !kind; ++i)
    kind = kind_by_name(unwinder.function(trace.addresses[i], i == 0));
  return kind;
}

/// Takes the word of the functions that wait where the shape of the memory said something else.
void correct_kind(LockRow& lock, LockKind by_name) {
  if (by_name == LockKind::mutex && is_lock(lock.kind) && lock.kind != LockKind::shared_mutex) return;
  if (by_name == lock.kind) return;
  const bool was_lock = is_lock(lock.kind);
  lock.kind = by_name;
  if (!was_lock) return;  // Of a mutex between two owners nothing but the kind was missing.
  lock.owner_tid = 0;
  lock.owner.reset();
  lock.depth = 0;
  lock.readers = 0;
}

}  // namespace

Observer::Observer(pid_t process, std::span<const WorkerSlot> slots, std::optional<LockLayout> layout,
                   Again again)
    : process_(process),
      slots_(slots),
      layout_(layout),
      again_(again),
      memory_(process),
      threads_(slots.size()) {
  getrlimit(RLIMIT_NOFILE, &descriptors_before_);
}

Observer::~Observer() {
  threads_.clear();
  setrlimit(RLIMIT_NOFILE, &descriptors_before_);
}

void Observer::prepare() {
  // The process has been forked: what it may open does not change.
  rlimit raised = descriptors_before_;
  raised.rlim_cur = raised.rlim_max;
  const rlim_t most = setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : descriptors_before_.rlim_cur;
  rlim_t used = kSpareDescriptors;
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const int tid = slots_[i].tid.load(std::memory_order_acquire);
    if (tid == 0 || threads_[i].files || slots_[i].place.load(std::memory_order_relaxed) == Place::finished())
      continue;
    used += kDescriptorsPerThread;
    threads_[i].files.emplace(process_, tid,
                              used <= most ? ThreadFiles::Keep::open : ThreadFiles::Keep::closed);
  }
  prepared_ = true;
}

Snapshot Observer::look(Nanos since_release, std::span<SignalledStack> signalled) {
  if (!prepared_) prepare();
  Snapshot snapshot = published_snapshot(slots_, since_release);
  const auto begin = std::chrono::steady_clock::now();
  for (ThreadRow& row : snapshot.threads) look_at(row, threads_[row.thread]);
  if (refused_.empty()) {
    snapshot.mode = "kernel";
    find_locks(snapshot);
    look_again(snapshot);
    snapshot.cycles = find_cycles(snapshot.threads, snapshot.locks);
    if (!signalled.empty()) {
      snapshot.mode = "kernel+signals";
      ask_threads(snapshot, signalled);
    }
  } else {
    snapshot = published_snapshot(slots_, since_release);
  }
  snapshot.capture += std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count();
  return snapshot;
}

void Observer::look_at(ThreadRow& row, Thread& thread) {
  if (!thread.files || row.state == ThreadState::terminated) return;
  const auto schedule = thread.files->schedule();
  // Read after it: where somebody is who does not run from then on, he stays.
  row.place = slots_[row.thread].place.load(std::memory_order_relaxed);
  if (row.place.phase() == Phase::finished) {
    row.state = ThreadState::terminated;
    return;
  }
  const bool unmoved = schedule && thread.settled && schedule == thread.schedule;
  thread.schedule = schedule;
  if (!unmoved) {
    thread.copy = kNoIndex;
    errno = 0;
    thread.state = thread.files->look(thread.call);
    if (thread.state == ThreadFiles::State::refused && refused_.empty()) refused_ = std::strerror(errno);
    if (thread.state == ThreadFiles::State::sleeping) copy_stack(slots_[row.thread], thread);
  }
  row.state = ThreadState::runnable;
  if (thread.state == ThreadFiles::State::gone) {
    row.state = ThreadState::terminated;
    // A moment ago it was elsewhere; and where its process was killed, it is there still.
    row.place = slots_[row.thread].place.load(std::memory_order_relaxed);
  }
  if (thread.state == ThreadFiles::State::sleeping) row.system_call = static_cast<int>(thread.call.number);
}

void Observer::keep(Snapshot& snapshot) {
  for (ThreadRow& row : snapshot.threads) {
    Thread& thread = threads_[row.thread];
    const bool unmoved = row.stable && thread.schedule == thread.kept;
    thread.still_for = unmoved ? thread.still_for + 1 : 0;
    thread.kept = thread.schedule;
    row.still_for = thread.still_for;
  }
}

void Observer::copy_stack(const WorkerSlot& slot, Thread& thread) {
  const std::uint64_t begin = thread.call.stack_pointer;
  const std::uint64_t end = slot.stack_end.load(std::memory_order_relaxed);
  if (begin >= end || end - begin > kMostOfAStack) return;  // On a stack of its own, or on none.
  const std::size_t offset = copies_.size();
  copies_.resize(offset + (end - begin));
  const std::size_t size = memory_.read(begin, std::span(copies_).subspan(offset));
  copies_.resize(offset + size);
  if (size == 0) return;
  thread.copy = static_cast<std::uint32_t>(pending_.size());
  pending_.push_back({.registers = {.program_counter = thread.call.program_counter,
                                    .stack_pointer = begin,
                                    .frame_pointer = {}},
                      .offset = offset,
                      .size = size,
                      .kind = {}});
}

LockFound Observer::lock_at(const FutexWait& wait) {
  LockFound found{.address = wait.address, .kind = LockKind::futex, .owner_tid = 0, .depth = 0, .readers = 0};
  LockWindow window{};
  if (!layout_ || memory_.read(wait.address - kBeforeWord, window) < window.size()) return found;
  return identify(wait, window, *layout_, [this](int tid) { return is_thread(tid); });
}

bool Observer::is_thread(int tid) {
  if (worker_of(tid)) return true;
  return access(fmt::format("/proc/{}/task/{}", process_, tid).c_str(), F_OK) == 0;
}

std::optional<std::uint32_t> Observer::worker_of(int tid) const {
  if (tid == 0) return std::nullopt;
  if (const auto found = workers_.find(tid); found != workers_.end()) return found->second;
  return std::nullopt;
}

void Observer::find_locks(Snapshot& snapshot) {
  workers_.clear();
  for (const ThreadRow& row : snapshot.threads) {
    if (row.tid != 0) workers_[row.tid] = row.thread;
  }
  std::unordered_map<std::uint64_t, std::uint32_t> by_word;  // a shared mutex has two words
  std::unordered_map<std::uint64_t, std::uint32_t> by_address;
  for (ThreadRow& row : snapshot.threads) {
    if (row.system_call < 0) continue;
    const auto wait = futex_wait_of(threads_[row.thread].call);
    if (wait) {
      row.limited = wait->limited;
      const auto [known, is_new] = by_word.try_emplace(wait->address);
      if (is_new) known->second = add_lock(lock_at(*wait), snapshot.locks, by_address);
      row.lock = known->second;
      ++snapshot.locks[row.lock].waiters;
    }
    row.state = state_of(row, wait ? snapshot.locks[row.lock].kind : LockKind::none);
  }
  name_by_waiters(snapshot);
  sort_by_waiters(snapshot);
}

/// The place in `locks` of the lock that was found; it is added where it is new.
std::uint32_t Observer::add_lock(const LockFound& found, std::vector<LockRow>& locks,
                                 std::unordered_map<std::uint64_t, std::uint32_t>& by_address) const {
  const auto [place, is_new] =
      by_address.try_emplace(found.address, static_cast<std::uint32_t>(locks.size()));
  if (is_new) {
    locks.push_back({.address = found.address,
                     .kind = found.kind,
                     .waiters = 0,
                     .owner_tid = found.owner_tid,
                     .owner = worker_of(found.owner_tid),
                     .depth = found.depth,
                     .readers = found.readers,
                     .place = {}});
  }
  return place->second;
}

void Observer::look_again(Snapshot& snapshot) {
  snapshot.still = again_ == Again::sleep && !has_other_threads(snapshot);
  for (ThreadRow& row : snapshot.threads) {
    Thread& thread = threads_[row.thread];
    thread.settled = false;
    if (row.state == ThreadState::terminated) continue;
    snapshot.still = snapshot.still && thread.files && sleeps_still(thread);
    if (!thread.files) continue;
    const auto schedule = thread.files->schedule();
    if (schedule && schedule->times == 0) counts_schedule_ = false;
    thread.settled = schedule && schedule->times > 0 && schedule == thread.schedule &&
                     thread.state == ThreadFiles::State::sleeping;
    row.stable = thread.settled;
    snapshot.still = snapshot.still && row.stable;
    row.stack = row.stable ? thread.copy : kNoIndex;  // Else it may have changed while it was copied.
    if (row.stable) dispute(row, snapshot.locks);
  }
  forget_changed_owners(snapshot);
}

/// Who was woken and has not had a CPU since is `stable`, but does not sleep. Not for a page either, which
/// may be in the middle of anything.
bool Observer::sleeps_still(const Thread& thread) const {
  SystemCall call;
  return thread.files && thread.files->look(call) == ThreadFiles::State::sleeping && call.number >= 0;
}

/// Beside the workers that have not finished, and the one that waits for their end. Also where the system
/// does not tell.
bool Observer::has_other_threads(const Snapshot& snapshot) const {
  std::error_code refused;
  std::filesystem::directory_iterator task(fmt::format("/proc/{}/task", process_), refused);
  std::ptrdiff_t others = -1;
  for (; !refused && task != std::filesystem::directory_iterator(); task.increment(refused)) ++others;
  return refused || others != std::ranges::count_if(snapshot.threads, [](const ThreadRow& row) {
                      return row.state != ThreadState::terminated;
                    });
}

/// An owner counts if the lock still has it after the last look at those who wait.
void Observer::forget_changed_owners(Snapshot& snapshot) {
  if (!layout_) return;
  for (LockRow& lock : snapshot.locks) {
    if (lock.owner_tid == 0) continue;
    const std::size_t offset =
        lock.kind == LockKind::shared_mutex ? layout_->rwlock_owner : layout_->mutex_owner;
    int owner = 0;
    memory_.read(lock.address + offset, std::as_writable_bytes(std::span(&owner, 1)));
    if (owner == lock.owner_tid) continue;
    lock.owner_tid = 0;
    lock.owner.reset();
    lock.depth = 0;
  }
}

void Observer::ask_threads(Snapshot& snapshot, std::span<SignalledStack> signalled) {
  ++question_;
  std::vector<std::uint32_t> asked;
  for (const ThreadRow& row : snapshot.threads) {
    if (row.tid == 0 || row.state == ThreadState::terminated) continue;
    if (ask_for_stack(process_, row.tid, row.thread, question_)) asked.push_back(row.thread);
  }
  const auto deadline = std::chrono::steady_clock::now() + kAnswerLimit;
  for (const std::uint32_t worker : asked) {
    const SignalledStack& stack = signalled[worker];
    const auto answered = [&] { return stack.answered.load(std::memory_order_acquire) == question_; };
    while (!answered() && slots_[worker].place.load(std::memory_order_relaxed) != Place::finished() &&
           std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(kAnswerLook);
    if (answered()) take_answer(snapshot.threads[worker], stack);
  }
}

void Observer::take_answer(ThreadRow& row, const SignalledStack& stack) {
  Thread& thread = threads_[row.thread];
  // Of a thread that slept, only if it sleeps there still.
  if (row.stable && stack.stack_pointer != thread.call.stack_pointer) return;
  const std::size_t size = std::min<std::size_t>(stack.size, stack.bytes.size());
  row.stack = static_cast<std::uint32_t>(pending_.size());
  pending_.push_back({.registers = {.program_counter = stack.program_counter,
                                    .stack_pointer = stack.stack_pointer,
                                    .frame_pointer = stack.frame_pointer},
                      .offset = copies_.size(),
                      .size = size,
                      .kind = {}});
  copies_.insert(copies_.end(), stack.bytes.begin(), stack.bytes.begin() + static_cast<std::ptrdiff_t>(size));
  thread.settled = false;  // The signal has moved it.
}

std::vector<std::optional<Schedule>> Observer::schedules() {
  if (!prepared_) prepare();
  std::vector<std::optional<Schedule>> all(threads_.size());
  std::ranges::transform(threads_, all.begin(), [](const Thread& thread) {
    return thread.files ? thread.files->schedule() : std::nullopt;
  });
  return all;
}

void Observer::resolve(std::span<Snapshot> snapshots, Unwinder& unwinder, StackTable& table) {
  if (!unwinder.available()) {
    for (Snapshot& snapshot : snapshots) {
      for (ThreadRow& row : snapshot.threads) row.stack = kNoIndex;
    }
    snapshots = {};
  }
  for (Snapshot& snapshot : snapshots) {
    const auto begin = std::chrono::steady_clock::now();
    for (ThreadRow& row : snapshot.threads) {
      if (row.stack == kNoIndex) continue;
      Copy& copy = pending_[row.stack];
      if (copy.number == kNoIndex) {
        Backtrace trace = unwinder.unwind(copy.registers, std::span(copies_).subspan(copy.offset, copy.size));
        copy.kind = kind_by_stack(trace, unwinder);
        copy.number = table.add(std::move(trace));
      }
      if (row.lock != kNoIndex && copy.kind) {
        LockRow& lock = snapshot.locks[row.lock];
        correct_kind(lock, *copy.kind);
        row.state = state_of(row, lock.kind);
      }
      row.stack = copy.number;
    }
    snapshot.resolve = std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count();
  }
  forget_copies();
}

/// What the next looks may refer to is what the threads that have not moved were found at.
void Observer::forget_copies() {
  std::vector<Copy> kept;
  for (Thread& thread : threads_) {
    if (thread.copy == kNoIndex) continue;
    const Copy& copy = pending_[thread.copy];
    thread.settled = thread.settled && copy.number != kNoIndex;  // Else it is to be read again.
    thread.copy = static_cast<std::uint32_t>(kept.size());
    kept.push_back(copy);
  }
  pending_ = std::move(kept);
  copies_.clear();
}

std::vector<std::string> Observer::limitations() const {
  std::vector<std::string> sentences;
  if (!refused_.empty()) {
    sentences.push_back(
        fmt::format("snapshots show only what the workers say of themselves: the kernel refuses "
                    "/proc/PID/task/TID/syscall ({})",
                    refused_));
    return sentences;
  }
  if (!layout_)
    sentences.emplace_back(
        "snapshots show no owners of locks: the C library keeps its locks in an unknown way");
  if (!counts_schedule_)
    sentences.emplace_back("snapshots find no deadlocks: this kernel does not count how often a thread runs");
  if (!memory_.limitation().empty()) sentences.push_back(fmt::format("snapshots: {}", memory_.limitation()));
  return sentences;
}

}  // namespace ccbench
