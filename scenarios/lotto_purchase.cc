// lotto-purchase: N requests buy one lotto ticket at once. Exactly one may succeed, and only one
// payment may go out: a guard that lets two payments out and fails the second buyer afterwards has
// charged the customer twice.
//
// Each request, in this order: validate (fails if the order is paid) · pay (a second, at a provider
// outside) and record the purchase · complete the publish (in one transaction: fails unless it is
// WAITING, sets COMPLETE, holds the transaction for half a second) · save the bill.
//
//   $ ccbench --scenario=lotto-purchase --guard=all --requests=20
//
//   guard          verdict    success  shared  refused  turned away  payments   wall
//   none           VIOLATION       20       0        0            0       20   1.5 s
//   cas            OK               1       0        0           19        1   1.5 s
//   global         OK               1       0       19            0        1   1.5 s
//   recursive      OK               1       0       19            0        1   1.5 s
//   rwlock         OK               1       0       19            0        1   1.5 s
//   single-flight  OK               1      19        0            0        1   1.5 s
//   synchronized   OK               1       0       19            0        1   1.5 s
//
// With --visibility=instant the unguarded table shows 1 or 2 successes, and still 20 payments; with
// --connections=10 it shows 10 successes. Completing first (--order=complete-first) pays only after a
// completion, so that a lost race costs a completion and not a payment.
//
// The payment or the completion fails, throws, or the process dies between the two, for as many requests as
// --failure-rate says; --compensation=undo takes the first of the two back when the second fails. What that
// leaves, of every combination, stands in scenarios/README.md. Without compensation, for example:
//
//   $ ccbench --scenario=lotto-purchase --guard=synchronized --failure-rate=1 --order=complete-first
//
//   guard         verdict    success  refused  payments
//   synchronized  VIOLATION        0       20         0     no completion without a payment: 1 instead of 0
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "stores/memory.h"
#include "sync/failures.h"
#include "sync/pause.h"
#include "sync/register.h"

namespace ccbench {
namespace {

enum class Order : std::uint8_t { payment_first, complete_first };
enum class Compensation : std::uint8_t { none, undo };
enum class FailingStep : std::uint8_t { payment, completion };

constexpr std::array<std::string_view, 2> kVisibilities = {"commit", "instant"};
constexpr std::array<std::string_view, 2> kOrders = {"payment-first", "complete-first"};
constexpr std::array<std::string_view, 2> kCompensations = {"none", "undo"};
constexpr std::array<std::string_view, 2> kFailingSteps = {"payment", "completion"};
constexpr std::array<Parameter, 9> kParameters = {{
    {.name = "payment", .about = "time that the payment provider takes", .initial = "1s"},
    {.name = "db", .about = "time that the completing transaction is held", .initial = "500ms"},
    {.name = "visibility",
     .about = "when others see a changed status",
     .type = Parameter::Type::choice,
     .initial = "commit",
     .choices = kVisibilities},
    {.name = "order",
     .about = "what comes first",
     .type = Parameter::Type::choice,
     .initial = "payment-first",
     .choices = kOrders},
    {.name = "connections",
     .about = "size of the database connection pool",
     .type = Parameter::Type::count,
     .initial = "0",
     .least = 0,
     .most = 1'000'000,
     .initial_means = "unlimited"},
    kFailureRate,
    kFailure,
    {.name = "failing-step",
     .about = "which step fails or throws",
     .type = Parameter::Type::choice,
     .initial = "payment",
     .choices = kFailingSteps},
    {.name = "compensation",
     .about = "what becomes of the first effect when the second fails",
     .type = Parameter::Type::choice,
     .initial = "none",
     .choices = kCompensations},
}};

enum Step : StepId { kValidate, kPayment, kPurchase, kComplete, kBill };
constexpr std::array<std::string_view, 5> kSteps = {"validate", "payment", "purchase", "complete", "bill"};

enum Fact : FactId {
  kPayments,
  kPurchases,
  kCompletions,
  kBills,
  kRefunds,
  kUndoneCompletions,
  kFailedPayments,
  kFailedCompletions,
};
constexpr std::array<std::string_view, 8> kFacts = {
    "payments", "purchases",          "completions",     "bills",
    "refunds",  "undone completions", "failed payments", "failed completions"};

constexpr std::string_view kOnePayment = "one payment sent";

/// What is left of the facts of one ticket.
class Ticket {
 public:
  Ticket(const Tally& tally, Key key) : tally_(tally), key_(key) {}

  std::int64_t of(Fact fact) const { return tally_.facts_of_key.at(fact).at(key_); }
  std::int64_t paid() const { return of(kPayments) - of(kRefunds); }
  std::int64_t completed() const { return of(kCompletions) - of(kUndoneCompletions); }
  bool met_a_failure() const { return of(kFailedPayments) + of(kFailedCompletions) > 0; }

