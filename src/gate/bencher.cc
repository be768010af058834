// Bencher Metric Format: a benchmark for each contest, a measure for each metric.
#include <nlohmann/json.hpp>

#include "gate/sinks.h"
#include "gate/words.h"
#include "stats/estimate.h"

namespace ccbench {

void write_bencher(const GateResult& result, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  Json benchmarks = Json::object();
  for (const ContestResult& contest : result.contests) {
    if (!contest.not_judged.empty()) continue;
    for (const MetricResult& metric : contest.metrics) {
      const auto estimate = estimate_median(candidate_values(metric), 1 - 2 * metric.alpha);
      if (!estimate) continue;
      Json measure = {{"value", estimate->median}};
      if (estimate->interval) {
        measure["lower_value"] = estimate->interval->low;
        measure["upper_value"] = estimate->interval->high;
      }
      benchmarks[contest.contest.name][std::string(metric.metric->name)] = std::move(measure);
    }
  }
  out << benchmarks.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace ccbench
