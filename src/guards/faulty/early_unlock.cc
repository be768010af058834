// faulty-early-unlock: a mutex per key that is let go before the transaction inside commits.
//
// What is wrong: the lock stands inside the transaction instead of around it, as where a method is both
// `synchronized` and `@Transactional`: the proxy commits after the method has returned and unlocked. The next
// request enters in between and reads what was there before. The guard holds that window open until the next
// request of the key has read and comes to its own commit, for a second at most; alone, not at all.
// What ccbench shows: VIOLATION. Of each seat's requests at least two get it. With --visibility=instant a
// change is seen before it is committed, and no seat is given twice; that several are inside is seen still.
//
//   $ ccbench --guard=faulty-early-unlock --scenario=seat-reservation --requests=20 --keys=2
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class EarlyUnlockGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-early-unlock",
                                   .about = "wrong: a mutex per key, unlocked before the commit",
                                   .promises = {.exclusive = true, .waits = true, .per_key = true},
                                   .parameters = kFaultWindowOnly,
                                   .shown_by = "--scenario=seat-reservation --requests=20 --keys=2"};

  explicit EarlyUnlockGuard(const GuardContext& context) : window_(context, std::chrono::seconds(1)) {}

  Result run(const Request& request, Section section) {
    State& state = states_.at(request.key);
    const Presence here(state);
    std::unique_lock lock(state.mutex);
    UnlocksFirst listener(state, lock, window_);
    return section(Entry{.policy = {.listener = &listener}});
  }

 private:
  using Lock = std::unique_lock<typename Sync::mutex>;

  struct State {
    typename Sync::mutex mutex;
    typename Sync::template atomic<int> present{0};  ///< requests that have come and not left
    typename Sync::template atomic<int> commits{0};  ///< how often one has come to its commit
  };

  class Presence {
   public:
    explicit Presence(State& state) : state_(state) { state_.present.fetch_add(1); }
    ~Presence() { state_.present.fetch_sub(1); }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

   private:
    State& state_;
  };

  class UnlocksFirst final : public CommitListener {
   public:
    UnlocksFirst(State& state, Lock& lock, const FaultWindow<Sync>& window)
        : state_(state), lock_(lock), window_(window) {}

    void commits() override {
      if (!lock_.owns_lock()) return;  // A section of several transactions.
      const int mine = state_.commits.fetch_add(1) + 1;
      lock_.unlock();
      window_.hold_until([&] { return state_.present.load() == 1 || state_.commits.load() != mine; });
    }

   private:
    State& state_;
    Lock& lock_;
    const FaultWindow<Sync>& window_;
  };

  const FaultWindow<Sync> window_;
  Keyed<Sync, State> states_;
};

const RegisterGuard<EarlyUnlockGuard> registered;

}  // namespace
}  // namespace ccbench
