// cas as its file has it, and by hand, from std's own types: zero_cost_test.py holds their machine code
// against each other. Compiled and never linked.
#include <atomic>

#include "guards/cas.cc"

namespace ccbench {
namespace {

/// As somebody writes it who has no policy and no explorer. With `kOneLookMore` it costs a load more, which
/// the comparison must see.
template <bool kOneLookMore>
class CasByHand {
 public:
  Result run(const Request& request, Section section) {
    Claim claim(flags_.at(request.key));
    if (!claim.won()) return turned_away("the flag is set");
    const Result result = section(Entry{});
    if (result.outcome == Outcome::success) claim.keep();
    return result;
  }

 private:
  class Claim {
   public:
    explicit Claim(std::atomic<int>& flag) : flag_(set(flag) ? &flag : nullptr) {}
    ~Claim() {
      if (flag_ != nullptr) flag_->store(0, std::memory_order_release);
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    bool won() const { return flag_ != nullptr; }
    void keep() { flag_ = nullptr; }

   private:
    static bool set(std::atomic<int>& flag) {
      int clear = 0;
      if constexpr (kOneLookMore) static_cast<void>(flag.load(std::memory_order_relaxed));
      return flag.load(std::memory_order_relaxed) == clear &&
             flag.compare_exchange_strong(clear, 1, std::memory_order_acquire, std::memory_order_relaxed);
    }

    std::atomic<int>* flag_;
  };

  Keyed<StdSync, std::atomic<int>> flags_;
};

static_assert(sizeof(CasGuard<StdSync>) == sizeof(CasByHand<false>));

[[gnu::used, gnu::flatten]] Result run_of_the_policy(CasGuard<StdSync>& guard, const Request& request,
                                                     Section section) {
  return guard.run(request, section);
}

[[gnu::used, gnu::flatten]] Result run_by_hand(CasByHand<false>& guard, const Request& request,
                                               Section section) {
  return guard.run(request, section);
}

[[gnu::used, gnu::flatten]] Result run_with_one_look_more(CasByHand<true>& guard, const Request& request,
                                                          Section section) {
  return guard.run(request, section);
}

}  // namespace
}  // namespace ccbench
