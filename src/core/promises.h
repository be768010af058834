// What a guard promises and what a scenario needs, in the same words, so that they can be matched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ccbench {

/// Correct is relative: a guard is wrong only where it breaks what it promises, and a scenario asks
/// for some of these promises.
struct Promises {
  bool exclusive = false;  ///< at most one writing request is inside a key's section at any time
  bool once = false;       ///< after a success no other request of the key enters the section
  bool shares = false;     ///< concurrent requests of a key may get one request's result
  bool retries = false;    ///< the section may be called more than once for one request
  bool cancels = false;    ///< a failure stops siblings
  bool waits = false;      ///< a request that cannot enter waits instead of being turned away
  bool reentrant = false;  ///< the thread that is inside may enter the same key again
  bool per_key = false;    ///< requests of different keys never wait for each other
  int admits = 0;          ///< at most this many inside a key at once; 0: not limited by number
};

/// The names of the promises made, in the order above: `exclusive, waits, per key`.
std::vector<std::string> names_of(const Promises& promises);

/// The names of the promises that `needs` asks for and `promises` does not make; empty if they fit.
std::vector<std::string> missing(const Promises& needs, const Promises& promises);

}  // namespace ccbench
