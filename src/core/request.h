// One caller's attempt, what the guard grants it, and what it gets.
#pragma once

#include <cstdint>

#include "core/function_ref.h"
#include "core/label.h"
#include "core/outcome.h"
#include "core/stop_token.h"
#include "core/transaction.h"

namespace ccbench {

/// What requests contend on: a publish, a seat, a user. The scenario names it for people (`ticket-1`).
using Key = std::uint64_t;

/// What a successful section hands back; a guard that shares hands the same value to every follower.
using Value = std::int64_t;

enum class Kind : std::uint8_t { write, read };

struct Request;

/// Told what a request waits for; implemented by the driver.
class WaitListener {
 public:
  WaitListener() = default;
  WaitListener(const WaitListener&) = delete;
  WaitListener& operator=(const WaitListener&) = delete;
  virtual ~WaitListener() = default;
  virtual void waits_for(const Request& request, Key key) = 0;
};

/// What a key stands for, where it has parts: `find(prefix, type)`, `find(id)`, or `find all`.
struct KeyParts {
  int count = 1;   ///< 0 to 2
  Key first = 0;   ///< 0 where there is none
  Key second = 0;  ///< likewise

  bool operator==(const KeyParts&) const = default;
};

struct Request {
  std::uint64_t index = 0;   ///< 0 … requests-1, in order of arrival
  std::uint32_t worker = 0;  ///< the thread that carries it, 0 … threads-1
  Key key = 0;
  Kind kind = Kind::write;
  WaitListener* listener = nullptr;  ///< null: nobody cares
  /// The same as `key`, which numbers all combinations, for a guard that is asked for parts.
  KeyParts parts = {.first = key};

  /// To be called by a guard that waits for something that belongs to another key than the request's, just
  /// before it does, so that a snapshot names the right lock.
  void waits_for(Key other) const {
    if (listener != nullptr) listener->waits_for(*this, other);
  }
};

/// What the guard grants the section.
struct Entry {
  TransactionPolicy policy = {};
  const StopToken* stop = nullptr;  ///< null: nobody will ask it to stop

  bool stop_requested() const { return stop != nullptr && stop->stop_requested(); }
};

struct Result {
  Outcome outcome = Outcome::success;
  /// The store has changed nothing, because another was faster: called again, the section may succeed.
  bool conflict = false;
  Reason reason;  ///< empty unless the outcome is a failure
  Value value = 0;
};

inline Result success(Value value = 0) { return {.outcome = Outcome::success, .reason = {}, .value = value}; }
inline Result refused(Reason reason) { return {.outcome = Outcome::refused, .reason = reason}; }
/// A transaction of the section could not commit. A failure, unless the guard retries.
inline Result conflicted() {
  return {.outcome = Outcome::refused,
          .conflict = true,
          .reason = "write conflict: another has changed what was read"};
}
inline Result turned_away(Reason reason) { return {.outcome = Outcome::turned_away, .reason = reason}; }
inline Result timed_out(Reason reason) { return {.outcome = Outcome::timed_out, .reason = reason}; }

/// What a follower gets from the result of the request that it followed.
inline Result shared(Result leader) {
  if (leader.outcome == Outcome::success) leader.outcome = Outcome::shared;
  return leader;
}

/// The critical section of one request. Non-owning: valid for the length of the guard's `run`. It may
/// throw, and it may be called again (a guard that retries).
using Section = FunctionRef<Result(const Entry&)>;

}  // namespace ccbench
