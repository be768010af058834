// The same guards as a person would write them by hand, with std alone: what ccbench's own are measured
// against. Each has `run(key, section)`, which answers whether the section succeeded.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace ccbench::plain {

using Key = std::uint64_t;

struct NoGuard {
  bool run(Key /*key*/, const auto& section) { return section(); }
};

struct GlobalGuard {
  std::mutex mutex;
  bool run(Key /*key*/, const auto& section) {
    const std::lock_guard lock(mutex);
    return section();
  }
};

/// One `T` per key, made on first use.
template <class T>
class PerKey {
 public:
  T& at(Key key) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<T>& slot = map_[key];
    if (!slot) slot = std::make_unique<T>();
    return *slot;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<Key, std::unique_ptr<T>> map_;
};

template <class Mutex>
struct KeyedGuard {
  PerKey<Mutex> mutexes;
  bool run(Key key, const auto& section) {
    const std::lock_guard lock(mutexes.at(key));
    return section();
  }
};

struct CasGuard {
  PerKey<std::atomic<bool>> flags;
  bool run(Key key, const auto& section) {
    std::atomic<bool>& taken = flags.at(key);
    bool free = false;
    if (!taken.compare_exchange_strong(free, true)) return false;
    const bool succeeded = section();
    if (!succeeded) taken.store(false);
    return succeeded;
  }
};

struct SingleFlightGuard {
  struct Call {
    std::atomic<int> done = 0;
    bool succeeded = false;
  };
  std::mutex mutex;
  std::unordered_map<Key, std::shared_ptr<Call>> calls;

  bool run(Key key, const auto& section) {
    std::unique_lock lock(mutex);
    const auto [place, first] = calls.try_emplace(key);
    if (first) place->second = std::make_shared<Call>();
    const std::shared_ptr<Call> call = place->second;
    lock.unlock();
    if (!first) {
      call->done.wait(0);
      return call->succeeded;
    }
    call->succeeded = section();
    lock.lock();
    calls.erase(key);
    lock.unlock();
    call->done.store(1);
    call->done.notify_all();
    return call->succeeded;
  }
};

}  // namespace ccbench::plain
