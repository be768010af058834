#include <fmt/format.h>

#include "explore/sinks.h"
#include "explore/words.h"

namespace ccbench::explore {

void write_csv(std::span<const SearchResult> results, std::ostream& out) {
  out << "schema,guard,scenario,requests,keys,reads,strategy,preemptions,time,spurious,memory_model,seed,"
         "symmetric,"
         "schedules,"
         "classes,"
         "redundant,violations,deadlocks,too_long,first_failure,longest,exhaustive,verdict,replay,cpu_ns\n";
  for (const SearchResult& result : results) {
    const ExploredTrial& trial = result.trial;
    const SearchOptions& options = result.options;
    const bool timed = options.scheduler.time == TimeOrder::configured;
    // No field here can hold a comma but the schedule, and no quotes.
    out << fmt::format(
        "ccbench.explore/1,{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},\"{}\",{:.0f}\n",
        trial.guard->info.name, trial.scenario->info.name, trial.requests, trial.keys, trial.reads,
        name_of(options.strategy), options.preemptions ? fmt::format("{}", *options.preemptions) : "",
        timed ? "configured" : "free", options.spurious, name_of(result.memory), options.seed,
        result.symmetric ? 1 : 0, result.schedules, result.classes, result.redundant, result.violations,
        result.deadlocks, result.too_long, result.first_failure, result.longest,
        is_exhaustive(result) ? 1 : 0, ccbench::name_of(result.verdict),
        result.found ? result.found->replay : "", result.cpu_seconds * 1e9);
  }
}

}  // namespace ccbench::explore
