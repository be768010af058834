#include "driver/trial_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>

namespace ccbench {
namespace {

constexpr std::size_t kLine = 64;

template <class T>
constexpr std::size_t room_for(std::size_t count) {
  return (sizeof(T) * count + kLine - 1) / kLine * kLine;
}

// Where this program's own text lies: the linker sets them around everything it loads.
extern "C" const char
    __executable_start;      // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char _end;  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)

/// How many bytes the character at the start of `text` has; 0 if it is no character.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  std::size_t length = 0;
  if (first >= 0xc2 && first < 0xe0) length = 2;
  if (first >= 0xe0 && first < 0xf0) length = 3;
  if (first >= 0xf0 && first < 0xf5) length = 4;
  if (length == 0 || length > text.size()) return 0;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  return std::ranges::all_of(text.substr(1, length - 1), continues) ? length : 0;
}

/// At most `most` bytes of `text`, whole characters, and `?` for what is none or steers a terminal.
std::string printable(std::string_view text, std::size_t most) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const bool control = static_cast<unsigned char>(text.front()) < 0x20 || text.front() == 0x7f;
    const std::string_view character = length == 0 || control ? "?" : text.substr(0, length);
    if (result.size() + character.size() > most) break;
    result += character;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace

TrialMemory::TrialMemory(const TrialMemorySize& size) : facts_({}, 0) {
  const std::size_t stacks = size.stacks ? size.threads : 0;
  const std::uint64_t steps = std::min(size.steps, size.requests);
  const std::size_t counters = size.keys * size.facts;
  const std::uint64_t records = size.counts ? size.threads : size.requests;
  const std::size_t counting = size.counts ? size.threads : 0;
  const std::size_t counted_keys = size.counts ? size.keys : 0;
  const std::size_t queues = size.events ? counting : 0;
  const std::size_t usages = std::size_t{size.threads} + 1;
  key_stride_ = room_for<KeyCounts>(counted_keys) / sizeof(KeyCounts);
  size_ = room_for<TrialHeader>(1) + room_for<ReasonTexts>(1) + room_for<WorkerSlot>(size.threads) +
          room_for<WorkerUsage>(usages) + room_for<Facts::Counter>(counters) + room_for<Record>(records) +
          room_for<StepSlots>(steps) + room_for<SignalledStack>(stacks) + room_for<WorkerCounts>(counting) +
          room_for<KeyCounts>(counting * key_stride_) + room_for<LastLeave>(counted_keys) +
          room_for<EventQueue>(queues);
  void* mapping = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "the records of a trial need memory");
  }
  base_ = static_cast<std::byte*>(mapping);
  header_ = carve<TrialHeader>(1).data();
  reasons_ = carve<ReasonTexts>(1).data();
  slots_ = carve<WorkerSlot>(size.threads);
  usages_ = carve<WorkerUsage>(usages);
  facts_ = Facts(carve<Facts::Counter>(counters), size.facts);
  records_ = carve<Record>(records);
  steps_ = carve<StepSlots>(steps);
  signalled_stacks_ = carve<SignalledStack>(stacks);
  worker_counts_ = carve<WorkerCounts>(counting);
  key_counts_ = carve<KeyCounts>(counting * key_stride_);
  last_leaves_ = carve<LastLeave>(counted_keys);
  event_queues_ = carve<EventQueue>(queues);
  // Nobody promises that a queue of Boost's is empty where all is zero.
  for (EventQueue& queue : event_queues_) std::construct_at(&queue);
}

TrialMemory::~TrialMemory() { munmap(base_, size_); }

void TrialMemory::prefault() {
#ifdef MADV_POPULATE_WRITE
  if (madvise(base_, size_, MADV_POPULATE_WRITE) == 0) return;
#endif
  // Kernels before 5.14: a write to every page, of the zero that is there anyway.
  constexpr std::size_t kPage = 4096;
  for (std::size_t offset = 0; offset < size_; offset += kPage) {
    *const_cast<volatile std::byte*>(base_ + offset) = std::byte{0};
  }
}

template <class T>
std::span<T> TrialMemory::carve(std::size_t count) {
  static_assert(alignof(T) <= kLine);
  // Zero bytes are the initial state of every type carved here, and constructing it explicitly would
  // touch every page twice.
  T* first = std::launder(reinterpret_cast<T*>(base_ + used_));
  used_ += room_for<T>(count);
  return {first, count};
}

Reason TrialMemory::keep(std::string_view said) {
  static std::mutex mutex;  // Of the trial's process alone: the parent only reads, after its end.
  const std::string text = printable(said, ReasonTexts::kLength - 1);
  const std::lock_guard lock(mutex);
  const std::uint32_t count = reasons_->count.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (text == reasons_->texts[i].data()) return Reason::lasting(reasons_->texts[i].data());
  }
  if (count == ReasonTexts::kTexts) return "other reasons";
  std::ranges::copy(text, reasons_->texts[count].data());
  reasons_->count.store(count + 1, std::memory_order_release);
  return Reason::lasting(reasons_->texts[count].data());
}

std::uint64_t TrialMemory::discard_damaged_records() {
  std::uint64_t discarded = 0;
  for (Record& record : records_) {
    if (record.worker < slots_.size() && index_of(record.outcome) < kOutcomes &&
        record.steps <= StepSlots::kSlots && is_text(record.reason))
      continue;
    std::memset(static_cast<void*>(&record), 0, sizeof record);
    ++discarded;
  }
  for (WorkerCounts& worker : worker_counts_) {
    if (plausible(worker)) continue;
    std::memset(static_cast<void*>(&worker), 0, sizeof worker);
    ++discarded;
  }
  return discarded;
}

bool TrialMemory::plausible(const WorkerCounts& worker) const {
  // A worker carries one request at a time.
  const std::uint64_t requests = worker.requests.load(std::memory_order_relaxed);
  const std::uint64_t ended = worker.ended();
  if (requests < ended || requests > ended + 1) return false;
  return std::ranges::all_of(worker.reasons, [this](const ReasonCount& slot) {
    return is_text(Reason::lasting(slot.text.load(std::memory_order_relaxed))) &&
           index_of(slot.outcome.load(std::memory_order_relaxed)) < kOutcomes;
  });
}

bool TrialMemory::is_text(Reason reason) const {
  const auto within = [&](const void* first, const void* last) {
    const std::less<> before;
    return !before(reason.address(), first) && before(reason.address(), last);
  };
  return reason.empty() || within(&__executable_start, &_end) || within(reasons_, reasons_ + 1);
}

}  // namespace ccbench
