// The memory that a trial's process shares with its parent: what was written there survives whatever
// happens to the process.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/duration.h"
#include "core/facts.h"
#include "core/request.h"
#include "core/scenario.h"
#include "driver/live_events.h"
#include "driver/record.h"
#include "driver/worker_counts.h"
#include "snapshot/signalled_stack.h"
#include "snapshot/worker_slot.h"

namespace ccbench {

/// How far a trial has come.
enum class Stage : int {
  starting,  ///< workers are being created
  released,  ///< the start barrier opens or has opened
  ended,     ///< every worker has ended and the scenario has settled
  failed,    ///< it could not be carried out; `TrialHeader::failure` says why
};

struct TrialHeader {
  std::atomic<Stage> stage;
  std::atomic<Nanos> release;          ///< on the steady clock; valid from `released` on
  std::atomic<std::uint32_t> arrived;  ///< workers at the barrier
  std::array<char, 256> failure;       ///< a sentence, ended by 0
};

/// When one request entered the steps of its section, in their order; those beyond the last slot are not
/// kept. On a cache line of its own.
struct alignas(64) StepSlots {
  static constexpr std::size_t kSlots = 8;
  std::array<std::atomic<std::uint64_t>, kSlots> entered;  ///< nanoseconds since the release, above the step

  static constexpr unsigned kStepBits = 8;
  static std::uint64_t packed(StepId step, Nanos since_release) {
    return static_cast<std::uint64_t>(since_release) << kStepBits | step;
  }
};

/// What one worker used, from the release to its end; or all the guard's own threads together.
struct alignas(64) WorkerUsage {
  Nanos user;
  Nanos system;
  std::uint64_t voluntary_switches;
  std::uint64_t involuntary_switches;
  std::atomic<bool> complete;
};

/// Texts that are known only while a trial runs: what exceptions say.
struct ReasonTexts {
  static constexpr std::size_t kTexts = 64;
  static constexpr std::size_t kLength = 192;
  std::atomic<std::uint32_t> count;
  std::array<std::array<char, kLength>, kTexts> texts;
};

/// What a trial needs memory for.
struct TrialMemorySize {
  std::uint64_t requests = 0;
  std::uint32_t threads = 0;
  Key keys = 1;
  std::size_t facts = 0;
  bool counts = false;      ///< instead of a record for every request
  bool events = false;      ///< workers that count tell of every request that ends
  std::uint64_t steps = 0;  ///< of so many requests, the first ones, at most
  bool stacks = false;      ///< threads will be signalled for theirs
};

/// One anonymous shared mapping, all zero at the start, which is the initial state of everything in it.
class TrialMemory {
 public:
  /// Throws std::system_error if the system refuses the memory.
  explicit TrialMemory(const TrialMemorySize& size);
  ~TrialMemory();
  TrialMemory(const TrialMemory&) = delete;
  TrialMemory& operator=(const TrialMemory&) = delete;

  /// Backs the mapping with pages now, so that no request pays for a page fault. Called in the process
  /// that will write: pages of a shared mapping are not inherited through a fork.
  void prefault();

  TrialHeader& header() const { return *header_; }

  /// Whether the moment of the release is known, which may still lie ahead.
  bool released() const {
    const Stage stage = header_->stage.load(std::memory_order_acquire);
    return stage == Stage::released || stage == Stage::ended;
  }
  /// On the steady clock; valid where `released()`.
  Nanos release() const { return header_->release.load(std::memory_order_relaxed); }

  /// By request; where requests are counted, by worker: of the one that it carries, or carried last.
  std::span<Record> records() const { return records_; }
  std::span<WorkerCounts> worker_counts() const { return worker_counts_; }  ///< empty: there are records
  /// By key; those of a worker begin on a cache line of their own.
  std::span<KeyCounts> key_counts(std::uint32_t worker) const {
    return key_counts_.subspan(worker * key_stride_, last_leaves_.size());
  }
  std::span<LastLeave> last_leaves() const { return last_leaves_; }     ///< by key
  std::span<EventQueue> event_queues() const { return event_queues_; }  ///< by worker; empty unless asked for
  std::size_t bytes() const { return size_; }                           ///< of the whole mapping
  std::span<StepSlots> steps() const { return steps_; }  ///< by request; as many as were asked for
  std::span<WorkerSlot> slots() const { return slots_; }
  std::span<WorkerUsage> usages() const { return usages_; }  ///< by worker; the last: of the guard's threads
  std::span<SignalledStack> signalled_stacks() const { return signalled_stacks_; }
  Facts& facts() { return facts_; }

  /// A label for what was `said` that the parent can read, the same for equal texts. Not for the hot path: a
  /// lock and a search. What is not printable UTF-8 becomes `?`. Beyond 64 different texts all are `other
  /// reasons`. Safe from any thread of the trial's process.
  Reason keep(std::string_view said);

  /// Forgets every record that cannot have been written by a worker, because a section wrote where it had
  /// no business: this process shall not stumble over it. Answers how many there were. Where requests are
  /// counted, forgets all that such a worker counted, and answers how many workers those were.
  std::uint64_t discard_damaged_records();

 private:
  bool is_text(Reason reason) const;
  bool plausible(const WorkerCounts& worker) const;

  template <class T>
  std::span<T> carve(std::size_t count);

  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
  TrialHeader* header_ = nullptr;
  ReasonTexts* reasons_ = nullptr;
  std::span<WorkerSlot> slots_;
  std::span<WorkerUsage> usages_;
  std::span<Record> records_;
  std::span<StepSlots> steps_;
  std::span<SignalledStack> signalled_stacks_;
  std::span<WorkerCounts> worker_counts_;
  std::size_t key_stride_ = 0;
  std::span<KeyCounts> key_counts_;
  std::span<LastLeave> last_leaves_;
  std::span<EventQueue> event_queues_;
  Facts facts_;
};

}  // namespace ccbench
