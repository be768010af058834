// faulty-reentry: a mutex per key that its holder locks a second time.
//
// What is wrong: every member locks what it touches, and one of them calls another. In Java that is right:
// `synchronized` lets its holder in again. A std::mutex does not: the language calls it undefined, and in
// glibc the holder waits for itself, for ever. What ccbench shows: HUNG. No request ever enters the section:
// 20 unfinished, no payment. One request alone hangs too.
//
//   $ ccbench --guard=faulty-reentry --requests=20 --keys=2 --payment=20ms --db=10ms
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class ReentryGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-reentry",
                                   .about = "wrong: a mutex per key, locked again by the one that holds it",
                                   .promises = {.exclusive = true, .waits = true, .per_key = true},
                                   .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  Result run(const Request& request, Section section) {
    State& state = states_.at(request.key);
    const std::lock_guard lock(state.mutex);
    count_entry(state);
    return section(Entry{});
  }

 private:
  struct State {
    typename Sync::mutex mutex;
    int entries = 0;
  };

  /// Takes the mutex, because nobody may touch a State without it.
  static void count_entry(State& state) {
    const std::lock_guard lock(state.mutex);
    ++state.entries;
  }

  Keyed<Sync, State> states_;
};

const RegisterGuard<ReentryGuard> registered;

}  // namespace
}  // namespace ccbench
