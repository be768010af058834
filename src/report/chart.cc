#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>
#include <stdexcept>

#include "report/layout.h"
#include "report/remarks.h"

namespace ccbench {
namespace {

constexpr double kFactorForLogarithmic = 20;
constexpr std::size_t kColors = 7;
constexpr std::size_t kDashes = 8;
constexpr std::size_t kShapes = 6;

/// The step of 1, 2 or 5 times a power of ten that makes about that many.
double round_step(double range, std::size_t about) {
  const double rough = range / static_cast<double>(std::max<std::size_t>(about, 1));
  // Nothing that is drawn is counted in halves.
  const double power = std::max(1.0, std::pow(10, std::floor(std::log10(rough))));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

/// Digits behind the point that tell values apart which lie so far from each other.
int digits_for(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
}

/// A tick is a round value: the zeros at its end say nothing.
std::string without_zeros(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') number.pop_back();
  return number;
}

/// In nanoseconds, of a unit as human() writes it.
double unit_of(std::string_view unit) {
  if (unit == "s") return kSecond;
  if (unit == "ms") return kMillisecond;
  return unit == "µs" ? kMicrosecond : 1;
}

/// The least distance between ticks of a linear scale; 0 of a logarithmic one, whose ticks are far apart.
double step_of(std::span<const double> ticks, const Scale& scale) {
  if (scale.is_logarithmic() || ticks.empty()) return 0;
  double step = ticks.size() > 1 ? std::numeric_limits<double>::infinity() : 1;
  for (std::size_t i = 1; i < ticks.size(); ++i) step = std::min(step, ticks[i] - ticks[i - 1]);
  return step;
}

/// About, of a label.
double width_in_svg(std::string_view text) {
  constexpr double kPerCharacter = 7.2;
  return kPerCharacter * static_cast<double>(width_of(text));
}

std::size_t y_ticks(const Scale& scale) {
  constexpr double kPixelsPerTick = 35;
  return static_cast<std::size_t>(std::abs(scale.to() - scale.from()) / kPixelsPerTick);
}

}  // namespace

const TrialResult* View::timeline_of(const GuardView& view) const {
  for (const std::size_t index : std::views::reverse(view.guard->trials)) {
    if (!run->trials.at(index).requests.empty()) return &run->trials[index];
  }
  return nullptr;
}

bool View::has_snapshots() const {
  return std::ranges::any_of(guards, [this](const GuardView& guard) {
    const TrialResult* const trial = timeline_of(guard);
    return trial != nullptr && !trial->snapshots.empty();
  });
}

bool View::shows_beyond() const {
  return experiment().section() > 0 &&
         std::ranges::any_of(guards, [](const GuardView& guard) { return guard.cost->beyond.has_value(); });
}

std::optional<Nanos> came(const RequestRow& request) {
  return request.arrival ? request.arrival : request.start;
}

std::string recorded_of(const TrialResult& trial) {
  if (trial.lost_events == 0) return "";
  const std::uint64_t kept = trial.requests.size();
  return fmt::format("{} of {} were recorded", kept, counted(kept + trial.lost_events, "request"));
}

Scale::Scale(Kind kind, double low, double high, double from, double to)
    : kind_(kind), low_(low), high_(high), from_(from), to_(to) {
  if (is_logarithmic()) low_ = std::max(low_, 1.0);
  if (!(high_ > low_)) high_ = is_logarithmic() ? low_ * 10 : low_ + std::max(1.0, std::abs(low_) / 10);
}

double Scale::transformed(double value) const { return is_logarithmic() ? std::log10(value) : value; }

double Scale::operator()(double value) const {
  const double inside = std::clamp(value, low_, high_);
  const double share = (transformed(inside) - transformed(low_)) / (transformed(high_) - transformed(low_));
  return from_ + share * (to_ - from_);
}

std::vector<double> Scale::ticks(std::size_t about) const {
  std::vector<double> ticks;
  if (!is_logarithmic()) {
    const double step = round_step(high_ - low_, about);
    const double first = std::ceil(low_ / step);
    const auto count = static_cast<int>(std::floor(high_ / step) - first) + 1;
    for (int i = 0; i < count; ++i) ticks.push_back((first + i) * step);
    return ticks;
  }
  const bool few_decades = high_ / low_ < 100;
  const auto last = static_cast<int>(std::floor(std::log10(high_)));
  for (auto power = static_cast<int>(std::floor(std::log10(low_))); power <= last; ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, power);
      if ((few_decades || factor == 1) && tick >= low_ && tick <= high_) ticks.push_back(tick);
    }
  }
  return ticks;
}

