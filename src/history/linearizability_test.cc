// Histories that are known to be linearizable or not, small ones against every order there is, and large ones
// against the time that they may take.
#include "history/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "history/histories.h"

namespace ccbench {
namespace {

using Answer = Linearization::Answer;
using State = std::optional<std::int64_t>;

/// A register, 0 at first: a write has its value as input, a read -1.
Deed write(std::int64_t value) { return {.input = value}; }
Deed read(std::int64_t value) { return {.input = -1, .output = value, .looks = true}; }
State register_step(std::int64_t value, const Deed& deed) {
  if (!deed.looks) return deed.input;
  return value == deed.output ? State(value) : std::nullopt;
}

/// A balance of points: bookings change it, and are refused where it would fall below 0.
Deed book(std::int64_t change) { return {.input = change}; }
Deed refuse(std::int64_t change) { return {.input = change, .looks = true}; }
State balance_step(std::int64_t balance, const Deed& deed) {
  if ((balance + deed.input < 0) != deed.looks) return std::nullopt;
  return deed.looks ? balance : balance + deed.input;
}

using Step = State (*)(std::int64_t, const Deed&);

Linearization check(const std::vector<Operation>& history, Step step = register_step,
                    std::int64_t initial = 0, const LinearizationLimit& limit = {}) {
  LinearizabilityCheck is_linearizable;
  return is_linearizable(history, initial, step, limit);
}

bool holds(const std::vector<Operation>& history, Step step = register_step, std::int64_t initial = 0) {
  const Answer answer = check(history, step, initial).answer;
  EXPECT_NE(answer, Answer::unknown);
  return answer == Answer::linearizable;
}

// Histories of a register

TEST(Linearizability, HoldsOfNothingAtAll) { EXPECT_TRUE(holds({})); }

TEST(Linearizability, KeepsTheOrderOfOperationsThatDoNotOverlap) {
  EXPECT_TRUE(holds({{1, 2, write(1)}, {3, 4, read(1)}}));
  EXPECT_FALSE(holds({{1, 2, write(1)}, {3, 4, read(0)}}));
  EXPECT_FALSE(holds({{3, 4, write(1)}, {1, 2, read(1)}})) << "it has read what is written later";
  EXPECT_TRUE(holds({{1, 2, write(1)}, {3, 4, write(2)}, {5, 6, read(2)}}));
  EXPECT_FALSE(holds({{1, 2, write(1)}, {3, 4, write(2)}, {5, 6, read(1)}}));
}

TEST(Linearizability, LeavesOperationsThatOverlapAnyOrder) {
  for (const std::int64_t value : {0, 1})
    EXPECT_TRUE(holds({{1, 4, write(1)}, {2, 3, read(value)}})) << value;
  EXPECT_FALSE(holds({{1, 4, write(1)}, {2, 3, read(2)}}));
  for (const std::int64_t value : {1, 2})
    EXPECT_TRUE(holds({{1, 4, write(1)}, {2, 5, write(2)}, {6, 7, read(value)}})) << value;
  EXPECT_FALSE(holds({{1, 4, write(1)}, {2, 5, write(2)}, {6, 7, read(1)}, {8, 9, read(2)}}));
}

TEST(Linearizability, SeesTheOldValueAfterTheNewOne) {
  EXPECT_FALSE(holds({{1, 10, write(1)}, {2, 3, read(1)}, {4, 5, read(0)}}));
  EXPECT_TRUE(holds({{1, 10, write(1)}, {2, 3, read(0)}, {4, 5, read(1)}}));
  EXPECT_TRUE(holds({{1, 10, write(1)}, {2, 6, read(1)}, {4, 7, read(0)}})) << "these overlap";
}

TEST(Linearizability, DoesNotKnowTheOrderOfOperationsThatTouch) {
  EXPECT_TRUE(holds({{1, 5, write(1)}, {5, 6, read(0)}}));
  EXPECT_FALSE(holds({{1, 5, write(1)}, {6, 7, read(0)}}));
  EXPECT_TRUE(holds({{5, 5, write(1)}, {5, 5, read(0)}}));
}

TEST(Linearizability, LetsAnOperationWithoutAResponseTakeEffectAtAnyTimeOrNever) {
  const Operation pending{5, kNoResponse, write(1)};
  EXPECT_TRUE(holds({pending}));
  EXPECT_TRUE(holds({pending, {6, 7, read(0)}, {900, 901, read(0)}}));
  EXPECT_TRUE(holds({pending, {6, 7, read(0)}, {900, 901, read(1)}}));
  EXPECT_FALSE(holds({pending, {6, 7, read(1)}, {900, 901, read(0)}})) << "but once";
  EXPECT_FALSE(holds({pending, {1, 2, read(1)}})) << "and not before its call";
  EXPECT_TRUE(holds({pending, {1, 6, read(1)}}));
  EXPECT_FALSE(holds({pending, pending, {6, 7, read(1)}, {8, 9, read(2)}}));
  EXPECT_TRUE(holds({{5, kNoResponse, read(7)}, {6, 7, read(0)}})) << "nobody was told what it has read";
  const Operation other{5, kNoResponse, write(2)};
  for (const std::int64_t first : {1, 2})
    EXPECT_TRUE(holds({pending, other, {6, 7, read(first)}, {8, 9, read(3 - first)}})) << first;
}

TEST(Linearizability, SaysHowFarAnOrderGoes) {
  const Linearization result =
      check({{1, 2, write(1)}, {3, 4, read(1)}, {7, 8, read(3)}, {5, 6, write(2)}, {9, 10, read(2)}});
  EXPECT_EQ(result.answer, Answer::not_linearizable);
  EXPECT_EQ(result.ordered, 3U);
  EXPECT_EQ(result.state, 2);
  EXPECT_EQ(result.unexplained, 2U) << "the read of 3, which was never written";
}

// Every order there is

bool precedes(const Operation& a, const Operation& b) { return a.response < b.call; }

/// Whether this is an order that explains the history; operations behind the end of it did not take effect.
bool explains(const std::vector<std::size_t>& order, std::size_t end, const std::vector<Operation>& history,
              Step step, std::int64_t state) {
  for (std::size_t i = 0; i < end; ++i) {
    for (std::size_t later = i + 1; later < order.size(); ++later) {
      if (precedes(history[order[later]], history[order[i]])) return false;
    }
    const State next = step(state, history[order[i]].deed);
    if (!next) return false;
    state = *next;
  }
  for (std::size_t i = end; i < order.size(); ++i) {
    if (history[order[i]].response != kNoResponse) return false;
  }
  return true;
}

bool holds_in_some_order(const std::vector<Operation>& history, Step step, std::int64_t initial) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0U);
  do {
    for (std::size_t end = 0; end <= order.size(); ++end) {
      if (explains(order, end, history, step, initial)) return true;
    }
  } while (std::ranges::next_permutation(order).found);
  return false;
}

