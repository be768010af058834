// faulty-upgrade: a stamped lock per key, entered to read and then converted, by several at once.
//
// What is wrong: a read lock converts if its holder is the only one. Who is not waits until the others have
// left, and keeps its own: so each waits for all the others to go first. Letting go, and taking the write
// lock from the start, would be right, at the price that what was read before has to be read again. The guard
// holds the window open for 50 ms after the read lock. What ccbench shows: HUNG. All requests of a key hold
// its read lock, and nobody enters the section: 20 unfinished, no payment. One request alone gets through.
//
//   $ ccbench --guard=faulty-upgrade --requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms
#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stamped_lock.h"

namespace ccbench {
namespace {

template <class Sync>
class UpgradeGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-upgrade",
      .about = "wrong: a stamped lock per key, whose readers wait for each other to become the writer",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --stall=200ms"};

  explicit UpgradeGuard(const GuardContext& context) : window_(context, std::chrono::milliseconds(50)) {}

  Result run(const Request& request, Section section) {
    const Upgraded held(states_.at(request.key), window_);
    return section(Entry{});
  }

 private:
  struct State {
    StampedLock<Sync> lock;
    typename Sync::template atomic<int> left{0};  ///< changes when somebody has let go
  };

  /// Holds the lock to write, having held it to read.
  class Upgraded {
   public:
    Upgraded(State& state, const FaultWindow<Sync>& window) : state_(state) {
      const Stamp read = state_.lock.read_lock();
      window.hold();
      for (;;) {
        const int left = state_.left.load();
        stamp_ = state_.lock.try_convert_to_write(read);
        if (stamp_ != 0) return;
        state_.left.wait(left);
      }
    }
    // NOLINTNEXTLINE(bugprone-exception-escape): its own stamp is never refused.
    ~Upgraded() {
      state_.lock.unlock_write(stamp_);
      state_.left.fetch_add(1);
      state_.left.notify_all();
    }
    Upgraded(const Upgraded&) = delete;
    Upgraded& operator=(const Upgraded&) = delete;

   private:
    State& state_;
    Stamp stamp_ = 0;
  };

  const FaultWindow<Sync> window_;
  Keyed<Sync, State> states_;
};

const RegisterGuard<UpgradeGuard> registered;

}  // namespace
}  // namespace ccbench
