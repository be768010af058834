// What one request got.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ccbench {

enum class Outcome : std::uint8_t {
  success,      ///< did the thing
  shared,       ///< got another request's success; a follower of a failure gets that failure
  refused,      ///< the section ran and the scenario said no
  turned_away,  ///< the guard said no; the section never ran
  cancelled,    ///< a sibling's failure stopped it
  timed_out,    ///< the guard gave up waiting
  error,        ///< an exception
};

inline constexpr std::array<std::string_view, 7> kOutcomeNames = {
    "success", "shared", "refused", "turned_away", "cancelled", "timed_out", "error"};
inline constexpr std::size_t kOutcomes = kOutcomeNames.size();

constexpr std::size_t index_of(Outcome outcome) { return static_cast<std::size_t>(outcome); }
constexpr std::string_view name_of(Outcome outcome) { return kOutcomeNames.at(index_of(outcome)); }

/// Everything but `success` and `shared` is a failure and carries a reason.
constexpr bool is_failure(Outcome outcome) {
  return outcome != Outcome::success && outcome != Outcome::shared;
}

}  // namespace ccbench