Scale::Kind kind_for(std::span<const double> values) {
  if (values.empty()) return Scale::Kind::linear;
  const auto [least, most] = std::ranges::minmax(values);
  return least > 0 && most > kFactorForLogarithmic * least ? Scale::Kind::logarithmic : Scale::Kind::linear;
}

std::string_view words_of(Scale::Kind kind) {
  return kind == Scale::Kind::logarithmic ? "The scale is logarithmic, because the values lie far apart."
                                          : "The scale is linear.";
}

std::string time_tick(double nanos, double step) {
  if (nanos == 0) return "0";
  const std::string text = human(std::llround(std::abs(nanos)));
  const auto space = text.find(' ');
  std::string number = text.substr(0, space);
  if (step > 0) {
    const double unit = unit_of(text.substr(space + 1));
    number = fmt::format("{:.{}f}", std::abs(nanos) / unit, digits_for(step / unit));
  }
  return (nanos < 0 ? "−" : "") + without_zeros(std::move(number)) + text.substr(space);
}

std::string count_tick(double value, double step) {
  if (step == 0) return fmt::format("{}", value);
  return without_zeros(fmt::format("{:.{}f}", value, digits_for(step)));
}

std::string share_tick(double value, double step) { return count_tick(value, step) + " %"; }

double room_for(const Scale& y, TickText text) {
  constexpr double kRoom = 12;
  const std::vector<double> ticks = y.ticks(y_ticks(y));
  double widest = 0;
  for (const double tick : ticks) widest = std::max(widest, width_in_svg(text(tick, step_of(ticks, y))));
  return widest + kRoom;
}

void draw_text(double x, double y, std::string_view css_class, std::string_view text, Markup& out) {
  out.element("text", {{"x", coordinate(x)}, {"y", coordinate(y)}, {"class", std::string(css_class)}}, text);
}

void draw_x_axis_at(std::span<const double> ticks, const Scale& scale, const Area& area, TickText text,
                    std::string_view name, Markup& out) {
  constexpr double kBetween = 8;
  constexpr double kBeyond = 13;  // What is free at the right of every area.
  const double step = step_of(ticks, scale);
  PathData lines;
  double free_from = 0;
  for (const double tick : ticks) {
    lines.move_to(scale(tick), area.top);
    lines.vertical_to(area.bottom);
    const std::string label = text(tick, step);
    const double half = width_in_svg(label) / 2;
    const double middle = std::max(std::min(scale(tick), area.right + kBeyond - half), half);
    if (middle - half < free_from) continue;
    draw_text(middle, area.bottom + 17, "middle", label, out);
    free_from = middle + half + kBetween;
  }
  out.leaf("path", {{"class", "grid"}, {"d", lines.text()}});
  draw_text(area.right, area.bottom + 32, "end name", name, out);
}

void draw_x_axis(const Scale& scale, const Area& area, TickText text, std::string_view name, Markup& out) {
  constexpr double kPixelsPerTick = 65;
  const auto about = static_cast<std::size_t>((area.right - area.left) / kPixelsPerTick);
  draw_x_axis_at(scale.ticks(about), scale, area, text, name, out);
}

void draw_y_axis(const Scale& scale, const Area& area, TickText text, std::string_view name, Markup& out) {
  const std::vector<double> ticks = scale.ticks(y_ticks(scale));
  const double step = step_of(ticks, scale);
  PathData lines;
  for (const double tick : ticks) {
    lines.move_to(area.left, scale(tick));
    lines.horizontal_to(area.right);
    draw_text(area.left - 6, scale(tick) + 4, "end", text(tick, step), out);
  }
  out.leaf("path", {{"class", "grid"}, {"d", lines.text()}});
  draw_text(0, area.top - 12, "name", name, out);
}

