// What a guard promises and what a scenario needs, in the same words, so that they can be matched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"

namespace ccbench {

/// Correct is relative: a guard is wrong only where it breaks what it promises, and a scenario asks
/// for some of these promises.
struct Promises {
  bool exclusive = false;  ///< at most one writing request is inside a key's section at any time
  bool once = false;       ///< after a success no other request of the key enters the section
  bool shares = false;     ///< concurrent requests of a key may get one request's result
  bool retries = false;    ///< the section may be called more than once for one request; else once at most
  bool cancels = false;    ///< a failure stops siblings
  bool waits = false;      ///< a request that cannot enter waits instead of being turned away
  bool gives_up = false;   ///< it waits, but not for ever: then it ends as `timed_out`
  bool reentrant = false;  ///< the thread that is inside may enter the same key again
  bool per_key = false;    ///< requests of different keys never wait for each other
  /// Sections of a key change the store as if one after the other, though several may run at once: whoever
  /// read what another changed since does not commit. Who is exclusive is this too.
  bool serializable = false;
  bool fifo = false;         ///< requests of a key enter in the order in which they came
  bool independent = false;  ///< a failure stops nobody else
  int admits = 0;            ///< at most this many inside a key at once; 0: not limited by number
  Nanos stale_for = 0;       ///< a result may be given to who comes up to this much later; 0: never
  Nanos once_for = 0;        ///< `once` is promised until so long after who succeeded had come; 0: for ever

  bool operator==(const Promises&) const = default;
};

/// The names of the promises made, in the order above: `exclusive, waits, per key`.
std::vector<std::string> names_of(const Promises& promises);

/// The names of the promises that `needs` asks for and `promises` does not make; empty if they fit.
std::vector<std::string> missing(const Promises& needs, const Promises& promises);

}  // namespace ccbench
