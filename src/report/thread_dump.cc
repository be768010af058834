#include "report/thread_dump.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "report/layout.h"
#include "report/sink.h"
#include "report/sweep.h"
#include "snapshot/wait_graph.h"

namespace ccbench {
namespace {

/// More threads than this are folded where that is allowed: 50 fit a few screens.
constexpr std::size_t kMostUnfolded = 50;

// Of the summary, which is to fit a screen.
constexpr std::size_t kLocksShown = 10;
constexpr std::size_t kStacksShown = 8;
constexpr std::size_t kFramesShown = 6;
constexpr std::size_t kNumbersShown = 3;
constexpr std::size_t kPhasesShown = 8;
constexpr std::size_t kRangesShown = 10;
constexpr std::size_t kStillShown = 3;
constexpr std::size_t kCyclesShown = 3;
constexpr std::size_t kMembersShown = 10;

constexpr std::size_t kLabelWidth = 9;

std::string system_call_name(int number) {
  constexpr auto kNames = std::to_array<std::pair<int, std::string_view>>({
      {SYS_read, "read"},
      {SYS_write, "write"},
      {SYS_ppoll, "ppoll"},
      {SYS_pselect6, "pselect6"},
      {SYS_epoll_pwait, "epoll_pwait"},
      {SYS_connect, "connect"},
      {SYS_accept4, "accept4"},
      {SYS_recvfrom, "recvfrom"},
      {SYS_recvmsg, "recvmsg"},
      {SYS_sendto, "sendto"},
      {SYS_sendmsg, "sendmsg"},
      {SYS_fsync, "fsync"},
      {SYS_fdatasync, "fdatasync"},
      {SYS_flock, "flock"},
      {SYS_sched_yield, "sched_yield"},
#ifdef SYS_poll  // Newer architectures have only what takes its place.
      {SYS_poll, "poll"},
      {SYS_select, "select"},
      {SYS_epoll_wait, "epoll_wait"},
#endif
  });
  const auto* const found = std::ranges::find(kNames, number, &std::pair<int, std::string_view>::first);
  return found != kNames.end() ? std::string(found->second) : fmt::format("system call {}", number);
}

/// One snapshot on its way to text.
class SnapshotText {
 public:
  SnapshotText(const SnapshotContext& context, const Snapshot& snapshot, std::ostream& out)
      : context_(context), snapshot_(snapshot), out_(out) {
    lock_names_.reserve(snapshot.locks.size());
    for (std::uint32_t lock = 0; lock < snapshot.locks.size(); ++lock) {
      lock_names_.push_back(lock_name(context, snapshot, lock));
      const std::optional<std::uint32_t> owner = snapshot.locks[lock].owner;
      if (owner) locks_of_[*owner].push_back(lock);
    }
  }

  void write_heading() const {
    fmt::print(out_, "{}, {} after the release: {}, mode {}, captured in {}", context_.guard,
               human(snapshot_.at), counted(snapshot_.threads.size(), "thread"), snapshot_.mode,
               human(snapshot_.capture));
    if (snapshot_.resolve) fmt::print(out_, ", resolved in {}", human(*snapshot_.resolve));
    out_ << "\n\n";
  }

  void write_summary() const {
    if (const std::string states = states_of(snapshot_); !states.empty()) write_item("states", states);
    write_item("phases", phases());
    write_locks();
    write_stacks();
    write_still();
  }

  void write_deadlocks(bool shortened) const {
    const std::vector<Cycle>& cycles = snapshot_.cycles;
    if (cycles.empty()) return;
    const std::string title = fmt::format("Found {}:", counted(cycles.size(), "deadlock"));
    fmt::print(out_, "\n{}\n{}\n", title, std::string(title.size(), '='));
    const std::size_t shown = shortened ? std::min(cycles.size(), kCyclesShown) : cycles.size();
    for (std::size_t i = 0; i < shown; ++i) {
      if (i > 0) out_ << '\n';
      write_cycle(cycles[i], shortened ? kMembersShown : cycles[i].size());
    }
    if (shown < cycles.size())
      fmt::print(out_, "\nand {}\n", counted(cycles.size() - shown, "more deadlock"));
    if (const std::uint64_t behind = waiting_behind(snapshot_); behind > 0) {
      fmt::print(out_, "{} behind {}\n",
                 behind == 1 ? "1 more thread waits" : fmt::format("{} more threads wait", behind),
                 cycles.size() == 1 ? "it" : "them");
    }
  }

