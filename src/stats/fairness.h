// Who came first and who was served first, and how long a lock lay free between two holders.
#pragma once

#include <cstdint>
#include <span>

#include "core/duration.h"
#include "core/function_ref.h"
#include "core/request.h"

namespace ccbench {

/// A request at a guard. Times on one clock.
struct Arrival {
  Key key;
  Nanos start;  ///< came to the guard
  Nanos enter;  ///< was let in; the greatest Nanos if it never was
};

/// How many requests entered before one of the same key that had come earlier. Each counts once, however many
/// it overtook; who came at the same moment overtakes nobody. O(n log n). Reorders.
std::uint64_t overtakes(std::span<Arrival> arrivals);

/// A request that was let in.
struct Passage {
  std::uint64_t request;  ///< names it, for who is told of it
  Key key;
  Nanos start;
  Nanos enter;
  Nanos leave;  ///< not before `enter`; the greatest Nanos if it never left
};

/// Calls `visit(left, entered, gap)` for every hand-over: `entered` was waiting when `left`, the last of its
/// key that had entered before it to leave, left; `gap` is the time from there to its entry, and may be 0.
/// Who enters while another is inside, or comes after the last has left, takes nothing over. By key, and by
/// entry within a key. O(n log n). Reorders.
void hand_overs(std::span<Passage> passages,
                FunctionRef<void(const Passage& left, const Passage& entered, Nanos gap)> visit);

}  // namespace ccbench