struct Tried {
  int linearizable = 0;
  int not_linearizable = 0;
};

/// Sixty operations one after the other, so that what follows is on both sides of a word's end.
std::vector<Operation> behind_sixty(const std::vector<Operation>& history, const Deed& idle) {
  std::vector<Operation> longer;
  longer.reserve(60 + history.size());
  for (std::int64_t i = 0; i < 60; ++i)
    longer.push_back({.call = i - 100, .response = i - 100, .deed = idle});
  longer.insert(longer.end(), history.begin(), history.end());
  return longer;
}

/// Holds random histories of a few deeds, the first of which is possible at first and changes nothing,
/// against all their orders.
Tried try_all_orders(const std::vector<Deed>& deeds, Step step, std::int64_t initial, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto up_to = [&](std::int64_t most) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most + 1));
  };
  LinearizabilityCheck is_linearizable;
  Tried tried;
  for (int round = 0; round < 4000; ++round) {
    std::vector<Operation> history(static_cast<std::size_t>(1 + up_to(round % 20 == 0 ? 6 : 4)));
    for (Operation& operation : history) {
      operation.call = up_to(8);
      operation.response = up_to(round % 2 == 0 ? 8 : 1) == 0 ? kNoResponse : operation.call + up_to(4);
      operation.deed = deeds[static_cast<std::size_t>(up_to(std::ssize(deeds) - 1))];
    }
    const bool expected = holds_in_some_order(history, step, initial);
    const Answer answer = expected ? Answer::linearizable : Answer::not_linearizable;
    EXPECT_EQ(is_linearizable(history, initial, step).answer, answer) << "round " << round;
    EXPECT_EQ(is_linearizable(behind_sixty(history, deeds[0]), initial, step).answer, answer)
        << "round " << round << ", behind sixty";
    ++(expected ? tried.linearizable : tried.not_linearizable);
  }
  return tried;
}

TEST(Linearizability, IsTheSameAsTryingEveryOrder) {
  const Tried registers =
      try_all_orders({read(0), read(1), read(2), write(1), write(2), write(0)}, register_step, 0, 1);
  EXPECT_GT(registers.linearizable, 900);
  EXPECT_GT(registers.not_linearizable, 900);
  const Tried balances =
      try_all_orders({refuse(-5), book(-3), book(2), refuse(-3), book(-1), refuse(-1)}, balance_step, 4, 2);
  EXPECT_GT(balances.linearizable, 900);
  EXPECT_GT(balances.not_linearizable, 900);
}

// Large histories

