// The table that people read, and below it the sentences that belong to it.
#include <fmt/color.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "report/comparison.h"
#include "report/layout.h"
#include "report/remarks.h"
#include "report/sink.h"

namespace ccbench {
namespace {

constexpr std::size_t kLabelWidth = 11;  ///< at least, so that most runs look alike
constexpr std::size_t kProseWidth = 20;  ///< at least, however narrow the terminal

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

/// What the table leaves out, one after the other, until it fits; counts only where they are all 0.
constexpr auto kExpendable = std::to_array<std::string_view>(
    {"error", "shared", "refused", "turned_away", "wait_p99_ns", "wait_p50_ns", "wait_max_ns", "wall_ns"});

bool is_count(const Measure& measure) { return measure.text == as_range; }

std::string_view title_of(const Measure& measure, const RunResult& run) {
  if (measure.column == "effects") return effect_of(run.experiment.scenario->info);
  if (measure.column == "wall_ns" && run.experiment.trials > 1) return "median wall";
  return measure.title;
}

bool any(std::string_view column, const RunResult& run) {
  return std::ranges::any_of(run.guards, [&](const GuardResult& guard) {
    const auto spread = spread_of(run, guard, column);
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

/// Returns what a reader would miss: the columns left out that are not all 0.
std::vector<const Measure*> write_table(const RunResult& run, const TextStyle& style, std::ostream& out) {
  TextTable table;
  table.add_column("guard", Align::left);
  table.add_column("verdict", Align::left);
  const std::size_t before_measures = table.columns();
  std::vector<const Measure*> measures;
  for (const Measure& measure : kMeasures) {
    if (measure.only_if_any && !any(measure.column, run)) continue;
    measures.push_back(&measure);
    table.add_column(title_of(measure, run), Align::right);
  }
  for (const GuardResult& guard : run.guards) table.add_row(row_of(run, guard, measures, style.color));
  std::vector<const Measure*> missed;
  for (const std::string_view column : kExpendable) {
    if (table.width() <= style.width) break;
    const auto found = std::ranges::find(measures, column, &Measure::column);
    if (is_count(**found) && any(column, run)) continue;
    if (!is_count(**found)) missed.push_back(*found);
    table.remove_column(before_measures + static_cast<std::size_t>(found - measures.begin()));
    measures.erase(found);
  }
  table.write(out);
  std::ranges::sort(missed);  // Back into the order of the table.
  return missed;
}

/// `wait p50 and p99 are left out to fit 80 columns; --csv has them`
Topic about_width(const std::vector<const Measure*>& missed, std::size_t width) {
  constexpr std::string_view kWait = "wait ";
  std::string what;
  for (const Measure* measure : missed) {
    std::string_view title = measure->title;
    if (what.find(kWait) != std::string::npos) title.remove_prefix(kWait.size());
    if (!what.empty()) what += measure == missed.back() ? " and " : ", ";
    what += title;
  }
  const bool one = missed.size() == 1;
  return {"width",
          {{{},
            fmt::format("{} {} left out to fit {} columns; --csv has {}", what, one ? "is" : "are", width,
                        one ? "it" : "them")}}};
}

void write_topic(const Topic& topic, std::size_t label_width, std::size_t width, std::ostream& out) {
  const auto& [label, remarks] = topic;
  std::size_t of_width = 0;
  for (const Remark& remark : remarks) of_width = std::max(of_width, width_of(remark.of));
  if (of_width > 0) of_width += 2;
  std::string_view before;
  for (const Remark& remark : remarks) {
    const bool first = &remark == remarks.data();
    const std::string indent(label_width + (remark.of.empty() ? 0 : of_width), ' ');
    std::string margin = padded(first ? label : "", label_width);
    if (!remark.of.empty()) margin += padded(first || remark.of != before ? remark.of : "", of_width);
    const std::size_t rest = std::max(width, indent.size() + kProseWidth) - indent.size();
    for (const std::string& line : wrapped(remark.text, rest)) {
      out << margin << line << '\n';
      margin = indent;
    }
    before = remark.of;
  }
}

void write_topics(const std::vector<Topic>& topics, std::size_t width, std::ostream& out) {
  std::size_t label_width = kLabelWidth;
  for (const Topic& topic : topics) label_width = std::max(label_width, topic.label.size() + 2);
  if (!topics.empty()) out << '\n';
  for (const Topic& topic : topics) write_topic(topic, label_width, width, out);
}

void write_title(const RunResult& run, std::size_t width, std::ostream& out) {
  const Experiment& experiment = run.experiment;
  const std::string what =
      fmt::format("ccbench {} · {} · {}, {}, {}, {} · seed {}", run.build.version,
                  experiment.scenario->info.name, counted(experiment.requests, "request"),
                  counted(experiment.threads, "thread"), counted(experiment.keys, "key"),
                  counted(static_cast<std::uint64_t>(experiment.trials), "trial"), experiment.seed);
  for (const std::string& line : wrapped(what, width)) out << line << '\n';
  if (!experiment.params.empty()) {
    std::string with = "with";
    for (const auto& [name, value] : experiment.params) with += fmt::format(" {}={}", name, value);
    for (const std::string& line : wrapped(with, width)) out << line << '\n';
  }
  out << '\n';
}

class Text final : public Sink {
 public:
  explicit Text(TextStyle style) : style_(style) {}

  void write(const RunResult& run, std::ostream& out) const override {
    if (!style_.quiet) write_title(run, style_.width, out);
    const auto missed = write_table(run, style_, out);
    if (style_.quiet) return;
    std::vector<Topic> topics = remarks_on(run);
    if (!missed.empty()) topics.push_back(about_width(missed, style_.width));
    write_topics(topics, style_.width, out);
  }

 private:
  TextStyle style_;
};

}  // namespace

std::unique_ptr<Sink> text_sink(TextStyle style) { return std::make_unique<Text>(style); }

}  // namespace ccbench
