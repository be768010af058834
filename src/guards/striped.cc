// striped: a fixed number of mutexes, made at the start; a key's is the one that it hashes to.
//
// Who waits: every request while another one of the same stripe is inside, be it of the same key or not. Who
// is refused: nobody. Ordered: what one section of a stripe did happens before the next one of that stripe
// enters. Who of several waiters is next is not ordered. Not re-entrant: who enters its own key, or another
// one of its stripe, waits for ever.
// Memory: 64 bytes for each of the --stripes, whatever the number of keys: where a lock per key grows with
// every key ever used, this does not. What that costs: two keys that are in use at once share one of S
// stripes with a probability of 1/S, and then wait for each other. It is why this guard does not promise to
// be per key.
//
// A request has one key, and this guard locks one stripe. Where a section needs two keys, both stripes have
// to be locked in the order of the stripes, and once where they are one; the order of the keys is not enough,
// as faulty-stripes shows. (The two parts of a request name one thing, not two.)
//
// Algorithm: lock striping, as in the first java.util.concurrent.ConcurrentHashMap (D. Lea; B. Goetz et al.,
// "Java Concurrency in Practice", 2006, 11.4.3); how keys hash to them: sync/slots.h.
#include <array>
#include <cstddef>
#include <mutex>

#include "sync/register.h"
#include "sync/slots.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "stripes",
     .about = "so many locks serve all keys",
     .type = Parameter::Type::count,
     .initial = "64",
     .least = 1,
     .most = 65'536},
}};

template <class Sync>
class StripedGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "striped",
                                   .about = "a fixed number of mutexes: keys of one stripe queue together",
                                   .promises = {.exclusive = true, .waits = true},
                                   .parameters = kParameters,
                                   .bytes_per_key = 0};

  explicit StripedGuard(const GuardContext& context)
      : stripes_(static_cast<std::size_t>(context.parameters.at("stripes"))) {}

  Result run(const Request& request, Section section) {
    const std::lock_guard lock(stripes_.of(request.key).mutex);
    return section(Entry{});
  }

 private:
  /// On a cache line of its own, so that stripes do not slow each other down.
  struct alignas(64) Stripe {
    typename Sync::mutex mutex;
  };

  Slots<Sync, Stripe> stripes_;
};

const RegisterGuard<StripedGuard> registered;

}  // namespace
}  // namespace ccbench
