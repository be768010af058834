// reward-request: a user of an event asks for its reward and clicks twice, so that several requests come at
// once. One may be rewarded; every request that gets through leaves a row in the history.
//
// Each request, in this order: no earlier `success` row of the user · the event exists · has started · has
// not ended · is active · the user meets its condition · grant the reward, at a service outside · write the
// request's row, `success` or `failed`. A request that the guard ends leaves no row: it never reached the
// database. A key is a user of the one event.
//
//   $ ccbench --scenario=reward-request --guard=all --requests=100 --keys=20
//
//   guard            verdict    success  shared  refused  turned away  rewards   wall
//   none             VIOLATION      100       0        0            0      100   70 ms
//   cas              OK              20       0        0           80       20   70 ms
//   idempotency-key  OK              20       0        0           80       20   70 ms
//   single-flight    OK              20      80        0            0       20   70 ms
//   synchronized     OK              20       0       80            0       20  150 ms
//   global           OK              20       0       80            0       20    3 s
//
// rwlock and recursive are as synchronized: the 4 of each user who wait write a `failed` row each, one after
// the other.
//
// With a flag that expires before its section ends, clicks that come later enter beside the first:
//
//   $ ccbench --scenario=reward-request --guard=idempotency-key --ttl=30ms --requests=10 --rate=100
//
//   idempotency-key  VIOLATION        3       0        1            6        3  (now and then 2)
//
// A guard that only checks versions does not fit: it keeps the history right, but each attempt has granted a
// reward by the time it learns that its row must not be written.
//
// When granting fails (--failure-rate), the row says `failed`, and so it does when granting throws. When the
// process dies after granting (--failure=dies), the reward is out and no row says so: on the next click it
// would be granted again.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "stores/memory.h"
#include "sync/failures.h"
#include "sync/pause.h"
#include "sync/register.h"

namespace ccbench {
namespace {

enum class Event : std::uint8_t { active, missing, not_started, ended, inactive };

constexpr std::array<std::string_view, 5> kEvents = {"active", "missing", "not-started", "ended", "inactive"};
constexpr std::array<Parameter, 6> kParameters = {{
    {.name = "grant", .about = "time that granting the reward takes", .initial = "50ms"},
    {.name = "db", .about = "time that writing the row takes", .initial = "20ms"},
    {.name = "event",
     .about = "what the event is like",
     .type = Parameter::Type::choice,
     .initial = "active",
     .choices = kEvents},
    {.name = "ineligible",
     .about = "so many users do not meet the event's condition",
     .type = Parameter::Type::ratio,
     .initial = "0"},
    kFailureRate,
    kFailure,
}};

enum Step : StepId { kHistory, kEvent, kStarted, kNotEnded, kActive, kCondition, kGrant, kRow };
constexpr std::array<std::string_view, 8> kSteps = {"history", "event",     "started", "not ended",
                                                    "active",  "condition", "grant",   "row"};

enum Fact : FactId { kRewards, kSuccessRows, kFailedRows, kSections, kConflicts, kFailedGrants, kEntitled };
constexpr std::array<std::string_view, 7> kFacts = {"rewards",   "success rows",  "failed rows", "sections",
                                                    "conflicts", "failed grants", "entitled"};

constexpr std::string_view kOneSuccessRow = "at most one success row";
constexpr std::string_view kOneReward = "at most one reward granted";
constexpr std::string_view kEveryReward = "every entitled user rewarded";
constexpr std::string_view kRewardHasRow = "one success row per reward";
constexpr std::string_view kRowPerRequest = "one row per request that got through";
constexpr std::string_view kOnlyEntitled = "nothing for who is not entitled";

/// What one key has, as the invariants need it.
struct User {
  std::int64_t asked;
  std::int64_t rewards;
  std::int64_t success_rows;
  std::int64_t rows;
  std::int64_t to_be_written;  ///< sections that could write a row
  std::int64_t failed_grants;
  bool entitled;
};

inline User user_of(const Tally& tally, Key key) {
  const auto fact = [&](Fact which) { return tally.facts_of_key.at(which)[key]; };
  return {.asked = static_cast<std::int64_t>(tally.requests_of_key[key]),
          .rewards = fact(kRewards),
          .success_rows = fact(kSuccessRows),
          .rows = fact(kSuccessRows) + fact(kFailedRows),
          .to_be_written = fact(kSections) - fact(kConflicts),
          .failed_grants = fact(kFailedGrants),
          .entitled = fact(kEntitled) != 0};
}

struct Range {
  std::int64_t observed;
  std::int64_t least;
  std::int64_t most;

