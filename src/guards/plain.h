// The same guards as a person would write them by hand, with std alone: what ccbench's own are measured
// against. Each has `run(key, section)`, which answers whether the section succeeded.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

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

/// The fastest of several ways tried: a futex word to sleep on, and neither map nodes nor calls are
/// allocated again once there have been as many at once.
class SingleFlightGuard {
 public:
  bool run(Key key, const auto& section) {
    std::unique_lock lock(mutex_);
    if (const auto found = calls_.find(key); found != calls_.end()) return follow(*found->second, lock);
    Call& call = begin(key);
    lock.unlock();
    const bool succeeded = section();
    lock.lock();
    nodes_.push_back(calls_.extract(key));
    if (call.users > 1) {
      call.succeeded = succeeded;
      lock.unlock();
      call.done.store(1);
      call.done.notify_all();
      lock.lock();
    }
    leave(call);
    return succeeded;
  }

 private:
  struct Call {
    std::atomic<int> done = 0;
    int users = 0;
    bool succeeded = false;
  };
  using Map = std::unordered_map<Key, Call*>;

  Call& begin(Key key) {
    if (idle_.empty()) idle_.push_back(&all_.emplace_back());
    Call& call = *idle_.back();
    idle_.pop_back();
    call.users = 1;
    if (nodes_.empty()) {
      calls_.emplace(key, &call);
    } else {
      Map::node_type node = std::move(nodes_.back());
      nodes_.pop_back();
      node.key() = key;
      node.mapped() = &call;
      calls_.insert(std::move(node));
    }
    return call;
  }

  bool follow(Call& call, std::unique_lock<std::mutex>& lock) {
    ++call.users;
    lock.unlock();
    call.done.wait(0);
    const bool succeeded = call.succeeded;
    lock.lock();
    leave(call);
    return succeeded;
  }

  void leave(Call& call) {
    if (--call.users > 0) return;
    call.done.store(0, std::memory_order_relaxed);
    idle_.push_back(&call);
  }

  std::mutex mutex_;
  Map calls_;
  std::vector<Map::node_type> nodes_;
  std::vector<Call*> idle_;
  std::deque<Call> all_;
};

}  // namespace ccbench::plain