  void write_threads() {
    for (const ThreadRow& row : snapshot_.threads) {
      if (!is_over(row)) write_thread(row);
    }
    write_finished();
  }

  /// Those who do the same in one entry. Who owns a lock stands alone: there is something to say of him.
  void write_folded() {
    using Doing =
        std::tuple<ThreadState, std::string, std::uint32_t, std::string, std::uint32_t, std::uint32_t>;
    std::map<Doing, std::vector<std::uint32_t>> groups;
    for (const ThreadRow& row : snapshot_.threads) {
      if (is_over(row)) continue;
      const std::uint32_t alone = locks_of_.contains(row.thread) ? row.thread : kNoIndex;
      // Of a lock that gives each of its waiters a word of its own, all words are the same.
      const bool held = row.lock != kNoIndex && is_held(snapshot_.locks[row.lock].kind);
      groups[{row.state, phase_name(row.place, context_.scenario), held ? row.lock : kNoIndex,
              lock_of(context_, snapshot_, row), row.stack, alone}]
          .push_back(row.thread);
    }
    std::vector<std::vector<std::uint32_t>> entries;
    entries.reserve(groups.size());
    for (auto& [doing, threads] : groups) entries.push_back(std::move(threads));
    std::ranges::sort(entries, [](const auto& a, const auto& b) {
      return a.size() != b.size() ? a.size() > b.size() : a.front() < b.front();
    });
    for (const std::vector<std::uint32_t>& threads : entries) {
      const ThreadRow& first = snapshot_.threads[threads.front()];
      const bool one_lock = std::ranges::all_of(
          threads, [&](std::uint32_t thread) { return snapshot_.threads[thread].lock == first.lock; });
      if (threads.size() == 1) {
        write_thread(first);
      } else {
        fmt::print(out_, "\n{} threads: {}  {}{}\n", threads.size(), worker_ranges(threads),
                   phase_name(first.place, context_.scenario), state_of(first));
        write_body(first, one_lock ? Words::one : Words::each);
      }
    }
    write_finished();
  }

 private:
  void write_item(std::string_view label, std::string_view text) const {
    fmt::print(out_, "{:<{}}{}\n", label, kLabelWidth, text);
  }

  std::string phases() const {
    std::map<std::string, std::uint64_t> counts;
    for (const PlaceCount& group : group_by_place(snapshot_)) {
      counts[phase_name(group.place, context_.scenario)] += group.threads;
    }
    const auto sorted = fullest_first(counts);
    std::string text;
    for (std::size_t i = 0; i < std::min(sorted.size(), kPhasesShown); ++i) {
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", sorted[i].second, sorted[i].first);
    }
    if (sorted.size() > kPhasesShown) text += fmt::format(" and {} more", sorted.size() - kPhasesShown);
    return text;
  }

  /// The locks by their waiters, the fullest first.
  void write_locks() const {
    std::vector<std::array<std::string, 4>> rows = is_published(snapshot_) ? rows_by_word() : lock_rows();
    std::array<std::size_t, 3> widths{};
    for (std::size_t i = 0; i < std::min(rows.size(), kLocksShown); ++i) {
      for (std::size_t k = 0; k < 3; ++k) widths.at(k) = std::max(widths.at(k), width_of(rows[i].at(k)));
    }
    for (std::size_t i = 0; i < std::min(rows.size(), kLocksShown); ++i) {
      const auto& [name, kind, waiters, holder] = rows[i];
      std::string text = padded(name, widths[0]);
      if (widths[1] > 0) text += "  " + padded(kind, widths[1]);
      text += "  " + padded(waiters, widths[2], Align::right);
      if (!holder.empty()) text += "  " + holder;
      write_item(i == 0 ? "locks" : "", text);
    }
    if (rows.size() > kLocksShown) {
      write_item("", fmt::format("and {}", counted(rows.size() - kLocksShown, "more lock")));
    }
  }

