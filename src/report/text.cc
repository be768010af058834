// The table that people read, and below it the sentences that belong to it.
#include <fmt/color.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/comparison.h"
#include "report/layout.h"
#include "report/remarks.h"
#include "report/sink.h"

namespace ccbench {
namespace {

constexpr std::size_t kLineWidth = 110;
constexpr std::size_t kLabelWidth = 11;

std::string_view effect_of(const ScenarioInfo& scenario) {
  return scenario.effect < scenario.facts.size() ? scenario.facts[scenario.effect] : "effects";
}

std::string as_range(const Spread& spread) {
  if (spread.least == spread.most) return fmt::format("{}", spread.least);
  return fmt::format("{}..{}", spread.least, spread.most);
}
std::string as_median_time(const Spread& spread) { return human(spread.median); }
std::string as_longest_time(const Spread& spread) { return human(spread.most); }

/// A column of the table: which column of trials.csv it folds, and how.
struct Measure {
  std::string_view title;
  std::string_view column;
  std::string (*text)(const Spread&);
  bool only_if_any = false;  ///< left out where it is 0 for every guard
};
constexpr auto kMeasures = std::to_array<Measure>({
    {"success", "success", as_range},
    {"shared", "shared", as_range},
    {"refused", "refused", as_range},
    {"turned away", "turned_away", as_range},
    {"cancelled", "cancelled", as_range, true},
    {"timed out", "timed_out", as_range, true},
    {"errors", "error", as_range},
    {"unfinished", "unfinished", as_range, true},
    {"effects", "effects", as_range},
    {"wall", "wall_ns", as_median_time},
    {"wait p50", "wait_p50_ns", as_median_time},
    {"wait p99", "wait_p99_ns", as_median_time},
    {"wait max", "wait_max_ns", as_longest_time},
});

std::string_view title_of(const Measure& measure, const RunResult& run) {
  if (measure.column == "effects") return effect_of(run.experiment.scenario->info);
  if (measure.column == "wall_ns" && run.experiment.trials > 1) return "median wall";
  return measure.title;
}

bool shown(const Measure& measure, const RunResult& run) {
  return !measure.only_if_any || std::ranges::any_of(run.guards, [&](const GuardResult& guard) {
    const auto spread = spread_of(run, guard, measure.column);
    return spread && spread->most > 0;
  });
}

fmt::text_style style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return fmt::fg(fmt::terminal_color::green);
    case Verdict::violation:
    case Verdict::hung:
    case Verdict::crashed: return fmt::fg(fmt::terminal_color::red);
    case Verdict::inconclusive:
    case Verdict::error: break;
  }
  return fmt::fg(fmt::terminal_color::yellow);
}

std::vector<TextCell> row_of(const RunResult& run, const GuardResult& guard,
                             const std::vector<const Measure*>& measures, bool color) {
  std::vector<TextCell> row;
  row.push_back({.text = label_of(guard)});
  row.push_back({.text = std::string(name_of(guard.verdict))});
  if (color) row.back().style = style_of(guard.verdict);
  for (const Measure* measure : measures) {
    const auto spread = spread_of(run, guard, measure->column);
    row.push_back({.text = spread ? measure->text(*spread) : "-"});
  }
  // A control is there to break: it must not draw the eye as a broken guard does.
  if (color && guard.role == Role::control) {
    for (TextCell& cell : row) cell.style = fmt::emphasis::faint;
  }
  return row;
}

void write_table(const RunResult& run, bool color, std::ostream& out) {
  TextTable table;
  table.add_column("guard", Align::left);
  table.add_column("verdict", Align::left);
  std::vector<const Measure*> measures;
  for (const Measure& measure : kMeasures) {
    if (!shown(measure, run)) continue;
    measures.push_back(&measure);
    table.add_column(title_of(measure, run), Align::right);
  }
  for (const GuardResult& guard : run.guards) table.add_row(row_of(run, guard, measures, color));
  table.write(out);
}

void write_topic(const Topic& topic, std::ostream& out) {
  const auto& [label, remarks] = topic;
  std::size_t of_width = 0;
  for (const Remark& remark : remarks) of_width = std::max(of_width, width_of(remark.of));
  if (of_width > 0) of_width += 2;
  std::string_view before;
  for (const Remark& remark : remarks) {
    const bool first = &remark == remarks.data();
    const std::string indent(kLabelWidth + (remark.of.empty() ? 0 : of_width), ' ');
    std::string margin = padded(first ? label : "", kLabelWidth);
    if (!remark.of.empty()) margin += padded(first || remark.of != before ? remark.of : "", of_width);
    for (const std::string& line : wrapped(remark.text, kLineWidth - indent.size())) {
      out << margin << line << '\n';
      margin = indent;
    }
    before = remark.of;
  }
}

void write_title(const RunResult& run, std::ostream& out) {
  const Experiment& experiment = run.experiment;
  fmt::print(out, "ccbench {} · {} · {}, {}, {}, {} · seed {}\n", run.build.version,
             experiment.scenario->info.name, counted(experiment.requests, "request"),
             counted(experiment.threads, "thread"), counted(experiment.keys, "key"),
             counted(static_cast<std::uint64_t>(experiment.trials), "trial"), experiment.seed);
  if (experiment.params.empty()) {
    out << '\n';
    return;
  }
  std::string text = "with";
  for (const auto& [name, value] : experiment.params) text += fmt::format(" {}={}", name, value);
  for (const std::string& line : wrapped(text, kLineWidth)) out << line << '\n';
  out << '\n';
}

class Text final : public Sink {
 public:
  explicit Text(TextStyle style) : style_(style) {}

  void write(const RunResult& run, std::ostream& out) const override {
    if (!style_.quiet) write_title(run, out);
    write_table(run, style_.color, out);
    if (style_.quiet) return;
    std::string_view gap = "\n";
    for (const Topic& topic : remarks_on(run)) {
      out << std::exchange(gap, "");
      write_topic(topic, out);
    }
  }

 private:
  TextStyle style_;
};

}  // namespace

std::unique_ptr<Sink> text_sink(TextStyle style) { return std::make_unique<Text>(style); }

}  // namespace ccbench