  std::int64_t off() const { return std::max({std::int64_t{0}, observed - most, least - observed}); }
};

/// Holds where every user's number is in its range; shows the user that is furthest off.
template <class RangeOf>
Invariant every_user(std::string_view name, const Tally& tally, bool too_many_is_final, RangeOf range_of) {
  Invariant worst{.name = std::string(name), .key = {}};
  std::int64_t furthest = 0;
  for (Key key = 0; key < tally.keys; ++key) {
    const Range range = range_of(user_of(tally, key));
    if (range.off() <= furthest) continue;
    furthest = range.off();
    const bool too_many = range.observed > range.most;
    worst.expected = too_many ? range.most : range.least;
    worst.observed = range.observed;
    worst.holds = false;
    worst.beyond_repair = worst.beyond_repair || (too_many && too_many_is_final);
    if (tally.keys > 1) worst.key = key;
  }
  return worst;
}

template <class Sync>
class RewardRequest {
 public:
  static constexpr ScenarioInfo kInfo{
      .name = "reward-request",
      .about = "a user clicks several times for one reward: six conditions, one row per request",
      .key_name = "user",
      .needs = {.exclusive = true},
      .breakable = kOneSuccessRow,
      .parameters = kParameters,
      .steps = kSteps,
      .facts = kFacts,
      .effect = kRewards,
      .alike = true,
  };

  explicit RewardRequest(const TrialContext& trial)
      : trial_(trial),
        store_(kTables, trial.keys, Visibility::commit, 0, kRowTables),
        failures_(trial),
        window_(trial.window, trial.seed),
        grant_(trial.delay("grant")),
        db_(trial.delay("db")),
        opened_(Sync::now()) {
    const auto event = trial.choice<Event>("event");
    announce(event);
    typename Sync::random random(trial.seed ^ kConditionStream);
    for (Key user = 0; user < trial.keys; ++user) {
      const bool meets = static_cast<double>(random() >> 11) * 0x1p-53 >= trial.ratio("ineligible");
      put(kMeetsCondition, user, meets ? 1 : 0);
      trial.facts.set(kEntitled, user, meets && event == Event::active ? 1 : 0);
    }
  }

  Result handle(const Request& request, const Entry& entry) {
    trial_.facts.raise(kSections, request.key);
    Transaction transaction(store_, entry.policy);
    if (const Reason objection = objection_to(request, transaction); !objection.empty()) {
      return written(request, transaction, kFailed) ? refused(objection) : conflicted();
    }
    window_(request);
    if (!granted(request, transaction)) {
      return written(request, transaction, kFailed) ? refused("the reward could not be granted")
                                                    : conflicted();
    }
    failures_.may_die(request);
    return written(request, transaction, kSucceeded) ? success(static_cast<Value>(request.index))
                                                     : conflicted();
  }

  /// What the store holds counts, not what was reported of it.
  void settle() {
    Transaction transaction(store_);
    for (Key user = 0; user < trial_.keys; ++user) {
      trial_.facts.set(kSuccessRows, user, count(transaction, user, kSucceeded));
      trial_.facts.set(kFailedRows, user, count(transaction, user, kFailed));
    }
  }

  static std::vector<Invariant> check(const Tally& tally) {
    return {
        every_user(
            kOneSuccessRow, tally, true,
            [](const User& user) { return Range{.observed = user.success_rows, .least = 0, .most = 1}; }),
        every_user(kOneReward, tally, true,
                   [](const User& user) { return Range{.observed = user.rewards, .least = 0, .most = 1}; }),
        every_user(kEveryReward, tally, false,
                   [](const User& user) {
                     // Who was let down by the granting service may go away without, and ask again.
                     const bool wanted = user.asked > 0 && user.entitled && user.failed_grants == 0;
                     return Range{.observed = std::min<std::int64_t>(user.success_rows, 1),
                                  .least = wanted ? 1 : 0,
                                  .most = 1};
                   }),
        every_user(kRewardHasRow, tally, false,
                   [](const User& user) {
                     return Range{.observed = user.success_rows, .least = user.rewards, .most = user.rewards};
                   }),
        every_user(kRowPerRequest, tally, false,
                   [](const User& user) {
                     return Range{
                         .observed = user.rows, .least = user.to_be_written, .most = user.to_be_written};
                   }),
        every_user(kOnlyEntitled, tally, true,
                   [](const User& user) {
                     const std::int64_t wrong = user.entitled ? 0 : user.rewards + user.success_rows;
                     return Range{.observed = wrong, .least = 0, .most = 0};
                   }),
    };
  }

