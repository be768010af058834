// faulty-inner-unlock: a lock per key that knows its holder and lets it in again, but does not count.
//
// What is wrong: the end of the inner section opens the lock, and the outer section goes on in company. It
// must be opened by as many leaves as there were entries. The guard holds the window open: after an inner
// section it comes back to the outer one only 5 ms later. What ccbench shows: VIOLATION, at most 1 inside,
// and nothing of it without re-entry.
//
//   $ ccbench --guard=faulty-inner-unlock --requests=20 --keys=2 --payment=20ms --db=10ms --reenter=1
#include <chrono>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class InnerUnlockGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-inner-unlock",
      .about = "wrong: its holder may enter again, and the end of the inner section opens it",
      .promises = {.exclusive = true, .waits = true, .reentrant = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --reenter=1"};

  explicit InnerUnlockGuard(const GuardContext& context) : window_(context, std::chrono::milliseconds(5)) {}

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    const int me = static_cast<int>(request.worker) + 1;
    const bool again = lock.is_held_by(me);
    const Result result = enter(lock, me, section);
    if (again) window_.hold();
    return result;
  }

 private:
  /// Its state is the number of its holder, or 0.
  class Lock {
   public:
    bool is_held_by(int who) const { return holder_.load() == who; }

    void lock(int who) {
      for (int holder = 0; !holder_.compare_exchange_strong(holder, who); holder = 0) {
        if (holder == who) return;
        holder_.wait(holder);
      }
    }

    void unlock(int who) {
      if (holder_.compare_exchange_strong(who, 0)) holder_.notify_all();
    }

   private:
    typename Sync::template atomic<int> holder_{0};
  };

  static Result enter(Lock& lock, int me, Section section) {
    lock.lock(me);
    struct Leave {
      Lock& lock;
      int me;
      ~Leave() { lock.unlock(me); }
    };
    const Leave leave{.lock = lock, .me = me};
    return section(Entry{});
  }

  const FaultWindow<Sync> window_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<InnerUnlockGuard> registered;

}  // namespace
}  // namespace ccbench
