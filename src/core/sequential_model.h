// What the requests of a key do if one comes after the other: what histories of them are held against.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/parameter.h"
#include "core/promises.h"
#include "core/request.h"

namespace ccbench {

/// A request that succeeded or was refused, as its caller knows it.
struct AnsweredRequest {
  std::uint64_t index = 0;
  Kind kind = Kind::write;
  bool refused = false;
  std::optional<Value> value = {};  ///< nothing: nobody has kept it
};

/// What a request did to its key and what it was told of it, in numbers of the scenario's own. Requests whose
/// deeds are equal may change places.
struct Deed {
  std::int64_t input = 0;
  std::optional<std::int64_t> output = {};
  bool looks = false;  ///< changes no state that it finds

  bool operator==(const Deed&) const = default;
};

/// A key has a state, one number, and nothing but its requests changes it. Pure.
struct SequentialModel {
  std::int64_t initial = 0;
  /// Nothing: such a request is possible at any time, and changes nothing.
  std::function<std::optional<Deed>(const AnsweredRequest&)> deed_of;
  /// The state after it; nothing: in this state it would have been answered otherwise.
  std::function<std::optional<std::int64_t>(std::int64_t state, const Deed&)> step;
};

/// What a scenario is told of the trial whose requests it models.
struct ModelContext {
  const ParameterValues& parameters;
  std::uint64_t seed = 0;  ///< of the trial
  Promises promises;       ///< of the guard
};

}  // namespace ccbench
