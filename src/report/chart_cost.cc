// Dot and whisker: what each guard takes beyond its section.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kWidth = 720;
constexpr double kRow = 30;
constexpr std::size_t kDotsPerGuard = 400;

const std::optional<Estimate>& estimate_of(const GuardView& guard, bool beyond) {
  return beyond ? guard.cost->beyond : guard.cost->time;
}

struct TrialDot {
  std::uint64_t trial = 0;
  double value = 0;
};

std::vector<TrialDot> dots_of(const View& view, const GuardView& guard) {
  std::vector<TrialDot> dots;
  const Nanos section = view.shows_beyond() ? view.experiment().section() : 0;
  for (const std::size_t index : evenly(guard.guard->trials.size(), kDotsPerGuard)) {
    const TrialResult& trial = view.run->trials.at(guard.guard->trials[index]);
    if (const auto time = ranked_time(view.experiment(), trial))
      dots.push_back({.trial = trial.trial, .value = *time - static_cast<double>(section)});
  }
  return dots;
}

std::string words_for(const Estimate& estimate) {
  std::string text = human_time(estimate.median);
  if (estimate.interval) text += fmt::format(" [{}]", human_range(*estimate.interval));
  return text;
}

std::string exact(const Estimate& estimate) {
  std::string text = fmt::format("median {} ns of {}", estimate.median, counted(estimate.samples, "trial"));
  if (const auto& interval = estimate.interval)
    text += fmt::format(", 95 % interval {} ns to {} ns", interval->low, interval->high);
  return text;
}

void draw_row(const GuardView& guard, const std::optional<Estimate>& estimate,
              const std::vector<TrialDot>& dots, const Scale& scale, double middle, Markup& out) {
  const std::string name = label_of(*guard.guard);
  draw_text(142, middle + 4, guard.ranked() ? "end" : "end faint", name, out);
  const auto group = out.open("g", {{"class", classes_of(guard)}});
  for (const TrialDot& dot : dots) {
    const auto mark =
        out.open("path", {{"class", "faint-dot"}, {"d", mark_at(scale(dot.value), middle, 3, guard)}});
    out.element("title", {}, fmt::format("{}, trial {}: {} ns", name, dot.trial, dot.value));
  }
  if (!estimate) {
    draw_text(scale.from() + 4, middle + 4, "faint", "not measured", out);
    return;
  }
  if (const auto& interval = estimate->interval) {
    PathData whisker;
    whisker.move_to(scale(interval->low), middle);
    whisker.horizontal_to(scale(interval->high));
    for (const double end : {interval->low, interval->high}) {
      whisker.move_to(scale(end), middle - 5);
      whisker.vertical_to(middle + 5);
    }
    out.leaf("path", {{"class", "whisker"}, {"d", whisker.text()}});
  }
  const auto mark =
      out.open("path", {{"class", "dot"}, {"d", mark_at(scale(estimate->median), middle, 5, guard)}});
  out.element("title", {}, fmt::format("{}: {}", name, exact(*estimate)));
}

}  // namespace

void draw_cost(const View& view, Markup& out) {
  const bool beyond = view.shows_beyond();
  std::vector<std::vector<TrialDot>> dots;
  std::vector<double> values;
  for (const GuardView& guard : view.guards) {
    dots.push_back(dots_of(view, guard));
    for (const TrialDot& dot : dots.back()) values.push_back(dot.value);
    const auto& estimate = estimate_of(guard, beyond);
    if (!estimate) continue;
    values.push_back(estimate->median);
    if (estimate->interval) values.insert(values.end(), {estimate->interval->low, estimate->interval->high});
  }
  if (values.empty()) {
    out.element("p", {}, "No trial ended, so there is no time to compare.");
    return;
  }
  const Scale::Kind kind = kind_for(values);
  const auto [least, most] = std::ranges::minmax(values);
  const auto figure = out.open("figure");
  const std::string what = beyond
                               ? fmt::format("Wall time beyond one section, which takes {} by its settings",
                                             human(view.experiment().section()))
                               : std::string(view.comparison->metric);
  write_caption(
      fmt::format(
          "{}: the mark is the median, the whisker its 95 % interval (from {} trials on), and every faint "
          "mark is a trial. Further left is cheaper. Guards in grey are not compared, because they are not "
          "OK. {}",
          what, kSamplesForInterval, words_of(kind)),
      out);
  const double right = 552;
  const Area area{
      .left = 152, .top = 6, .right = right, .bottom = 6 + kRow * static_cast<double>(view.guards.size())};
  const double margin = kind == Scale::Kind::linear ? (most - least) * 0.04 : 0;
  const bool linear = kind == Scale::Kind::linear;
  const double linear_from = least < 0 ? least - margin : 0;
  const Scale scale(kind, linear ? linear_from : least, linear ? std::max(most + margin, 0.0) : most,
                    area.left, area.right);
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto svg =
      open_svg(kWidth, area.bottom + 36, "Time beyond the section by guard",
               "One row per guard: its median, the interval of the median, and its trials.", out);
  draw_x_axis(scale, area, time_tick, beyond ? "beyond the section" : view.comparison->metric, out);
  for (std::size_t i = 0; i < view.guards.size(); ++i) {
    const double middle = area.top + kRow * (static_cast<double>(i) + 0.5);
    const auto& estimate = estimate_of(view.guards[i], beyond);
    draw_row(view.guards[i], estimate, dots[i], scale, middle, out);
    if (estimate) draw_text(area.right + 10, middle + 4, "small", words_for(*estimate), out);
  }
}

}  // namespace ccbench
