#include "explore/trace_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "explore/words.h"
#include "report/chart.h"
#include "report/layout.h"

namespace ccbench::explore {

const std::string_view kTraceStyle = R"css(
.lanes > svg { display: block; width: 100%; }
.box { fill: var(--ground); stroke: var(--faint); stroke-width: 1; }
.box.breaks { stroke: var(--bad); stroke-width: 2.5; }
.box.blocked { stroke: var(--wait); stroke-width: 2; stroke-dasharray: 4 3; }
.box.foot { fill: var(--raised); stroke: none; }
.breach { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 6 4; fill: none; }
.turns { stroke: var(--faint); stroke-width: 1.5; fill: none; }
svg .lane { font-weight: 600; }
svg .breaking { fill: var(--bad); font-weight: 600; }
.sample .area { stroke-opacity: .25; }
@media print { .lanes { max-width: 100%; } }
)css";

namespace {

constexpr double kPerCharacter = 7.2;  // About, of a text.
constexpr double kLine = 16;           // From one line of a text to the next.
constexpr double kRow = 30;
constexpr double kBoxMargin = 4;  // Above and below a box, in its row.
constexpr double kBandMargin = 4;
constexpr double kBoxInset = 12;  // Left and right of a box, in its lane.
constexpr double kTextInset = 8;
constexpr std::size_t kLeastCharacters = 18;  // Of the widest text that a box has room for.
constexpr double kEnd = 12;

/// A step, or a stretch of them that is left out.
struct Row {
  std::size_t step = 0;
  std::size_t left_out = 0;  ///< not 0: so many from `step` on are not drawn
  double top = 0;
  double bottom = 0;
};

class Picture {
 public:
  Picture(const SearchResult& result, const Found& found)
      : result_(result), found_(found), tasks_(tasks_in(result, found)) {
    const bool marks_keys = result.trial.keys > 1 || result.trial.reads > 0;
    top_ = kLine * (marks_keys ? 2 : 1) + kBoxMargin;
    give_lanes();
    double y = top_;
    std::size_t shown = 0;
    for (const auto [begin, end] : shown_of(found, kMostDrawn)) {
      if (begin > shown) y = add_row({.step = shown, .left_out = begin - shown, .top = y}, kRow);
      for (std::size_t i = begin; i < end; ++i)
        y = add_row({.step = i, .top = y}, found.trace[i].breaks ? kRow + kLine : kRow);
      shown = end;
    }
    steps_end_ = y;
    const std::size_t digits = std::max<std::size_t>(2, std::to_string(found.trace.size()).size());
    number_width_ = kPerCharacter * static_cast<double>(digits) + kTextInset;
    lane_width_ =
        kPerCharacter * static_cast<double>(most_characters()) + 2 * (kBoxInset + kTextInset) + number_width_;
  }

  double width() const { return lane_width_ * static_cast<double>(lanes_); }

  void draw(Markup& out) const {
    const double foot = steps_end_ + height_of_blocked();
    const double height = foot + height_of_results() + kEnd;
    const auto svg = open_svg(width(), height,
                              fmt::format("How {} is broken, step by step", result_.trial.guard->info.name),
                              description(), out);
    draw_lanes(foot, out);
    draw_bands(foot, out);
    draw_turns(out);
    for (const Row& row : rows_) {
      if (row.left_out > 0) {
        draw_text(width() / 2, row.top + kRow / 2 + 4, "middle faint",
                  fmt::format("… {} …", counted(row.left_out, "step")), out);
      } else {
        draw_step(row, out);
      }
    }
    for (const Blocked& blocked : found_.blocked) {
      if (!shares(blocked.task)) draw_blocked(blocked.task, blocked.why, out);
    }
    if (const std::string text = why_shared_wait(); !text.empty()) draw_blocked(sharing_.front(), text, out);
    for (Task task = 0; task < found_.results.size(); ++task) draw_result(task, foot, out);
  }

