// faulty-lock-order: two mutexes, each request's own one first.
//
// What is wrong: a request locks its own key and then the key's neighbour. Of two neighbours each holds what
// the other one wants, and neither ever gets it. Locking the lower key first, whoever asks, cannot do that.
// The guard keeps the window between the two locks open for 50 ms. What ccbench shows: HUNG. One request of
// each key holds a lock, and nobody enters the section: 20 unfinished, no payment. With one key it holds:
// nobody comes from the other side.
//
//   $ ccbench --guard=faulty-lock-order --requests=20 --keys=2 --payment=20ms --db=10ms
#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class LockOrderGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-lock-order",
      .about = "wrong: a mutex per key, the own one locked first and then the neighbour's",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit LockOrderGuard(const GuardContext& context) : window_(context, kWindow) {}

  Result run(const Request& request, Section section) {
    const Key neighbour = request.key ^ 1;
    const std::lock_guard own(mutexes_.at(request.key));
    window_.hold();
    request.waits_for(neighbour);
    const std::lock_guard other(mutexes_.at(neighbour));
    return section(Entry{});
  }

 private:
  /// Long enough that on a busy machine, too, some request of the neighbour gets to its own lock meanwhile.
  static constexpr std::chrono::milliseconds kWindow{50};

  const FaultWindow<Sync> window_;
  Keyed<Sync, typename Sync::mutex> mutexes_;
};

const RegisterGuard<LockOrderGuard> registered;

}  // namespace
}  // namespace ccbench
