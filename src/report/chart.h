// What all charts of a report are made of: scales, axes, colours, legends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/comparison.h"
#include "report/markup.h"

namespace ccbench {

/// One guard under one configuration, as charts and tables show it.
struct GuardView {
  const GuardResult* guard = nullptr;
  const Cost* cost = nullptr;  ///< never null in a `View`
  std::size_t color = 0;       ///< the same for a guard of this name wherever it appears
  bool ranked() const { return cost->rank > 0; }
};

/// One configuration of a run. What it points to must outlive it.
struct View {
  const RunResult* run = nullptr;
  const Comparison* comparison = nullptr;
  std::vector<GuardView> guards;  ///< those that are ranked, by rank; then the others; controls last

  const Configuration& configuration() const { return run->configurations.at(comparison->configuration); }
  const Experiment& experiment() const { return configuration().experiment; }
  /// Of this guard, the one that has a timeline: the last whose requests were kept; null: none.
  const TrialResult* timeline_of(const GuardView& view) const;
  /// Whether a snapshot was taken in any of these.
  bool has_snapshots() const;
  /// Whether there is time beyond the section to speak of, and not only the metric of the comparison.
  bool shows_beyond() const;
};

/// When a request came: in an open loop when it was meant to start, else when it started.
std::optional<Nanos> came(const RequestRow& request);

/// `1200 of 400000 requests were recorded`; empty where all were.
std::string recorded_of(const TrialResult& trial);

/// From values to places in a picture. A logarithmic one takes positive values alone.
class Scale {
 public:
  enum class Kind : std::uint8_t { linear, logarithmic };
  /// `low` goes to `from`, `high` to `to`. An empty range is made wider.
  Scale(Kind kind, double low, double high, double from, double to);

  /// Never outside of `from` to `to`.
  double operator()(double value) const;
  bool is_logarithmic() const { return kind_ == Kind::logarithmic; }
  double from() const { return from_; }
  double to() const { return to_; }
  /// Round values, `about` that many, and whole ones: nanoseconds, requests and per cent have no halves. Of a
  /// logarithmic scale powers of ten.
  std::vector<double> ticks(std::size_t about) const;

 private:
  double transformed(double value) const;
  Kind kind_;
  double low_, high_, from_, to_;
};

/// For values that are all positive and far apart: logarithmic.
Scale::Kind kind_for(std::span<const double> values);

/// `logarithmic, because …`, `linear`: how a caption says it.
std::string_view words_of(Scale::Kind kind);

/// The inside of a chart's axes.
struct Area {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

/// The label of a tick, with as many digits as tell it from one that is `step` further; 0: as a figure stands
/// in a table.
using TickText = std::string (*)(double value, double step);
std::string time_tick(double nanos, double step = 0);   ///< `1.5 s`, `50 ms`, `0`
std::string count_tick(double value, double step = 0);  ///< `1000`
std::string share_tick(double value, double step = 0);  ///< `20 %`

/// How far from the left the inside of axes has to begin, for the labels of this one to have room.
double room_for(const Scale& y, TickText text);

/// Lines and labels at round values; `name` says what the axis is.
void draw_x_axis(const Scale& scale, const Area& area, TickText text, std::string_view name, Markup& out);
/// The same at these values, ascending; labels that would overlap are left out.
void draw_x_axis_at(std::span<const double> ticks, const Scale& scale, const Area& area, TickText text,
                    std::string_view name, Markup& out);
void draw_y_axis(const Scale& scale, const Area& area, TickText text, std::string_view name, Markup& out);

/// What a screen reader says of the picture comes first in it.
[[nodiscard]] Markup::Element open_svg(double width, double height, std::string_view title,
                                       std::string_view description, Markup& out);

void draw_text(double x, double y, std::string_view css_class, std::string_view text, Markup& out);

/// A sentence that says what is to be seen, above the picture that the caller draws next.
void write_caption(std::string_view sentence, Markup& out);

/// What a colour means.
struct LegendEntry {
  std::string classes;  ///< CSS's, of the sample
  std::string meaning;
  std::string sample = "M0 6H22";  ///< a path in a box of 22 by 12
};
void write_legend(std::span<const LegendEntry> entries, Markup& out);

/// The CSS classes of a guard's colour and line: `g3 d1`; those of controls are alike, and who is not ranked
/// is grey.
std::string classes_of(const GuardView& view);
/// How a legend names it: `cas`, `none (control)`, and with its verdict who is not ranked.
std::string meaning_of(const GuardView& view);

/// `30.1 – 30.2 ms`: the unit once where it is the same.
std::string human_range(const Interval& interval);
/// To the nanosecond.
std::string human_time(double nanos);

/// A mark about a place, of a shape that goes with the guard's colour.
std::string mark_at(double x, double y, double radius, const GuardView& view);

/// The number in this column of trials.csv; nothing if it is empty there.
std::optional<std::int64_t> value_of(const RunResult& run, const TrialResult& trial, std::string_view column);

/// At most `most` of `count` indices, ascending, evenly picked, with the first and the last.
std::vector<std::size_t> evenly(std::size_t count, std::size_t most);

}  // namespace ccbench
