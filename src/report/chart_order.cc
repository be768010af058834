// All trials in order of execution, so that drift shows.
#include <fmt/format.h>

#include <algorithm>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 240;
constexpr std::size_t kDotsPerGuard = 400;

struct TrialDot {
  const GuardView* guard = nullptr;
  const TrialResult* trial = nullptr;
  double value = 0;
};

std::vector<TrialDot> dots_of(const View& view) {
  std::vector<TrialDot> dots;
  for (const GuardView& guard : view.guards) {
    for (const std::size_t index : evenly(guard.guard->trials.size(), kDotsPerGuard)) {
      const TrialResult& trial = view.run->trials.at(guard.guard->trials[index]);
      if (const auto value = ranked_time(view.experiment(), trial))
        dots.push_back({.guard = &guard, .trial = &trial, .value = *value});
    }
  }
  return dots;
}

}  // namespace

void draw_order(const View& view, Markup& out) {
  const std::vector<TrialDot> dots = dots_of(view);
  if (dots.empty()) {
    out.element("p", {}, "No trial ended, so there is no time to draw.");
    return;
  }
  std::vector<double> values;
  std::vector<double> numbers;
  for (const TrialDot& dot : dots) {
    values.push_back(dot.value);
    numbers.push_back(static_cast<double>(dot.trial->trial));
  }
  const Scale::Kind kind = kind_for(values);
  const auto [least, most] = std::ranges::minmax(values);
  const auto [first, last] = std::ranges::minmax(numbers);
  const auto figure = out.open("figure");
  const bool linear = kind == Scale::Kind::linear;
  const std::string what =
      view.comparison->metric == "wall" ? "wall time" : std::string(view.comparison->metric);
  write_caption(fmt::format("Every trial in the order in which it ran, and its {}. Trials of one guard "
                            "should lie level: a slope or a jump is the machine's and not the guard's. {}{}",
                            what, words_of(kind), linear ? " Its axis does not start at 0." : ""),
                out);
  std::vector<LegendEntry> legend;
  legend.reserve(view.guards.size());
  for (const GuardView& guard : view.guards)
    legend.push_back({"dot " + classes_of(guard), meaning_of(guard), mark_at(11, 6, 4, guard)});
  write_legend(legend, out);
  const double margin = linear ? std::max((most - least) * 0.05, most * 0.001) : 0;
  const double factor = linear ? 1 : 1.1;
  const Scale y(kind, least / factor - margin, most * factor + margin, 22 + kHeight, 22);
  const Area area{.left = room_for(y, time_tick), .top = 22, .right = kWidth - 16, .bottom = 22 + kHeight};
  const Scale x(Scale::Kind::linear, first - 0.5, last + 0.5, area.left, area.right);
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto svg = open_svg(kWidth, area.bottom + 36, "Trials in order of execution",
                            "One mark per trial, its shape and colour those of its guard.", out);
  draw_x_axis(x, area, count_tick, "trial, in order of execution", out);
  draw_y_axis(y, area, time_tick, what, out);
  for (const TrialDot& dot : dots) {
    const auto mark = out.open(
        "path", {{"class", "dot " + classes_of(*dot.guard)},
                 {"d", mark_at(x(static_cast<double>(dot.trial->trial)), y(dot.value), 4, *dot.guard)}});
    out.element("title", {},
                fmt::format("trial {}, {}: {} ns", dot.trial->trial, label_of(*dot.guard->guard), dot.value));
  }
}

}  // namespace ccbench