 private:
  /// One for each request, and for each thread but those that hardly do anything, such as a pool's that wait
  /// for work: these share the last one.
  void give_lanes() {
    constexpr std::size_t kFewSteps = 3;
    std::vector<std::size_t> steps(tasks_);
    for (const TraceStep& step : found_.trace) ++steps[step.task];
    for (Task task = result_.trial.requests; task < tasks_; ++task) {
      if (steps[task] <= kFewSteps) sharing_.push_back(task);
    }
    if (sharing_.size() == 1) sharing_.clear();
    for (Task task = 0; task < tasks_; ++task) lane_of_.push_back(shares(task) ? 0 : lanes_++);
    for (const Task task : sharing_) lane_of_[task] = lanes_;
    if (!sharing_.empty()) ++lanes_;
  }

  bool shares(Task task) const { return std::ranges::find(sharing_, task) != sharing_.end(); }

  /// What stands before the words for a step; empty: its lane says who takes it.
  std::string who(Task task) const {
    return shares(task) ? name_in_trace(result_, found_, task) + ": " : std::string{};
  }

  /// Of those who share a lane; empty: none of them is blocked.
  std::string why_shared_wait() const {
    const auto waits = [this](const Blocked& blocked) { return shares(blocked.task); };
    const auto count = static_cast<std::uint64_t>(std::ranges::count_if(found_.blocked, waits));
    if (count == 0) return {};
    return fmt::format("{} {}; the table says for what", counted(count, "thread"),
                       count == 1 ? "waits" : "wait");
  }

  double add_row(Row row, double height) {
    row.bottom = row.top + height;
    rows_.push_back(row);
    return row.bottom;
  }

  const TraceStep& step_of(const Row& row) const { return found_.trace[row.step]; }
  double left_of(Task task) const { return lane_width_ * static_cast<double>(lane_of_[task]); }
  double middle_of(Task task) const { return left_of(task) + lane_width_ / 2; }
  double box_width() const { return lane_width_ - 2 * kBoxInset; }

  std::size_t most_characters() const {
    std::size_t most = kLeastCharacters + 2;
    for (const Row& row : rows_) {
      if (row.left_out > 0) continue;
      const TraceStep& step = step_of(row);
      most = std::max(most, width_of(who(step.task) + in_words(step)));
    }
    return most;
  }

  std::vector<std::string> lines_of(std::string_view text) const {
    return wrapped(text, static_cast<std::size_t>((box_width() - 2 * kTextInset) / kPerCharacter));
  }

  static double height_of(std::size_t lines) { return kRow - kLine + kLine * static_cast<double>(lines); }

  double height_of_blocked() const {
    double most = 0;
    for (const Blocked& blocked : found_.blocked) {
      const std::string why = shares(blocked.task) ? why_shared_wait() : blocked.why;
      most = std::max(most, height_of(lines_of(why).size()));
    }
    return most;
  }

  /// With its name, which has left the screen where the schedule is long.
  std::string result_of(Task task) const {
    return fmt::format("{}: {}", name_in_trace(result_, found_, task), found_.results[task]);
  }

  double height_of_results() const {
    double most = 0;
    for (Task task = 0; task < found_.results.size(); ++task)
      most = std::max(most, height_of(lines_of(result_of(task)).size()));
    return most;
  }

  std::string description() const {
    std::string text = fmt::format("{} of {}.", counted(found_.trace.size(), "step"),
                                   counted(result_.trial.requests, "request"));
    const auto breaking = std::ranges::find(found_.trace, true, &TraceStep::breaks);
    if (breaking != found_.trace.end())
      text += fmt::format(" With step {}, of {}, it is {}.", breaking - found_.trace.begin() + 1,
                          name_in_trace(result_, found_, breaking->task), kBreaks);
    return text + " " + found_.sentence + ".";
  }

