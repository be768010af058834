#include "driver/worker_threads.h"

#include <sched.h>
#include <sys/mman.h>

#include <cerrno>

#include "driver/build.h"

namespace ccbench {
namespace {

constexpr std::size_t kGuardBytes = 4096;

// A thread's attributes, freed at the end of the scope.
class Attributes {
 public:
  Attributes() { pthread_attr_init(&attributes_); }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  pthread_attr_t* get() { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

/// Makes touching the page a fault. As a mark in the page table where the kernel knows how (Linux 6.13),
/// because there a thousand protected pages would be a thousand mappings more, and slow. False if refused.
bool guard_page(std::byte* page) {
  constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, unknown to older C libraries.
  return madvise(page, kGuardBytes, kGuardInstall) == 0 || mprotect(page, kGuardBytes, PROT_NONE) == 0;
}

void bind_to(pthread_attr_t* attributes, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  pthread_attr_setaffinity_np(attributes, sizeof set, &set);
}

}  // namespace

const std::size_t kWorkerStackBytes = kSanitized ? std::size_t{2} << 20 : std::size_t{64} << 10;

WorkerThreads::WorkerThreads(std::uint32_t count, const std::function<void(std::uint32_t)>& body,
                             std::span<const int> cpus) {
  starts_.reserve(count);
  threads_.reserve(count);
  // One mapping for all stacks instead of one per thread: two thirds of the time of default threads.
  const std::size_t stride = kWorkerStackBytes + kGuardBytes;
  stacks_bytes_ = stride * count;
  void* mapping = mmap(nullptr, stacks_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED) {
    refused_ = errno;
    return;
  }
  stacks_ = static_cast<std::byte*>(mapping);
  for (std::uint32_t i = 0; i < count && refused_ == 0; ++i) {
    std::byte* guard = stacks_ + stride * i;
    if (!guard_page(guard)) {
      refused_ = errno;
      return;
    }
    Attributes attributes;
    pthread_attr_setstack(attributes.get(), guard + kGuardBytes, kWorkerStackBytes);
    if (i < cpus.size()) bind_to(attributes.get(), cpus[i]);
    starts_.push_back({&body, i});
    pthread_t thread{};
    refused_ = pthread_create(&thread, attributes.get(), enter, &starts_.back());
    if (refused_ == 0) threads_.push_back(thread);
  }
}

WorkerThreads::~WorkerThreads() {
  join();
  if (stacks_ != nullptr) munmap(stacks_, stacks_bytes_);
}

void WorkerThreads::join() {
  for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  threads_.clear();
}

void* WorkerThreads::enter(void* start) {
  const Start& self = *static_cast<const Start*>(start);
  (*self.body)(self.number);
  return nullptr;
}

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace ccbench
