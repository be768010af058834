// semaphore: so many permits per key, made on the key's first use. Who has one is inside.
//
// Who waits: a request of a key while all permits of that key are taken. Who is refused: nobody. A permit is
// given back on every way out of the section, also by an exception.
// Ordered: what a section did happens before every section of its key that enters after it has left. Sections
// with permits at the same time are not ordered, so that with more than one permit check-then-act goes wrong
// as without a guard, only for fewer at once. Who of several waiters is next is not ordered, and who comes
// just then may be first. Not re-entrant: who enters its own key again takes a second permit, and with none
// left waits for ever.
// Memory: 64 bytes for every key ever used, freed with the guard.
//
// Algorithm: the semaphore of E. W. Dijkstra ("Cooperating sequential processes", 1965) over a futex: a count
// that is changed by compare-and-swap and slept on where it is full, and a count of the sleepers, so that
// nobody calls the kernel for nothing. Why not std::counting_semaphore: in libstdc++ 12 every release that
// brings the count up from zero calls the kernel, sleepers or not, and wakes all of them. And a waiter may go
// to sleep on a count of one that it read a while ago: if that permit has been taken and one given back
// since, the count is one again, nobody announces it a second time, and the waiter sleeps beside a free
// permit. Here a waiter sleeps on `all are taken` and on no other count, and every release wakes one. Where
// nobody waits, a permit takes 20 ns of CPU time; by hand with std::counting_semaphore 230 ns.
#include <array>

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
class SemaphoreGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "semaphore",
      .about = "permits per key: so many are inside at once, the others queue",
      .promises = {.exclusive = true, .waits = true, .per_key = true, .admits = 1},
      .parameters = kParameters};

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.admits = permits_of(context);
    promises.exclusive = promises.admits == 1;
    return promises;
  }

  explicit SemaphoreGuard(const GuardContext& context) : permits_(permits_of(context)) {}

  Result run(const Request& request, Section section) {
    const Permit permit(semaphores_.at(request.key), permits_);
    return section(Entry{});
  }

 private:
  class Semaphore {
   public:
    /// Returns with a permit, of which there are `most`.
    void take(int most) {
      if (try_take(most)) return;
      // Sequentially consistent, as all of this: a waiter is counted and then looks, a release gives back and
      // then looks at the count, so that at least one of them sees the other.
      sleepers_.fetch_add(1);
      while (!try_take(most)) taken_.wait(most);
      sleepers_.fetch_sub(1);
    }

    void give_back() {
      taken_.fetch_sub(1);
      // Each wakes one, also where permits were left: two given back at once are for two.
      if (sleepers_.load() > 0) taken_.notify_one();
    }

   private:
    bool try_take(int most) {
      int taken = taken_.load();
      while (taken < most) {
        if (taken_.compare_exchange_weak(taken, taken + 1)) return true;
      }
      return false;
    }

    typename Sync::template atomic<int> taken_{0};  ///< permits; what waiters sleep on
    /// The library counts sleepers too, but those of many words together: those of one key would cost every
    /// release of another a call of the kernel.
    typename Sync::template atomic<int> sleepers_{0};
  };

  class Permit {
   public:
    Permit(Semaphore& semaphore, int most) : semaphore_(semaphore) { semaphore_.take(most); }
    ~Permit() { semaphore_.give_back(); }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;

   private:
    Semaphore& semaphore_;
  };

  static int permits_of(const GuardContext& context) {
    return static_cast<int>(context.parameters.at("permits"));
  }

  const int permits_;
  Keyed<Sync, Semaphore> semaphores_;
};

const RegisterGuard<SemaphoreGuard> registered;

}  // namespace
}  // namespace ccbench
