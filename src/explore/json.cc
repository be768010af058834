#include <nlohmann/json.hpp>

#include "driver/build.h"
#include "explore/sinks.h"
#include "explore/words.h"

namespace ccbench::explore {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const TraceStep& step) {
  Json inside = Json::array();
  step.inside.each([&](Task task) { inside.push_back(task); });
  return {{"request", step.task}, {"operation", step.operation}, {"object", step.object},
          {"step", step.place},   {"inside", std::move(inside)}, {"breaks", step.breaks},
          {"old_value", step.old}};
}

Json json_of(const Found& found) {
  Json trace = Json::array();
  for (const TraceStep& step : found.trace) trace.push_back(json_of(step));
  Json blocked = Json::array();
  for (const Blocked& each : found.blocked)
    blocked.push_back({{"request", each.task}, {"why", each.why}, {"inside", each.inside}});
  return {{"verdict", ccbench::name_of(found.verdict)},
          {"sentence", found.sentence},
          {"preemptions", found.preemptions},
          {"confirmed", found.confirmed},
          {"replay", found.replay},
          {"results", found.results},
          {"blocked", std::move(blocked)},
          {"trace", std::move(trace)}};
}

Json json_of(const SearchResult& result) {
  const ExploredTrial& trial = result.trial;
  return {{"guard", trial.guard->info.name},
          {"scenario", trial.scenario->info.name},
          {"requests", trial.requests},
          {"keys", trial.keys},
          {"reads", trial.reads},
          {"strategy", name_of(result.options.strategy)},
          {"preemptions", result.options.preemptions ? Json(*result.options.preemptions) : Json(nullptr)},
          {"time", result.options.scheduler.time == TimeOrder::configured ? "configured" : "free"},
          {"spurious", result.options.spurious},
          {"memory_model", name_of(result.memory)},
          {"seed", result.options.seed},
          {"symmetric", result.symmetric},
          {"schedules", result.schedules},
          {"classes", result.classes},
          {"redundant", result.redundant},
          {"violations", result.violations},
          {"deadlocks", result.deadlocks},
          {"too_long", result.too_long},
          {"first_failure", result.first_failure},
          {"longest", result.longest},
          {"exhaustive", is_exhaustive(result)},
          {"cpu_seconds", result.cpu_seconds},
          {"verdict", ccbench::name_of(result.verdict)},
          {"sentence", result.sentence},
          {"found", result.found ? json_of(*result.found) : Json(nullptr)}};
}

}  // namespace

void write_json(std::span<const SearchResult> results, std::ostream& out) {
  Json searches = Json::array();
  for (const SearchResult& result : results) searches.push_back(json_of(result));
  const Json document = {
      {"schema", "ccbench.explore/1"}, {"version", this_build().version}, {"searches", std::move(searches)}};
  out << document.dump(2) << '\n';
}

}  // namespace ccbench::explore
