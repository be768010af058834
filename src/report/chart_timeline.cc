// One picture per guard: every request of one trial as a thin row, from its start to its end.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <tuple>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kWidth = 440;
constexpr double kHeight = 200;
constexpr std::size_t kMostRows = 2000;
constexpr std::size_t kMostRowsInSweep = 250;
constexpr std::size_t kStepShades = 6;
/// Beyond this factor between the longest and the shortest trial each picture has a scale of its own.
constexpr double kFactorForOwnScale = 4;
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

std::string step_class(std::size_t step) { return fmt::format("step{}", step % kStepShades); }

/// Ends of trials: the last thing that is known to have happened.
Nanos length_of(const TrialResult& trial) {
  Nanos last = 1;
  for (const RequestRow& request : trial.requests) {
    for (const auto& time : {request.start, request.enter, request.leave, request.end})
      last = std::max(last, time.value_or(0));
  }
  for (const Snapshot& snapshot : trial.snapshots) last = std::max(last, snapshot.at);
  return last;
}

using Rows = std::vector<const RequestRow*>;

/// Of a request that came.
Nanos time_of(const RequestRow* row) { return came(*row).value_or(0); }

/// Requests that came, in the order in which they did, then of their entries.
Rows rows_of(const TrialResult& trial) {
  Rows rows;
  for (const RequestRow& request : trial.requests) {
    if (came(request)) rows.push_back(&request);
  }
  std::ranges::sort(rows, {}, [](const RequestRow* row) {
    return std::tuple(time_of(row), row->enter.value_or(kNever), row->request);
  });
  return rows;
}

/// What of a trial is drawn.
struct Stretch {
  Rows rows;
  Nanos from = 0;
  Nanos to = 1;
  std::size_t skipped = 0;  ///< requests that came before; not 0: it is a part of the trial

  Nanos length() const { return to - from; }
};

/// All of it; of a pool whose requests would be too short to be seen in that, a few that came when all
/// workers had begun. They are early ones, because later some may not have been recorded.
Stretch stretch_of(const View& view, const TrialResult& trial) {
  constexpr std::size_t kSkipped = 100;
  constexpr std::size_t kRows = 40;
  Stretch stretch{.rows = rows_of(trial), .from = 0, .to = length_of(trial), .skipped = 0};
  if (!view.experiment().pool() || stretch.rows.size() <= kSkipped + kRows) return stretch;
  std::vector<Nanos> lengths;
  lengths.reserve(stretch.rows.size());
  for (const RequestRow* row : stretch.rows) lengths.push_back(row->end.value_or(stretch.to) - time_of(row));
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2);
  std::ranges::nth_element(lengths, middle);
  const double dots = static_cast<double>(*middle) * kWidth / static_cast<double>(stretch.to);
  if (dots >= 1) return stretch;
  stretch.from = time_of(stretch.rows[kSkipped]);
  stretch.to = std::max(time_of(stretch.rows[kSkipped + kRows]), stretch.from + 1);
  stretch.rows = Rows(stretch.rows.begin() + kSkipped, stretch.rows.begin() + kSkipped + kRows);
  stretch.skipped = kSkipped;
  return stretch;
}

/// Where no step was recorded, all of a section is one phase.
bool has_steps(const View& view) {
  return std::ranges::any_of(view.guards, [&](const GuardView& guard) {
    const TrialResult* const trial = view.timeline_of(guard);
    return trial != nullptr && !trial->steps.empty();
  });
}

std::string note_on(const TrialResult& trial, const Stretch& stretch, std::size_t shown) {
  const std::string recorded = recorded_of(trial);
  std::string note = fmt::format("trial {}, ", trial.trial);
  if (stretch.skipped > 0) {
    note += fmt::format("{} after the first {}, from {} to {} of {}", counted(shown, "request"),
                        stretch.skipped, human_time(static_cast<double>(stretch.from)),
                        human_time(static_cast<double>(stretch.to)),
                        human_time(static_cast<double>(length_of(trial))));
  } else if (recorded.empty()) {
    note += counted(stretch.rows.size(), "request");
  }
  if (!recorded.empty()) note += (stretch.skipped > 0 ? "; " : "") + recorded;
  if (shown < stretch.rows.size()) note += fmt::format(", {} of them shown", shown);
  if (const std::uint64_t unfinished = trial.tally.unfinished(); unfinished > 0)
    note += fmt::format(", {} unfinished: drawn to the last that is known", unfinished);
  return note;
}

