// The page that people look at: verdicts, and of every failure the steps that lead to it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "driver/build.h"
#include "explore/sinks.h"
#include "explore/trace_picture.h"
#include "explore/words.h"
#include "report/layout.h"
#include "report/page.h"

namespace ccbench::explore {
namespace {

constexpr std::size_t kRowsOnPage = 5000;  // Of the table of a trace.

/// Beside the rules of all pages and of the picture.
constexpr std::string_view kPageStyle = R"css(
.claims td:nth-child(2) { min-width: 17em; }
.replay pre { max-height: 15em; overflow: auto; }
@media print { .replay pre { max-height: none; } }
)css";

std::string id_of(const SearchResult& result) {
  return fmt::format("guard-{}", result.trial.guard->info.name);
}

void write_number(std::uint64_t number, Markup& out) {
  out.element("td", {{"class", "number"}}, number > 0 ? std::to_string(number) : "–");
}

void write_row(const SearchResult& result, Markup& out) {
  const auto row = out.open("tr");
  {
    const auto name = out.open("th", {{"scope", "row"}});
    if (result.found) {
      out.element("a", {{"href", "#" + id_of(result)}}, result.trial.guard->info.name);
    } else {
      out.text(result.trial.guard->info.name);
    }
  }
  {
    const auto verdict = out.open("td");
    const VerdictLook look = look_of(result.verdict);
    out.element("span", {{"class", fmt::format("verdict {}", look.css_class)}},
                fmt::format("{} {}", look.symbol, ccbench::name_of(result.verdict)));
    out.text(" " + result.sentence);
  }
  write_number(result.schedules, out);
  write_number(result.classes, out);
  write_number(result.first_failure, out);
  write_number(result.longest, out);
  const auto cpu = static_cast<Nanos>(std::llround(result.cpu_seconds * 1e9));
  out.element("td", {{"class", "number"}, {"title", fmt::format("{} ns", cpu)}}, human(cpu));
}

void write_verdicts(std::span<const SearchResult> results, Markup& out) {
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "guards claims"}});
  {
    const auto head = out.open("thead");
    const auto row = out.open("tr");
    for (const std::string_view title : {"guard", "verdict"}) out.element("th", {{"scope", "col"}}, title);
    for (const std::string_view title : {"schedules", "classes", "first failure", "longest", "CPU time"})
      out.element("th", {{"scope", "col"}, {"class", "number"}}, title);
  }
  const auto body = out.open("tbody");
  for (const SearchResult& result : results) write_row(result, out);
}

void write_step(const TraceStep& step, std::size_t index, Task tasks, Markup& out) {
  const auto row = out.open("tr");
  out.element("th", {{"scope", "row"}, {"class", "number"}}, std::to_string(index + 1));
  for (Task task = 0; task < tasks; ++task) {
    const bool breaks = task == step.task && step.breaks;
    out.element("td", {{"class", breaks ? "verdict bad" : ""}}, task == step.task ? in_words(step) : "");
  }
  out.element("td", {{"class", "verdict bad"}}, step.breaks ? fmt::format("← {}", kBreaks) : "");
}

/// A column for each task, and a row for each step: the picture for who cannot see it, and for copying.
void write_trace(const SearchResult& result, const Found& found, Markup& out) {
  const Task tasks = tasks_in(result, found);
  const auto details = out.open("details");
  out.element("summary", {}, fmt::format("The same as a table: {}", counted(found.trace.size(), "step")));
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "trials"}});
  {
    const auto head = out.open("thead");
    const auto row = out.open("tr");
    out.element("th", {{"scope", "col"}, {"class", "number"}}, "step");
    for (Task task = 0; task < tasks; ++task)
      out.element("th", {{"scope", "col"}}, name_in_trace(result, found, task));
    out.element("th", {{"scope", "col"}}, "");
  }
  const auto body = out.open("tbody");
  std::size_t shown = 0;
  for (const auto [begin, end] : shown_of(found, kRowsOnPage)) {
    if (begin > shown) {
      const auto row = out.open("tr", {{"class", "line"}});
      out.element("td", {{"colspan", std::to_string(tasks + 2)}},
                  counted(begin - shown, "step") + " left out");
    }
    for (std::size_t i = begin; i < end; ++i) write_step(found.trace[i], i, tasks, out);
    shown = end;
  }
  for (const Blocked& blocked : found.blocked) {
    const auto row = out.open("tr");
    out.element("th", {{"scope", "row"}, {"class", "number"}}, "end");
    for (Task task = 0; task <= tasks; ++task)
      out.element("td", {}, task == blocked.task ? blocked.why : std::string{});
  }
  const auto row = out.open("tr");
  out.element("th", {{"scope", "row"}, {"class", "number"}}, "result");
  for (Task task = 0; task <= tasks; ++task)
    out.element("td", {}, task < found.results.size() ? found.results[task] : std::string{});
}

