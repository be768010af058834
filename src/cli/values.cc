#include "cli/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "cli/flags.h"
#include "cli/gate_flags.h"

namespace ccbench {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view initial(std::string_view name) {
  const auto* const flag = std::ranges::find(kFlags, name, &Flag::name);
  if (flag != kFlags.end()) return flag->initial;
  const auto* const of_gate = std::ranges::find(kGateFlags, name, &Flag::name);
  return of_gate == kGateFlags.end() ? std::string_view{} : of_gate->initial;
}

}  // namespace

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    const auto comma = list.find(',');
    items.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

std::string Values::text(std::string_view name) const {
  const auto found = given_.find(std::string(name));
  return found == given_.end() ? std::string(initial(name)) : found->second;
}

std::uint64_t Values::number(std::string_view name, std::uint64_t least, std::uint64_t most,
                             std::string_view most_is) const {
  const auto value = parse_number<std::uint64_t>(text(name));
  if (!value || *value < least || *value > most) {
    refuse("--{}: '{}' is not a whole number from {} to {}{}{}", name, text(name), least, most,
           most_is.empty() ? "" : ", ", most_is);
  }
  return *value;
}

Nanos Values::duration(std::string_view name, std::string_view text, Nanos least) {
  const auto value = parse_duration(text);
  if (!value) refuse("--{}: '{}' is not a duration with its unit (500ms, 1s, 50us) or 0", name, text);
  if (*value < least || *value > kLongestDuration) {
    refuse("--{}: {} is not from {} to {}", name, text, to_text(least), kLongestDurationText);
  }
  return *value;
}

double Values::real(std::string_view name, std::string_view text, double least, double most) {
  const auto value = parse_number<double>(text);
  if (!value || !std::isfinite(*value) || *value < least || *value > most) {
    refuse("--{}: '{}' is not a number from {} to {}", name, text, least, most);
  }
  return *value == 0 ? 0 : *value;  // -0 is 0, also when it is written down.
}

std::size_t Values::choice(std::string_view name, std::span<const std::string> choices) const {
  const auto found = std::ranges::find(choices, text(name));
  if (found == choices.end()) {
    refuse("--{}: '{}' is not one of {}", name, text(name), fmt::join(choices, ", "));
  }
  return static_cast<std::size_t>(found - choices.begin());
}

std::vector<std::string> Values::list(std::string_view name) const {
  std::vector<std::string> items = split(text(name));
  if (std::ranges::find(items, std::string{}) != items.end()) {
    refuse("--{}: '{}' has an empty item; items are separated by one comma", name, text(name));
  }
  return items;
}

bool Values::is_set(std::string_view name) const {
  if (!has(name)) return false;
  constexpr std::array<std::string_view, 2> kWords = {"true", "false"};
  const auto* const word = std::ranges::find(kWords, text(name));
  if (word == kWords.end()) refuse("--{}: '{}' is not one of true, false", name, text(name));
  return word == kWords.begin();
}

}  // namespace ccbench
