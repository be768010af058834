#include "report/runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "report/comparison.h"
#include "report/layout.h"
#include "report/ranked_table.h"
#include "report/remarks.h"
#include "report/sweep.h"

namespace ccbench {
namespace {

/// One guard of one run.
struct RunEntry {
  std::size_t run = 0;
  const GuardResult* guard = nullptr;
  Cost cost;
};

/// What identifies a cell, whichever run it is of.
std::string settings_of(const RunResult& run, const GuardResult& guard) {
  const Experiment& experiment = run.configuration_of(guard).experiment;
  std::string text = fmt::format("{}, {}", experiment.scenario->info.name, size_of(experiment));
  for (const auto& [name, value] : experiment.params) {
    if (name != "duration") text += fmt::format(", {}={}", name, value);  // The size says it.
  }
  return text;
}

std::string time_text(const std::optional<Estimate>& time) {
  return time ? human(static_cast<Nanos>(std::llround(time->median))) : "-";
}

std::string ratio_text(const std::optional<Estimate>& ratio) {
  if (!ratio) return "-";
  if (!ratio->interval) return as_ratio(ratio->median);
  return fmt::format("{} ({} – {})", as_ratio(ratio->median), as_ratio(ratio->interval->low),
                     as_ratio(ratio->interval->high));
}

using Entries = std::vector<RunEntry>;

bool is_ranked(const Entries& entries) {
  return std::ranges::all_of(entries, [](const RunEntry& entry) { return entry.cost.rank > 0; });
}

/// Those that are OK in every run by their mean rank there, then the others, by name.
std::vector<std::string> in_order(const std::map<std::string, Entries>& guards) {
  std::vector<std::pair<double, std::string>> places;
  for (const auto& [guard, entries] : guards) {
    double ranks = 0;
    for (const RunEntry& entry : entries) ranks += static_cast<double>(entry.cost.rank);
    const double never = std::numeric_limits<double>::infinity();
    places.emplace_back(is_ranked(entries) ? ranks / static_cast<double>(entries.size()) : never, guard);
  }
  std::ranges::sort(places);
  std::vector<std::string> names;
  names.reserve(places.size());
  for (const auto& [place, name] : places) names.push_back(name);
  return names;
}

}  // namespace

std::string runs_text(std::span<const RunResult> runs, std::span<const std::string> names) {
  std::map<std::string, std::map<std::string, Entries>> cells;  // By settings, then guard.
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (const Comparison& comparison : compare(runs[i])) {
      for (const Cost& cost : comparison.costs) {
        const GuardResult& guard = runs[i].guards[cost.guard];
        cells[settings_of(runs[i], guard)][label_of(guard)].push_back(
            {.run = i, .guard = &guard, .cost = cost});
      }
    }
  }
  std::ostringstream text;
  text << fmt::format(
      "{} runs beside each other; compare ratios, each to the reference of its own run, and "
      "not times\n",
      runs.size());
  for (const auto& [settings, guards] : cells) {
    text << '\n' << settings << '\n';
    TextTable table;
    for (const char* title : {"guard", "run", "machine", "verdict"}) table.add_column(title, Align::left);
    for (const char* title : {"trials", "time", "ratio"}) table.add_column(title, Align::right);
    bool ranked = true;
    for (const std::string& guard : in_order(guards)) {
      const Entries& entries = guards.at(guard);
      if (ranked && !is_ranked(entries) && guards.size() > 1) table.add_rule(std::string(kNotRanked));
      ranked = is_ranked(entries);
      for (const RunEntry& entry : entries) {
        const RunResult& run = runs[entry.run];
        table.add_row({{.text = &entry == entries.data() ? guard : ""},
                       {.text = names[entry.run]},
                       {.text = run.machine.host},
                       {.text = std::string(name_of(entry.guard->verdict))},
                       {.text = std::to_string(entry.guard->trials.size())},
                       {.text = time_text(entry.cost.time)},
                       {.text = ratio_text(entry.cost.ratio)}});
      }
    }
    table.write(text);
  }
  return text.str();
}

}  // namespace ccbench
