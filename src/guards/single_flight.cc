// single-flight: the first caller of a key runs the section, and who calls while it runs shares its result.
//
// Who waits: every caller of a key while another's section of the same key runs. Who is refused: nobody; a
// failure is shared like a success, and an exception of the section reaches every waiter as the same object.
// Ordered: what a section did happens before every return that shares its result, and before the next section
// of the key enters. Not re-entrant: a section that calls its own key again waits for itself, for ever.
// Memory: 16 KiB, and 64 bytes for each of the most calls that were in flight at once. Neither grows with the
// keys used, and no result and no exception is kept after the last caller that shares it has returned.
//
// Algorithm: Go's golang.org/x/sync/singleflight. The call leaves the map before any of its callers returns,
// so that a later caller never gets a result that was finished before it came. The map is a list in each of
// 256 stripes, because it holds no more calls than there are threads.
//
// Followers sleep on one futex word, and the leader wakes all of them by one call to the kernel. Of
// 1000 callers the last one has returned after 6 to 8 ms on two CPUs, 1.00 to 1.01 of the best way
// written by hand (`ccbench bench --benchmark_filter=^wake`). The others tried: a condition variable,
// 1.0 to 1.9, because everybody who wakes needs its mutex; a chain in which everybody wakes the next
// one, 1.1 to 1.3, because it is 999 calls to the kernel, one after the other.
#include <exception>
#include <utility>

#include "sync/register.h"
#include "sync/slots.h"

namespace ccbench {
namespace {

template <class Sync>
class SingleFlightGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "single-flight",
      .about = "one caller of a key runs, the callers that come meanwhile share its result",
      .promises = {.exclusive = true, .shares = true, .waits = true, .per_key = true},
      .bytes_per_key = 0};

  Result run(const Request& request, Section section) {
    Stripe& stripe = stripes_.of(request.key);
    const auto [call, leads] = stripe.join(request.key);
    return leads ? lead(stripe, call, section) : follow(stripe, call);
  }

 private:
  /// One running section and those who wait for it. It lives until its last user has left, which may be long
  /// after its leader, and is then used again. On a cache line of its own, because its neighbours are calls
  /// of other keys.
  struct alignas(64) Call {
    Key key = 0;
    Call* next = nullptr;
    typename Sync::template atomic<int> users{0};     ///< leader and followers; grows only under the mutex
    typename Sync::template atomic<int> finished{0};  ///< what followers sleep on: 1 once `result` is there
    Result result;
    std::exception_ptr error;
  };

  struct Joined {
    Call& call;
    bool leads;
  };

  /// The calls in flight of the keys that hash to it. Calls that have ended stay at hand, so that the next
  /// one allocates nothing.
  class alignas(64) Stripe {
   public:
    Stripe() = default;
    Stripe(const Stripe&) = delete;
    Stripe& operator=(const Stripe&) = delete;
    ~Stripe() {
      while (idle_ != nullptr) delete std::exchange(idle_, idle_->next);
    }

    /// The key's call, which is a new one if none is in flight.
    Joined join(Key key) {
      const std::lock_guard lock(mutex_);
      for (Call* call = in_flight_; call != nullptr; call = call->next) {
        if (call->key != key) continue;
        call->users.fetch_add(1, std::memory_order_relaxed);
        return {*call, false};
      }
      if (idle_ == nullptr) idle_ = new Call;
      Call& call = *idle_;
      idle_ = call.next;
      call.key = key;
      call.users.store(1, std::memory_order_relaxed);
      call.next = in_flight_;
      in_flight_ = &call;
      return {call, true};
    }

    /// Ends the time in which the call can be joined. Answers whether somebody did; if nobody, it is gone.
    bool close(Call& call) {
      const std::lock_guard lock(mutex_);
      Call** link = &in_flight_;
      while (*link != &call) link = &(*link)->next;
      *link = call.next;
      if (call.users.load(std::memory_order_relaxed) > 1) return true;
      keep(call);
      return false;
    }

    /// One user has read what it came for; the last one makes the call ready for its next use.
    void leave(Call& call) {
      // Release: who is last clears what the others have read. Acquire: the last one is after all of them.
      if (call.users.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
      call.error = nullptr;
      call.finished.store(0, std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      keep(call);
    }

   private:
    void keep(Call& call) {
      call.next = idle_;
      idle_ = &call;
    }

    typename Sync::mutex mutex_;
    Call* in_flight_ = nullptr;
    Call* idle_ = nullptr;
  };

  Result lead(Stripe& stripe, Call& call, Section section) {
    Result result;
    try {
      result = section(Entry{});
    } catch (...) {
      if (stripe.close(call)) publish(stripe, call, {}, std::current_exception());
      throw;
    }
    if (stripe.close(call)) publish(stripe, call, result, nullptr);
    return result;
  }

  void publish(Stripe& stripe, Call& call, const Result& result, std::exception_ptr error) {
    call.result = result;
    call.error = std::move(error);
    // Sequentially consistent, because notify_all looks for sleepers next: were the store still on its way
    // then, a follower could miss both. The leader is a user until then, so that the call cannot go to
    // another key.
    call.finished.store(1);
    call.finished.notify_all();
    stripe.leave(call);
  }

  Result follow(Stripe& stripe, Call& call) {
    call.finished.wait(0, std::memory_order_acquire);
    const Result result = shared(call.result);
    const std::exception_ptr error = call.error;
    stripe.leave(call);
    if (error) std::rethrow_exception(error);
    return result;
  }

  Slots<Sync, Stripe> stripes_{256};
};

const RegisterGuard<SingleFlightGuard> registered;

}  // namespace
}  // namespace ccbench
