// The counts of one trial, and what must be true of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/facts.h"
#include "core/outcome.h"
#include "core/promises.h"

namespace ccbench {

/// Counts of a trial, also of one that never ended: then they are what had happened until then.
struct Tally {
  Promises promises;     ///< of the guard: correct is relative to them
  bool settled = false;  ///< the scenario has turned its final state into facts
  std::uint64_t requests = 0;
  Key keys = 1;
  std::array<std::uint64_t, kOutcomes> outcomes{};                   ///< of the requests that ended
  std::vector<std::uint64_t> requests_of_key;                        ///< by key
  std::vector<std::uint64_t> successes_of_key;                       ///< by key
  std::vector<std::uint64_t> reads_of_key;                           ///< by key: successes that only read
  std::vector<std::vector<std::int64_t>> facts_of_key;               ///< by fact, then key
  std::map<std::pair<Outcome, std::string>, std::uint64_t> reasons;  ///< failures by outcome and reason

  std::uint64_t of(Outcome outcome) const { return outcomes.at(index_of(outcome)); }
  std::uint64_t ended() const;
  std::uint64_t unfinished() const { return requests - ended(); }
  std::uint64_t keys_hit() const;  ///< keys with at least one request
  /// Successes of requests that write; of all, where nobody has counted reads.
  std::uint64_t writes_of(Key key) const {
    return successes_of_key.at(key) - (reads_of_key.empty() ? 0 : reads_of_key.at(key));
  }
  std::int64_t total(FactId fact) const;
  bool operator==(const Tally&) const = default;
  /// Keeps totals and forgets which key they belong to: a run of many trials over many keys has no room.
  void forget_keys();
};

/// Something that must be true when all requests have ended, by name.
struct Invariant {
  std::string name;
  std::int64_t expected = 0;
  std::int64_t observed = 0;
  bool holds = true;
  /// Nothing that could still happen would repair it: it is broken whether or not the trial ended.
  bool beyond_repair = false;
  /// It is broken by something that outlives the trial's process: if that has died, nobody is left to repair
  /// it. That is not the guard's doing.
  bool outlives = false;
  std::optional<Key> key;    ///< that `expected` and `observed` speak of; none where there is only one
  std::string witness = {};  ///< what shows that it is broken, as a clause; empty: the numbers do
};

/// `counts[key]` must be exactly `expected` on every key that was asked for, 0 on the others. The
/// invariant shows the key that is furthest off. Counts only grow, so too many is beyond repair.
Invariant each_key(std::string_view name, std::int64_t expected, const std::vector<std::int64_t>& counts,
                   const Tally& tally);

/// `observed` must equal `expected` once all has ended.
Invariant equal(std::string_view name, std::int64_t expected, std::int64_t observed);

std::vector<std::int64_t> as_counts(const std::vector<std::uint64_t>& counts);

}  // namespace ccbench
