// Named counters that a scenario raises as things happen, one per fact and key.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "core/request.h"

namespace ccbench {

/// Which of a scenario's facts, by its place in `ScenarioInfo::facts`.
using FactId = std::size_t;

/// The counters live in memory that survives the trial's process, so a payment that was sent stays
/// counted whatever happens to its sender.
class Facts {
 public:
  using Counter = std::atomic<std::int64_t>;

  /// `counters` holds keys x facts counters, all facts of a key together; all zero at the start.
  Facts(std::span<Counter> counters, std::size_t facts) : counters_(counters), facts_(facts) {}

  /// Safe from any thread; orders nothing. Throws std::out_of_range for a fact or key that is not declared.
  void raise(FactId fact, Key key) { at(fact, key).fetch_add(1, std::memory_order_relaxed); }
  void set(FactId fact, Key key, std::int64_t value) {
    at(fact, key).store(value, std::memory_order_relaxed);
  }
  std::int64_t get(FactId fact, Key key) const {
    return counters_[index_of(fact, key)].load(std::memory_order_relaxed);
  }

 private:
  Counter& at(FactId fact, Key key) { return counters_[index_of(fact, key)]; }

  /// Checked, because behind the counters lie the records of the trial.
  std::size_t index_of(FactId fact, Key key) const {
    const std::size_t index = key * facts_ + fact;
    if (fact >= facts_ || index >= counters_.size()) throw std::out_of_range("there is no such fact or key");
    return index;
  }

  std::span<Counter> counters_;
  std::size_t facts_;
};

}  // namespace ccbench
