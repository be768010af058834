// What somebody may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ccbench {

/// Up to three of `names` that `typed` may stand for, the likeliest first; empty if none is near.
std::vector<std::string> nearest(std::string_view typed, std::span<const std::string> names);

/// `did you mean --guard?`, or, where nothing is near, `there are a, b, c`.
std::string suggestion(std::string_view typed, std::span<const std::string> names);

}  // namespace ccbench
