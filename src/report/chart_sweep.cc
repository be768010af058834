// Of a sweep: what each guard takes, against each numeric setting.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"
#include "report/sweep.h"

namespace ccbench {
namespace {

constexpr double kWidth = 440;
constexpr double kHeight = 190;
constexpr std::size_t kMostPanels = 24;

/// A setting as a number: a duration in nanoseconds, or a count.
std::optional<double> number_of(const std::string& text) {
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc{} && end == text.data() + text.size()) return number;
  const auto duration = parse_duration(text);
  return duration ? std::optional(static_cast<double>(*duration)) : std::nullopt;
}

bool is_duration(const std::string& text) {
  return text.find_first_not_of("0123456789.") != std::string::npos;
}

struct Point {
  double x = 0;
  const Estimate* time = nullptr;
};

/// One guard.
struct Line {
  GuardView guard;
  std::vector<Point> points;
};

/// The configurations that differ in one setting alone.
struct Panel {
  std::string title;  ///< what the other settings are
  std::vector<Line> lines;
};

/// One setting of a sweep, and everything that was measured against it.
struct Picture {
  std::string setting;
  bool beyond = false;  ///< time beyond the section, where all configurations have that
  bool duration = false;
  std::vector<double> xs;  ///< ascending, each once
  std::vector<double> ys;
  std::vector<Panel> panels;
};

std::string others_of(const View& view, const std::vector<std::string>& settings,
                      const std::string& setting) {
  std::string text;
  for (const std::string& other : settings) {
    if (other == setting) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}={}", other, value_of(view.configuration(), other));
  }
  return text;
}

Line& line_of(const GuardView& guard, Panel& panel) {
  const auto found =
      std::ranges::find(panel.lines, guard.color, [](const Line& line) { return line.guard.color; });
  if (found != panel.lines.end()) return *found;
  return panel.lines.emplace_back(Line{.guard = guard, .points = {}});
}

void add_points(const View& view, double x, Picture& picture, Panel& panel) {
  for (const GuardView& guard : view.guards) {
    const std::optional<Estimate>& time = picture.beyond ? guard.cost->beyond : guard.cost->time;
    if (!guard.ranked() || !time) continue;
    line_of(guard, panel).points.push_back({.x = x, .time = &*time});
    picture.ys.push_back(time->median);
    if (time->interval) picture.ys.insert(picture.ys.end(), {time->interval->low, time->interval->high});
  }
}

Picture picture_of(std::span<const View> views, const std::vector<std::string>& settings,
                   const std::string& setting) {
  Picture picture{.setting = setting,
                  .beyond = std::ranges::all_of(views, &View::shows_beyond),
                  .xs = {},
                  .ys = {},
                  .panels = {}};
  for (const View& view : views) {
    const std::string value = value_of(view.configuration(), setting);
    const double x = number_of(value).value_or(0);
    picture.duration = picture.duration || is_duration(value);
    picture.xs.push_back(x);
    const std::string title = others_of(view, settings, setting);
    auto panel = std::ranges::find(picture.panels, title, &Panel::title);
    if (panel == picture.panels.end()) {
      picture.panels.push_back({.title = title, .lines = {}});
      panel = std::prev(picture.panels.end());
    }
    add_points(view, x, picture, *panel);
  }
  std::ranges::sort(picture.xs);
  const auto [first, last] = std::ranges::unique(picture.xs);
  picture.xs.erase(first, last);
  for (Panel& panel : picture.panels) {
    for (Line& line : panel.lines) std::ranges::sort(line.points, {}, &Point::x);
  }
  return picture;
}

/// `aside`: dots to the right, so that the whiskers of guards at one setting stand beside each other.
void draw_line(const Line& line, const Picture& picture, double aside, const Scale& x, const Scale& y,
               Markup& out) {
  PathData path;
  PathData whiskers;
  for (const Point& point : line.points) {
    const double at = x(point.x) + aside;
    if (path.empty()) {
      path.move_to(at, y(point.time->median));
    } else {
      path.line_to(at, y(point.time->median));
    }
    if (!point.time->interval) continue;
    whiskers.move_to(at, y(point.time->interval->low));
    whiskers.vertical_to(y(point.time->interval->high));
  }
  const auto group = out.open("g", {{"class", classes_of(line.guard)}});
  out.leaf("path", {{"class", "line " + classes_of(line.guard)}, {"d", path.text()}});
  if (!whiskers.empty()) out.leaf("path", {{"class", "whisker"}, {"d", whiskers.text()}});
  for (const Point& point : line.points) {
    const auto mark = out.open(
        "path", {{"class", "dot"}, {"d", mark_at(x(point.x) + aside, y(point.time->median), 4, line.guard)}});
    const std::string at = picture.duration ? time_tick(point.x) : count_tick(point.x);
    out.element(
        "title", {},
        fmt::format("{}, {} {}: {} ns", line.guard.guard->guard, picture.setting, at, point.time->median));
  }
}