  /// Name, kind, waiters, holder.
  std::vector<std::array<std::string, 4>> lock_rows() const {
    std::vector<std::array<std::string, 4>> rows;
    for (const LockGroup& group :
         group_by_lock(snapshot_, context_.guard, context_.promises, context_.scenario)) {
      const LockRow& lock = snapshot_.locks[group.first];
      // A lock that nobody's word explains has its kind in its name.
      std::string kind(is_named(lock) ? name_of(lock.kind) : "");
      if (group.words > 1) kind += " each";
      rows.push_back(
          {lock_names_[group.first], std::move(kind), counted(group.waiters, "waiter"), owner_of(lock)});
    }
    return rows;
  }

  std::vector<std::array<std::string, 4>> rows_by_word() const {
    std::map<std::string, std::uint64_t> waiters;
    for (const ThreadRow& row : snapshot_.threads) {
      if (std::string lock = lock_of(context_, snapshot_, row); !lock.empty()) ++waiters[std::move(lock)];
    }
    std::vector<std::array<std::string, 4>> rows;
    for (const auto& [name, count] : fullest_first(waiters)) {
      rows.push_back({name, "", counted(count, "waiter"), ""});
    }
    return rows;
  }

  /// `held by T7 (entered 3 times, in step payment)`
  std::string owner_of(const LockRow& lock) const {
    std::string text = holder_of(lock, snapshot_);
    if (text.empty()) return is_held(lock.kind) ? "owner not known: it may be changing hands" : "";
    std::string more;
    if (lock.depth > 1) more = fmt::format("entered {} times", lock.depth);
    if (lock.owner && *lock.owner < snapshot_.threads.size()) {
      const ThreadRow& owner = snapshot_.threads[*lock.owner];
      if (!is_over(owner)) more += (more.empty() ? "" : ", ") + doing_of(owner, lock);
    }
    return more.empty() ? text : fmt::format("{} ({})", text, more);
  }

  std::string doing_of(const ThreadRow& owner, const LockRow& owned) const {
    if (owner.lock == kNoIndex) return whereabouts(owner.place, context_.scenario);
    if (&snapshot_.locks[owner.lock] == &owned) return "waiting for it itself";
    return "waiting for " + lock_names_[owner.lock];
  }

  void write_stacks() const {
    const std::vector<StackGroup> groups = group_by_stack(context_, snapshot_);
    const std::size_t shown = std::min(groups.size(), kStacksShown);
    for (std::size_t i = 0; i < shown; ++i) {
      const StackGroup& group = groups[i];
      std::string numbers;
      for (std::size_t k = 0; k < std::min(group.stacks.size(), kNumbersShown); ++k) {
        numbers += fmt::format("{}#{}", k == 0 ? "" : ", ", group.stacks[k]);
      }
      if (group.stacks.size() > kNumbersShown) {
        numbers += fmt::format(" and {} more that read the same", group.stacks.size() - kNumbersShown);
      }
      write_item(i == 0 ? "stacks" : "",
                 fmt::format("{}: stack {}", counted(group.threads, "thread"), numbers));
      if (group.frames.empty()) write_item("", "    nothing but the harness");
      for (std::size_t k = 0; k < std::min(group.frames.size(), kFramesShown); ++k) {
        write_item("", "    at " + group.frames[k]);
      }
      if (group.frames.size() > kFramesShown) {
        write_item("", fmt::format("    … {}", counted(group.frames.size() - kFramesShown, "more frame")));
      }
    }
    if (shown < groups.size())
      write_item("", fmt::format("and {}", counted(groups.size() - shown, "more stack")));
    if (shown > 0) write_stackless();
  }

  void write_stackless() const {
    const auto count =
        static_cast<std::uint64_t>(std::ranges::count_if(snapshot_.threads, [&](const ThreadRow& row) {
          return row.stack >= context_.stacks.size() && !is_over(row);
        }));
    if (count > 0) write_item("", counted(count, "thread") + " without a stack");
  }

