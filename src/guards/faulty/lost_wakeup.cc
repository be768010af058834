// faulty-lost-wakeup: a lock made by hand per key, whose waiters go to sleep without looking again.
//
// What is wrong: a request looks, under the mutex, whether the lock is held, lets go of the mutex, and sleeps
// on the condition variable. In between the holder leaves and wakes nobody, because nobody sleeps yet. A
// condition variable keeps no notification for those who come later: look and wait must be one hold of the
// mutex, and whoever wakes must look again. Here the lock is handed over: it stays held for the one that was
// to be woken, so a single lost notification stops a key for ever.
//
// The guard holds the window open: who is to sleep does so when the holder has left, and a holder enters when
// somebody is to sleep, or after a second. What ccbench shows: HUNG. The first request of each key succeeds,
// and the rest wait for a notification that was sent before they slept: 2 successes, 18 unfinished.
//
//   $ ccbench --guard=faulty-lost-wakeup --requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms
#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class LostWakeupGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-lost-wakeup",
      .about = "wrong: a lock made by hand per key, whose wake-ups can be lost",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms"};

  explicit LostWakeupGuard(const GuardContext& context) : window_(context, std::chrono::seconds(1)) {}

  Result run(const Request& request, Section section) {
    auto& lock = locks_.at(request.key);
    lock.lock(window_);
    const std::lock_guard holder(lock, std::adopt_lock);
    // Without company a short section would be over before anybody comes.
    window_.hold_until([&] { return lock.is_wanted(); });
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    void lock(const FaultWindow<Sync>& window) {
      if (!must_wait()) return;
      if (!window.closed()) state_.wait(kHeld);  // Until the holder has left.
      std::unique_lock lock(mutex_);
      handed_over_.wait(lock);
      state_.store(kHeld);
    }

    /// Hands the lock over to one that waits, if there is any.
    void unlock() {
      const std::lock_guard lock(mutex_);
      if (waiting_.load() == 0) {
        state_.store(kFree);
        return;
      }
      waiting_.fetch_sub(1);
      handed_over_.notify_one();
      state_.store(kHandedOver);
      state_.notify_all();
    }

    bool is_wanted() const { return waiting_.load() > 0; }

   private:
    enum : int { kFree, kHeld, kHandedOver };

    /// Takes the lock if it is free; else its caller is one of those who wait.
    bool must_wait() {
      const std::lock_guard lock(mutex_);
      if (state_.load() == kFree) {
        state_.store(kHeld);
        return false;
      }
      waiting_.fetch_add(1);
      return true;
    }

    typename Sync::mutex mutex_;
    typename Sync::condition_variable handed_over_;
    typename Sync::template atomic<int> state_{kFree};  ///< changes under the mutex
    typename Sync::template atomic<int> waiting_{0};    ///< likewise
  };

  const FaultWindow<Sync> window_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<LostWakeupGuard> registered;

}  // namespace
}  // namespace ccbench
