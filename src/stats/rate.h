// How often something happens, from how often it did.
#pragma once

#include <cstdint>

#include "stats/estimate.h"

namespace ccbench {

/// The rates per trial that `hits` of `trials` leave possible (Clopper and Pearson 1934, exact and
/// two-sided); 0 to 1 without a trial. `hits` <= `trials`, 0 < `confidence` < 1.
Interval rate_interval(std::uint64_t hits, std::uint64_t trials, double confidence = 0.95);

/// How many trials see what happens at this rate at least once, with this probability. 0 < `rate` <= 1.
std::uint64_t trials_to_see(double rate, double confidence = 0.95);

/// The same where the rate is known by its hits alone: after `hits` of `trials`, the fewest further trials of
/// which at least one hits with this probability, the rate having the beta distribution that the lower end of
/// `rate_interval` is a quantile of. 0 < `hits` <= `trials`.
std::uint64_t trials_to_see_again(std::uint64_t hits, std::uint64_t trials, double confidence = 0.95);

}  // namespace ccbench
