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

/// What one request did. Times on the steady clock, 0: did not happen. On a cache line of its own, so
/// that workers writing neighbouring records do not slow each other down.
struct alignas(64) Record {
  Nanos start;
  Nanos enter;
  Nanos leave;
  std::atomic<Nanos> end;  ///< stored last, with release: where it is set, the rest is complete
  Reason reason;
  std::uint32_t worker;
  std::uint32_t next;  ///< for who reads the records: the worker's next one
  Outcome outcome;
};
static_assert(sizeof(Record) == 64);

/// What one worker used, from the release to its end.
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

/// One anonymous shared mapping, all zero at the start, which is the initial state of everything in it.
class TrialMemory {
 public:
  /// Throws std::system_error if the system refuses the memory.
  /// `with_stacks`: threads will be signalled for theirs.
  TrialMemory(std::uint64_t requests, std::uint32_t threads, Key keys, std::size_t facts,
              bool with_stacks = false);
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

  std::span<Record> records() const { return records_; }
  std::span<WorkerSlot> slots() const { return slots_; }
  std::span<WorkerUsage> usages() const { return usages_; }
  std::span<SignalledStack> signalled_stacks() const { return signalled_stacks_; }
  Facts& facts() { return facts_; }

  /// A label for what was `said` that the parent can read, the same for equal texts. Not for the hot path: a
  /// lock and a search. What is not printable UTF-8 becomes `?`. Beyond 64 different texts all are `other
  /// reasons`. Safe from any thread of the trial's process.
  Reason keep(std::string_view said);

  /// Forgets every record that cannot have been written by a worker, because a section wrote where it had
  /// no business: this process shall not stumble over it. Answers how many there were.
  std::uint64_t discard_damaged_records();

 private:
  bool is_text(Reason reason) const;

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
  std::span<SignalledStack> signalled_stacks_;
  Facts facts_;
};

}  // namespace ccbench
