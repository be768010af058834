#include "report/html_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "driver/distrust.h"
#include "report/command.h"
#include "report/layout.h"
#include "report/page.h"
#include "report/remarks.h"
#include "report/sweep.h"

namespace ccbench {
namespace {

constexpr std::size_t kMostTrials = 2000;

/// A cell, and what stands there when the pointer rests on it.
struct TableCell {
  std::string text;
  std::string exact = {};
};

TableCell as_range(const Spread& spread) {
  if (spread.least == spread.most) return {.text = fmt::format("{}", spread.least)};
  return {.text = fmt::format("{}..{}", spread.least, spread.most),
          .exact = fmt::format("{} to {}, median {}", spread.least, spread.most, spread.median)};
}

std::string exact_time(const Spread& spread) {
  return fmt::format("median {} ns, {} ns to {} ns", spread.median, spread.least, spread.most);
}
TableCell as_median_time(const Spread& spread) {
  return {.text = human(spread.median), .exact = exact_time(spread)};
}
TableCell as_median(const Spread& spread) {
  return {.text = fmt::format("{}", spread.median),
          .exact = fmt::format("median {}, {} to {}", spread.median, spread.least, spread.most)};
}
TableCell as_longest_time(const Spread& spread) {
  return {.text = human(spread.most), .exact = exact_time(spread)};
}

/// A column of the table: which column of trials.csv it folds, and how.
struct Measure {
  std::string_view title;
  std::string_view column;
  TableCell (*cell)(const Spread&);
  bool only_if_any = false;  ///< left out where it is 0 for every guard
};
constexpr auto kCounts = std::to_array<Measure>({
    {"success", "success", as_range},
    {"shared", "shared", as_range, true},
    {"refused", "refused", as_range, true},
    {"turned away", "turned_away", as_range, true},
    {"cancelled", "cancelled", as_range, true},
    {"timed out", "timed_out", as_range, true},
    {"errors", "error", as_range, true},
    {"unfinished", "unfinished", as_range, true},
    {"effects", "effects", as_range},
});
constexpr auto kWaits = std::to_array<Measure>({
    {"wait p50", "wait_p50_ns", as_median_time},
    {"wait p99", "wait_p99_ns", as_median_time, true},
    {"wait max", "wait_max_ns", as_longest_time},
});
constexpr auto kCosts = std::to_array<Measure>({
    {"hold p50", "hold_p50_ns", as_median_time, true},
    {"hand-over p50", "hand_over_p50_ns", as_median_time, true},
    {"latency p50", "latency_p50_ns", as_median_time, true},
    {"latency max", "latency_max_ns", as_longest_time, true},
    {"CPU user", "cpu_user_ns", as_median_time, true},
    {"CPU system", "cpu_sys_ns", as_median_time, true},
    {"switches voluntary", "ctx_voluntary", as_median, true},
    {"switches involuntary", "ctx_involuntary", as_median, true},
    {"blocked peak", "blocked_peak", as_range, true},
    {"overtakes", "overtakes", as_median, true},
    {"sections wasted", "wasted_sections", as_median, true},
    {"effects wasted", "wasted_effects", as_median, true},
});

using Measures = std::vector<const Measure*>;

bool any(const View& view, std::string_view column) {
  return std::ranges::any_of(view.guards, [&](const GuardView& guard) {
    const auto spread = spread_of(*view.run, *guard.guard, column);
    return spread && spread->most > 0;
  });
}

Measures wanted(const View& view, std::span<const Measure> measures) {
  Measures kept;
  for (const Measure& measure : measures) {
    if (!measure.only_if_any || any(view, measure.column)) kept.push_back(&measure);
  }
  return kept;
}

std::string title_of(const Measure& measure, const View& view) {
  const ScenarioInfo& scenario = view.experiment().scenario->info;
  if (measure.column == "effects" && scenario.effect < scenario.facts.size())
    return std::string(scenario.facts[scenario.effect]);
  return std::string(measure.title);
}

void write_cell(const TableCell& cell, Markup& out) {
  out.element("td", {{"class", "number"}, {"title", cell.exact}}, cell.text);
}

void write_measures(const View& view, const GuardView& guard, const Measures& measures, Markup& out) {
  for (const Measure* measure : measures) {
    const auto spread = spread_of(*view.run, *guard.guard, measure->column);
    write_cell(spread ? measure->cell(*spread) : TableCell{"–"}, out);
  }
}

void write_verdict(const GuardView& guard, Markup& out) {
  const bool control = guard.guard->role == Role::control;
  const VerdictLook look = look_of(guard.guard->verdict);
  const auto data = out.open("td", {{"title", guard.guard->sentence}});
  // A control is there to break: it must not draw the eye as a broken guard does.
  const auto word =
      out.open("span", {{"class", fmt::format("verdict {}", control ? "faint" : look.css_class)}});
  out.text(fmt::format("{} {}", look.symbol, name_of(guard.guard->verdict)));
}

/// A median above its interval.
void write_estimate(const std::optional<Estimate>& estimate, std::string (*text)(double),
                    std::string (*range)(const Interval&), std::string_view unit, Markup& out) {
  if (!estimate) {
    out.element("td", {{"class", "number"}}, "–");
    return;
  }
  std::string exact =
      fmt::format("median {}{} of {}", estimate->median, unit, counted(estimate->samples, "trial"));
  const auto& interval = estimate->interval;
  if (interval)
    exact += fmt::format(", 95 % interval {}{} to {}{}", interval->low, unit, interval->high, unit);
  const auto data = out.open("td", {{"class", "number"}, {"title", exact}});
  out.text(text(estimate->median));
  if (!interval) return;
  out.leaf("br");
  out.element("span", {{"class", "interval"}}, range(*interval));
}

/// Three digits behind the point, and of a small one three that count.
std::string ratio_text(double ratio) {
  constexpr int kDigits = 3;
  constexpr int kMost = 12;
  if (!(ratio > 0)) return fmt::format("{:.{}f}", ratio, kDigits);
  const int needed = kDigits - 1 - static_cast<int>(std::floor(std::log10(ratio)));
  return fmt::format("{:.{}f}", ratio, std::clamp(needed, kDigits, kMost));
}

std::string ratio_range(const Interval& interval) {
  return ratio_text(interval.low) + " – " + ratio_text(interval.high);
}

/// In both tables.
void write_name(const GuardView& guard, Markup& out) {
  const auto name = out.open("th", {{"scope", "row"}});
  out.text(label_of(*guard.guard));
  if (guard.guard->noisy.empty()) return;
  out.text(" ");
  out.element("abbr", {{"class", "noisy"}, {"title", guard.guard->noisy}}, "noisy");
}

/// The rows of a table: those that are ranked, a line, and those that are not.
template <class WriteRow>
void write_rows(const View& view, std::size_t columns, WriteRow write_row, Markup& out) {
  const auto body = out.open("tbody");
  bool below = false;
  for (const GuardView& guard : view.guards) {
    if (!guard.ranked() && !below) {
      below = true;
      const auto line = out.open("tr", {{"class", "line"}});
      out.element("td", {{"colspan", std::to_string(columns)}}, "not ranked: not shown to hold");
    }
    const auto row = out.open("tr", {{"class", guard.ranked() ? "" : "unranked"}});
    write_row(guard);
  }
}

void write_head(const std::vector<std::string>& titles, Markup& out) {
  const auto head = out.open("thead");
  const auto row = out.open("tr");
  for (const std::string& title : titles) {
    const bool text = title == "setting" || title == "guard" || title == "verdict";
    out.element("th", {{"scope", "col"}, {"class", text ? "" : "number"}}, title);
  }
}

std::string name_of_time(const View& view) {
  if (view.comparison->metric == "wall") return "median wall";
  return std::string(view.comparison->metric);
}

std::string name_of_ratio(const View& view) {
  if (!view.comparison->reference) return "ratio";
  return "ratio to " + view.run->guards.at(*view.comparison->reference).guard;
}

std::string load_of(const RunResult& run) {
  if (run.trials.empty()) return "not measured";
  const auto [least, most] = std::ranges::minmax(run.trials, {}, &TrialResult::load1);
  const std::string low = fmt::format("{:.2f}", least.load1);
  const std::string high = fmt::format("{:.2f}", most.load1);
  return (low == high ? low : low + " to " + high) + " in the last minute before a trial";
}

/// Every reason with the figures that it spoils.
void write_reasons(const RunResult& run, Markup& out) {
  const auto body = out.open("tbody");
  std::vector<std::string> said;
  for (const auto& [what, spoils] : run.distrust) {
    write_pair(what, spoils, out);
    said.push_back(fmt::format("{}: {}", what, spoils));
  }
  for (const GuardResult& guard : run.guards) {
    if (guard.noisy.empty()) continue;
    const std::string at = run.sweeps() ? " at " + label_of(run, run.configuration_of(guard)) : "";
    write_pair(label_of(guard) + at, "noisy: " + guard.noisy, out);
    said.push_back(guard.noisy);
  }
  for (const std::string& warning : run.warnings) {
    if (std::ranges::find(said, warning) != said.end()) continue;
    write_pair("warning", warning, out);
    said.push_back(warning);
  }
  if (said.empty()) write_pair("nothing", "No reason was found to distrust a figure.", out);
}

void write_machine(const RunResult& run, Markup& out) {
  const auto body = out.open("tbody");
  const Machine& machine = run.machine;
  write_pair("machine", fmt::format("{}: {}, kernel {}", machine.host, machine.cpu_model, machine.kernel),
             out);
  write_pair("CPUs",
             fmt::format("{} for this process, {} in all, {} per core", machine.cpus, machine.cpus_online,
                         counted(static_cast<std::uint64_t>(machine.threads_per_core), "thread")),
             out);
  if (machine.cpu_quota) write_pair("quota", fmt::format("{:.3g} CPUs", *machine.cpu_quota), out);
  if (!machine.governor.empty()) write_pair("governor", machine.governor, out);
  if (!machine.hypervisor.empty()) write_pair("virtual", machine.hypervisor, out);
  write_pair("load", load_of(run), out);
  if (const auto share = stolen_share(run))
    write_pair("steal", fmt::format("{:.1f} % of the CPUs' time during the trials", 100 * *share), out);
  const auto& [clock_read, harness] = run.calibration;
  if (clock_read) write_pair("clock", human_time(*clock_read) + " for one look at it", out);
  if (harness) write_pair("harness", human_time(*harness) + " for one request", out);
  write_pair("build",
             fmt::format("ccbench {}, {}, {}, sanitizer: {}", run.build.version, run.build.compiler,
                         run.build.build_type, run.build.sanitizer),
             out);
}

/// As it stands in CSV, unquoted.
std::string unquoted(const Cell& cell) {
  if (const auto* text = std::get_if<std::string_view>(&cell)) return std::string(*text);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  std::string text;
  append_csv(cell, text);
  return text;
}

/// Those that do not say the same of every trial; the others go into `same`.
std::vector<const Column<TrialRow>*> telling_columns(const RunResult& run,
                                                     std::vector<const Column<TrialRow>*>& same) {
  std::vector<const Column<TrialRow>*> telling;
  for (const Column<TrialRow>& column : trial_columns()) {
    const std::string first = unquoted(column.value(TrialRow{run, run.trials.front()}));
    const bool differs = std::ranges::any_of(run.trials, [&](const TrialResult& trial) {
      return unquoted(column.value(TrialRow{run, trial})) != first;
    });
    constexpr auto kAlways =
        std::to_array<std::string_view>({"trial", "role", "guard", "verdict", "wall_ns"});
    if (differs || std::ranges::find(kAlways, column.name) != kAlways.end()) {
      telling.push_back(&column);
    } else if (!first.empty()) {
      same.push_back(&column);
    }
  }
  return telling;
}

bool has_fairness(const View& view) {
  return std::ranges::any_of(view.run->trials,
                             [](const TrialResult& trial) { return trial.fairness.has_value(); });
}

void write_fairness(const View& view, const GuardView& guard, Markup& out) {
  std::vector<double> values;
  for (const std::size_t index : guard.guard->trials) {
    if (const auto fairness = fairness_of(view.run->trials.at(index))) values.push_back(*fairness);
  }
  write_estimate(estimate_median(values), ratio_text, ratio_range, "", out);
}

}  // namespace

void write_verdicts(const View& view, Markup& out) {
  const Measures counts = wanted(view, kCounts);
  const Measures waits = wanted(view, kWaits);
  std::vector<std::string> titles = {"rank", "guard", "verdict", "trials"};
  for (const Measure* measure : counts) titles.push_back(title_of(*measure, view));
  titles.push_back(name_of_time(view));
  titles.push_back(name_of_ratio(view));
  for (const Measure* measure : waits) titles.push_back(title_of(*measure, view));
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "guards"}});
  write_head(titles, out);
  const auto write_row = [&](const GuardView& guard) {
    out.element("td", {{"class", "number"}}, guard.ranked() ? std::to_string(guard.cost->rank) : "");
    write_name(guard, out);
    write_verdict(guard, out);
    out.element("td", {{"class", "number"}}, std::to_string(guard.guard->trials.size()));
    write_measures(view, guard, counts, out);
    write_estimate(guard.cost->time, human_time, human_range, " ns", out);
    write_estimate(guard.cost->ratio, ratio_text, ratio_range, "", out);
    write_measures(view, guard, waits, out);
  };
  write_rows(view, titles.size(), write_row, out);
}

