// faulty-ignored-timeout: a lock per key with a time limit, entered also when the time is up.
//
// What is wrong: `std::unique_lock lock(mutex, 5ms);` stands there like a lock_guard, and nobody asks
// owns_lock() before the section. As long as sections are short it is a lock; the first one that takes longer
// than the limit is joined by its waiters. The guard holds the window open: who has the lock waits inside
// until somebody has entered without it, for a second at most. What ccbench shows: VIOLATION. Under
// lotto-purchase every request of a key that comes within the first one's purchase pays.
//
//   $ ccbench --guard=faulty-ignored-timeout --requests=20 --keys=2 --payment=20ms --db=10ms
#include <chrono>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class IgnoredTimeoutGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-ignored-timeout",
      .about = "wrong: a lock per key with a time limit, entered also when the time is up",
      .promises = {.exclusive = true, .gives_up = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit IgnoredTimeoutGuard(const GuardContext& context) : window_(context, std::chrono::seconds(1)) {}

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    const std::unique_lock holder(lock, kPatience);
    if (holder.owns_lock()) window_.hold_until([&] { return lock.has_company(); });
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    bool try_lock_for(std::chrono::milliseconds patience) {
      std::unique_lock lock(mutex_);
      if (freed_.wait_for(lock, patience, [this] { return !taken_; })) return taken_ = true;
      late_.fetch_add(1);
      return false;
    }

    void unlock() {
      const std::lock_guard lock(mutex_);
      taken_ = false;
      freed_.notify_one();
    }

    bool has_company() const { return late_.load() > 0; }

   private:
    typename Sync::mutex mutex_;
    typename Sync::condition_variable freed_;
    bool taken_ = false;
    typename Sync::template atomic<int> late_{0};  ///< those whose time was up
  };

  static constexpr std::chrono::milliseconds kPatience{5};

  const FaultWindow<Sync> window_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<IgnoredTimeoutGuard> registered;

}  // namespace
}  // namespace ccbench
