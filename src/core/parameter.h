// The settings that a scenario or a guard declares and a user may change: `--payment 1s`, `--visibility
// commit`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"

namespace ccbench {

struct Parameter {
  enum class Type : std::uint8_t {
    delay,   ///< time that a successful section spends; `--time-scale` multiplies it
    limit,   ///< time that a request may wait; scaled likewise
    period,  ///< time for which something stays as it is; scaled likewise
    choice,  ///< one of `choices`
    count,   ///< a whole number from `least` to `most`
    ratio,   ///< from 0 to 1
  };

  std::string_view name;   ///< the flag without its dashes
  std::string_view about;  ///< one line for `--help`
  Type type = Type::delay;
  std::string_view initial;  ///< the default, as a user would type it
  std::span<const std::string_view> choices = {};
  std::int64_t least = 0;
  std::int64_t most = 0;
  /// What a person reads where `initial` says nothing: `unlimited` for a count of 0.
  std::string_view initial_means = {};
  /// The default of `ccbench explore`, where that of a trial would only make more of the same steps; empty:
  /// the same.
  std::string_view explored = {};
};

/// From where to where it may be set: `0 to 24h`; empty for a choice.
std::string range_of(const Parameter& parameter);

/// The values of the parameters of one scenario or guard: times in nanoseconds, choices by index, counts as
/// they are, ratios in parts per billion.
class ParameterValues {
 public:
  ParameterValues() = default;
  /// Every parameter at its default.
  explicit ParameterValues(std::span<const Parameter> parameters);

  /// Reads `text` as a user typed it. Answers an empty string, or what would have been allowed
  /// (`one of commit, instant`), in which case the value is unchanged. `name` must be declared.
  std::string set(std::string_view name, std::string_view text);

  /// Multiplies every time by a factor from 0 to 1000. Answers an empty string, or the name of one
  /// that would be longer than `kLongestDuration`, in which case all are unchanged.
  std::string scale_delays(double factor);

  std::int64_t at(std::string_view name) const;
  std::chrono::nanoseconds time(std::string_view name) const { return std::chrono::nanoseconds(at(name)); }
  template <class Enum>
  Enum choice(std::string_view name) const {
    return static_cast<Enum>(at(name));
  }
  double ratio(std::string_view name) const { return static_cast<double>(at(name)) / kRatioUnit; }

  /// The sum of all delays: what one successful section spends by configuration.
  Nanos section() const;
  /// The longest single delay or limit: so long a request may stay where it is.
  Nanos longest_step() const;

  /// Name → value as a user would type it, for every parameter that is not at its default.
  std::map<std::string, std::string> changed() const;

 private:
  static constexpr double kRatioUnit = 1e9;

  /// Throws std::logic_error if it is not declared.
  std::size_t index_of(std::string_view name) const;
  std::string text_of(const Parameter& parameter) const;

  std::span<const Parameter> parameters_;
  std::vector<std::int64_t> values_;  ///< in the same order
};

}  // namespace ccbench
