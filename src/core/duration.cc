#include "core/duration.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace ccbench {
namespace {

struct Unit {
  std::string_view name;
  Nanos nanos;
};
constexpr std::array<Unit, 7> kUnits = {{{"ns", 1},
                                         {"us", kMicrosecond},
                                         {"µs", kMicrosecond},
                                         {"ms", kMillisecond},
                                         {"s", kSecond},
                                         {"m", 60 * kSecond},
                                         {"h", 3600 * kSecond}}};

}  // namespace

std::optional<Nanos> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double number = 0;
  const auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (status != std::errc{}) return std::nullopt;
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (suffix != unit.name) continue;
    const double nanos = number * static_cast<double>(unit.nanos);
    if (nanos >= static_cast<double>(std::numeric_limits<Nanos>::max())) return std::nullopt;
    return std::llround(nanos);
  }
  return std::nullopt;
}

std::string to_text(Nanos duration) {
  if (duration == 0) return "0";
  constexpr std::array<Unit, 4> kWritten = {
      {{"s", kSecond}, {"ms", kMillisecond}, {"us", kMicrosecond}, {"ns", 1}}};
  for (const Unit& unit : kWritten) {
    // At most three digits behind the point; anything finer is said in the next smaller unit.
    const Nanos step = unit.nanos >= kMicrosecond ? unit.nanos / 1000 : 1;
    if (duration < unit.nanos || duration % step != 0) continue;
    std::string text = std::to_string(duration / unit.nanos);
    if (const Nanos rest = duration % unit.nanos; rest != 0) {
      std::string digits = std::to_string(1000 + rest / step).substr(1);
      digits.erase(digits.find_last_not_of('0') + 1);
      text += '.' + digits;
    }
    return text.append(unit.name);
  }
  return std::to_string(duration) + "ns";
}

}  // namespace ccbench
