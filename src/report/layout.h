// Text laid out for people: short durations, columns that line up, lines of bounded length. Widths are
// counted in characters, not bytes: `µs` is two wide.
#pragma once

#include <fmt/color.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/duration.h"

namespace ccbench {

/// Three significant digits: `1.50 s`, `12.3 ms`, `845 µs`, `77 ns`.
std::string human(Nanos duration);

/// Three significant digits: `5.32 M/s`, `512/s`, `0.250/s`.
std::string human_rate(double per_second);

/// `1 key`, `2 keys`.
std::string counted(std::uint64_t count, std::string_view noun);

/// Characters of UTF-8 text.
std::size_t width_of(std::string_view text);

/// The text, cut to at most `width` characters, of which the last then is `…`.
std::string clipped(std::string_view text, std::size_t width);

enum class Align : std::uint8_t { left, right };
std::string padded(std::string_view text, std::size_t width, Align align = Align::left);

/// The text in lines of at most `width` characters, broken at spaces, and inside a word only where it is
/// longer than a line. Control characters become spaces: a message from outside must not steer the
/// terminal.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

struct TextCell {
  std::string text;
  fmt::text_style style = {};
};

class TextTable {
 public:
  /// A title of several words stands in two lines, broken at its last space.
  void add_column(std::string_view title, Align align) { columns_.push_back({std::string(title), align}); }
  /// One cell for each column.
  void add_row(std::vector<TextCell> cells) { rows_.push_back({.cells = std::move(cells), .rule = {}}); }
  /// A line across the table between the rows before and those after it, with a text at its beginning.
  void add_rule(std::string text) { rows_.push_back({.cells = {}, .rule = std::move(text)}); }
  void remove_column(std::size_t index);
  std::size_t columns() const { return columns_.size(); }
  std::size_t width() const;  ///< of its longest possible line
  void write(std::ostream& out) const;

 private:
  struct TitledColumn {
    std::string title;
    Align align;
  };
  struct Row {
    std::vector<TextCell> cells;  ///< empty: a rule
    std::string rule;
  };

  std::vector<std::size_t> widths() const;
  void write_line(const std::vector<TextCell>& cells, const std::vector<std::size_t>& widths,
                  std::ostream& out) const;

  std::vector<TitledColumn> columns_;
  std::vector<Row> rows_;
};

}  // namespace ccbench
