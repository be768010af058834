// faulty-extra-permit: a semaphore per key with a time limit, whose permit is given back also by who never
// got one: the `release()` stands in a `finally` around the attempt and not around the section.
//
// What is wrong: who gives up makes a permit out of nothing, and from then on one more is inside than there
// should be; every time-out adds one. The guard holds the window open: those inside wait until there are more
// of them than permits, for a second at most, and each waiter is a little more patient than the one before
// it, so that the first one's permit is there for the second. What ccbench shows: VIOLATION with time-outs
// and two payments at least: of each key one is inside too many when the first waiter gives up. With
// --permits=3 it is `at most 3 inside` that does not hold.
//
//   $ ccbench --guard=faulty-extra-permit --requests=20 --keys=2 --payment=20ms --db=10ms
#include <array>
#include <chrono>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 2> kParameters = {{
    {.name = "permits",
     .about = "so many requests of a key are inside at once",
     .type = Parameter::Type::count,
     .initial = "1",
     .least = 1,
     .most = 1'000'000},
    kFaultWindow,
}};

template <class Sync>
class ExtraPermitGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-extra-permit",
      .about = "wrong: a semaphore per key, to which who gave up waiting gives a permit back",
      .promises = {.exclusive = true, .gives_up = true, .per_key = true, .admits = 1},
      .parameters = kParameters,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.admits = permits_of(context);
    promises.exclusive = promises.admits == 1;
    return promises;
  }

  explicit ExtraPermitGuard(const GuardContext& context)
      : permits_(permits_of(context)), window_(context, std::chrono::seconds(1)) {}

  Result run(const Request& request, Section section) {
    Semaphore& semaphore = semaphores_.at(request.key);
    const Finally finally(semaphore);
    if (!semaphore.take(permits_)) return timed_out("no permit in time");
    window_.hold_until([&] { return semaphore.has_let_in() > permits_; });
    return section(Entry{});
  }

 private:
  class Semaphore {
   public:
    /// False if there was none in time.
    bool take(int most) {
      std::unique_lock lock(mutex_);
      if (taken_ >= most) {
        const auto patience = kPatience * ++waiters_;
        if (!given_back_.wait_for(lock, patience, [&] { return taken_ < most; })) return false;
      }
      ++taken_;
      ++inside_;
      return true;
    }

    /// By who has a permit and by who has none.
    void give_back() {
      const std::lock_guard lock(mutex_);
      --taken_;
      given_back_.notify_one();
    }

    /// So many since the beginning.
    int has_let_in() const { return inside_.load(); }

   private:
    static constexpr std::chrono::milliseconds kPatience{5};

    typename Sync::mutex mutex_;
    typename Sync::condition_variable given_back_;
    int taken_ = 0;
    int waiters_ = 0;                                ///< that ever were
    typename Sync::template atomic<int> inside_{0};  ///< likewise
  };

  struct Finally {
    explicit Finally(Semaphore& its_semaphore) : semaphore(its_semaphore) {}
    ~Finally() { semaphore.give_back(); }
    Finally(const Finally&) = delete;
    Finally& operator=(const Finally&) = delete;

    Semaphore& semaphore;
  };

  static int permits_of(const GuardContext& context) {
    return static_cast<int>(context.parameters.at("permits"));
  }

  const int permits_;
  const FaultWindow<Sync> window_;
  Keyed<Sync, Semaphore> semaphores_;
};

const RegisterGuard<ExtraPermitGuard> registered;

}  // namespace
}  // namespace ccbench
