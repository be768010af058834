#include "report/markup.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

namespace ccbench {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

std::uint8_t byte_at(std::string_view text, std::size_t index) {
  return index < text.size() ? static_cast<std::uint8_t>(text[index]) : std::uint8_t{0};
}

bool is_control(std::uint8_t first, std::uint8_t second) {
  return first < ' ' || first == 0x7f || (first == 0xc2 && second < 0xa0);
}

/// Longer than need be, half of a pair, beyond the last character, or U+FFFE and U+FFFF.
bool is_no_character(std::uint8_t first, std::uint8_t second, std::uint8_t third) {
  if (first == 0xe0) return second < 0xa0;
  if (first == 0xed) return second >= 0xa0;
  if (first == 0xef) return second == 0xbf && third >= 0xbe;
  if (first == 0xf0) return second < 0x90;
  return first == 0xf4 && second >= 0x90;
}

/// How many bytes a character has that begins with this one; 0: none does.
std::size_t length_by(std::uint8_t first) {
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/// Bytes of the character that `text` begins with; 0 if it begins with none that XML allows. Ranges are those
/// of The Unicode Standard, table 3-7.
std::size_t length_of_character(std::string_view text) {
  const std::uint8_t first = byte_at(text, 0);
  const std::uint8_t second = byte_at(text, 1);
  const std::size_t length = length_by(first);
  if (is_control(first, second) || is_no_character(first, second, byte_at(text, 2))) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

/// In tenths, so that edges that meet are rounded to the same place.
std::int64_t tenths(double value) { return std::llround(value * 10); }

void append_tenths(std::int64_t value, std::string& text) {
  const std::int64_t size = value < 0 ? -value : value;
  if (value < 0) text += '-';
  if (size % 10 == 0) {
    fmt::format_to(std::back_inserter(text), "{}", size / 10);
  } else if (size < 10) {
    fmt::format_to(std::back_inserter(text), ".{}", size);
  } else {
    fmt::format_to(std::back_inserter(text), "{}.{}", size / 10, size % 10);
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = length_of_character(text);
    switch (text.front()) {
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '&': safe += "&amp;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      case '\n':
      case '\t': safe += ' '; break;
      default: safe += length == 0 ? kReplacement : text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return safe;
}

Markup::Element::~Element() {
  if (out_ != nullptr) *out_ << "</" << name_ << '>';
}

void Markup::begin(std::string_view name, Attributes attributes) {
  out_ << '<' << name;
  for (const auto& [key, value] : attributes) {
    if (!value.empty()) out_ << ' ' << key << "=\"" << escaped(value) << '"';
  }
}

Markup::Element Markup::open(std::string_view name, Attributes attributes) {
  begin(name, attributes);
  out_ << '>';
  return {out_, name};
}

void Markup::element(std::string_view name, Attributes attributes, std::string_view text) {
  const Element opened = open(name, attributes);
  this->text(text);
}

void Markup::lines(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    this->text(text.substr(0, end));
    if (end < text.size()) out_ << '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void Markup::leaf(std::string_view name, Attributes attributes) {
  begin(name, attributes);
  out_ << " />";
}

std::string coordinate(double value) {
  std::string text;
  append_tenths(tenths(value), text);
  return text;
}

void PathData::move_to(double x, double y) {
  data_ += 'M';
  append_tenths(tenths(x), data_);
  data_ += ' ';
  append_tenths(tenths(y), data_);
}

void PathData::line_to(double x, double y) {
  data_ += 'L';
  append_tenths(tenths(x), data_);
  data_ += ' ';
  append_tenths(tenths(y), data_);
}

void PathData::horizontal_to(double x) {
  data_ += 'H';
  append_tenths(tenths(x), data_);
}

void PathData::vertical_to(double y) {
  data_ += 'V';
  append_tenths(tenths(y), data_);
}

void PathData::rectangle(double left, double top, double right, double bottom) {
  const std::int64_t width = tenths(right) - tenths(left);
  const std::int64_t height = tenths(bottom) - tenths(top);
  if (width <= 0 || height <= 0) return;
  move_to(left, top);
  data_ += 'h';
  append_tenths(width, data_);
  data_ += 'v';
  append_tenths(height, data_);
  data_ += 'h';
  append_tenths(-width, data_);
  close();
}

}  // namespace ccbench
