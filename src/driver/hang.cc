#include "driver/hang.h"

#include <fmt/format.h>

#include <algorithm>

#include "snapshot/wait_graph.h"

namespace ccbench {
namespace {

constexpr double kBurning = 0.2;
constexpr std::size_t kLocksNamed = 3;
constexpr std::size_t kCyclesNamed = 3;
constexpr std::size_t kMembersNamed = 8;

std::string name_of(const LockRow& lock, const HangEvidence& evidence) {
  return lock_name(lock, evidence.guard.name, evidence.guard.promises, evidence.scenario);
}

/// `, which T3 holds, and T3 has ended`
std::string holder_of(const LockGroup& group, const HangEvidence& evidence) {
  const LockRow& lock = evidence.snapshot.locks[group.first];
  if (lock.owner) {
    const Place place = evidence.snapshot.threads[*lock.owner].place;
    if (place.phase() == Phase::finished)
      return fmt::format(", which T{0} holds, and T{0} has ended", *lock.owner);
    return fmt::format(", which T{} holds in {}", *lock.owner, phase_name(place, evidence.scenario));
  }
  if (lock.owner_tid != 0) return fmt::format(", which thread {} holds, no worker", lock.owner_tid);
  if (lock.readers > 0)
    return fmt::format(", which {} reader{} hold{}", lock.readers, lock.readers == 1 ? "" : "s",
                       lock.readers == 1 ? "s" : "");
  if (lock.kind == LockKind::condition_variable) return ", a condition variable that nobody signals";
  return fmt::format(" (a {}{}), whose holder cannot be seen", ccbench::name_of(lock.kind),
                     group.words > 1 ? " each" : "");
}

/// `18 wait for faulty-abandon[ticket-1], which T0 holds, and T0 has ended`
std::string describe_waiters(const HangEvidence& evidence) {
  const std::vector<LockGroup> locks =
      group_by_lock(evidence.snapshot, evidence.guard.name, evidence.guard.promises, evidence.scenario);
  std::string text;
  for (std::size_t i = 0; i < std::min(locks.size(), kLocksNamed); ++i) {
    text += fmt::format(
        "{}{} wait{} for {}{}", i == 0 ? "" : "; ", locks[i].waiters, locks[i].waiters == 1 ? "s" : "",
        name_of(evidence.snapshot.locks[locks[i].first], evidence), holder_of(locks[i], evidence));
  }
  if (locks.size() > kLocksNamed) text += fmt::format("; and {} more locks", locks.size() - kLocksNamed);
  if (!text.empty()) return text;
  const std::uint64_t in_guard = blocked(evidence.snapshot);
  return in_guard > 0 ? fmt::format("{} in the guard", in_guard) : std::string{};
}

std::string describe_cycles(const HangEvidence& evidence) {
  const std::vector<Cycle>& cycles = evidence.snapshot.cycles;
  std::string text;
  for (std::size_t i = 0; i < std::min(cycles.size(), kCyclesNamed); ++i) {
    if (i > 0) text += "; ";
    text += describe(cycles[i], evidence.snapshot, evidence.guard, evidence.scenario);
  }
  if (cycles.size() > kCyclesNamed) text += fmt::format("; and {} more cycles", cycles.size() - kCyclesNamed);
  if (const std::uint64_t behind = waiting_behind(evidence.snapshot); behind > 0)
    text += fmt::format("; {} more wait{} behind {}", behind, behind == 1 ? "s" : "",
                        cycles.size() == 1 ? "it" : "them");
  return text;
}

/// The worker in the guard that has waited longest of those that the others overtook again and again. In a
/// queue nobody is overtaken, and of requests that come all at once each at most once by every other.
std::optional<std::uint32_t> starved(const HangEvidence& evidence) {
  std::optional<std::uint32_t> worst;
  if (evidence.snapshot.threads.size() != evidence.workers.size()) return worst;
  for (std::uint32_t thread = 0; thread < evidence.workers.size(); ++thread) {
    const WorkerProgress& worker = evidence.workers[thread];
    const bool waits = evidence.snapshot.threads[thread].place.phase() == Phase::guard;
    if (!waits || worker.still < evidence.trial / 2 || worker.overtaken < 2 * evidence.workers.size())
      continue;
    if (!worst || worker.still > evidence.workers[*worst].still) worst = thread;
  }
  return worst;
}

/// `slow: 19 wait for …; over --timeout=60s`
std::string with_waiters(std::string_view kind, const HangEvidence& evidence) {
  const std::string waiters = describe_waiters(evidence);
  return fmt::format("{}{}{}; {}", kind, waiters.empty() ? "" : ": ", waiters, evidence.limit);
}

Hang still_moving(const HangEvidence& evidence) {
  if (const auto thread = starved(evidence)) {
    const WorkerProgress& worker = evidence.workers[*thread];
    return {.kind = "starvation",
            .sentence = fmt::format(
                "starvation: T{} has been in the guard for {} and was overtaken by {} requests; {}", *thread,
                to_text(worker.still / kMillisecond * kMillisecond), worker.overtaken, evidence.limit),
            .cycle = {}};
  }
  return {.kind = "slow", .sentence = with_waiters("slow", evidence), .cycle = {}};
}

Hang standing_still(const HangEvidence& evidence) {
  if (evidence.cpus_wanted < kBurning)
    return {.kind = "stalled", .sentence = with_waiters("stalled", evidence), .cycle = {}};
  const std::string kind = fmt::format("livelock: {:.1f} CPUs were wanted meanwhile", evidence.cpus_wanted);
  return {.kind = "livelock", .sentence = with_waiters(kind, evidence), .cycle = {}};
}

}  // namespace

std::string describe(const Cycle& cycle, const Snapshot& snapshot, const GuardInfo& guard,
                     const ScenarioInfo& scenario) {
  const auto name_of_lock = [&](const LockRow& lock) {
    return lock_name(lock, guard.name, guard.promises, scenario);
  };
  // A guard that is not per key may have several locks of one name: its stripes.
  const auto name = [&](std::uint32_t index) {
    const LockRow& lock = snapshot.locks[index];
    const std::string text = name_of_lock(lock);
    const bool is_alone = std::ranges::count(snapshot.locks, text, name_of_lock) == 1;
    return is_alone ? text : fmt::format("{} {:#x}", text, lock.address);
  };
  if (cycle.size() == 1) {
    const CycleMember& member = cycle.front();
    return fmt::format("T{} holds {}, waits for it itself", member.thread, name(member.holds));
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(cycle.size(), kMembersNamed); ++i) {
    const CycleMember& member = cycle[i];
    text += fmt::format("{}T{} holds {}, waits for {}", i == 0 ? "" : " → ", member.thread,
                        name(member.holds), name(member.waits_for));
  }
  if (cycle.size() > kMembersNamed) text += fmt::format(" → … {} more", cycle.size() - kMembersNamed);
  return text;
}

Hang explain_hang(const HangEvidence& evidence) {
  if (!evidence.snapshot.cycles.empty()) {
    return {.kind = "deadlock",
            .sentence = fmt::format("deadlock: {}", describe_cycles(evidence)),
            .cycle = evidence.snapshot.cycles.front()};
  }
  const bool stands =
      !evidence.over_time || (evidence.still >= evidence.trial / 2 && evidence.still > evidence.longest_step);
  return stands ? standing_still(evidence) : still_moving(evidence);
}

}  // namespace ccbench
