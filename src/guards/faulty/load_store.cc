// faulty-load-store: the cas guard with its flag read, then set, in two steps.
//
// What is wrong: between reading the flag and setting it there is time for another request to read it too.
// All who read it clear enter together. The guard keeps that window open for 5 ms. What ccbench shows:
// VIOLATION. Under lotto-purchase every request of a key that comes within the window pays.
//
//   $ ccbench --guard=faulty-load-store --requests=20 --keys=2 --payment=20ms --db=10ms
#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class LoadStoreGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-load-store",
                                   .about = "wrong: a flag per key, read and then set in two steps",
                                   .promises = {.exclusive = true, .once = true, .per_key = true},
                                   .parameters = kFaultWindowOnly,
                                   .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit LoadStoreGuard(const GuardContext& context) : window_(context, std::chrono::milliseconds(5)) {}

  Result run(const Request& request, Section section) {
    auto& flag = flags_.at(request.key);
    if (flag.load(std::memory_order_acquire) != 0) return turned_away("the flag is set");
    window_.hold();
    flag.store(1, std::memory_order_release);
    try {
      const Result result = section(Entry{});
      if (result.outcome != Outcome::success) flag.store(0, std::memory_order_release);
      return result;
    } catch (...) {
      flag.store(0, std::memory_order_release);
      throw;
    }
  }

 private:
  const FaultWindow<Sync> window_;
  Keyed<Sync, typename Sync::template atomic<int>> flags_;
};

const RegisterGuard<LoadStoreGuard> registered;

}  // namespace
}  // namespace ccbench