  /// What a request is of, where they differ.
  std::string about(Task task) const {
    const ExploredTrial& trial = result_.trial;
    if (task >= trial.requests) return {};
    std::string text;
    if (trial.keys > 1) text = trial.scenario->info.name_of(key_of(trial, task));
    if (trial.reads == 0) return text;
    if (!text.empty()) text += ", ";
    return text + (kind_of(trial, task) == Kind::read ? "reads" : "writes");
  }

  void draw_lanes(double bottom, Markup& out) const {
    PathData lines;
    for (Task task = 0; task < tasks_; ++task) {
      if (shares(task) && task != sharing_.front()) continue;
      draw_text(middle_of(task), kLine - 4, "middle lane",
                shares(task) ? "other threads" : name_in_trace(result_, found_, task), out);
      if (const std::string text = about(task); !text.empty())
        draw_text(middle_of(task), 2 * kLine - 4, "middle faint", text, out);
      lines.move_to(middle_of(task), top_);
      lines.vertical_to(bottom);
    }
    out.leaf("path", {{"class", "grid"}, {"d", lines.text()}});
  }

  /// The row below the last one is where those who are blocked stand.
  bool is_inside(Task task, std::size_t row) const {
    if (row == rows_.size()) {
      const auto stays = std::ranges::find(found_.blocked, task, &Blocked::task);
      return stays != found_.blocked.end() && stays->inside;
    }
    if (rows_[row].left_out == 0) return step_of(rows_[row]).inside.contains(task);
    return is_inside(task, row + 1) && (row == 0 || is_inside(task, row - 1));
  }

  void draw_bands(double foot, Markup& out) const {
    PathData bands;
    for (Task task = 0; task < result_.trial.requests; ++task) {
      const double left = left_of(task) + kBandMargin;
      const double right = left_of(task) + lane_width_ - kBandMargin;
      for (std::size_t i = 0; i <= rows_.size(); ++i) {
        if (!is_inside(task, i)) continue;
        const double top = i < rows_.size() ? rows_[i].top : steps_end_;
        while (i < rows_.size() && is_inside(task, i + 1)) ++i;
        bands.rectangle(left, top, right, i < rows_.size() ? rows_[i].bottom : foot);
      }
    }
    if (!bands.empty()) out.leaf("path", {{"class", "area inside"}, {"d", bands.text()}});
  }

  /// From each step to the next one.
  void draw_turns(Markup& out) const {
    PathData turns;
    bool joined = false;
    for (const Row& row : rows_) {
      if (row.left_out > 0) {
        joined = false;
        continue;
      }
      const double x = middle_of(step_of(row).task);
      if (joined) {
        turns.line_to(x, row.top + kBoxMargin);
      } else {
        turns.move_to(x, row.top + kBoxMargin);
      }
      turns.vertical_to(row.bottom - kBoxMargin);
      joined = true;
    }
    if (!turns.empty()) out.leaf("path", {{"class", "turns"}, {"d", turns.text()}});
  }

  void draw_box(Task task, double top, double bottom, std::string_view css_class, Markup& out) const {
    out.leaf("rect", {{"class", fmt::format("box {}", css_class)},
                      {"x", coordinate(left_of(task) + kBoxInset)},
                      {"y", coordinate(top + kBoxMargin)},
                      {"width", coordinate(box_width())},
                      {"height", coordinate(bottom - top - 2 * kBoxMargin)},
                      {"rx", "4"}});
  }

  void draw_lines(Task task, double top, const std::vector<std::string>& lines, std::string_view css_class,
                  Markup& out) const {
    double y = top + kBoxMargin + kLine - 1;
    for (const std::string& line : lines) {
      draw_text(middle_of(task), y, css_class, line, out);
      y += kLine;
    }
  }

