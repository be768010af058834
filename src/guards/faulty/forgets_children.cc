// faulty-forgets-children: the all-or-nothing guard with a list of the children that are inside. A failure
// asks all of these to stop, and is then forgotten.
//
// What is wrong: a child that comes after the failure is not on the list and finds nothing that tells of it.
// It runs to its end for a whole that has failed. It needs children that come late, as behind a pool that is
// smaller than the fan-out: with all of them inside at once the guard looks right. What ccbench shows:
// VIOLATION, nobody ran on after the failure was known: 8 instead of 0 on a parent; 2 children fail, some 2
// that were inside then are cancelled, and some 16 run on.
//
//   $ ccbench --guard=faulty-forgets-children --scenario=fan-out --requests=20 --keys=2 --threads=4
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stop_signal.h"

namespace ccbench {
namespace {

template <class Sync>
class ForgetsChildrenGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-forgets-children",
      .about = "wrong: a failure stops the siblings that are inside, and those to come run on",
      .promises = {.cancels = true, .per_key = true},
      .shown_by = "--scenario=fan-out --requests=20 --keys=2 --threads=4"};

  Result run(const Request& request, Section section) {
    Whole& whole = wholes_.at(request.key);
    Child child(whole);
    try {
      const Result result = section(Entry{.stop = &child.signal});
      // Who was stopped has not failed; else every stop would spread to those who came since.
      if (is_failure(result.outcome) && result.outcome != Outcome::cancelled) whole.stop_those_inside();
      return result;
    } catch (...) {
      whole.stop_those_inside();
      throw;
    }
  }

 private:
  struct Child;

  struct Whole {
    void stop_those_inside() {
      const std::lock_guard lock(mutex);
      for (Child* child = inside; child != nullptr; child = child->next) child->signal.request_stop();
    }

    typename Sync::mutex mutex;
    Child* inside = nullptr;
  };

  /// On its whole's list for as long as it lives.
  struct Child {
    explicit Child(Whole& its_whole) : whole(its_whole) {
      const std::lock_guard lock(whole.mutex);
      next = whole.inside;
      whole.inside = this;
    }
    ~Child() {
      const std::lock_guard lock(whole.mutex);
      Child** link = &whole.inside;
      while (*link != this) link = &(*link)->next;
      *link = next;
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    Whole& whole;
    StopSignal<Sync> signal;
    Child* next = nullptr;
  };

  Keyed<Sync, Whole> wholes_;
};

const RegisterGuard<ForgetsChildrenGuard> registered;

}  // namespace
}  // namespace ccbench
