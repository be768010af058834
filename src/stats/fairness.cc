#include "stats/fairness.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace ccbench {

std::uint64_t overtakes(std::span<Arrival> arrivals) {
  std::ranges::sort(arrivals, {},
                    [](const Arrival& arrival) { return std::tie(arrival.key, arrival.start); });
  constexpr Nanos kNobody = std::numeric_limits<Nanos>::min();
  std::uint64_t result = 0;
  Nanos last_of_earlier = kNobody;  // the latest entry of those of the same key that came strictly earlier
  Nanos last_of_all = kNobody;      // and of all of the same key so far
  const Arrival* previous = nullptr;
  for (const Arrival& arrival : arrivals) {
    if (previous == nullptr || previous->key != arrival.key)
      last_of_earlier = last_of_all = kNobody;
    else if (previous->start != arrival.start)
      last_of_earlier = last_of_all;
    if (arrival.enter < last_of_earlier) ++result;
    last_of_all = std::max(last_of_all, arrival.enter);
    previous = &arrival;
  }
  return result;
}

void hand_overs(std::span<Passage> passages,
                FunctionRef<void(const Passage& left, const Passage& entered, Nanos gap)> visit) {
  // By the request at last, so that the answer does not depend on the order of the input.
  std::ranges::sort(passages, {}, [](const Passage& passage) {
    return std::tie(passage.key, passage.enter, passage.leave, passage.request);
  });
  const Passage* last_to_leave = nullptr;
  for (const Passage& passage : passages) {
    if (last_to_leave != nullptr && last_to_leave->key == passage.key) {
      if (passage.start <= last_to_leave->leave && last_to_leave->leave <= passage.enter)
        visit(*last_to_leave, passage, passage.enter - last_to_leave->leave);
      if (passage.leave < last_to_leave->leave) continue;
    }
    last_to_leave = &passage;
  }
}

}  // namespace ccbench