void write_costs(const View& view, Markup& out) {
  const Measures costs = wanted(view, kCosts);
  const bool beyond = view.shows_beyond();
  std::vector<std::string> titles = {"guard", beyond ? "beyond the section" : name_of_time(view)};
  for (const Measure* measure : costs) titles.push_back(title_of(*measure, view));
  const bool fairness = has_fairness(view);
  if (fairness) titles.emplace_back("fairness (Jain)");
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "guards"}});
  write_head(titles, out);
  const auto write_row = [&](const GuardView& guard) {
    write_name(guard, out);
    write_estimate(beyond ? guard.cost->beyond : guard.cost->time, human_time, human_range, " ns", out);
    write_measures(view, guard, costs, out);
    if (fairness) write_fairness(view, guard, out);
  };
  write_rows(view, titles.size(), write_row, out);
}

void write_overview(std::span<const View> views, Markup& out) {
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "guards overview"}});
  write_head({"setting", "guard", "verdict", name_of_time(views.front()), "ratio"}, out);
  for (const View& view : views) {
    const auto body = out.open("tbody");
    for (const GuardView& guard : view.guards) {
      const auto row = out.open("tr", {{"class", guard.ranked() ? "" : "unranked"}});
      out.element("td", {}, &guard == view.guards.data() ? label_of(*view.run, view.configuration()) : "");
      write_name(guard, out);
      write_verdict(guard, out);
      write_estimate(guard.cost->time, human_time, human_range, " ns", out);
      write_estimate(guard.cost->ratio, ratio_text, ratio_range, "", out);
    }
  }
}

