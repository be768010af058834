// Durations as people write and read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ccbench {

/// All durations and points in time inside ccbench are whole nanoseconds.
using Nanos = std::int64_t;

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

/// The longest that a user may ask for: a sum of many still fits 63 bits.
inline constexpr Nanos kLongestDuration = kSecond * 3600 * 24;
inline constexpr std::string_view kLongestDurationText = "24h";

/// Reads `500ms`, `1s`, `1.5s`, `50us`, `20ns`, `2m`, `1h`; only `0` may stand without a unit. Nothing
/// for anything else, a sign included, and for what does not fit 63 bits of nanoseconds.
std::optional<Nanos> parse_duration(std::string_view text);

/// A form that `parse_duration` reads as the same, in the largest of s, ms, us and ns that needs at most
/// three digits behind the point: `90s`, `1.5s`, `500ms`, `0`.
std::string to_text(Nanos duration);

}  // namespace ccbench