  void draw_step(const Row& row, Markup& out) const {
    const TraceStep& step = step_of(row);
    const double y = row.top + kBoxMargin + kLine - 1;
    const auto group = out.open("g", {{"class", "step"}});
    out.element("title", {},
                fmt::format("step {}: {}, {}{}", row.step + 1, name_in_trace(result_, found_, step.task),
                            in_words(step), step.inside.contains(step.task) ? ", inside its section" : ""));
    if (step.breaks) {
      PathData line;
      line.move_to(0, row.bottom);
      line.horizontal_to(width());
      out.leaf("path", {{"class", "breach"}, {"d", line.text()}});
    }
    draw_box(step.task, row.top, row.bottom, step.breaks ? "breaks" : "", out);
    const double x = left_of(step.task) + kBoxInset + kTextInset + number_width_;
    draw_text(x - kTextInset, y, "end faint", std::to_string(row.step + 1), out);
    {
      const auto text = out.open("text", {{"x", coordinate(x)}, {"y", coordinate(y)}});
      out.text(who(step.task) + operation_of(step));
      if (!step.place.empty()) out.element("tspan", {{"class", "faint"}}, fmt::format(" ({})", step.place));
    }
    if (step.breaks) draw_text(x, y + kLine, "breaking", fmt::format("✗ {}", kBreaks), out);
  }

  void draw_blocked(Task task, std::string_view why, Markup& out) const {
    const std::vector<std::string> lines = lines_of(why);
    draw_box(task, steps_end_, steps_end_ + height_of(lines.size()), "blocked", out);
    draw_lines(task, steps_end_, lines, "middle", out);
  }

  void draw_result(Task task, double top, Markup& out) const {
    const std::vector<std::string> lines = lines_of(result_of(task));
    draw_box(task, top, top + height_of(lines.size()), "foot", out);
    draw_lines(task, top, lines, "middle", out);
  }

  const SearchResult& result_;
  const Found& found_;
  const Task tasks_;
  std::vector<std::size_t> lane_of_;  ///< by task
  std::size_t lanes_ = 0;
  std::vector<Task> sharing_;  ///< the last lane
  std::vector<Row> rows_;
  double top_ = 0;
  double steps_end_ = 0;
  double number_width_ = 0;  ///< in a box, of the number of its step
  double lane_width_ = 0;
};

std::string caption_of(const Found& found) {
  std::string text =
      "Time goes down, one step a row, each in the lane of who takes it; below each lane stands what the "
      "request got.";
  const std::vector<Stretch> shown = shown_of(found, kMostDrawn);
  const bool breaks = std::ranges::find(found.trace, true, &TraceStep::breaks) != found.trace.end();
  if (found.verdict == Verdict::violation && !breaks)
    text += " No step is marked: what is broken shows only when all have ended.";
  if (!found.blocked.empty()) text += " At the end, none of those that wait can go on.";
  if (found.trace.size() > kMostDrawn) {
    text += fmt::format(" Of {}, {} are drawn: the last ones{}.", counted(found.trace.size(), "step"),
                        kMostDrawn, shown.size() > 1 ? ", and those about the one that is marked" : "");
  }
  return text;
}

void write_trace_legend(const Found& found, Markup& out) {
  std::vector<LegendEntry> legend;
  const auto inside = [](const TraceStep& step) { return !step.inside.empty(); };
  if (std::ranges::any_of(found.trace, inside)) legend.push_back({"area inside", "inside its section"});
  if (std::ranges::find(found.trace, true, &TraceStep::breaks) != found.trace.end())
    legend.push_back({"box breaks", fmt::format("after this step {}", kBreaks), "M2 2H20V10H2z"});
  if (!found.blocked.empty()) legend.push_back({"box blocked", "waits for ever", "M2 2H20V10H2z"});
  if (!legend.empty()) write_legend(legend, out);
}

}  // namespace

void draw_trace(const SearchResult& result, const Found& found, Markup& out) {
  const Picture picture(result, found);
  const auto figure = out.open("figure");
  write_caption(caption_of(found), out);
  write_trace_legend(found, out);
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto lanes = out.open(
      "div", {{"class", "lanes"}, {"style", fmt::format("width: {}px", coordinate(picture.width()))}});
  picture.draw(out);
}

}  // namespace ccbench::explore