void write_summary(const View& view, Markup& out) {
  const auto summary = out.open("summary");
  out.element("b", {}, label_of(*view.run, view.configuration()));
  for (const GuardView& guard : view.guards) {
    if (guard.guard->role == Role::control) continue;
    const VerdictLook look = look_of(guard.guard->verdict);
    out.element("span", {{"class", fmt::format("summed verdict {}", look.css_class)}},
                fmt::format("{} {}", look.symbol, guard.guard->guard));
  }
}

void write_remarks(const RunResult& run, Markup& out) {
  const auto list = out.open("dl");
  for (const auto& [label, remarks] : remarks_on(run)) {
    out.element("dt", {}, label);
    std::string_view before;
    for (const Remark& remark : remarks) {
      const auto item = out.open("dd");
      if (!remark.of.empty()) out.element("b", {{"class", remark.of == before ? "again" : ""}}, remark.of);
      out.element("span", {}, remark.text);
      before = remark.of;
    }
  }
}

void write_distrust(const RunResult& run, Markup& out) {
  {
    const auto scroll = out.open("div", {{"class", "scroll"}});
    const auto table = out.open("table", {{"class", "pairs"}});
    write_reasons(run, out);
  }
  out.element("p", {}, "Where the figures are from, and what taking them costs there:");
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "pairs"}});
  write_machine(run, out);
}