void write_failure(const SearchResult& result, const Found& found, const ExplorePage& page, Markup& out) {
  out.element("p", {}, result.sentence);
  draw_trace(result, found, out);
  write_trace(result, found, out);
  out.element("p", {}, "This runs the schedule again:");
  const auto replay = out.open("div", {{"class", "replay"}});
  write_command(replaying_command_of(result, found, page.settings), out);
}

std::string settings_of(const ParameterValues& values) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : values.changed()) texts.push_back(fmt::format("{}={}", name, value));
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// At most so much of the search; `no limit` where there is none.
std::string limits_of(const SearchOptions& options) {
  std::vector<std::string> limits;
  if (options.schedules > 0) limits.push_back(counted(options.schedules, "schedule"));
  if (options.budget > 0) limits.push_back(ccbench::to_text(options.budget) + " for each guard");
  limits.push_back(counted(options.scheduler.most_steps, "step") + " in a schedule");
  return fmt::format("{}", fmt::join(limits, ", "));
}

std::string strategy_of(const SearchOptions& options) {
  std::string text(name_of(options.strategy));
  if (options.preemptions) text += fmt::format(", preemptions ≤ {}", *options.preemptions);
  if (options.strategy == SearchStrategy::priorities) text += fmt::format(", depth {}", options.depth);
  return fmt::format("{}, seed {}", text, options.seed);
}

void write_pairs(std::span<const SearchResult> results, Markup& out) {
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto table = out.open("table", {{"class", "pairs"}});
  const auto body = out.open("tbody");
  const ExploredTrial& trial = results.front().trial;
  const SearchOptions& options = results.front().options;
  write_pair("scenario", fmt::format("{}: {}", trial.scenario->info.name, trial.scenario->info.about), out);
  write_pair("requests",
             fmt::format("{} of {}", trial.requests, counted(trial.keys, trial.scenario->info.key_name)),
             out);
  if (trial.reads > 0) write_pair("only read", counted(trial.reads, "request"), out);
  if (trial.reenter > 0) write_pair("enter again", fmt::format("{} deep", trial.reenter), out);
  if (trial.window.length > 0) write_pair("window", ccbench::to_text(trial.window.length), out);
  const auto write_settings = [&](std::string_view of, const ParameterValues& values) {
    if (const std::string texts = settings_of(values); !texts.empty())
      write_pair(fmt::format("settings of {}", of), texts, out);
  };
  write_settings(trial.scenario->info.name, trial.parameters);
  for (const SearchResult& result : results)
    write_settings(result.trial.guard->info.name, result.trial.guard_parameters);
  write_pair("strategy", strategy_of(options), out);
  write_pair("at most", limits_of(options), out);
  write_pair("sleeps and timeouts",
             options.scheduler.time == TimeOrder::configured ? "end in the order of their lengths"
                                                             : "end in any order",
             out);
  write_pair("memory model",
             options.older_values
                 ? "release and acquire: where no order keeps a load from it, it may see an older value"
                 : "sequential: every load sees the last value",
             out);
  if (std::ranges::any_of(results, &SearchResult::symmetric))
    write_pair("requests that are alike", "only one order of their firsts", out);
  const Build build = this_build();
  write_pair("build", fmt::format("ccbench {}, {}, {}", build.version, build.compiler, build.build_type),
             out);
}

void write_settings(std::span<const SearchResult> results, const ExplorePage& page, Markup& out) {
  out.element("p", {}, "This repeats all of it:");
  write_command(page.command, out);
  if (!results.empty()) write_pairs(results, out);
}

void write_left_out(const std::vector<std::string>& left_out, Markup& out) {
  const auto list = out.open("ul");
  for (const std::string& why : left_out) out.element("li", {}, why);
}

void write_header(std::span<const SearchResult> results, Markup& out) {
  const auto header = out.open("header");
  if (results.empty()) {
    out.element("h1", {}, "Nothing to explore");
    return;
  }
  out.element("h1", {}, results.front().trial.scenario->info.name);
  out.element("p", {{"class", "lead"}}, headline(results.front()));
}

}  // namespace

void write_html(std::span<const SearchResult> results, const ExplorePage& page, std::ostream& out) {
  Markup markup(out);
  const std::string title = results.empty() ? "ccbench explore"
                                            : fmt::format("{}: {}", results.front().trial.scenario->info.name,
                                                          headline(results.front()));
  write_page(title, fmt::format("{}{}", kTraceStyle, kPageStyle), markup, [&] {
    write_header(results, markup);
    if (!results.empty())
      write_section("verdicts", "Verdicts", markup, [&] { write_verdicts(results, markup); });
    for (const SearchResult& result : results) {
      if (!result.found) continue;
      const std::string heading =
          fmt::format("{}: {}", result.trial.guard->info.name, ccbench::name_of(result.verdict));
      write_section(id_of(result), heading, markup,
                    [&] { write_failure(result, *result.found, page, markup); });
    }
    if (!page.left_out.empty())
      write_section("left-out", "Left out", markup, [&] { write_left_out(page.left_out, markup); });
    write_section("options", "Settings", markup, [&] { write_settings(results, page, markup); });
  });
}

}  // namespace ccbench::explore
