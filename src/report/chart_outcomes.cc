// Stacked bars: what became of the requests of each guard.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kWidth = 720;
constexpr double kRow = 26;
constexpr double kBar = 18;
constexpr double kPixelsPerDigit = 8;

struct Part {
  std::string_view column;  ///< of trials.csv
  std::string_view words;
  std::string_view css_class;
};
constexpr auto kParts = std::to_array<Part>({
    {"success", "success", "success"},
    {"shared", "shared", "shared"},
    {"refused", "refused", "refused"},
    {"turned_away", "turned away", "turned-away"},
    {"cancelled", "cancelled", "cancelled"},
    {"timed_out", "timed out", "timed-out"},
    {"error", "errors", "errors"},
    {"unfinished", "unfinished", "unfinished"},
});
using Counts = std::array<std::int64_t, kParts.size()>;

std::int64_t sum_over_trials(const View& view, const GuardView& guard, std::string_view column) {
  std::int64_t sum = 0;
  for (const std::size_t trial : guard.guard->trials)
    sum += value_of(*view.run, view.run->trials.at(trial), column).value_or(0);
  return sum;
}

Counts counts_of(const View& view, const GuardView& guard) {
  Counts counts{};
  for (std::size_t i = 0; i < kParts.size(); ++i)
    counts.at(i) = sum_over_trials(view, guard, kParts.at(i).column);
  return counts;
}

void draw_bar(const View& view, const GuardView& guard, const Area& area, double top, Markup& out) {
  const Counts counts = counts_of(view, guard);
  const std::int64_t all = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  draw_text(area.left - 8, top + kBar - 4, guard.ranked() ? "end" : "end faint", label_of(*guard.guard), out);
  // Where nothing that is expected to succeed is counted, the bar alone does not show who was wrong.
  draw_text(area.right + 14, top + kBar - 4, guard.ranked() ? "small" : "small faint",
            name_of(guard.guard->verdict), out);
  if (all == 0) {
    draw_text(area.left + 4, top + kBar - 4, "faint", "no request began", out);
    return;
  }
  const auto x_of = [&](std::int64_t count) {
    return area.left + (area.right - area.left) * static_cast<double>(count) / static_cast<double>(all);
  };
  std::int64_t before = 0;
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    const std::int64_t count = counts.at(i);
    if (count == 0) continue;
    PathData bar;
    bar.rectangle(x_of(before), top, std::max(x_of(before + count), x_of(before) + 0.6), top + kBar);
    {
      const auto path =
          out.open("path", {{"class", "bar " + std::string(kParts.at(i).css_class)}, {"d", bar.text()}});
      out.element("title", {},
                  fmt::format("{}: {} of {} {}", label_of(*guard.guard), count, all, kParts.at(i).words));
    }
    const std::string label = std::to_string(count);
    const double room = x_of(before + count) - x_of(before);
    if (room > kPixelsPerDigit * static_cast<double>(label.size()) + 4)
      draw_text((x_of(before) + x_of(before + count)) / 2, top + kBar - 4, "middle on-bar", label, out);
    before += count;
  }
  const std::int64_t expected = sum_over_trials(view, guard, "expected_success");
  if (expected == 0) return;
  PathData tick;
  tick.move_to(x_of(std::min(expected, all)), top - 3);
  tick.vertical_to(top + kBar + 3);
  const auto path = out.open("path", {{"class", "expected"}, {"d", tick.text()}});
  out.element("title", {}, fmt::format("{}: {} should succeed", label_of(*guard.guard), expected));
}

}  // namespace

void draw_outcomes(const View& view, Markup& out) {
  const auto figure = out.open("figure");
  write_caption(
      "Each bar holds all requests of one guard, over all its trials, by what they got; the verdict stands "
      "beside it. Up to the thin mark they should succeed: green beyond it is a success too many.",
      out);
  Counts totals{};
  for (const GuardView& guard : view.guards) {
    const Counts counts = counts_of(view, guard);
    std::ranges::transform(totals, counts, totals.begin(), std::plus<>());
  }
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    if (totals.at(i) > 0)
      legend.push_back(
          {std::string(kParts.at(i).css_class), fmt::format("{} ({})", kParts.at(i).words, totals.at(i))});
  }
  write_legend(legend, out);
  const Area area{.left = 150,
                  .top = 6,
                  .right = kWidth - 116,
                  .bottom = 6 + kRow * static_cast<double>(view.guards.size())};
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto svg = open_svg(kWidth, area.bottom + 36, "Outcomes by guard",
                            "One stacked bar per guard; the table of verdicts has the numbers.", out);
  const Scale share(Scale::Kind::linear, 0, 100, area.left, area.right);
  draw_x_axis(share, area, share_tick, "share of the requests", out);
  double top = area.top + (kRow - kBar) / 2;
  for (const GuardView& guard : view.guards) {
    draw_bar(view, guard, area, top, out);
    top += kRow;
  }
}

}  // namespace ccbench