  /// Who has not moved for several snapshots.
  void write_still() const {
    std::map<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> groups;
    for (const ThreadRow& row : snapshot_.threads) {
      if (row.still_for > 0 && !is_over(row)) groups[row.still_for].push_back(row.thread);
    }
    std::size_t shown = 0;
    for (const auto& [still_for, threads] : groups) {
      if (shown == kStillShown) {
        write_item("", "and others for less long");
        return;
      }
      write_item(shown++ == 0 ? "unmoved" : "",
                 fmt::format("in this snapshot and the {}before it: {} ({})",
                             still_for == 1 ? "one " : fmt::format("{} ", still_for),
                             counted(threads.size(), "thread"), worker_ranges(threads, kRangesShown)));
    }
  }

  void write_cycle(const Cycle& cycle, std::size_t most) const {
    const std::size_t shown = std::min(cycle.size(), most);
    for (std::size_t i = 0; i < shown; ++i) {
      const std::uint32_t holder = cycle[(i + 1) % cycle.size()].thread;
      const std::string who = cycle.size() == 1 ? "it holds itself" : worker_name(holder) + " holds";
      fmt::print(out_, "{} waits for {}, which {}\n", worker_name(cycle[i].thread),
                 label_of(cycle[i].waits_for), who);
    }
    if (shown < cycle.size()) fmt::print(out_, "… {}\n", counted(cycle.size() - shown, "more member"));
  }

  bool is_named(const LockRow& lock) const { return has_name(lock, context_.promises); }

  /// `<0x55d0c0ffee00> synchronized[ticket-1] (a mutex)`
  std::string label_of(std::uint32_t lock) const {
    const LockRow& row = snapshot_.locks[lock];
    std::string label = fmt::format("<{:#x}>", row.address);
    if (is_named(row)) label += " " + lock_names_[lock];
    if (row.kind != LockKind::none) label += fmt::format(" (a {})", name_of(row.kind));
    return label;
  }

  /// `  BLOCKED (mutex)`; empty: unknown.
  std::string state_of(const ThreadRow& row) const {
    if (row.state == ThreadState::unknown) return {};
    std::string text = fmt::format("  {}", name_of(row.state));
    const LockKind kind = row.lock == kNoIndex ? LockKind::none : snapshot_.locks[row.lock].kind;
    if (row.state == ThreadState::in_syscall && row.system_call >= 0) {
      text += fmt::format(" ({})", system_call_name(row.system_call));
    } else if (kind != LockKind::none) {
      text += fmt::format(" ({})", name_of(kind));
    } else if (row.state == ThreadState::timed_waiting) {
      text += " (sleeping)";
    }
    return text;
  }

  void write_thread(const ThreadRow& row) {
    fmt::print(out_, "\n\"{}\"", worker_name(row.thread));
    if (row.tid != 0) fmt::print(out_, " tid={}", row.tid);
    fmt::print(out_, " {}{}", phase_name(row.place, context_.scenario), state_of(row));
    if (row.still_for > 0) fmt::print(out_, ", unmoved in {} snapshots", row.still_for + 1);
    // Of a thread that runs nobody expects otherwise.
    const bool waits = row.state != ThreadState::unknown && row.state != ThreadState::runnable;
    if (waits && !row.stable) out_ << ", ran during the capture";
    out_ << '\n';
    write_body(row);
  }

  /// Whether those who share an entry sleep on one word, or each on its own.
  enum class Words : std::uint8_t { one, each };

  /// What is below the line that says who it is.
  void write_body(const ThreadRow& row, Words words = Words::one) {
    if (const std::string_view java = java_state(row, snapshot_); !java.empty()) {
      fmt::print(out_, "   java.lang.Thread.State: {}\n", java);
    }
    if (row.lock != kNoIndex) {
      const LockRow& lock = snapshot_.locks[row.lock];
      fmt::print(out_, "\t- waiting {} {}{}\n", is_held(lock.kind) ? "to lock" : "on",
                 words == Words::one
                     ? label_of(row.lock)
                     : fmt::format("{} (a {} each)", lock_names_[row.lock], name_of(lock.kind)),
                 held_clause(lock, snapshot_));
    } else if (const std::string lock = lock_of(context_, snapshot_, row); !lock.empty()) {
      fmt::print(out_, "\t- waiting for {}\n", lock);
    }
    if (const auto owned = locks_of_.find(row.thread); owned != locks_of_.end()) {
      for (const std::uint32_t lock : owned->second) write_owned(lock);
    }
    write_frames(row.stack);
  }