  static std::optional<std::uint64_t> expected_success(const Tally& tally) {
    if (tally.total(kFailedGrants) > 0) return std::nullopt;
    std::uint64_t users = 0;
    for (Key key = 0; key < tally.keys; ++key) {
      const User user = user_of(tally, key);
      if (user.asked > 0 && user.entitled) ++users;
    }
    return users;
  }

 private:
  /// Of the event there is one record, under key 0.
  enum Table : std::size_t { kExists, kStarts, kEnds, kIsActive, kMeetsCondition, kTables };
  enum RowTable : std::size_t { kHistoryRows, kRowTables };
  enum Row : std::int64_t { kSucceeded, kFailed };
  using Store = MemoryStore<Sync>;
  using Transaction = typename Store::Transaction;

  /// So that who meets the condition does not depend on what else is drawn.
  static constexpr std::uint64_t kConditionStream = 0x656c696769626c65;

  void put(Table table, Key key, std::int64_t value) {
    Transaction transaction(store_);
    transaction.write(table, key, value);
    static_cast<void>(transaction.commit());  // Checks no versions, so it cannot conflict.
  }

  /// Times in seconds since the trial was made.
  void announce(Event event) {
    constexpr std::int64_t kHour = 3600;
    put(kExists, 0, event == Event::missing ? 0 : 1);
    put(kStarts, 0, event == Event::not_started ? 24 * kHour : -kHour);
    put(kEnds, 0, event == Event::ended ? -1 : 48 * kHour);
    put(kIsActive, 0, event == Event::inactive ? 0 : 1);
  }

  /// Why the user gets nothing; empty if nothing speaks against it.
  Reason objection_to(const Request& request, Transaction& transaction) {
    const auto seconds = [this] {
      return std::chrono::duration_cast<std::chrono::seconds>(Sync::now() - opened_).count();
    };
    trial_.steps.enter_step(request, kHistory);
    if (transaction.count_rows(kHistoryRows, request.key, kSucceeded) > 0)
      return "the user has been rewarded";
    trial_.steps.enter_step(request, kEvent);
    if (transaction.read(kExists, 0) == 0) return "there is no such event";
    trial_.steps.enter_step(request, kStarted);
    if (seconds() < transaction.read(kStarts, 0)) return "the event has not started";
    trial_.steps.enter_step(request, kNotEnded);
    if (seconds() >= transaction.read(kEnds, 0)) return "the event has ended";
    trial_.steps.enter_step(request, kActive);
    if (transaction.read(kIsActive, 0) == 0) return "the event is not active";
    trial_.steps.enter_step(request, kCondition);
    if (transaction.read(kMeetsCondition, request.key) == 0) return "the user does not meet the condition";
    return {};
  }

  /// Whether the reward is out. A service that does not answer has not granted it either; that request too
  /// leaves its row.
  bool granted(const Request& request, Transaction& transaction) {
    trial_.steps.enter_step(request, kGrant);
    if (grant_.count() > 0) Sync::sleep_for(grant_);
    try {
      if (failures_.fails(request)) {
        trial_.facts.raise(kFailedGrants, request.key);
        return false;
      }
    } catch (...) {
      trial_.facts.raise(kFailedGrants, request.key);
      static_cast<void>(written(request, transaction, kFailed));  // The exception says what there is to say.
      throw;
    }
    trial_.facts.raise(kRewards, request.key);  // Granted, and not to be taken back, whatever happens next.
    return true;
  }

  /// Writes the request's row and commits. False: another has changed what was read.
  bool written(const Request& request, Transaction& transaction, Row row) {
    trial_.steps.enter_step(request, kRow);
    transaction.append(kHistoryRows, request.key, row);
    if (db_.count() > 0) Sync::sleep_for(db_);
    if (!transaction.commit()) {
      trial_.facts.raise(kConflicts, request.key);
      return false;
    }
    trial_.facts.raise(row == kSucceeded ? kSuccessRows : kFailedRows, request.key);
    return true;
  }

  static std::int64_t count(Transaction& transaction, Key user, Row row) {
    return static_cast<std::int64_t>(transaction.count_rows(kHistoryRows, user, row));
  }

  const TrialContext& trial_;
  Store store_;
  const Failures<Sync> failures_;
  const Pause<Sync> window_;  ///< between the last condition and granting the reward
  const std::chrono::nanoseconds grant_;
  const std::chrono::nanoseconds db_;
  const typename Sync::time_point opened_;
};

const RegisterScenario<RewardRequest> registered;

}  // namespace
}  // namespace ccbench
