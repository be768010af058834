// faulty-stripes: a fixed number of mutexes, of which each request locks two: that of its key and that of the
// next key, as a transfer from one account to another would.
//
// What is wrong: the two are locked in the order of the keys. With a lock per key nobody could wait in a
// circle so. With stripes, two keys in order are two stripes in any order: of keys 0 and 1 the first is
// stripe 0 and then stripe 1, of keys 1 and 2 it is stripe 1 and then stripe 0. The order that counts is that
// of what is locked. (Two keys of one stripe lock it once; that is right here.) The guard keeps the window
// between the two locks open for 50 ms. What ccbench shows: HUNG. One request holds each stripe, and nobody
// enters the section: 20 unfinished, no payment. With 64 stripes the circle has to find more keys, and comes
// rarely.
//
//   $ ccbench --guard=faulty-stripes --requests=20 --keys=2 --stripes=2 --payment=20ms --db=10ms
#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/register.h"
#include "sync/slots.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 2> kParameters = {{
    {.name = "stripes",
     .about = "so many locks serve all keys",
     .type = Parameter::Type::count,
     .initial = "64",
     .least = 1,
     .most = 65'536},
    kFaultWindow,
}};

template <class Sync>
class StripesGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-stripes",
      .about = "wrong: two of a fixed number of mutexes, locked in the order of the keys",
      .promises = {.exclusive = true, .waits = true},
      .parameters = kParameters,
      .shown_by = "--requests=20 --keys=2 --stripes=2 --payment=20ms --db=10ms"};

  explicit StripesGuard(const GuardContext& context)
      : window_(context, kWindow), stripes_(static_cast<std::size_t>(context.parameters.at("stripes"))) {}

  Result run(const Request& request, Section section) {
    auto& own = stripes_.of(request.key);
    auto& next = stripes_.of(request.key + 1);
    const std::lock_guard first(own);
    if (&next == &own) return section(Entry{});
    window_.hold();
    const std::lock_guard second(next);
    return section(Entry{});
  }

 private:
  /// Long enough that on a busy machine, too, some request of the other key gets to its first lock meanwhile.
  static constexpr std::chrono::milliseconds kWindow{50};

  const FaultWindow<Sync> window_;
  Slots<Sync, typename Sync::mutex> stripes_;
};

const RegisterGuard<StripesGuard> registered;

}  // namespace
}  // namespace ccbench
