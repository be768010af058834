// faulty-foreign-delete: a lock that is a key with a time to live, deleted by whoever leaves: `SET key NX PX
// ttl`, the section, and `DEL key` in a `finally`.
//
// What is wrong: a holder that is late (a pause of its virtual machine, a slow network) deletes the key when
// its own time to live is over and the key is the next holder's. Then a third enters beside the second,
// although no section took longer than the key lives. The value must be a token of one's own, and the release
// must compare it.
//
// The guard holds the window open: who leaves waits until the key is another's, for a second at most, and two
// requests of each key come again every millisecond until they get it. What ccbench shows: VIOLATION, final
// value = successes: 2 instead of 3 on every counter; the second and the third have read the same value.
// idempotency-key, which compares, holds with these flags.
//
//   $ ccbench --guard=faulty-foreign-delete --scenario=counter --requests=20 --keys=2 --work=50ms
//             --work-kind=sleep --ttl=150ms
#include <array>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 2> kParameters = {{{.name = "ttl",
                                                    .about = "how long what is kept stays valid",
                                                    .type = Parameter::Type::period,
                                                    .initial = "60s"},
                                                   kFaultWindow}};

template <class Sync>
class ForeignDeleteGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-foreign-delete",
      .about = "wrong: a lock with a time to live, released also when it is another's by then",
      .promises = {.exclusive = true, .per_key = true},
      .parameters = kParameters,
      .shown_by = "--scenario=counter --requests=20 --keys=2 --work=50ms --work-kind=sleep --ttl=150ms"};

  explicit ForeignDeleteGuard(const GuardContext& context)
      : ttl_(context.parameters.time("ttl")), window_(context, std::chrono::seconds(1)) {}

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    int token = lock.set(ttl_);
    if (token == 0 && lock.comes_again()) window_.hold_until([&] { return (token = lock.set(ttl_)) != 0; });
    if (token == 0) return turned_away("the key is set");
    const Late late{.lock = lock, .token = token, .window = window_};
    return section(Entry{});
  }

 private:
  class Lock {
   public:
    /// The token of the new holder, or 0 if the key is set and has not expired.
    int set(std::chrono::nanoseconds ttl) {
      const std::lock_guard lock(mutex_);
      const auto now = Sync::now();
      if (holder_ != 0 && now < expires_) return 0;
      expires_ = now + ttl;
      return holder_ = ++last_;
    }

    bool is_held_by(int token) {
      const std::lock_guard lock(mutex_);
      return holder_ == token;
    }

    /// Whoever holds it.
    void remove() {
      const std::lock_guard lock(mutex_);
      holder_ = 0;
    }

    /// Whether a request that was turned away is one of those that come again.
    bool comes_again() {
      const std::lock_guard lock(mutex_);
      return ++turned_away_ <= 2;
    }

   private:
    typename Sync::mutex mutex_;
    typename Sync::time_point expires_{};
    int holder_ = 0;
    int last_ = 0;
    int turned_away_ = 0;
  };

  /// Releases too late.
  struct Late {
    Lock& lock;
    int token;
    const FaultWindow<Sync>& window;
    ~Late() {
      window.hold_until([this] { return !lock.is_held_by(token); });
      lock.remove();
    }
  };

  const std::chrono::nanoseconds ttl_;
  const FaultWindow<Sync> window_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<ForeignDeleteGuard> registered;

}  // namespace
}  // namespace ccbench