void write_options(const RunResult& run, Markup& out) {
  out.element("p", {}, "This repeats the run:");
  write_command(command_of(run), out);
  const auto details = out.open("details");
  out.element("summary", {}, "Every option with its value");
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "pairs"}});
  const auto body = out.open("tbody");
  for (const auto& [name, value] : config_of(run)) write_pair("--" + name, value, out);
}

void write_trials(const RunResult& run, Markup& out) {
  if (run.trials.empty()) {
    out.element("p", {}, "There was no trial.");
    return;
  }
  std::vector<const Column<TrialRow>*> same;
  const auto columns = telling_columns(run, same);
  const auto details = out.open("details");
  out.element("summary", {},
              fmt::format("{} in order of execution, with the columns of trials.csv",
                          counted(run.trials.size(), "trial")));
  {
    const auto sentence = out.open("p", {{"class", "same"}});
    out.text("The same in every trial:");
    for (const Column<TrialRow>* column : same) {
      out.text(" ");
      out.element(
          "code", {},
          fmt::format("{}={}", column->name, unquoted(column->value(TrialRow{run, run.trials.front()}))));
    }
  }
  if (run.trials.size() > kMostTrials)
    out.element("p", {}, fmt::format("Only the first {} are shown; trials.csv has all.", kMostTrials));
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "trials"}});
  {
    const auto head = out.open("thead");
    const auto row = out.open("tr");
    for (const Column<TrialRow>* column : columns) out.element("th", {{"scope", "col"}}, column->name);
  }
  const auto body = out.open("tbody");
  for (const TrialResult& trial : std::span(run.trials).first(std::min(run.trials.size(), kMostTrials))) {
    const auto row = out.open("tr");
    for (const Column<TrialRow>* column : columns)
      out.element("td", {}, unquoted(column->value(TrialRow{run, trial})));
  }
}

}  // namespace ccbench