/// What a correct lock does with `count` requests of a pool of so many workers, that come again at once: each
/// is booked in the middle of its interval.
std::vector<Operation> booked(std::size_t count, std::size_t workers, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::int64_t> free(workers, 0);
  std::vector<Operation> history;
  std::int64_t balance = 100;
  for (std::int64_t now = 1000; history.size() < count; now += 10) {
    std::int64_t& since = free[random() % workers];
    if (since > now) continue;
    const std::int64_t change = random() % 4 == 0 ? 20 : -30;
    const bool is_refused = balance + change < 0;
    const auto late = static_cast<std::int64_t>(random() % 25);
    history.push_back(
        {.call = since, .response = now + late, .deed = is_refused ? refuse(change) : book(change)});
    if (!is_refused) balance += change;
    since = now + late + 1;
  }
  return history;
}

TEST(Linearizability, TakesAFewStepsForEachOfManyOperations) {
  for (const std::size_t workers : {2U, 20U, 500U}) {
    std::vector<Operation> history = booked(20'000, workers, 7);
    const Linearization right = check(history, balance_step, 100);
    EXPECT_EQ(right.answer, Answer::linearizable) << workers << " workers";
    EXPECT_LT(right.steps, 4 * history.size()) << workers << " workers";
  }
}

TEST(Linearizability, IsToldWhereOneOfManyAnswersIsWrong) {
  std::vector<Operation> history = booked(5'000, 8, 8);
  const auto wrong = history.begin() + 4'000;
  ASSERT_EQ(check(history, balance_step, 100).answer, Answer::linearizable);
  wrong->deed = book(-1'000'000);
  const Linearization result = check(history, balance_step, 100);
  EXPECT_EQ(result.answer, Answer::not_linearizable);
  EXPECT_EQ(result.unexplained, 4'000U);
}

TEST(Linearizability, IsToldOfManyThatAllOverlap) {
  // A thousand users of one seat: one of them has it, or two.
  std::vector<Operation> seat;
  seat.reserve(1000);
  for (std::int64_t i = 0; i < 1000; ++i) seat.push_back({.call = 0, .response = 10 + i, .deed = refuse(-1)});
  seat[700].deed = book(-1);
  EXPECT_EQ(check(seat, balance_step, 1).answer, Answer::linearizable);
  seat[200].deed = book(-1);
  const Linearization two = check(seat, balance_step, 1);
  EXPECT_EQ(two.answer, Answer::not_linearizable);
  EXPECT_LT(two.steps, 40'000U);
  // Nobody is refused, although there is cover for a few.
  std::vector<Operation> spends;
  spends.reserve(400);
  for (std::int64_t i = 0; i < 400; ++i)
    spends.push_back({.call = 0, .response = 10 + i, .deed = book(i % 4 == 0 ? 20 : -30)});
  EXPECT_EQ(check(spends, balance_step, 100).answer, Answer::not_linearizable);
}

/// Forty writes at once, and a read of what none of them has written: every set of them can come before it.
std::vector<Operation> entangled() {
  std::vector<Operation> history;
  history.reserve(41);
  for (std::int64_t i = 1; i <= 40; ++i)
    history.push_back({.call = 0, .response = 100 + i, .deed = write(i)});
  history.push_back({.call = 0, .response = 100, .deed = read(99)});
  return history;
}

TEST(Linearizability, IsUnknownBeyondALimit) {
  const Linearization by_steps = check(entangled(), register_step, 0, {.steps = 50'000});
  EXPECT_EQ(by_steps.answer, Answer::unknown);
  EXPECT_GT(by_steps.steps, 54'000U);
  EXPECT_LT(by_steps.steps, 55'000U);
  EXPECT_EQ(check(entangled(), register_step, 0, {.steps = 50'000}).steps, by_steps.steps);
  const Linearization by_time =
      check(entangled(), register_step, 0, {.deadline = std::chrono::steady_clock::now()});
  EXPECT_EQ(by_time.answer, Answer::unknown);
  EXPECT_LT(by_time.steps, 10'000U);
}

TEST(Linearizability, ForgetsTheHistoryBefore) {
  LinearizabilityCheck is_linearizable;
  const Step step = register_step;
  const std::vector<Operation> wrong = {{1, 2, write(1)}, {3, 4, read(0)}};
  const std::vector<Operation> right = {{1, 2, write(1)}, {3, 4, read(1)}};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(is_linearizable(wrong, 0, step).answer, Answer::not_linearizable);
    EXPECT_EQ(is_linearizable(right, 0, step).answer, Answer::linearizable);
    EXPECT_EQ(is_linearizable(entangled(), 0, step, {.steps = 100}).answer, Answer::unknown);
  }
}

// Histories by key

/// Registers: a success of a write writes its number, one of a read has read its value; a refusal changes
/// nothing.
SequentialModel registers() {
  return {.initial = 0,
          .deed_of = [](const AnsweredRequest& request) -> std::optional<Deed> {
            if (request.refused) return std::nullopt;
            if (request.kind == Kind::write) return write(static_cast<std::int64_t>(request.index));
            return request.value ? std::optional(read(*request.value)) : std::nullopt;
          },
          .step = register_step};
}

HistoryReport report_of(const std::vector<ObservedRequest>& requests, Key keys,
                        const LinearizationLimit& limit = {}) {
  Histories histories(registers(), keys);
  return histories.check(requests.size(), [&](std::size_t i) { return std::optional(requests[i]); }, limit);
}

/// What is listed; an invariant without a name: nothing.
Invariant listed(const HistoryReport& report) {
  return report.invariant.value_or(Invariant{.name = "", .key = {}});
}

std::vector<ObservedRequest> read_after_write(Key key, Value value) {
  return {{.index = 1, .key = key, .call = 1, .response = 2, .entered = true},
          {.index = 2,
           .key = key,
           .kind = Kind::read,
           .call = 3,
           .response = 4,
           .entered = true,
           .value = value}};
}

TEST(Histories, AreOfOneKeyEach) {
  std::vector<ObservedRequest> requests = read_after_write(0, 1);
  const auto other = read_after_write(2, 0);
  requests.insert(requests.begin() + 1, other.begin(), other.end());
  const HistoryReport report = report_of(requests, 4);
  EXPECT_EQ(listed(report).name, kLinearizable);
  EXPECT_EQ(listed(report).expected, 2) << "of two keys there is none";
  EXPECT_EQ(listed(report).observed, 1);
  EXPECT_FALSE(listed(report).holds);
  EXPECT_TRUE(listed(report).beyond_repair);
  EXPECT_EQ(listed(report).key, Key{2});
  EXPECT_EQ(listed(report).witness,
            "no order explains request 2 (success): after 1 of 2 requests the state is 1");
}

TEST(Histories, HoldWhereEveryOneDoes) {
  const HistoryReport report = report_of(read_after_write(0, 1), 1);
  EXPECT_EQ(listed(report).name, kLinearizable);
  EXPECT_TRUE(listed(report).holds);
  EXPECT_EQ(listed(report).expected, 1);
  EXPECT_EQ(listed(report).observed, 1);
  EXPECT_EQ(report.unknown, 0U);
}

TEST(Histories, DoNotHoldWhereOneCannotBeTold) {
  std::vector<ObservedRequest> requests;
  for (std::uint64_t i = 1; i <= 40; ++i)
    requests.push_back({.index = i, .call = 0, .response = 200, .entered = true});
  requests.push_back(
      {.index = 41, .kind = Kind::read, .call = 0, .response = 100, .entered = true, .value = 99});
  HistoryReport report = report_of(requests, 2, {.steps = 1000});
  EXPECT_EQ(listed(report).name, "");
  EXPECT_EQ(report.unknown, 1U);
  const auto wrong = read_after_write(1, 0);
  requests.insert(requests.end(), wrong.begin(), wrong.end());
  report = report_of(requests, 2, {.steps = 1000});
  EXPECT_EQ(listed(report).name, kLinearizable);
  EXPECT_FALSE(listed(report).holds);
  EXPECT_EQ(listed(report).expected, 1) << "of those that could be told";
  EXPECT_EQ(report.unknown, 1U);
}

TEST(Histories, CountWhatARequestMayHaveDone) {
  const SequentialModel model = registers();
  ObservedRequest request{.index = 5, .call = 3, .response = 8, .entered = true};
  const auto response = [&] { return operation_of(model, request)->response; };
  EXPECT_EQ(response(), 8);
  request.outcome = Outcome::shared;
  EXPECT_EQ(response(), 8) << "it is told that the thing is done";
  for (const Outcome outcome :
       {Outcome::turned_away, Outcome::cancelled, Outcome::timed_out, Outcome::error}) {
    request.outcome = outcome;
    request.entered = true;
    EXPECT_EQ(response(), kNoResponse) << name_of(outcome) << ": its section may have taken effect";
    request.entered = false;
    EXPECT_FALSE(operation_of(model, request)) << name_of(outcome);
  }
  request.outcome = Outcome::refused;
  request.entered = request.conflict = true;
  EXPECT_FALSE(operation_of(model, request)) << "a conflict changes nothing";
  request = {.index = 5, .call = 3, .entered = true};
  EXPECT_EQ(response(), kNoResponse) << "it has not ended";
  request.value = 7;
  request.kind = Kind::read;
  EXPECT_FALSE(operation_of(model, request)) << "and was told nothing yet";
  request.kind = Kind::write;
  request.entered = false;
  EXPECT_FALSE(operation_of(model, request)) << "it still waits";
}

}  // namespace
}  // namespace ccbench
