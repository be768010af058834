#include "report/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace ccbench {
namespace {

/// `turned away` → `turned`, `away`; `success` → nothing, `success`.
std::pair<std::string_view, std::string_view> two_lines(std::string_view title) {
  const auto space = title.rfind(' ');
  if (space == std::string_view::npos) return {{}, title};
  return {title.substr(0, space), title.substr(space + 1)};
}

/// The text with a space for every control character: those of ASCII, and U+0080 to U+009F.
std::string without_controls(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool two_bytes = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    if (two_bytes) ++i;
    clean += two_bytes || byte < ' ' || byte == 0x7f ? ' ' : text[i];
  }
  return clean;
}

bool begins_character(char byte) { return (byte & 0xc0) != 0x80; }  // All but those of the form 10xxxxxx.

/// The bytes of the first `count` characters.
std::size_t bytes_of(std::size_t count, std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size() && (!begins_character(text[bytes]) || count-- > 0)) ++bytes;
  return bytes;
}

/// `── text ─────`, as wide as the table and at least as wide as the text.
std::string rule_of(std::string_view text, std::size_t width) {
  std::string rule = text.empty() ? "" : fmt::format("── {} ", text);
  for (std::size_t i = width_of(rule); i < width; ++i) rule += "─";
  return rule;
}

}  // namespace

std::string human(Nanos duration) {
  if (duration < 0) return "-" + human(-duration);
  if (duration < kMicrosecond) return fmt::format("{} ns", duration);
  constexpr std::array<std::pair<Nanos, std::string_view>, 3> kUnits = {
      {{kMicrosecond, "µs"}, {kMillisecond, "ms"}, {kSecond, "s"}}};
  for (const auto& [nanos, name] : kUnits) {
    const double value = static_cast<double>(duration) / static_cast<double>(nanos);
    // The bounds are those of rounding: 999.6 µs would be written as 1000.
    if (value >= 999.5 && nanos < kSecond) continue;
    int places = 0;
    if (value < 99.95) places = value < 9.995 ? 2 : 1;
    return fmt::format("{:.{}f} {}", value, places, name);
  }
  return {};  // Not reached: everything fits seconds.
}

std::string human_rate(double per_second) {
  constexpr std::array<std::pair<double, std::string_view>, 4> kUnits = {
      {{1, "/s"}, {1e3, " k/s"}, {1e6, " M/s"}, {1e9, " G/s"}}};
  for (const auto& [size, name] : kUnits) {
    const double value = per_second / size;
    if (value >= 999.5 && &name != &kUnits.back().second) continue;
    int places = 0;
    if (value < 99.95) places = value < 9.995 ? 2 : 1;
    if (value < 0.9995 && value > 0) places = 3;
    return fmt::format("{:.{}f}{}", value, places, name);
  }
  return {};  // Not reached: everything fits the last one.
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string clipped(std::string_view text, std::size_t width) {
  if (width == 0 || bytes_of(width, text) == text.size()) return std::string(text);
  return std::string(text.substr(0, bytes_of(width - 1, text))) + "…";
}

std::string padded(std::string_view text, std::size_t width, Align align) {
  const std::size_t own = width_of(text);
  const std::string spaces(width > own ? width - own : 0, ' ');
  return align == Align::left ? std::string(text) + spaces : spaces + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  width = std::max<std::size_t>(width, 1);
  const std::string clean = without_controls(text);
  std::vector<std::string> lines(1);
  std::size_t begin = 0;
  while (begin <= clean.size()) {
    const std::size_t end = std::min(clean.find(' ', begin), clean.size());
    std::string_view word = std::string_view(clean).substr(begin, end - begin);
    if (begin > 0 && width_of(lines.back()) + 1 + width_of(word) <= width) {
      lines.back().append(" ").append(word);
    } else {
      if (begin > 0) lines.emplace_back();
      while (bytes_of(width, word) < word.size()) {
        lines.back() = word.substr(0, bytes_of(width, word));
        word.remove_prefix(lines.back().size());
        lines.emplace_back();
      }
      lines.back() = word;
    }
    begin = end + 1;
  }
  return lines;
}

std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto [top, bottom] = two_lines(columns_[i].title);
    widths.push_back(std::max(width_of(top), width_of(bottom)));
    for (const Row& row : rows_) {
      if (!row.cells.empty()) widths.back() = std::max(widths.back(), width_of(row.cells.at(i).text));
    }
  }
  return widths;
}

void TextTable::remove_column(std::size_t index) {
  const auto offset = static_cast<std::ptrdiff_t>(index);
  columns_.erase(columns_.begin() + offset);
  for (Row& row : rows_) {
    if (!row.cells.empty()) row.cells.erase(row.cells.begin() + offset);
  }
}

std::size_t TextTable::width() const {
  const auto all_widths = widths();
  const std::size_t gaps = all_widths.empty() ? 0 : 2 * (all_widths.size() - 1);
  return std::accumulate(all_widths.begin(), all_widths.end(), gaps);
}

void TextTable::write_line(const std::vector<TextCell>& cells, const std::vector<std::size_t>& widths,
                           std::ostream& out) const {
  std::string line;
  std::size_t spaces = 0;  // Written before the next text, so that no line ends with them.
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& [text, style] = cells[i];
    const std::size_t fill = widths[i] - width_of(text);
    if (columns_[i].align == Align::right) spaces += fill;
    if (!text.empty()) {
      line.append(spaces, ' ').append(fmt::format(style, "{}", text));
      spaces = 0;
    }
    if (columns_[i].align == Align::left) spaces += fill;
    spaces += 2;
  }
  out << line << '\n';
}

void TextTable::write(std::ostream& out) const {
  const auto all_widths = widths();
  std::vector<TextCell> top;
  std::vector<TextCell> bottom;
  for (const TitledColumn& column : columns_) {
    const auto [first, second] = two_lines(column.title);
    top.push_back({.text = std::string(first)});
    bottom.push_back({.text = std::string(second)});
  }
  if (std::ranges::any_of(top, [](const TextCell& cell) { return !cell.text.empty(); })) {
    write_line(top, all_widths, out);
  }
  write_line(bottom, all_widths, out);
  for (const Row& row : rows_) {
    if (row.cells.empty()) {
      out << rule_of(row.rule, width()) << '\n';
    } else {
      write_line(row.cells, all_widths, out);
    }
  }
}

}  // namespace ccbench
