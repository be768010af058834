// faulty-read-lock: a write done under the shared side of a shared mutex.
//
// What is wrong: a shared lock keeps writers out, and here nobody is one: all who ask get it at once. The
// guard holds it for 5 ms before the section, so that those who come meanwhile are seen to be let in. What
// ccbench shows: VIOLATION, and no request ever blocked. Under lotto-purchase every request pays.
//
//   $ ccbench --guard=faulty-read-lock --requests=20 --keys=2 --payment=20ms --db=10ms
#include <shared_mutex>

#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class ReadLockGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-read-lock",
      .about = "wrong: a shared mutex per key, taken for reading by those who write",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit ReadLockGuard(const GuardContext& context) : window_(context, std::chrono::milliseconds(5)) {}

  Result run(const Request& request, Section section) {
    const std::shared_lock lock(mutexes_.at(request.key));
    window_.hold();
    return section(Entry{});
  }

 private:
  const FaultWindow<Sync> window_;
  Keyed<Sync, typename Sync::shared_mutex> mutexes_;
};

const RegisterGuard<ReadLockGuard> registered;

}  // namespace
}  // namespace ccbench