  void write_owned(std::uint32_t lock) const {
    const LockRow& row = snapshot_.locks[lock];
    fmt::print(out_, "\t- locked {}, ", label_of(lock));
    if (row.depth > 1) fmt::print(out_, "entered {} times, ", row.depth);
    fmt::print(out_, "{} waiting\n", row.waiters);
  }

  void write_frames(std::uint32_t number) {
    if (number >= context_.stacks.size()) return;
    if (!printed_.insert(number).second) {
      fmt::print(out_, "\tstack #{}, printed above\n", number);
      return;
    }
    const Stack& stack = context_.stacks[number];
    fmt::print(out_, "\tstack #{}\n", number);
    const std::vector<Frame>& frames = stack.frames;
    for (auto frame = frames.begin(); frame != frames.end();) {
      if (!frame->harness) {
        fmt::print(out_, "\tat {}\n", text_of(*frame++));
        continue;
      }
      const auto end = std::find_if_not(frame, frames.end(), [](const Frame& next) { return next.harness; });
      fmt::print(out_, "\t… {} of the harness\n", counted(static_cast<std::uint64_t>(end - frame), "frame"));
      frame = end;
    }
    if (!stack.complete) out_ << "\t… and what called it could not be found\n";
  }

  void write_finished() const {
    std::vector<std::uint32_t> threads;
    for (const ThreadRow& row : snapshot_.threads) {
      if (is_over(row)) threads.push_back(row.thread);
    }
    if (threads.empty()) return;
    fmt::print(out_, "\nfinished: {} ({})\n", worker_ranges(threads), counted(threads.size(), "thread"));
  }

  const SnapshotContext& context_;
  const Snapshot& snapshot_;
  std::ostream& out_;
  std::vector<std::string> lock_names_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> locks_of_;  ///< by their owners
  std::set<std::uint32_t> printed_;                               ///< stacks
};

constexpr std::size_t kRuleWidth = 100;

class ThreadDump final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    const Experiment& experiment = run.experiment();
    fmt::print(out, "Full thread dump of ccbench {} · {} · {} · run {}\n\n", run.build.version,
               experiment.scenario->info.name, size_of(experiment), run.run_id);
    out << "Tn is thread n of the CSV files, stack #n is entry n of stacks in the JSON report. Under each "
           "thread\nstands what a JVM would say of a thread that does the same. \"locked\" is known only of "
           "locks that\nsomebody waits for.\n";
    for (const TrialResult& trial : run.trials) write_trial(run, trial, out);
  }

 private:
  static void write_trial(const RunResult& run, const TrialResult& trial, std::ostream& out) {
    const std::string rule(kRuleWidth, '=');
    fmt::print(out, "\n{}\ntrial {}{}: {}, {}, {}\n", rule, trial.trial,
               trial.role == Role::control ? " (control)" : "", trial.guard, name_of(trial.verdict),
               trial.snapshots.empty() ? "no snapshot" : counted(trial.snapshots.size(), "snapshot"));
    if (trial.hang) fmt::print(out, "{}\n", text_of(*trial.hang));
    if (trial.perturbed) out << "perturbed: its threads were signalled for their stacks\n";
    out << rule << '\n';
    const SnapshotContext context = context_of(run, trial);
    for (std::size_t i = 0; i < trial.snapshots.size(); ++i) {
      fmt::print(out, "\n-- snapshot {} of {}: ", i + 1, trial.snapshots.size());
      write_snapshot(context, trial.snapshots[i], Detail::all, out);
    }
  }
};

}  // namespace

void write_snapshot(const SnapshotContext& context, const Snapshot& snapshot, Detail detail,
                    std::ostream& out) {
  SnapshotText text(context, snapshot, out);
  text.write_heading();
  text.write_summary();
  text.write_deadlocks(detail != Detail::all);
  if (detail == Detail::summary) return;
  if (detail == Detail::folded && snapshot.threads.size() > kMostUnfolded) {
    text.write_folded();
  } else {
    text.write_threads();
  }
}

std::unique_ptr<Sink> thread_dump_sink() { return std::make_unique<ThreadDump>(); }

}  // namespace ccbench
