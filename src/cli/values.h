// Values of flags as they were typed, checked as they are looked at.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.h"
#include "core/duration.h"

namespace ccbench {

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw UsageError(fmt::format(text, std::forward<Args>(args)...));
}

inline bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

/// The items of a list with commas, of which some may be empty.
std::vector<std::string> split(std::string_view list);

/// The flags as given, with their defaults. All that look at a value throw UsageError if it is not what is
/// allowed, naming the flag, the value, and what would be. Refers to `given`.
class Values {
 public:
  explicit Values(const RawFlags& given) : given_(given) {}

  bool has(std::string_view name) const { return given_.contains(std::string(name)); }
  std::string text(std::string_view name) const;
  /// `most_is`: what a user knows the upper limit as.
  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most,
                       std::string_view most_is = {}) const;
  Nanos duration(std::string_view name, Nanos least) const { return duration(name, text(name), least); }
  static Nanos duration(std::string_view name, std::string_view text, Nanos least);
  double real(std::string_view name, double least, double most) const {
    return real(name, text(name), least, most);
  }
  static double real(std::string_view name, std::string_view text, double least, double most);
  /// Which of them it is.
  std::size_t choice(std::string_view name, std::span<const std::string> choices) const;
  /// Items of a list, none of them empty.
  std::vector<std::string> list(std::string_view name) const;
  bool is_set(std::string_view name) const;

 private:
  const RawFlags& given_;
};

}  // namespace ccbench
