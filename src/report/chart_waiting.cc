// The empirical distribution function of waiting: which share of the requests had waited no longer.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "report/charts.h"
#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 260;
constexpr std::size_t kMostPoints = 300;

/// The waiting of one guard's requests.
struct Waiting {
  const GuardView* guard = nullptr;
  const TrialResult* trial = nullptr;
  std::vector<Nanos> waits;
  std::size_t stuck = 0;  ///< came, and neither entered nor ended: theirs is longer than anything seen

  std::size_t requests() const { return waits.size() + stuck; }
};

/// From when a request came to its entry, or to the result for those who never enter: the column wait of
/// trials.csv.
Waiting waiting_of(const GuardView& guard, const TrialResult& trial) {
  Waiting waiting{.guard = &guard, .trial = &trial, .waits = {}, .stuck = 0};
  for (const RequestRow& request : trial.requests) {
    const auto from = came(request);
    const auto until = request.enter ? request.enter : request.end;
    if (!from) continue;
    if (until) {
      waiting.waits.push_back(*until - *from);
    } else {
      ++waiting.stuck;
    }
  }
  return waiting;
}

/// The curve ends below 100 % where requests are stuck: leaving them out would flatter who hangs.
void draw_curve(const Waiting& waiting, const Scale& x, const Scale& y, Markup& out) {
  std::vector<Nanos> waits = waiting.waits;
  PathData line;
  line.move_to(x.from(), y(0));
  for (const auto& [wait, share] : ecdf(waits, kMostPoints)) {
    line.horizontal_to(x(static_cast<double>(wait)));
    const double known = share * static_cast<double>(waits.size());
    line.vertical_to(y(known / static_cast<double>(waiting.requests()) * 100));
  }
  line.horizontal_to(x.to());
  const auto path = out.open("path", {{"class", "line " + classes_of(*waiting.guard)}, {"d", line.text()}});
  std::string about = label_of(*waiting.guard->guard) + ": ";
  if (!waits.empty()) {
    const auto [least, most] = std::ranges::minmax(waits);
    about += fmt::format("{} waited from {} ns to {} ns", counted(waits.size(), "request"), least, most);
  }
  if (waiting.stuck > 0) about += fmt::format("; {} never got further", waiting.stuck);
  out.element("title", {}, about);
}

std::string meaning_of(const Waiting& waiting) {
  std::string meaning = meaning_of(*waiting.guard);
  if (waiting.stuck > 0)
    meaning += fmt::format(", {} of {} never got further", waiting.stuck, waiting.requests());
  if (const std::string recorded = recorded_of(*waiting.trial); !recorded.empty()) meaning += ", " + recorded;
  return meaning;
}

}  // namespace

void draw_waiting(const View& view, Markup& out) {
  std::vector<Waiting> curves;
  std::vector<LegendEntry> legend;
  Nanos least = std::numeric_limits<Nanos>::max();
  Nanos most = 0;
  for (const GuardView& guard : view.guards) {
    const TrialResult* const trial = view.timeline_of(guard);
    if (trial == nullptr) continue;
    Waiting waiting = waiting_of(guard, *trial);
    if (waiting.requests() == 0) continue;
    for (const Nanos wait : waiting.waits) {
      least = std::min(least, wait);
      most = std::max(most, wait);
    }
    legend.push_back({"line " + classes_of(guard), meaning_of(waiting)});
    curves.push_back(std::move(waiting));
  }
  if (least > most) {
    out.element("p", {}, "Nobody entered and nobody ended, so nobody's waiting is known.");
    return;
  }
  const auto figure = out.open("figure");
  write_caption(
      "Which share of the requests had waited no longer than this, in the last trial of each guard, counted "
      "from when each came. Further left and steeper is better; a step far to the right is the rest that "
      "waits for others, and a curve that ends below 100 % lacks those who never got further. The scale of "
      "time is logarithmic.",
      out);
  write_legend(legend, out);
  const Area area{.left = 56, .top = 22, .right = kWidth - 16, .bottom = 22 + kHeight};
  const auto scroll = out.open("div", {{"class", "scroll"}});
  const auto svg = open_svg(kWidth, area.bottom + 36, "Distribution of waiting",
                            "One curve per guard over a logarithmic scale of time.", out);
  const Scale x(Scale::Kind::logarithmic, static_cast<double>(least), static_cast<double>(most), area.left,
                area.right);
  const Scale y(Scale::Kind::linear, 0, 100, area.bottom, area.top);
  draw_x_axis(x, area, time_tick, "time waited", out);
  draw_y_axis(y, area, share_tick, "share of the requests", out);
  for (const Waiting& waiting : curves) draw_curve(waiting, x, y, out);
}

}  // namespace ccbench
