// faulty-reopens: the cas guard with its flag cleared whenever a section ends, also after a success.
//
// What is wrong: clearing stands in a `finally`, so that the flag keeps others out while somebody is inside
// and no longer. It promises that nobody enters after a success: a second click that comes when the first one
// has been served runs the section again. Whether that pays twice is left to the checks inside. What ccbench
// shows: VIOLATION, nobody enters after a success. Requests must come later than the first success; all at
// once they are turned away. Nothing else is broken: the section finds the ticket sold.
//
//   $ ccbench --guard=faulty-reopens --requests=20 --keys=2 --payment=20ms --db=10ms --rate=200
#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class ReopensGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-reopens",
                                   .about = "wrong: a flag per key, cleared also after a success",
                                   .promises = {.exclusive = true, .once = true, .per_key = true},
                                   .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms --rate=200"};

  Result run(const Request& request, Section section) {
    auto& flag = flags_.at(request.key);
    int clear = 0;
    if (!flag.compare_exchange_strong(clear, 1, std::memory_order_acquire))
      return turned_away("the flag is set");
    struct Finally {
      Flag& flag;
      ~Finally() { flag.store(0, std::memory_order_release); }
    };
    const Finally reopen{flag};
    return section(Entry{});
  }

 private:
  using Flag = typename Sync::template atomic<int>;

  Keyed<Sync, Flag> flags_;
};

const RegisterGuard<ReopensGuard> registered;

}  // namespace
}  // namespace ccbench
