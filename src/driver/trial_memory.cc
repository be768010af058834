#include "driver/trial_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <system_error>

namespace ccbench {
namespace {

constexpr std::size_t kLine = 64;

template <class T>
constexpr std::size_t room_for(std::size_t count) {
  return (sizeof(T) * count + kLine - 1) / kLine * kLine;
}

}  // namespace

TrialMemory::TrialMemory(std::uint64_t requests, std::uint32_t threads, Key keys, std::size_t facts)
    : facts_({}, 0) {
  size_ = room_for<TrialHeader>(1) + room_for<ReasonTexts>(1) + room_for<WorkerSlot>(threads) +
          room_for<WorkerUsage>(threads) + room_for<Facts::Counter>(keys * facts) +
          room_for<Record>(requests);
  void* mapping = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "the records of a trial need memory");
  }
  base_ = static_cast<std::byte*>(mapping);
  header_ = carve<TrialHeader>(1).data();
  reasons_ = carve<ReasonTexts>(1).data();
  slots_ = carve<WorkerSlot>(threads);
  usages_ = carve<WorkerUsage>(threads);
  facts_ = Facts(carve<Facts::Counter>(keys * facts), facts);
  records_ = carve<Record>(requests);
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

Reason TrialMemory::keep(std::string_view text) {
  static std::mutex mutex;  // Of the trial's process alone: the parent only reads, after its end.
  const std::lock_guard lock(mutex);
  text = text.substr(0, ReasonTexts::kLength - 1);
  const std::uint32_t count = reasons_->count.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (text == reasons_->texts[i].data()) return Reason::lasting(reasons_->texts[i].data());
  }
  if (count == ReasonTexts::kTexts) return "other reasons";
  std::ranges::copy(text, reasons_->texts[count].data());
  reasons_->count.store(count + 1, std::memory_order_release);
  return Reason::lasting(reasons_->texts[count].data());
}

}  // namespace ccbench
