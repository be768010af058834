// The requests of a trial as one history for each key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/function_ref.h"
#include "core/outcome.h"
#include "core/tally.h"
#include "history/linearizability.h"

namespace ccbench {

/// The invariant's name.
inline constexpr std::string_view kLinearizable = "linearizable histories";

/// A request that was begun, as it is known from outside.
struct ObservedRequest {
  std::uint64_t index = 0;
  Key key = 0;
  Kind kind = Kind::write;
  std::int64_t call = 0;
  std::int64_t response = kNoResponse;
  Outcome outcome = Outcome::success;  ///< and the rest: only if it has a response
  bool conflict = false;
  bool entered = false;  ///< its section was called at least once; also if it has no response
  std::optional<Value> value = {};
};

/// What the request adds to the history of its key; nothing: it can have changed nothing, and was told
/// nothing.
///
/// Who was turned away, gave up, was stopped or threw was told nothing of the key, and may have taken effect
/// if its section was called, as may who has not ended. A conflict has changed nothing. A success that is
/// shared counts as one's own: whoever shares it is told that the thing is done for him.
std::optional<Operation> operation_of(const SequentialModel& model, const ObservedRequest& request);

struct HistoryReport {
  /// How many of the histories that could be told are linearizable, of how many. Nothing where all that could
  /// be told are and there are others: that it holds is not known then. What breaks it is proof, and beyond
  /// repair: no order of what has happened gets possible by what comes after it.
  std::optional<Invariant> invariant;
  std::uint64_t unknown = 0;  ///< keys of whose history it could not be told within the limit
};

/// Checks trials of one model, one after the other; keeps its memory for the next one.
class Histories {
 public:
  Histories(SequentialModel model, Key keys) : model_(std::move(model)), keys_(keys) {}

  /// Asks for each of `requests` requests, more than once; nothing: it was never begun. The limit's steps are
  /// for each key.
  HistoryReport check(std::size_t requests, FunctionRef<std::optional<ObservedRequest>(std::size_t)> request,
                      const LinearizationLimit& limit = {});

 private:
  using Request = FunctionRef<std::optional<ObservedRequest>(std::size_t)>;

  void sort_by_key(std::size_t requests, Request request);
  void read_history(Key key, Request request);

  const SequentialModel model_;
  const Key keys_;
  LinearizabilityCheck is_linearizable_;
  std::vector<std::size_t> end_of_key_;    ///< in `by_key_`, where the next key's begin
  std::vector<std::uint32_t> by_key_;      ///< requests
  std::vector<Operation> history_;         ///< of one key
  std::vector<std::uint32_t> request_of_;  ///< its operations
};

}  // namespace ccbench
