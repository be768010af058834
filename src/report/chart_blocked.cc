// Steps: how many requests waited, and how many were inside, at every moment of one trial.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kWidth = 440;
constexpr double kHeight = 130;
constexpr std::size_t kColumns = 150;  ///< of at most four points each

/// From `at` on there are `count`.
struct Change {
  Nanos at = 0;
  std::int64_t count = 0;
};
using Curve = std::vector<Change>;

/// The count over time, of +1 and -1 at their times.
Curve curve_of(std::vector<Change> events) {
  std::ranges::sort(events, {}, &Change::at);
  Curve curve = {{.at = 0, .count = 0}};
  std::int64_t count = 0;
  for (const Change& event : events) {
    count += event.count;
    if (curve.back().at == event.at) {
      curve.back().count = count;
    } else {
      curve.push_back({.at = event.at, .count = count});
    }
  }
  return curve;
}

Curve waiting_curve(const TrialResult& trial) {
  std::vector<Change> events;
  for (const RequestRow& request : trial.requests) {
    const auto from = came(request);
    if (!from) continue;
    events.push_back({.at = *from, .count = 1});
    const auto until = request.enter ? request.enter : request.end;
    if (until) events.push_back({.at = *until, .count = -1});
  }
  return curve_of(std::move(events));
}

Curve inside_curve(const TrialResult& trial) {
  std::vector<Change> events;
  for (const RequestRow& request : trial.requests) {
    if (!request.enter) continue;
    events.push_back({.at = *request.enter, .count = 1});
    if (request.leave) events.push_back({.at = *request.leave, .count = -1});
  }
  return curve_of(std::move(events));
}

std::int64_t peak_of(const Curve& curve) { return std::ranges::max(curve, {}, &Change::count).count; }

/// Of each column of the picture the first, lowest, highest and last count: the picture stays the same, and
/// no peak is lost (U. Jugel and others, "M4: a visualization-oriented time series data aggregation", 2014).
Curve thinned(const Curve& curve, Nanos length) {
  if (curve.size() <= 4 * kColumns) return curve;
  Curve kept;
  const auto column_of = [&](const Change& change) {
    return static_cast<std::size_t>(static_cast<double>(change.at) / static_cast<double>(length) * kColumns);
  };
  for (auto begin = curve.begin(); begin != curve.end();) {
    const auto end = std::find_if(begin, curve.end(),
                                  [&](const Change& one) { return column_of(one) != column_of(*begin); });
    const auto [lowest, highest] =
        std::minmax_element(begin, end, [](const Change& a, const Change& b) { return a.count < b.count; });
    std::array picked = {begin, lowest, highest, std::prev(end)};
    std::ranges::sort(picked);
    for (std::size_t i = 0; i < picked.size(); ++i) {
      if (i == 0 || picked.at(i) != picked.at(i - 1)) kept.push_back(*picked.at(i));
    }
    begin = end;
  }
  return kept;
}

Nanos end_of(const TrialResult& trial, const Curve& waiting, const Curve& inside) {
  Nanos end = std::max({Nanos{1}, waiting.back().at, inside.back().at});
  for (const Snapshot& snapshot : trial.snapshots) end = std::max(end, snapshot.at);
  return end;
}

void draw_curve(const Curve& curve, std::string_view phase, const Scale& x, const Scale& y, Nanos end,
                Markup& out) {
  PathData line;
  PathData area;
  area.move_to(x(0), y(0));
  for (const Change& change : thinned(curve, end)) {
    const double at = x(static_cast<double>(change.at));
    if (line.empty()) {
      line.move_to(at, y(static_cast<double>(change.count)));
    } else {
      line.horizontal_to(at);
      line.vertical_to(y(static_cast<double>(change.count)));
    }
    area.horizontal_to(at);
    area.vertical_to(y(static_cast<double>(change.count)));
  }
  line.horizontal_to(x(static_cast<double>(end)));
  area.horizontal_to(x(static_cast<double>(end)));
  area.vertical_to(y(0));
  area.close();
  out.leaf("path", {{"class", fmt::format("area {}", phase)}, {"d", area.text()}});
  out.leaf("path", {{"class", fmt::format("line {}", phase)}, {"d", line.text()}});
}

/// As a snapshot counts them.
std::int64_t inside(const Snapshot& snapshot) {
  return std::ranges::count_if(snapshot.threads,
                               [](const ThreadRow& row) { return row.place.phase() == Phase::step; });
}

