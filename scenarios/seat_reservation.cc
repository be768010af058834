// seat-reservation: many users rush for few seats, and a seat has one user at most.
//
// Each request is a user, its key the seat that was chosen. In one short transaction: look whether the seat
// is free (refused if not) · write it down · hold the transaction for 5 ms · commit.
//
//   $ ccbench --scenario=seat-reservation --guard=all --requests=100 --keys=10
//
//   guard         verdict    success  refused  turned away  reservations  holders  conflicts    wall
//   none          VIOLATION      100        0            0           100      100          0    5 ms
//   cas           OK              10        0           90            10       10          0    5 ms
//   global        OK              10       90            0            10       10          0   50 ms
//   optimistic    OK              10       90            0            10       10         90    5 ms
//   synchronized  OK              10       90            0            10       10          0    5 ms
//
// recursive and rwlock are as synchronized. Under `optimistic` everybody goes all the way to the commit, and
// what the first one costs the others is their work: 90 conflicts, and 90 second looks at a taken seat.
//
// single-flight is left out: it would tell all users of a seat that it is theirs. Asked for by name it breaks
// `one holder per seat`, with one reservation.
//
// With --choice=any a user takes the first free seat of the hall, and the key is only where the user stood:
//
//   $ ccbench --scenario=seat-reservation --choice=any --guard=global,optimistic,synchronized --requests=100
//       --keys=10
//
//   guard         verdict    success  refused  reservations  conflicts    wall
//   none          VIOLATION      100        0           100          0    5 ms  all in the first seat
//   global        OK              10       90            10          0   50 ms
//   optimistic    OK              10       90            10        800   60 ms
//   synchronized  VIOLATION      100        0           100          0   50 ms  ten in every seat
//
// A lock per key protects what the key names. Here requests of different keys contend on one thing, the hall,
// and each holds a lock of its own while it takes the same seat: the ten who are inside move from seat to
// seat together. So it is with every guard per key. What holds is a lock on the hall (`global`), or a check
// of what was really read (`optimistic`). ccbench cannot tell from the settings alone which guard fits, so
// that
// --guard=all takes them all.
//
// Invariants: one reservation per seat; one holder per seat (users who were told that it is theirs); every
// reservation has its holder; nobody is refused while the seat, or with `any` a seat, is free. And
// linearizable histories: the requests of each seat, by when they began and ended, fit into one order in
// which the first gets it and only those after him are refused. With `any` no seat has a history of its own.
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "stores/memory.h"
#include "stores/settings.h"
#include "sync/pause.h"
#include "sync/register.h"

namespace ccbench {
namespace {

enum class Choice : std::uint8_t { chosen, any };

constexpr std::array<std::string_view, 2> kChoices = {"chosen", "any"};
constexpr std::array<Parameter, 4> kParameters = {{
    {.name = "choice",
     .about = "the seat that a user takes: the request's key, or the first free one of the hall",
     .type = Parameter::Type::choice,
     .initial = "chosen",
     .choices = kChoices},
    {.name = "db", .about = "time that the reserving transaction is held", .initial = "5ms"},
    kVisibility,
    kConnections,
}};

enum Step : StepId { kLook, kReserve };
constexpr std::array<std::string_view, 2> kSteps = {"look", "reserve"};

enum Fact : FactId { kReservations, kHolders, kRefusals, kConflicts, kLooks };
constexpr std::array<std::string_view, 5> kFacts = {"reservations", "holders", "refusals", "conflicts",
                                                    "looks"};

constexpr std::string_view kOneReservation = "one reservation per seat";

/// No count is above 1. Counts only grow, so more is beyond repair.
Invariant at_most_one(std::string_view name, const std::vector<std::int64_t>& counts) {
  const auto most = std::ranges::max_element(counts);
  Invariant invariant = equal(name, 1, 1);
  if (most == counts.end() || *most <= 1) return invariant;
  invariant = equal(name, 1, *most);
  invariant.beyond_repair = true;
  if (counts.size() > 1) invariant.key = static_cast<Key>(most - counts.begin());
  return invariant;
}

template <class Sync>
class SeatReservation {
 public:
  static constexpr ScenarioInfo kInfo{
      .name = "seat-reservation",
      .about = "many users rush for few seats: look, reserve; a seat has one user at most",
      .key_name = "seat",
      .needs = {.serializable = true},
      .unshared = true,
      .breakable = kOneReservation,
      .parameters = kParameters,
      .steps = kSteps,
      .facts = kFacts,
      .effect = kReservations,
      .reads = true,
      .alike = true,
  };

  explicit SeatReservation(const TrialContext& trial)
      : trial_(trial),
        store_(kTables, trial.keys, trial.choice<Visibility>("visibility"), trial.count("connections")),
        choice_(trial.choice<Choice>("choice")),
        db_(trial.delay("db")),
        window_(trial.window, trial.seed) {}