  /// An effect that was taken back because the other one met a failure, and may be had again. What was taken
  /// back because the race was lost may not: who guards well loses none.
  std::int64_t payments_excused() const { return std::min(of(kRefunds), of(kFailedCompletions)); }
  std::int64_t completions_excused() const { return std::min(of(kUndoneCompletions), of(kFailedPayments)); }

 private:
  const Tally& tally_;
  const Key key_;
};

/// Exactly one on every ticket that was asked for; on one that met a failure at most one, for then it may be
/// that nobody bought it.
template <class Count>
Invariant one(std::string_view name, const Tally& tally, Count count_of) {
  std::vector<std::int64_t> counts(tally.keys);
  for (Key key = 0; key < tally.keys; ++key) {
    const Ticket ticket(tally, key);
    const std::int64_t count = count_of(ticket, key);
    counts[key] = ticket.met_a_failure() ? std::max<std::int64_t>(1, count) : count;
  }
  return each_key(name, 1, counts, tally);
}

/// None of the one effect without the other. While a request is between the two that is as it must be; once
/// its process is dead it stays so.
template <class Excess>
Invariant none_without(std::string_view name, const Tally& tally, Excess excess_of) {
  Invariant worst = equal(name, 0, 0);
  for (Key key = 0; key < tally.keys; ++key) {
    const std::int64_t excess = excess_of(Ticket(tally, key));
    if (excess <= worst.observed) continue;
    worst = equal(name, 0, excess);
    if (tally.keys > 1) worst.key = key;
  }
  worst.outlives = !worst.holds;
  return worst;
}

bool met_a_failure(const Tally& tally) {
  return tally.total(kFailedPayments) + tally.total(kFailedCompletions) > 0;
}

template <class Sync>
class LottoPurchase {
 public:
  static constexpr ScenarioInfo kInfo{
      .name = "lotto-purchase",
      .about = "N requests buy one ticket: validate, pay, complete, save the bill; one may succeed",
      .key_name = "ticket",
      .needs = {.exclusive = true},
      .breakable = kOnePayment,
      .parameters = kParameters,
      .steps = kSteps,
      .facts = kFacts,
      .effect = kPayments,
      .alike = true,
  };

  explicit LottoPurchase(const TrialContext& trial)
      : trial_(trial),
        store_(kTables, trial.keys, trial.choice<Visibility>("visibility"), trial.count("connections")),
        payment_(trial.delay("payment")),
        db_(trial.delay("db")),
        window_(trial.window, trial.seed),
        order_(trial.choice<Order>("order")),
        failures_(trial),
        failing_step_(trial.choice<FailingStep>("failing-step")),
        compensates_(trial.choice<Compensation>("compensation") == Compensation::undo) {}

  Result handle(const Request& request, const Entry& entry) {
    if (paid(request)) return refused("already paid: the order has a purchase");
    const auto failure = order_ == Order::payment_first ? pay_then_complete(request, entry)
                                                        : complete_then_pay(request, entry);
    if (failure) return *failure;
    save_bill(request);
    return success(static_cast<Value>(request.index));
  }

  static std::vector<Invariant> check(const Tally& tally) {
    std::vector<Invariant> invariants = {
        one("one success", tally,
            [&](const Ticket&, Key key) { return static_cast<std::int64_t>(tally.successes_of_key[key]); }),
        one(kOnePayment, tally,
            [](const Ticket& ticket, Key) { return ticket.of(kPayments) - ticket.payments_excused(); }),
        one("one purchase", tally,
            [](const Ticket& ticket, Key) { return ticket.of(kPurchases) - ticket.payments_excused(); }),
        one("one completion", tally,
            [](const Ticket& ticket, Key) { return ticket.of(kCompletions) - ticket.completions_excused(); }),
        one("one bill", tally, [](const Ticket& ticket, Key) { return ticket.of(kBills); }),
        none_without("no payment without a completion", tally,
                     [](const Ticket& ticket) { return ticket.paid() - ticket.completed(); }),
        none_without("no completion without a payment", tally,
                     [](const Ticket& ticket) { return ticket.completed() - ticket.paid(); }),
    };
    if (tally.promises.shares) {
      // Who came after the leader had left runs a section of its own and is refused: also an answer. So is
      // the exception of a step that failed.
      const auto answered = tally.of(Outcome::success) + tally.of(Outcome::shared) +
                            tally.of(Outcome::refused) +
                            (met_a_failure(tally) ? tally.of(Outcome::error) : 0);
      invariants.push_back(equal("every caller answered", static_cast<std::int64_t>(tally.requests),
                                 static_cast<std::int64_t>(answered)));
    }
    return invariants;
  }

  /// Where steps fail it depends on who comes after whom.
  static std::optional<std::uint64_t> expected_success(const Tally& tally) {
    if (met_a_failure(tally)) return std::nullopt;
    return tally.keys_hit();
  }