void draw_dots(const TrialResult& trial, const Scale& x, const Scale& y, Markup& out) {
  constexpr std::size_t kMost = 200;
  for (const std::size_t i : evenly(trial.snapshots.size(), kMost)) {
    const Snapshot& snapshot = trial.snapshots[i];
    const auto dot = [&](std::int64_t count, std::string_view phase) {
      const auto circle = out.open("circle", {{"class", fmt::format("counted {}", phase)},
                                              {"cx", coordinate(x(static_cast<double>(snapshot.at)))},
                                              {"cy", coordinate(y(static_cast<double>(count)))},
                                              {"r", "3.5"}});
      out.element("title", {}, fmt::format("snapshot at {} ns: {} {}", snapshot.at, count, phase));
    };
    dot(static_cast<std::int64_t>(blocked(snapshot)), "waiting");
    dot(inside(snapshot), "inside");
  }
}

struct Panel {
  const GuardView* guard = nullptr;
  const TrialResult* trial = nullptr;
  Curve waiting, inside;
  Nanos end = 0;
};

void draw_panel(const Panel& panel, std::int64_t peak, Markup& out) {
  const auto division = out.open("div", {{"class", "panel"}});
  const std::string name = label_of(*panel.guard->guard);
  out.element("h4", {{"class", panel.guard->ranked() ? "" : "faint"}}, name);
  const Area area{.left = 46, .top = 22, .right = kWidth - 14, .bottom = 22 + kHeight};
  const std::string about = fmt::format("trial {}, at most {} waiting and {} inside", panel.trial->trial,
                                        peak_of(panel.waiting), peak_of(panel.inside));
  out.element("p", {{"class", "note"}}, about);
  const auto svg =
      open_svg(kWidth, area.bottom + 36, "Requests waiting and inside over time: " + name, about, out);
  const Scale x(Scale::Kind::linear, 0, static_cast<double>(panel.end), area.left, area.right);
  const Scale y(Scale::Kind::linear, 0, static_cast<double>(std::max<std::int64_t>(peak, 2)), area.bottom,
                area.top);
  draw_x_axis(x, area, time_tick, "since the release", out);
  draw_y_axis(y, area, count_tick, "requests", out);
  draw_curve(panel.waiting, "waiting", x, y, panel.end, out);
  draw_curve(panel.inside, "inside", x, y, panel.end, out);
  draw_dots(*panel.trial, x, y, out);
}

/// Counts at every moment need every request.
void write_gaps(const View& view, Markup& out) {
  for (const GuardView& guard : view.guards) {
    const TrialResult* const trial = view.timeline_of(guard);
    if (trial == nullptr || trial->lost_events == 0) continue;
    out.element("p", {{"class", "note"}},
                fmt::format("{}, trial {}: {}, so how many there were at every moment is not known.",
                            label_of(*guard.guard), trial->trial, recorded_of(*trial)));
  }
}

}  // namespace

void draw_blocked(const View& view, Markup& out) {
  std::vector<Panel> panels;
  std::int64_t peak = 1;
  for (const GuardView& guard : view.guards) {
    const TrialResult* const trial = view.timeline_of(guard);
    if (trial == nullptr || trial->lost_events > 0) continue;
    Panel panel{.guard = &guard,
                .trial = trial,
                .waiting = waiting_curve(*trial),
                .inside = inside_curve(*trial),
                .end = 0};
    panel.end = end_of(*trial, panel.waiting, panel.inside);
    peak = std::max({peak, peak_of(panel.waiting), peak_of(panel.inside)});
    panels.push_back(std::move(panel));
  }
  write_gaps(view, out);
  if (panels.empty()) {
    out.element("p", {}, "Of no guard were all requests kept, so there is nothing to draw.");
    return;
  }
  const auto figure = out.open("figure");
  const bool queue = view.experiment().rate > 0;
  const std::string_view dots =
      queue ? "Dots are what the snapshots counted, which see nobody who is still in the queue. "
            : "Dots are what the snapshots counted: they should lie on the curves. ";
  write_caption(
      fmt::format("How many requests waited {} and how many were inside the section, at every moment of the "
                  "last trial of each guard. {}All pictures have the same height for the same number.",
                  queue ? "from their arrival on" : "in the guard", view.has_snapshots() ? dots : ""),
      out);
  const std::array<LegendEntry, 2> legend = {{{"waiting", "waiting"}, {"inside", "inside"}}};
  write_legend(legend, out);
  const auto division = out.open("div", {{"class", "panels"}});
  for (const Panel& panel : panels) draw_panel(panel, peak, out);
}

}  // namespace ccbench
