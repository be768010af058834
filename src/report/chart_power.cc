// A heat map: which settings of a sweep lose the race without a guard.
#include <fmt/format.h>

#include <algorithm>

#include "report/charts.h"
#include "report/power.h"

namespace ccbench {
namespace {

constexpr double kWidth = 720;
constexpr double kCellHeight = 30;
constexpr double kGap = 2;
constexpr double kHeading = 44;
constexpr double kSettingWidth = 86;

/// From 0 to 5: how dark a cell is. Neither none nor all is ever rounded to.
std::size_t shade_of(const PowerCell& cell) {
  constexpr std::size_t kDarkest = 5;
  if (cell.broken == 0) return 0;
  if (cell.broken == cell.trials) return kDarkest;
  return std::clamp<std::size_t>(cell.broken * kDarkest / cell.trials, 1, kDarkest - 1);
}

void draw_cell(const PowerCell& cell, const Area& area, Markup& out) {
  const std::size_t shade = shade_of(cell);
  PathData box;
  box.rectangle(area.left, area.top, area.right, area.bottom);
  {
    const auto path = out.open("path", {{"class", fmt::format("heat h{}", shade)}, {"d", box.text()}});
    out.element("title", {},
                fmt::format("{} of {} trials without a guard broke; rates from {:.4f} to {:.4f} fit that",
                            cell.broken, cell.trials, cell.rate.low, cell.rate.high));
  }
  draw_text((area.left + area.right) / 2, (area.top + area.bottom) / 2 + 4,
            shade >= 3 ? "middle on-bar" : "middle", fmt::format("{}/{}", cell.broken, cell.trials), out);
}

}  // namespace

void draw_power(const RunResult& run, Markup& out) {
  write_caption(
      "Trials without a guard that lost the race, of those that ran. Where none did, a guard that holds "
      "has shown nothing. " +
          power_summary(run),
      out);
  const PowerGrid grid = power_grid_of(run);
  const double left = kSettingWidth * static_cast<double>(grid.settings.size()) + kGap;
  const double width = (kWidth - left) / static_cast<double>(grid.windows.size());
  const double height = kHeading + kCellHeight * static_cast<double>(grid.rows.size());
  const auto svg = open_svg(kWidth, height, "Where the race can be seen",
                            "A heat map of trials without a guard that broke, by window and setting", out);
  draw_text(left, 14, "faint", "window between check and act", out);
  for (std::size_t i = 0; i < grid.settings.size(); ++i)
    draw_text(kSettingWidth * static_cast<double>(i), kHeading - 8, "faint", grid.settings[i], out);
  for (std::size_t i = 0; i < grid.windows.size(); ++i) {
    draw_text(left + width * (static_cast<double>(i) + 0.5), kHeading - 8, "middle faint",
              window_text(grid.windows[i]), out);
  }
  double top = kHeading;
  for (const PowerGrid::Row& row : grid.rows) {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      draw_text(kSettingWidth * static_cast<double>(i), top + kCellHeight / 2 + 4, "", row.values[i], out);
    }
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::optional<PowerCell>& cell = row.cells[i];
      if (!cell) continue;
      const double x = left + width * static_cast<double>(i);
      draw_cell(*cell, {.left = x, .top = top, .right = x + width - kGap, .bottom = top + kCellHeight - kGap},
                out);
    }
    top += kCellHeight;
  }
}

}  // namespace ccbench