/// Rectangles of one colour; one that continues the last one below it makes that one taller.
class Phase {
 public:
  void add(double left, double right, double top, double bottom) {
    if (coordinate(left) == coordinate(right)) return;
    if (open_ && coordinate(left) == coordinate(left_) && coordinate(right) == coordinate(right_) &&
        coordinate(top) == coordinate(bottom_)) {
      bottom_ = bottom;
      return;
    }
    flush();
    open_ = true;
    left_ = left;
    right_ = right;
    top_ = top;
    bottom_ = bottom;
  }
  const PathData& path() {
    flush();
    return path_;
  }

 private:
  void flush() {
    if (open_) path_.rectangle(left_, top_, right_, bottom_);
    open_ = false;
  }
  PathData path_;
  bool open_ = false;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
};

/// What a request is in at one time; steps come behind, in their order.
enum PhaseIndex : std::size_t { kQueued, kWaiting, kAfter, kInside, kFirstStep };

std::string class_of(std::size_t phase, bool steps) {
  constexpr auto kClasses = std::to_array<std::string_view>({"queued", "waiting", "after", "early"});
  if (phase == kInside && !steps) return "inside";
  return phase < kFirstStep ? std::string(kClasses.at(phase)) : step_class(phase - kFirstStep);
}

using Phases = std::vector<Phase>;

/// What one request did: its phases in the order of time, each until the next begins.
void add_row(const TrialResult& trial, const RequestRow& request, Nanos length, const Scale& scale,
             double top, double bottom, Phases& phases) {
  const auto add = [&](std::size_t phase, Nanos begin, Nanos end) {
    phases.at(phase).add(scale(static_cast<double>(begin)), scale(static_cast<double>(end)), top, bottom);
  };
  const Nanos end = request.end.value_or(length);
  const Nanos start = request.start.value_or(end);
  if (request.arrival) add(kQueued, *request.arrival, start);
  if (!request.start) return;
  add(kWaiting, start, request.enter.value_or(end));
  if (!request.enter) return;
  const Nanos leave = request.leave.value_or(end);
  Nanos begin = *request.enter;
  std::size_t inside = kInside;
  for (std::size_t i = 0; i < request.step_count; ++i) {
    const StepEntry& step = trial.steps.at(request.first_step + i);
    add(inside, begin, std::min(step.at, leave));
    begin = std::min(step.at, leave);
    inside = kFirstStep + step.step;
  }
  add(inside, begin, leave);
  if (request.leave) add(kAfter, leave, end);
}

void draw_snapshots(const TrialResult& trial, const Stretch& stretch, const Scale& scale, const Area& area,
                    Markup& out) {
  constexpr std::size_t kMost = 100;
  for (const std::size_t i : evenly(trial.snapshots.size(), kMost)) {
    const Snapshot& snapshot = trial.snapshots[i];
    if (snapshot.at < stretch.from || snapshot.at > stretch.to) continue;
    PathData line;
    line.move_to(scale(static_cast<double>(snapshot.at)), area.top - 4);
    line.vertical_to(area.bottom);
    const auto path = out.open("path", {{"class", "snapshot"}, {"d", line.text()}});
    out.element("title", {}, fmt::format("snapshot at {} ns: {} blocked", snapshot.at, blocked(snapshot)));
  }
}

