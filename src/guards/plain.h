// The same guards as a person would write them by hand, with std alone: what ccbench's own are measured
// against. Each has `run(key, section)`, which answers whether the section succeeded; those that tell reads
// from writes have `read` as well.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>
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

/// A semaphore of one permit as a mutex.
struct OnePermit {
  std::counting_semaphore<> permits{1};
  void lock() { permits.acquire(); }
  void unlock() { permits.release(); }
};

/// The C library's mutex whose waiters spin for a while before they sleep.
class AdaptiveMutex {
 public:
  AdaptiveMutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~AdaptiveMutex() { pthread_mutex_destroy(&mutex_); }
  AdaptiveMutex(const AdaptiveMutex&) = delete;
  AdaptiveMutex& operator=(const AdaptiveMutex&) = delete;
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_{};
};

struct TimedGuard {
  PerKey<std::timed_mutex> mutexes;
  bool run(Key key, const auto& section) {
    const std::unique_lock lock(mutexes.at(key), std::chrono::milliseconds(100));
    return lock.owns_lock() && section();
  }
};

struct StripedGuard {
  std::array<std::mutex, 64> stripes;
  bool run(Key key, const auto& section) {
    const std::lock_guard lock(stripes.at(key % stripes.size()));
    return section();
  }
};

struct SharedGuard : KeyedGuard<std::shared_mutex> {
  bool read(Key key, const auto& section) {
    const std::shared_lock lock(mutexes.at(key));
    return section();
  }
};

/// First come, first served. Who leaves wakes all, because who is next is known to those alone who wait.
class TicketLock {
 public:
  void lock() {
    const unsigned ticket = next_.fetch_add(1);
    for (unsigned serving = serving_.load(); serving != ticket; serving = serving_.load()) {
      serving_.wait(serving);
    }
  }
  void unlock() {
    serving_.fetch_add(1);
    serving_.notify_all();
  }

 private:
  std::atomic<unsigned> next_{0};
  std::atomic<unsigned> serving_{0};
};

/// A sequence lock: a mutex for those who write, and a version for those who read without it.
class SequenceGuard {
 public:
  bool run(Key key, const auto& section) {
    Lock& lock = locks_.at(key);
    const std::lock_guard writing(lock.mutex);
    const std::uint64_t version = lock.version.load(std::memory_order_relaxed);
    lock.version.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    const bool succeeded = section();
    lock.version.store(version + 2, std::memory_order_release);
    return succeeded;
  }

  bool read(Key key, const auto& section) {
    Lock& lock = locks_.at(key);
    const std::uint64_t version = lock.version.load(std::memory_order_acquire);
    if (version % 2 == 0) {
      const bool succeeded = section();
      std::atomic_thread_fence(std::memory_order_acquire);
      if (lock.version.load(std::memory_order_relaxed) == version) return succeeded;
    }
    const std::lock_guard reading(lock.mutex);
    return section();
  }

 private:
  struct Lock {
    std::mutex mutex;
    std::atomic<std::uint64_t> version{0};
  };
  PerKey<Lock> locks_;
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

/// A thread that works off what callers put into its queue, one after the other.
class ConsumerGuard {
 public:
  ConsumerGuard() : consumer_([this] { consume(); }) {}
  ~ConsumerGuard() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    filled_.notify_one();
    consumer_.join();
  }
  ConsumerGuard(const ConsumerGuard&) = delete;
  ConsumerGuard& operator=(const ConsumerGuard&) = delete;

  bool run(Key /*key*/, const auto& section) {
    bool done = false;
    bool succeeded = false;
    std::condition_variable answered;
    const auto carry = [&] {
      succeeded = section();
      const std::lock_guard lock(mutex_);
      done = true;
      answered
          .notify_one();  // Under the mutex: afterwards the caller and its condition variable may be gone.
    };
    std::unique_lock lock(mutex_);
    waiting_.emplace_back(std::ref(carry));
    filled_.notify_one();
    answered.wait(lock, [&] { return done; });
    return succeeded;
  }

 private:
  void consume() {
    std::unique_lock lock(mutex_);
    while (true) {
      filled_.wait(lock, [this] { return over_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const std::function<void()> carry = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      carry();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::function<void()>> waiting_;
  bool over_ = false;
  std::thread consumer_;  // Last: it uses all of the above.
};

/// Coalescing as a person would write it first: a map of futures.
class FutureGuard {
 public:
  bool run(Key key, const auto& section) {
    std::unique_lock lock(mutex_);
    if (const auto found = calls_.find(key); found != calls_.end()) {
      const std::shared_future<bool> call = found->second;
      lock.unlock();
      return call.get();
    }
    std::promise<bool> promise;
    calls_.emplace(key, promise.get_future().share());
    lock.unlock();
    const bool succeeded = section();
    lock.lock();
    calls_.erase(key);
    lock.unlock();
    promise.set_value(succeeded);
    return succeeded;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<Key, std::shared_future<bool>> calls_;
};

/// A success is kept for a minute; what has expired is replaced, and never removed.
class CacheGuard {
 public:
  bool run(Key key, const auto& section) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = expiries_.find(key);
      if (found != expiries_.end() && Clock::now() < found->second) return true;
    }
    const bool succeeded = section();
    if (succeeded) {
      const std::lock_guard lock(mutex_);
      expiries_[key] = Clock::now() + std::chrono::minutes(1);
    }
    return succeeded;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  std::unordered_map<Key, Clock::time_point> expiries_;
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
