// The records of a trial, worker by worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "driver/record.h"

namespace ccbench {

/// The requests of every worker follow each other. Walks them side by side, so that going through all in
/// order of time takes memory by the worker and not by the request.
class Lanes {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  Lanes(std::span<Record> records, std::uint32_t workers) : records_(records), first_(workers, kNone) {
    for (std::size_t i = records.size(); i-- > 0;) {
      if (records[i].start != 0)
        records[i].next = std::exchange(first_[records[i].worker], static_cast<std::uint32_t>(i));
    }
  }

  /// By worker; `Record::next` leads on to the others. `kNone`: it started none, or no other.
  std::span<const std::uint32_t> first() const { return first_; }

  /// Calls `visit(index)` for every request that has this time, a function of its record, ascending.
  template <class Time, class Visit>
  void in_order_of(Time time, Visit visit) const {
    using Next = std::pair<Nanos, std::uint32_t>;  // and the record that it is of
    std::priority_queue<Next, std::vector<Next>, std::greater<>> upcoming;
    const auto add = [&](std::uint32_t i) {
      while (i != kNone && std::invoke(time, records_[i]) == 0) i = records_[i].next;
      if (i != kNone) upcoming.emplace(std::invoke(time, records_[i]), i);
    };
    for (const std::uint32_t i : first_) add(i);
    while (!upcoming.empty()) {
      const std::uint32_t i = upcoming.top().second;
      upcoming.pop();
      visit(i);
      add(records_[i].next);
    }
  }

 private:
  std::span<Record> records_;
  std::vector<std::uint32_t> first_;
};

}  // namespace ccbench