void draw_panel(const Panel& panel, const Picture& picture, std::string_view what, Markup& out) {
  const auto division = out.open("div", {{"class", "panel"}});
  if (!panel.title.empty()) out.element("h4", {}, panel.title);
  const auto [least, most] = std::ranges::minmax(picture.ys);
  const Scale::Kind kind = kind_for(picture.ys);
  const Scale y(kind, kind == Scale::Kind::linear ? std::min(least, 0.0) : least, most, 22 + kHeight, 22);
  const Area area{.left = room_for(y, time_tick), .top = 22, .right = kWidth - 16, .bottom = 22 + kHeight};
  const Scale x(kind_for(picture.xs), picture.xs.front(), picture.xs.back(), area.left + 14, area.right - 14);
  const auto svg = open_svg(kWidth, area.bottom + 36, fmt::format("{} against {}", what, picture.setting),
                            "One line per guard; the configurations below have the numbers.", out);
  const TickText text = picture.duration ? time_tick : count_tick;
  draw_x_axis_at(picture.xs, x, area, text, "--" + picture.setting, out);
  draw_y_axis(y, area, time_tick, what, out);
  constexpr double kApart = 3.5;
  double aside = -kApart * (static_cast<double>(panel.lines.size()) - 1) / 2;
  for (const Line& line : panel.lines) {
    draw_line(line, picture, aside, x, y, out);
    aside += kApart;
  }
}

/// A guard that is nowhere ranked is in no picture: that is said, for none to look for it.
void write_missing(std::span<const View> views, Markup& out) {
  std::string missing;
  for (const GuardView& guard : views.front().guards) {
    if (guard.guard->role == Role::control) continue;
    const bool drawn = std::ranges::any_of(views, [&](const View& view) {
      return std::ranges::any_of(view.guards, [&](const GuardView& other) {
        return other.ranked() && other.guard->guard == guard.guard->guard;
      });
    });
    if (!drawn) missing += (missing.empty() ? "" : ", ") + guard.guard->guard;
  }
  if (!missing.empty())
    out.element("p", {}, fmt::format("Not drawn, because not ranked under any setting: {}.", missing));
}

void draw_picture(const Picture& picture, std::string_view metric, Markup& out) {
  if (picture.ys.empty()) {
    out.element("p", {}, fmt::format("No guard that is OK was measured against --{}.", picture.setting));
    return;
  }
  const auto figure = out.open("figure");
  const std::string what = picture.beyond ? "time beyond the section" : std::string(metric);
  write_caption(
      fmt::format("Median {} against --{}, one line per guard, where the guard is OK: a missing mark is a "
                  "guard that was not. Whiskers are 95 % intervals. {}",
                  what, picture.setting, words_of(kind_for(picture.ys))),
      out);
  std::map<std::size_t, LegendEntry> legend;  // By colour: each guard once.
  for (const Panel& panel : picture.panels) {
    for (const Line& line : panel.lines) {
      const GuardView& guard = line.guard;
      legend[guard.color] = {"dot " + classes_of(guard), label_of(*guard.guard), mark_at(11, 6, 4, guard)};
    }
  }
  std::vector<LegendEntry> entries;
  entries.reserve(legend.size());
  for (const auto& [color, entry] : legend) entries.push_back(entry);
  write_legend(entries, out);
  {
    const auto division = out.open("div", {{"class", "panels"}});
    for (const Panel& panel : std::span(picture.panels).first(std::min(picture.panels.size(), kMostPanels)))
      draw_panel(panel, picture, what, out);
  }
  if (picture.panels.size() > kMostPanels)
    out.element("p", {}, fmt::format("{} more are not drawn.", picture.panels.size() - kMostPanels));
}

}  // namespace

void draw_sweep(std::span<const View> views, Markup& out) {
  const std::vector<std::string> settings = swept_settings(*views.front().run);
  bool any = false;
  for (const std::string& setting : settings) {
    const bool numeric = std::ranges::all_of(views, [&](const View& view) {
      return number_of(value_of(view.configuration(), setting)).has_value();
    });
    if (numeric) draw_picture(picture_of(views, settings, setting), views.front().comparison->metric, out);
    any = any || numeric;
  }
  write_missing(views, out);
  if (!any) out.element("p", {}, "No number was swept; the configurations are below.");
}

}  // namespace ccbench
