// The table that people read, and of every failure the steps that lead to it.
#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "explore/sinks.h"
#include "explore/words.h"
#include "report/layout.h"

namespace ccbench::explore {
namespace {

constexpr std::size_t kRowsInText = 200;  ///< of a trace

fmt::text_style style_of(Verdict verdict) {
  if (verdict == Verdict::ok) return fmt::fg(fmt::terminal_color::green);
  return fmt::fg(has_failed(verdict) ? fmt::terminal_color::red : fmt::terminal_color::yellow);
}

TextCell number(std::uint64_t value) { return {.text = fmt::format("{}", value)}; }

void write_table(std::span<const SearchResult> results, const ExploreText& text, std::ostream& out) {
  TextTable table;
  table.add_column("guard", Align::left);
  table.add_column("verdict", Align::left);
  table.add_column("schedules", Align::right);
  table.add_column("first failure", Align::right);
  table.add_column("longest", Align::right);
  table.add_column("CPU time", Align::right);
  for (const SearchResult& result : results) {
    const TextCell verdict = {.text = verdict_in_words(result),
                              .style = text.color ? style_of(result.verdict) : fmt::text_style{}};
    table.add_row({{.text = std::string(result.trial.guard->info.name)},
                   verdict,
                   number(result.schedules),
                   result.first_failure > 0 ? number(result.first_failure) : TextCell{.text = "-"},
                   number(result.longest),
                   {.text = human(static_cast<Nanos>(std::llround(result.cpu_seconds * 1e9)))}});
  }
  table.write(out);
}

/// A column for each task, and a row for each step.
void write_trace(const SearchResult& result, const Found& found, const ExploreText& text, std::ostream& out) {
  const Task tasks = tasks_in(result, found);
  TextTable table;
  table.add_column("step", Align::right);
  for (Task task = 0; task < tasks; ++task) table.add_column(name_in_trace(result, found, task), Align::left);
  table.add_column("", Align::left);
  const fmt::text_style red = text.color ? fmt::fg(fmt::terminal_color::red) : fmt::text_style{};
  std::size_t shown = 0;
  for (const auto [begin, end] : shown_of(found, kRowsInText)) {
    if (begin > shown) table.add_rule(counted(begin - shown, "step"));
    for (std::size_t i = begin; i < end; ++i) {
      const TraceStep& step = found.trace[i];
      std::vector<TextCell> cells(tasks + 2);
      cells[0].text = fmt::format("{}", i + 1);
      cells[step.task + 1] = {.text = in_words(step), .style = step.breaks ? red : fmt::text_style{}};
      if (step.breaks) cells.back() = {.text = fmt::format("← {}", kBreaks), .style = red};
      table.add_row(std::move(cells));
    }
    shown = end;
  }
  table.write(out);
}

void write_failure(const SearchResult& result, const Found& found, const ExploreText& text,
                   std::ostream& out) {
  out << '\n';
  for (const std::string& line :
       wrapped(fmt::format("{}: {}", result.trial.guard->info.name, result.sentence), text.width))
    out << line << '\n';
  write_trace(result, found, text, out);
  for (std::size_t i = 0; i < found.results.size(); ++i)
    out << fmt::format("  request {}: {}\n", i, found.results[i]);
  out << fmt::format("repeat it: {}\n", replaying_command_of(result, found, text.settings));
}

}  // namespace

void write_text(std::span<const SearchResult> results, const ExploreText& text, std::ostream& out) {
  if (results.empty()) {
    out << "nothing to explore\n";
  } else {
    const SearchResult& any = results.front();
    if (!text.quiet) {
      out << fmt::format("{}: {}\n\n", any.trial.scenario->info.name, headline(any));
    }
    write_table(results, text, out);
  }
  if (text.quiet) return;
  for (const SearchResult& result : results) {
    if (result.found) write_failure(result, *result.found, text, out);
    if (result.verdict == Verdict::error)
      out << fmt::format("\n{}: {}\n", result.trial.guard->info.name, result.sentence);
  }
  if (!text.left_out.empty()) {
    out << "\nleft out:\n";
    for (const std::string& why : text.left_out) out << "  " << why << '\n';
  }
}

}  // namespace ccbench::explore