  /// The value of a success is the seat.
  Result handle(const Request& request, const Entry& entry) {
    trial_.steps.enter_step(request, kLook);
    Transaction transaction(store_, entry.policy);
    if (request.kind == Kind::read) return look(request, transaction);
    const Key seat = first_free(request, transaction);
    if (seat == kNone) return refuse(request, transaction);
    window_(request);
    trial_.steps.enter_step(request, kReserve);
    transaction.write(kTaken, seat, 1);
    if (db_.count() > 0) Sync::sleep_for(db_);
    if (!transaction.commit()) return conflict(request);
    trial_.facts.raise(kReservations, seat);
    return success(static_cast<Value>(seat));
  }

  void answered(const Request& request, const Result& result, Nanos /*asked*/) {
    if (request.kind == Kind::write && !is_failure(result.outcome))
      trial_.facts.raise(kHolders, static_cast<Key>(result.value));
  }

  static std::vector<Invariant> check(const Tally& tally) {
    const auto& reservations = tally.facts_of_key.at(kReservations);
    return {at_most_one(kOneReservation, reservations),
            at_most_one("one holder per seat", tally.facts_of_key.at(kHolders)),
            equal("every reservation has its holder", tally.total(kReservations), tally.total(kHolders)),
            equal("nobody refused a free seat", 0, refused_too_many(tally))};
  }

  /// A seat is free (0) or taken (1). Those who look are told nothing of it.
  static std::optional<SequentialModel> model(const ModelContext& context) {
    if (context.parameters.choice<Choice>("choice") == Choice::any) return std::nullopt;
    return SequentialModel{.deed_of = [](const AnsweredRequest& request) -> std::optional<Deed> {
                             if (request.kind == Kind::read) return std::nullopt;
                             return Deed{.input = request.refused ? 1 : 0, .looks = request.refused};
                           },
                           .step = [](std::int64_t taken, const Deed& deed) -> std::optional<std::int64_t> {
                             const bool found_taken = deed.input != 0;
                             return found_taken == (taken != 0) ? std::optional(1) : std::nullopt;
                           }};
  }

  /// A success for every seat, where every seat has a user, or every user a seat of his own. Reads succeed
  /// too, and how many there are is drawn.
  static std::optional<std::uint64_t> expected_success(const Tally& tally) {
    const std::uint64_t seats = tally.keys_hit();
    const bool reads = tally.facts_of_key.size() > kLooks && tally.total(kLooks) > 0;
    if (reads || seats != std::min<std::uint64_t>(tally.requests, tally.keys)) return std::nullopt;
    return seats;
  }

 private:
  enum Table : std::size_t { kTaken, kTables };
  using Store = MemoryStore<Sync>;
  using Transaction = typename Store::Transaction;

  static constexpr Key kNone = ~Key{0};

  /// Of the seats that the user would take.
  Key first_free(const Request& request, Transaction& transaction) const {
    const bool any = choice_ == Choice::any;
    const Key end = any ? trial_.keys : request.key + 1;
    for (Key seat = any ? 0 : request.key; seat < end; ++seat) {
      if (transaction.read(kTaken, seat) == 0) return seat;
    }
    return kNone;
  }

  Result look(const Request& request, Transaction& transaction) {
    transaction.read(kTaken, request.key);
    if (!transaction.commit()) return conflict(request);
    trial_.facts.raise(kLooks, request.key);
    return success(static_cast<Value>(request.key));
  }

  /// What was read decides, so it has to be what was there. A refusal is counted on the seat that must be
  /// taken then: of a hall that is filled from the first seat on, the last.
  Result refuse(const Request& request, Transaction& transaction) {
    if (!transaction.commit()) return conflict(request);
    const bool any = choice_ == Choice::any;
    trial_.facts.raise(kRefusals, any ? trial_.keys - 1 : request.key);
    return any ? refused("no seat is free") : refused("the seat is taken");
  }

  Result conflict(const Request& request) {
    trial_.facts.raise(kConflicts, request.key);
    return conflicted();
  }

  /// Refusals on seats that nobody has.
  static std::int64_t refused_too_many(const Tally& tally) {
    const auto& reservations = tally.facts_of_key.at(kReservations);
    const auto& refusals = tally.facts_of_key.at(kRefusals);
    std::int64_t count = 0;
    for (Key seat = 0; seat < tally.keys; ++seat) {
      if (reservations[seat] == 0) count += refusals[seat];
    }
    return count;
  }

  const TrialContext& trial_;
  Store store_;
  const Choice choice_;
  const std::chrono::nanoseconds db_;
  const Pause<Sync> window_;
};

const RegisterScenario<SeatReservation> registered;

}  // namespace
}  // namespace ccbench
