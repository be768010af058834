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
#include <array>
#include <string_view>

#include "stores/memory.h"
#include "sync/register.h"

namespace ccbench {
namespace {

enum class Order : std::uint8_t { payment_first, complete_first };

constexpr std::array<std::string_view, 2> kVisibilities = {"commit", "instant"};
constexpr std::array<std::string_view, 2> kOrders = {"payment-first", "complete-first"};
constexpr std::array<Parameter, 5> kParameters = {{
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
}};

enum Step : StepId { kValidate, kPayment, kPurchase, kComplete, kBill };
constexpr std::array<std::string_view, 5> kSteps = {"validate", "payment", "purchase", "complete", "bill"};

enum Fact : FactId { kPayments, kPurchases, kCompletions, kBills };
constexpr std::array<std::string_view, 4> kFacts = {"payments", "purchases", "completions", "bills"};

constexpr std::string_view kOnePayment = "one payment sent";

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
  };

  explicit LottoPurchase(const TrialContext& trial)
      : trial_(trial),
        store_(kTables, trial.keys, trial.choice<Visibility>("visibility"), trial.count("connections")),
        payment_(trial.delay("payment")),
        db_(trial.delay("db")),
        order_(trial.choice<Order>("order")) {}

  Result handle(const Request& request, const Entry& /*entry*/) {
    if (paid(request)) return refused("already paid: the order has a purchase");
    if (order_ == Order::payment_first) {
      pay(request);
      if (!complete(request)) return refused(kNotWaiting);
    } else {
      if (!complete(request)) return refused(kNotWaiting);
      pay(request);
    }
    save_bill(request);
    return success(static_cast<Value>(request.index));
  }

  static std::vector<Invariant> check(const Tally& tally) {
    std::vector<Invariant> invariants = {
        each_key("one success", 1, as_counts(tally.successes_of_key), tally),
        each_key(kOnePayment, 1, tally.facts_of_key.at(kPayments), tally),
        each_key("one purchase", 1, tally.facts_of_key.at(kPurchases), tally),
        each_key("one completion", 1, tally.facts_of_key.at(kCompletions), tally),
        each_key("one bill", 1, tally.facts_of_key.at(kBills), tally),
    };
    if (tally.promises.shares) {
      // Who came after the leader had left runs a section of its own and is refused: also an answer.
      const auto answered =
          tally.of(Outcome::success) + tally.of(Outcome::shared) + tally.of(Outcome::refused);
      invariants.push_back(equal("every caller answered", static_cast<std::int64_t>(tally.requests),
                                 static_cast<std::int64_t>(answered)));
    }
    return invariants;
  }

  static std::optional<std::uint64_t> expected_success(const Tally& tally) { return tally.keys_hit(); }

 private:
  enum Table : std::size_t { kPaid, kStatus, kTables };
  enum Status : std::int64_t { kWaiting, kCompleted };
  using Store = MemoryStore<Sync>;
  using Transaction = typename Store::Transaction;

  static constexpr Reason kNotWaiting = "illegal state: publish is not WAITING";

  bool paid(const Request& request) {
    trial_.steps.enter_step(request, kValidate);
    Transaction transaction(store_);
    return transaction.read(kPaid, request.key) != 0;
  }

  void pay(const Request& request) {
    trial_.steps.enter_step(request, kPayment);
    trial_.facts.raise(kPayments, request.key);  // Sent, and not to be taken back, whatever happens next.
    if (payment_.count() > 0) Sync::sleep_for(payment_);
    trial_.steps.enter_step(request, kPurchase);
    Transaction transaction(store_);
    transaction.write(kPaid, request.key, 1);
    transaction.commit();
    trial_.facts.raise(kPurchases, request.key);
  }

  bool complete(const Request& request) {
    trial_.steps.enter_step(request, kComplete);
    Transaction transaction(store_);
    if (transaction.read(kStatus, request.key) != kWaiting) return false;
    transaction.write(kStatus, request.key, kCompleted);
    if (db_.count() > 0) Sync::sleep_for(db_);
    transaction.commit();
    trial_.facts.raise(kCompletions, request.key);
    return true;
  }

  void save_bill(const Request& request) {
    trial_.steps.enter_step(request, kBill);
    Transaction transaction(store_);
    transaction.commit();
    trial_.facts.raise(kBills, request.key);
  }

  const TrialContext& trial_;
  Store store_;
  const std::chrono::nanoseconds payment_;
  const std::chrono::nanoseconds db_;
  const Order order_;
};

const RegisterScenario<LottoPurchase> registered;

}  // namespace
}  // namespace ccbench
