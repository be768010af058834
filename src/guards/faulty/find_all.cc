// faulty-find-all: a look-up without a key, its first result kept in one promise that is used again for
// ever.
//
// What is wrong: two things. The promise is made once and never taken back, so that every later caller
// gets what the first call found, however long ago. And the first caller makes its call under the lock,
// so that whoever comes meanwhile waits for the lock and not for the promise, and a look-up of another
// key would wait too. What ccbench shows: VIOLATION with stale answers: of 20 requests by two workers
// all but the first two, from one call.
//
//   $ ccbench --guard=faulty-find-all --scenario=vm-lookup --key-parts=none --call=20ms --threads=2
#include <mutex>
#include <optional>

#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class FindAllGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-find-all",
      .about = "wrong: keeps its first result for ever, and its lock while it waits for it",
      .promises = {.exclusive = true, .shares = true, .waits = true},
      .shown_by = "--scenario=vm-lookup --key-parts=none --call=20ms --threads=2"};

  Result run(const Request& /*request*/, Section section) {
    const std::lock_guard lock(mutex_);
    if (found_) return shared(*found_);
    found_ = section(Entry{});
    return *found_;
  }

 private:
  typename Sync::mutex mutex_;
  std::optional<Result> found_;
};

const RegisterGuard<FindAllGuard> registered;

}  // namespace
}  // namespace ccbench