 private:
  enum Table : std::size_t { kPaid, kStatus, kTables };
  enum Status : std::int64_t { kWaiting, kCompleted };
  using Store = MemoryStore<Sync>;
  using Transaction = typename Store::Transaction;

  static constexpr Reason kNotWaiting = "illegal state: publish is not WAITING";
  static constexpr Reason kPaymentFailed = "the payment failed";
  static constexpr Reason kCompletionFailed = "the completion failed";

  bool paid(const Request& request) {
    trial_.steps.enter_step(request, kValidate);
    Transaction transaction(store_);
    return transaction.read(kPaid, request.key) != 0;
  }

  /// Nothing, or how it failed; likewise below.
  std::optional<Result> pay_then_complete(const Request& request, const Entry& entry) {
    window_(request);
    if (const auto failure = pay(request, entry)) return failure;
    failures_.may_die(request);
    return all_or_undo([&] { return complete(request, entry); }, [&] { refund(request); });
  }

  std::optional<Result> complete_then_pay(const Request& request, const Entry& entry) {
    if (const auto failure = complete(request, entry)) return failure;
    failures_.may_die(request);
    return all_or_undo([&] { return pay(request, entry); }, [&] { undo_completion(request); });
  }

  /// However the second effect fails, the first is taken back if that is asked for.
  template <class Act, class Undo>
  std::optional<Result> all_or_undo(Act act, Undo undo) {
    try {
      const std::optional<Result> failure = act();
      if (failure && compensates_) undo();
      return failure;
    } catch (...) {
      if (compensates_) undo();
      throw;
    }
  }

  std::optional<Result> pay(const Request& request, const Entry& entry) {
    trial_.steps.enter_step(request, kPayment);
    const bool will_fail = failing_step_ == FailingStep::payment && failures_.will_fail(request);
    // Sent, and not to be taken back, whatever happens next.
    if (!will_fail) trial_.facts.raise(kPayments, request.key);
    if (payment_.count() > 0) Sync::sleep_for(payment_);
    if (will_fail) {
      trial_.facts.raise(kFailedPayments, request.key);
      if (failures_.fails(request)) return refused(kPaymentFailed);
    }
    trial_.steps.enter_step(request, kPurchase);
    if (record_purchase(request, entry)) return {};
    if (compensates_) trial_.facts.raise(kRefunds, request.key);
    return conflicted();
  }

  bool record_purchase(const Request& request, const Entry& entry) {
    Transaction transaction(store_, entry.policy);
    transaction.write(kPaid, request.key, 1);
    if (!transaction.commit()) return false;
    trial_.facts.raise(kPurchases, request.key);
    return true;
  }

  std::optional<Result> complete(const Request& request, const Entry& entry) {
    trial_.steps.enter_step(request, kComplete);
    Transaction transaction(store_, entry.policy);
    if (transaction.read(kStatus, request.key) != kWaiting) return refused(kNotWaiting);
    if (order_ == Order::complete_first) window_(request);
    const bool will_fail = failing_step_ == FailingStep::completion && failures_.will_fail(request);
    if (!will_fail) transaction.write(kStatus, request.key, kCompleted);
    if (db_.count() > 0) Sync::sleep_for(db_);
    if (will_fail) {
      trial_.facts.raise(kFailedCompletions, request.key);
      if (failures_.fails(request)) return refused(kCompletionFailed);
    }
    if (!transaction.commit()) return conflicted();
    trial_.facts.raise(kCompletions, request.key);
    return {};
  }

  void refund(const Request& request) {
    take_back(request, kPaid, 0);
    trial_.facts.raise(kRefunds, request.key);
  }

  void undo_completion(const Request& request) {
    take_back(request, kStatus, kWaiting);
    trial_.facts.raise(kUndoneCompletions, request.key);
  }

  /// Whatever others have done since: a conflict would leave what is to be taken back.
  void take_back(const Request& request, Table table, std::int64_t value) {
    Transaction transaction(store_);
    transaction.write(table, request.key, value);
    static_cast<void>(transaction.commit());
  }

  void save_bill(const Request& request) {
    trial_.steps.enter_step(request, kBill);
    const Transaction transaction(store_);  // Nobody reads bills: a round trip on a connection.
    trial_.facts.raise(kBills, request.key);
  }

  const TrialContext& trial_;
  Store store_;
  const std::chrono::nanoseconds payment_;
  const std::chrono::nanoseconds db_;
  const Pause<Sync> window_;  ///< before what comes first: the payment, or setting the status
  const Order order_;
  const Failures<Sync> failures_;
  const FailingStep failing_step_;
  const bool compensates_;
};

const RegisterScenario<LottoPurchase> registered;

}  // namespace
}  // namespace ccbench
