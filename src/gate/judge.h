// Whether the candidate is slower than the base: one metric, judged from pairs, look by look.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "stats/estimate.h"

namespace ccbench {

enum class Judgement : std::uint8_t {
  pass,          ///< no slower than the threshold allows
  improved,      ///< faster by more than the threshold
  regressed,     ///< slower by more than the threshold
  inconclusive,  ///< neither was shown with the pairs there are
};
std::string_view name_of(Judgement judgement);

/// How a metric is judged. The design and its rates of error: results/measure_gate.md.
struct JudgeRules {
  double threshold = 0.10;                ///< changes below it are no regression, whatever their statistics
  double alpha = 0.005;                   ///< probability of a false word to one side, per look and metric
  std::vector<int> looks = {20, 40, 80};  ///< after so many pairs; ascending
  double clock_look = 0;                  ///< what one look at the clock takes, in ns
};

/// What the pairs measured so far say. Ratios are candidate over base, above 1: the candidate is worse.
struct Opinion {
  Judgement judgement = Judgement::inconclusive;
  std::optional<Estimate> ratio;  ///< its interval has `alpha` at either side; nothing without a pair
  /// The least slow-down, as a ratio above 1, that would have been called one if the pairs had scattered
  /// as they did; infinite without an interval.
  double smallest_seen = 0;
};

/// Of pairs (base, candidate) of a metric that both measured together; where more is better they come the
/// other way round. `alpha` is the share of `JudgeRules::alpha` that this metric has.
///
/// Regressed: the interval lies above 1 and the median above 1 + threshold. Improved: the same of the
/// inverse. Pass: the interval ends below 1 + threshold. Neither: inconclusive, and worth another look.
Opinion judge(std::span<const std::pair<double, double>> pairs, double threshold, double alpha);

/// The same of a ratio that is known, above 1: worse.
Opinion opinion_of(const Estimate& estimate, double threshold);

}  // namespace ccbench
