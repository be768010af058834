// cas: a flag per key, made on the key's first use. Who sets it enters; everybody else leaves at once.
//
// Who waits: nobody. Who is refused: every request that finds the flag set. It stays set after a success, so
// that nobody enters the key again, and is cleared when the section did not succeed or threw.
// Ordered: what a section that did not succeed did happens before the next one of that key enters; who is
// turned away is ordered after nothing.
// Memory: 64 bytes for every key ever used, freed with the guard. The flag of a success must stay, because it
// is what turns the next request away; one that was cleared stays too, or who is about to set it would have
// to be counted.
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class CasGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "cas",
                                   .about = "a flag per key: who sets it enters, the others leave at once",
                                   .promises = {.exclusive = true, .once = true, .per_key = true},
                                   .bytes_per_key = 64};

  Result run(const Request& request, Section section) {
    Claim claim(flags_.at(request.key));
    if (!claim.won()) return turned_away("the flag is set");
    const Result result = section(Entry{});
    if (result.outcome == Outcome::success) claim.keep();
    return result;
  }

 private:
  using Flag = typename Sync::template atomic<int>;

  /// Sets the flag if it is clear; clears it again at its end unless told to keep it.
  class Claim {
   public:
    explicit Claim(Flag& flag) : flag_(set(flag) ? &flag : nullptr) {}
    ~Claim() {
      if (flag_ != nullptr) flag_->store(0, std::memory_order_release);
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    bool won() const { return flag_ != nullptr; }
    void keep() { flag_ = nullptr; }

   private:
    /// Looks before it tries: a thousand losers then share the cache line, where each try would take it away
    /// from the others.
    static bool set(Flag& flag) {
      int clear = 0;
      return flag.load(std::memory_order_relaxed) == clear &&
             flag.compare_exchange_strong(clear, 1, std::memory_order_acquire, std::memory_order_relaxed);
    }

    Flag* flag_;  ///< null: not ours, or to be left set
  };

  Keyed<Sync, Flag> flags_;
};

const RegisterGuard<CasGuard> registered;

}  // namespace
}  // namespace ccbench
