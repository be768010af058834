// Whether operations that overlapped can be put into one order that explains what each of them was told.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "core/function_ref.h"
#include "core/sequential_model.h"

namespace ccbench {

inline constexpr std::int64_t kNoResponse = std::numeric_limits<std::int64_t>::max();

/// An operation, by a clock that all operations of its history share. One whose response is before another's
/// call comes before it; of two that touch nobody knows.
struct Operation {
  std::int64_t call = 0;
  /// Not before the call. `kNoResponse`: it may have taken effect at any time after the call, or never.
  std::int64_t response = kNoResponse;
  Deed deed;
};

/// Where the search gives up.
struct LinearizationLimit {
  /// Looks at an operation, and words that are kept to remember what was tried; the same for the same history
  /// on every machine. A hundred more for each operation: so many a history that is nearly sequential never
  /// takes.
  std::uint64_t steps = 1'000'000;
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

struct Linearization {
  enum class Answer : std::uint8_t { linearizable, not_linearizable, unknown };
  Answer answer = Answer::linearizable;
  std::uint64_t steps = 0;

  // Where it is not linearizable: the longest order that was possible.
  std::size_t ordered = 0;      ///< so many operations that have a response are in it
  std::int64_t state = 0;       ///< after them
  std::size_t unexplained = 0;  ///< the first to end of those that are not, by its place in the history
};

/// Checks histories of one key, one after the other; keeps its memory for the next one.
///
/// J. Wing and C. Gong, "Testing and verifying concurrent objects" (J. Parallel Distrib. Comput. 17, 1993),
/// with what G. Lowe added in "Testing for linearizability" (Concurrency Computat. Pract. Exper. 29, 2017):
/// sets of ordered operations with their state, from which nothing was possible, are tried once; and of the
/// operations that could be next those are tried first whose responses are due first, so that a history that
/// is nearly sequential takes one step for each operation. That a history of many keys may be checked key by
/// key is due to M. Herlihy and J. Wing (1990), and that it should be to A. Horn and D. Kroening, "Faster
/// linearizability checking via P-compositionality" (FORTE 2015).
///
/// Two rules spare the orders in which failing histories would be lost, and neither changes an answer:
/// - who only looks and could be next is next: no order is lost by taking it out of its later place;
/// - of equal deeds that could be next the one that is due first is: the others may take its later place.
///
/// Memory: 60 bytes for each operation, and what is remembered of failures, 8 bytes for each step at most
/// beside some 60 for each failure. Not safe for two threads at once.
class LinearizabilityCheck {
 public:
  using Step = FunctionRef<std::optional<std::int64_t>(std::int64_t state, const Deed&)>;

  Linearization operator()(std::span<const Operation> history, std::int64_t initial, Step step,
                           const LinearizationLimit& limit = {});

 private:
  /// An operation's place in the order of responses; those without one come last.
  using Rank = std::uint32_t;
  static constexpr Rank kNone = std::numeric_limits<Rank>::max();

  /// Ranks, of which most come without a gap from the first on.
  class RankSet {
   public:
    void clear(std::size_t ranks);
    void add(Rank rank);
    void remove(Rank rank);
    Rank first_missing() const;
    /// Appends what tells it from every other set.
    void append_to(std::vector<std::uint64_t>& key) const;

   private:
    std::vector<std::uint64_t> words_;
    std::size_t full_ = 0;  ///< so many words from the first on have no gap
    std::size_t end_ = 0;   ///< behind the last word that is not empty; at least `full_`
  };

  /// Equal deeds. Those that may be next are bits of its words, by rank.
  struct Group {
    Deed deed;
    std::uint32_t size = 0;
    std::uint32_t begin = 0;  ///< its words
    std::uint32_t end = 0;
    std::uint32_t low = 0;  ///< no word before this one has a bit
  };

  struct Entry {
    std::int64_t call;
    std::uint32_t group;
    std::uint32_t slot;       ///< its bit
    std::uint32_t operation;  ///< in the history
  };

  struct Choice {
    Rank rank = kNone;
    std::int64_t state = 0;  ///< after it
    bool forced = false;     ///< no other choice can do better
  };

  struct Placed {
    Rank rank;
    bool forced;
    std::int64_t before;  ///< the state
  };

  struct HashKey {
    std::size_t operator()(const std::vector<std::uint64_t>& key) const;
  };

  void prepare(std::span<const Operation> history);
  std::uint32_t group_of(const Deed& deed);
  void deal_slots();
  Rank first_candidate(Group& group) const;
  void open(Rank rank);
  void close(Rank rank);
  void open_and_close_by_call();
  Choice next_choice(Rank tried, Step step);
  void place(const Choice& choice);
  Placed take_back();
  RankSet& set_of(Rank rank) { return rank < required_ ? ordered_ : extra_; }
  Rank rank_in_set(Rank rank) const { return rank < required_ ? rank : rank - required_; }
  std::optional<Rank> back_to_a_choice();
  const std::vector<std::uint64_t>& key();
  void remember_failure();
  void keep_longest(Linearization& result) const;

  std::span<const Operation> history_;
  std::vector<Entry> entries_;  ///< by rank
  std::vector<Rank> by_call_;
  std::size_t called_ = 0;  ///< so many of those may come before an operation that is due
  std::vector<Group> groups_;
  std::vector<std::uint64_t> open_;  ///< the words of the groups: called and not in the order yet
  std::vector<Rank> rank_of_slot_;
  Rank required_ = 0;  ///< so many have a response
  Rank left_ = 0;      ///< of those, not in the order yet
  std::int64_t state_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<Placed> path_;
  RankSet ordered_;
  RankSet extra_;  ///< of those without a response
  std::unordered_set<std::vector<std::uint64_t>, HashKey> failed_;
  std::vector<std::uint64_t> key_;
};

}  // namespace ccbench
