// The settings of a store that scenarios let a user change: the same flags with the same meaning in all.
#pragma once

#include <array>
#include <string_view>

#include "core/parameter.h"

namespace ccbench {

inline constexpr std::array<std::string_view, 2> kVisibilities = {"commit", "instant"};

/// A `Visibility`.
inline constexpr Parameter kVisibility = {.name = "visibility",
                                          .about = "when others see a changed record",
                                          .type = Parameter::Type::choice,
                                          .initial = "commit",
                                          .choices = kVisibilities};

inline constexpr Parameter kConnections = {.name = "connections",
                                           .about = "size of the database connection pool",
                                           .type = Parameter::Type::count,
                                           .initial = "0",
                                           .least = 0,
                                           .most = 1'000'000,
                                           .initial_means = "unlimited"};

}  // namespace ccbench
