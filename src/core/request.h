// One caller's attempt, what the guard grants it, and what it gets.
#pragma once

#include <cstdint>

#include "core/function_ref.h"
#include "core/label.h"
#include "core/outcome.h"

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

struct Request {
  std::uint64_t index = 0;   ///< 0 … requests-1, in order of arrival
  std::uint32_t worker = 0;  ///< the thread that carries it, 0 … threads-1
  Key key = 0;
  Kind kind = Kind::write;
  WaitListener* listener = nullptr;  ///< null: nobody cares

  /// To be called by a guard that waits for something that belongs to another key than the request's, just
  /// before it does, so that a snapshot names the right lock.
  void waits_for(Key other) const {
    if (listener != nullptr) listener->waits_for(*this, other);
  }
};

/// What the guard grants the section. Empty for guards inside one process; a guard of a database puts
/// its transaction policy here, a guard that cancels its stop token.
struct Entry {};

struct Result {
  Outcome outcome = Outcome::success;
  Reason reason;  ///< empty unless the outcome is a failure
  Value value = 0;
};

inline Result success(Value value = 0) { return {.outcome = Outcome::success, .reason = {}, .value = value}; }
inline Result refused(Reason reason) { return {.outcome = Outcome::refused, .reason = reason}; }
inline Result turned_away(Reason reason) { return {.outcome = Outcome::turned_away, .reason = reason}; }

/// What a follower gets from the result of the request that it followed.
inline Result shared(Result leader) {
  if (leader.outcome == Outcome::success) leader.outcome = Outcome::shared;
  return leader;
}

/// The critical section of one request. Non-owning: valid for the length of the guard's `run`. It may
/// throw, and it may be called again (a guard that retries).
using Section = FunctionRef<Result(const Entry&)>;

}  // namespace ccbench
