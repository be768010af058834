// faulty-lost-permit: a semaphore per key whose permit is given back behind the section, and not on every way
// out of it.
//
// What is wrong: take(), the section, give_back() stand there by hand, and an exception passes the last one.
// The permit is gone for good. With many permits nobody notices for a long time: every exception makes one
// fewer, until the last one is lost and everybody waits. An object that gives back in its destructor cannot
// forget it. What ccbench shows: HUNG. The first request of each key fails, as its payment does, and the rest
// wait for a permit that nobody has: 2 errors, 18 unfinished. Where no section throws, it holds.
//
//   $ ccbench --guard=faulty-lost-permit --requests=20 --keys=2 --payment=20ms --db=10ms --failure-rate=1
//             --failure=throws --stall=200ms
#include <array>
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "permits",
     .about = "so many requests of a key are inside at once",
     .type = Parameter::Type::count,
     .initial = "1",
     .least = 1,
     .most = 1'000'000},
}};

template <class Sync>
class LostPermitGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-lost-permit",
      .about = "wrong: a semaphore per key, whose permit is lost when the section throws",
      .promises = {.exclusive = true, .waits = true, .per_key = true, .admits = 1},
      .parameters = kParameters,
      .shown_by =
          "--requests=20 --keys=2 --payment=20ms --db=10ms --failure-rate=1 --failure=throws "
          "--stall=200ms"};

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.admits = permits_of(context);
    promises.exclusive = promises.admits == 1;
    return promises;
  }

  explicit LostPermitGuard(const GuardContext& context) : permits_(permits_of(context)) {}

  Result run(const Request& request, Section section) {
    Semaphore& semaphore = semaphores_.at(request.key);
    semaphore.take(permits_);
    const Result result = section(Entry{});
    semaphore.give_back();
    return result;
  }

 private:
  class Semaphore {
   public:
    void take(int most) {
      std::unique_lock lock(mutex_);
      given_back_.wait(lock, [&] { return taken_ < most; });
      ++taken_;
    }

    void give_back() {
      const std::lock_guard lock(mutex_);
      --taken_;
      given_back_.notify_one();
    }

   private:
    typename Sync::mutex mutex_;
    typename Sync::condition_variable given_back_;
    int taken_ = 0;
  };

  static int permits_of(const GuardContext& context) {
    return static_cast<int>(context.parameters.at("permits"));
  }

  const int permits_;
  Keyed<Sync, Semaphore> semaphores_;
};

const RegisterGuard<LostPermitGuard> registered;

}  // namespace
}  // namespace ccbench