/// `longest`: what the width stands for; of a part of a trial it is that part.
void draw_timeline(const View& view, const GuardView& guard, Nanos longest, Markup& out) {
  const TrialResult* const trial = view.timeline_of(guard);
  const auto panel = out.open("div", {{"class", "panel"}});
  out.element("h4", {{"class", guard.ranked() ? "" : "faint"}}, label_of(*guard.guard));
  if (trial == nullptr) {
    out.element("p", {{"class", "faint"}}, "No request of it was kept.");
    return;
  }
  const Stretch stretch = stretch_of(view, *trial);
  const auto shown = evenly(stretch.rows.size(), view.run->sweeps() ? kMostRowsInSweep : kMostRows);
  const Nanos length = length_of(*trial);
  const Area area{.left = 6, .top = 8, .right = kWidth - 14, .bottom = 8 + kHeight};
  const auto from = static_cast<double>(stretch.from);
  const Scale scale(Scale::Kind::linear, from, from + static_cast<double>(longest), area.left, area.right);
  Phases phases(kFirstStep + view.experiment().scenario->info.steps.size());
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto y_of = [&](std::size_t row) {
      return area.top + kHeight * static_cast<double>(row) / static_cast<double>(shown.size());
    };
    add_row(*trial, *stretch.rows[shown[i]], length, scale, y_of(i), y_of(i + 1), phases);
  }
  const std::string about = note_on(*trial, stretch, shown.size());
  out.element("p", {{"class", "note"}}, about);
  const auto svg = open_svg(kWidth, area.bottom + 36, "Timeline of " + label_of(*guard.guard), about, out);
  draw_x_axis(scale, area, time_tick, "since the release", out);
  // One who is inside must be seen, also where a row is thinner than a dot.
  const bool steps = has_steps(view);
  const bool thin = kHeight < static_cast<double>(shown.size());
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const std::string_view role = thin && i >= kInside ? "bar thick " : "bar ";
    const PathData& path = phases[i].path();
    if (!path.empty())
      out.leaf("path", {{"class", std::string(role) + class_of(i, steps)}, {"d", path.text()}});
  }
  draw_snapshots(*trial, stretch, scale, area, out);
}

void write_phase_legend(const View& view, Markup& out) {
  std::vector<LegendEntry> legend;
  if (view.experiment().rate > 0) legend.push_back({"queued", "queued, no worker free"});
  legend.push_back({"waiting", "waiting"});
  if (has_steps(view)) {
    legend.push_back({"early", "inside, before its first step"});
    const auto steps = view.experiment().scenario->info.steps;
    for (std::size_t i = 0; i < steps.size(); ++i)
      legend.push_back({step_class(i), "step " + std::string(steps[i])});
  } else {
    legend.push_back({"inside", "inside"});
  }
  legend.push_back({"after", "after leaving"});
  if (view.has_snapshots()) legend.push_back({"snapshot", "snapshot"});
  write_legend(legend, out);
}

}  // namespace

void draw_timelines(const View& view, Markup& out) {
  Nanos longest = 0;
  Nanos shortest = kNever;
  bool parts = false;
  for (const GuardView& guard : view.guards) {
    const TrialResult* const trial = view.timeline_of(guard);
    if (trial == nullptr) continue;
    const Stretch stretch = stretch_of(view, *trial);
    const Nanos length = stretch.length();
    parts = parts || stretch.skipped > 0;
    longest = std::max(longest, length);
    shortest = std::min(shortest, length);
  }
  if (longest == 0) {
    out.element("p", {}, "No request was kept, so there is nothing to draw.");
    return;
  }
  const bool one_scale =
      !parts && static_cast<double>(longest) <= kFactorForOwnScale * static_cast<double>(shortest);
  const auto figure = out.open("figure");
  write_caption(
      fmt::format(
          "The last trial of each guard. Every request is one thin row, from its start on the left to its "
          "end; those that started first stand on top. {} Phases too short for a tenth of a dot are left "
          "out.",
          one_scale ? "All pictures have the same scale of time."
                    : "Each picture has a scale of time of its own."),
      out);
  write_phase_legend(view, out);
  const auto panels = out.open("div", {{"class", "panels"}});
  for (const GuardView& guard : view.guards) {
    const TrialResult* const trial = view.timeline_of(guard);
    draw_timeline(view, guard, one_scale || trial == nullptr ? longest : stretch_of(view, *trial).length(),
                  out);
  }
}

}  // namespace ccbench