Markup::Element open_svg(double width, double height, std::string_view title, std::string_view description,
                         Markup& out) {
  auto svg = out.open(
      "svg", {{"viewBox", fmt::format("0 0 {} {}", coordinate(width), coordinate(height))}, {"role", "img"}});
  out.element("title", {}, title);
  out.element("desc", {}, description);
  return svg;
}

void write_caption(std::string_view sentence, Markup& out) { out.element("figcaption", {}, sentence); }

void write_legend(std::span<const LegendEntry> entries, Markup& out) {
  const auto list = out.open("ul", {{"class", "legend"}});
  for (const LegendEntry& entry : entries) {
    const auto item = out.open("li");
    {
      const auto svg =
          out.open("svg", {{"viewBox", "0 0 22 12"}, {"class", "sample"}, {"aria-hidden", "true"}});
      out.leaf("path", {{"class", entry.classes}, {"d", entry.sample}});
    }
    out.text(entry.meaning);
  }
}

std::string classes_of(const GuardView& view) {
  if (view.guard->role == Role::control) return "control";
  return fmt::format("g{} d{}{}", view.color % kColors, view.color % kDashes,
                     view.ranked() ? "" : " unranked");
}

std::string meaning_of(const GuardView& view) {
  std::string meaning = label_of(*view.guard);
  if (!view.ranked() && view.guard->role == Role::guard)
    meaning += fmt::format(", {}", name_of(view.guard->verdict));
  return meaning;
}

std::string human_time(double nanos) { return human(std::llround(nanos)); }

std::string human_range(const Interval& interval) {
  std::string low = human_time(interval.low);
  const std::string high = human_time(interval.high);
  const auto unit = low.find(' ');
  if (low.substr(unit) == high.substr(high.find(' '))) low.erase(unit);
  return low + " – " + high;
}

std::string mark_at(double x, double y, double radius, const GuardView& view) {
  const std::size_t shape = view.guard->role == Role::control ? kShapes : view.color % kShapes;
  const auto at = [&](double right, double down) {
    return coordinate(x + right * radius) + ' ' + coordinate(y + down * radius);
  };
  const auto polygon = [&](std::initializer_list<std::pair<double, double>> corners) {
    std::string path;
    for (const auto& [right, down] : corners) path += (path.empty() ? 'M' : 'L') + at(right, down);
    return path + 'z';
  };
  switch (shape) {
    case 1: return polygon({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
    case 2: return polygon({{0, -1.2}, {1.1, 0.9}, {-1.1, 0.9}});
    case 3: return polygon({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
    case 4: return polygon({{0, 1.2}, {1.1, -0.9}, {-1.1, -0.9}});
    case 5: return polygon({{-1.2, -0.5}, {1.2, -0.5}, {1.2, 0.5}, {-1.2, 0.5}});
    case kShapes: return "M" + at(-1, -1) + "L" + at(1, 1) + "M" + at(-1, 1) + "L" + at(1, -1);
    default: break;
  }
  const std::string r = coordinate(radius);
  return fmt::format("M{}a{} {} 0 1 0 {} 0a{} {} 0 1 0 {} 0z", at(-1, 0), r, r, coordinate(2 * radius), r, r,
                     coordinate(-2 * radius));
}

std::optional<std::int64_t> value_of(const RunResult& run, const TrialResult& trial,
                                     std::string_view column) {
  const auto columns = trial_columns();
  const auto found = std::ranges::find(columns, column, &Column<TrialRow>::name);
  if (found == columns.end()) throw std::logic_error("trials.csv has no column " + std::string(column));
  return integer_of(found->value(TrialRow{run, trial}));
}

std::vector<std::size_t> evenly(std::size_t count, std::size_t most) {
  std::vector<std::size_t> picked;
  const std::size_t wanted = std::min(count, most);
  picked.reserve(wanted);
  for (std::size_t i = 0; i < wanted; ++i) {
    picked.push_back(wanted < 2 ? 0 : i * (count - 1) / (wanted - 1));
  }
  return picked;
}

}  // namespace ccbench
