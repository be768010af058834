// What a user demands of the figures of a run, `wait_p99{guard=cas} < 5ms`, and whether they are so. Figures
// are the cells of trials.csv as columns.h makes them, so that the file and the judgement agree. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/relation.h"
#include "report/columns.h"

namespace ccbench {

/// What a cell is compared with. More than a double holds, so that whole numbers are compared exactly.
using Bound = std::variant<long double, std::string>;

struct Expectation {
  /// What is compared: the figure of each trial, or one of them for all trials of a guard.
  enum class Over : std::uint8_t { each, least, median, most };

  /// Which trials it is about: those with this value in this column.
  struct Selector {
    const Column<TrialRow>* column = nullptr;
    std::string value;  ///< as it was typed
    Bound bound = {};
  };

  const Column<TrialRow>* column = nullptr;
  Over over = Over::each;
  std::vector<Selector> selectors = {};
  Relation relation = Relation::equal;
  Bound bound = {};
  std::string text = {};  ///< `wait_p99{guard=cas} < 5ms`: as it was typed, with one space where they belong
};

/// Why a text is no expectation: one sentence, without its end where a name is not known.
class BadExpectation : public std::invalid_argument {
 public:
  explicit BadExpectation(const std::string& sentence) : std::invalid_argument(sentence) {}
  BadExpectation(const std::string& sentence, std::vector<std::string> unknown,
                 std::vector<std::string> known)
      : std::invalid_argument(sentence), unknown_(std::move(unknown)), known_(std::move(known)) {}

  /// What may have been meant by one of `known`, the likeliest reading first; empty: all names are known.
  const std::vector<std::string>& unknown() const { return unknown_; }
  const std::vector<std::string>& known() const { return known_; }

 private:
  std::vector<std::string> unknown_;
  std::vector<std::string> known_;
};

/// `METRIC OP VALUE`, or `METRIC{COLUMN=VALUE,…} OP VALUE`. METRIC is a column of trials.csv without `_ns`;
/// if there is none of the name, one with `_min`, `_p50` or `_max` behind it, over trials. Times are compared
/// with durations, words with == and != alone. Throws BadExpectation.
Expectation parse_expectation(std::string_view text);

/// The items of a list with commas; those inside braces separate none. Items may be empty.
std::vector<std::string> split_expectations(std::string_view list);

/// Those of the run, in the order given.
std::vector<Expectation> expectations_of(const RunResult& run);

/// How the trials of a run fulfil an expectation. A row of the run is all trials of a guard under one
/// configuration; controls are left out unless a selector asks for the role `control` or the guard `none`.
/// What was not measured in a trial fulfils nothing there; of figures over trials, each row needs a sample.
struct Fulfilment {
  bool met = false;
  std::uint64_t rows = 0;         ///< that have trials which it is about
  std::uint64_t failed_rows = 0;  ///< over trials: that do not fulfil it
  std::uint64_t trials = 0;       ///< that it is about
  std::uint64_t samples = 0;      ///< of those, that measured the figure
  std::uint64_t failed = 0;       ///< trials that do not fulfil it; over trials none are counted
  /// The first that does not fulfil it: index into `RunResult::guards`, and into `RunResult::trials`. Over
  /// trials that is the one whose figure the row has.
  std::optional<std::size_t> row = {}, trial = {};
  Cell value = {};             ///< of that one; nothing: it was not measured
  Cell least = {}, most = {};  ///< of what was compared
};

/// What the cells refer to is the run's.
Fulfilment fulfilment_of(const RunResult& run, const Expectation& expectation);

/// `met in 30 trials (1)`, `not met in 2 of 30 trials: 6.12 ms in trial 7 (cas)`.
std::string sentence_of(const RunResult& run, const Expectation& expectation, const Fulfilment& fulfilment);

/// Whether all expectations of the run are met; also if there are none.
bool meets_expectations(const RunResult& run);

}  // namespace ccbench
