// Writes HTML and SVG, closed as XML wants it, so that any parser of either reads it. Everything that comes
// in as text or as an attribute's value is escaped here and nowhere else.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace ccbench {

/// Text as it may stand in HTML and XML, also between quotes: what is no UTF-8, and control characters, which
/// XML forbids, become U+FFFD.
std::string escaped(std::string_view text);

/// An attribute without a value is left out.
struct Attribute {
  std::string_view name;
  std::string value;
};
using Attributes = std::initializer_list<Attribute>;

class Markup {
 public:
  /// `out` must outlive it.
  explicit Markup(std::ostream& out) : out_(out) {}

  /// Closes the element that it opened at the end of its scope.
  class Element {
   public:
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;
    Element(Element&& other) noexcept : out_(std::exchange(other.out_, nullptr)), name_(other.name_) {}
    Element& operator=(Element&&) = delete;
    ~Element();

   private:
    friend class Markup;
    Element(std::ostream& out, std::string_view name) : out_(&out), name_(name) {}

    std::ostream* out_;  ///< null: moved from
    std::string_view name_;
  };

  /// `name` must outlive the element.
  [[nodiscard]] Element open(std::string_view name, Attributes attributes = {});
  void element(std::string_view name, Attributes attributes, std::string_view text);
  /// An element that holds nothing: of SVG any, of HTML those that never do (`meta`).
  void leaf(std::string_view name, Attributes attributes = {});
  void text(std::string_view text) { out_ << escaped(text); }
  /// Text whose lines stay lines.
  void lines(std::string_view text);
  /// As it stands: for what this program itself is the author of.
  void raw(std::string_view trusted) { out_ << trusted; }

 private:
  void begin(std::string_view name, Attributes attributes);

  std::ostream& out_;
};

/// A place in a picture, rounded to a tenth: `12`, `12.3`.
std::string coordinate(double value);

/// What stands in the `d` of a path.
class PathData {
 public:
  void move_to(double x, double y);
  void line_to(double x, double y);
  void horizontal_to(double x);
  void vertical_to(double y);
  void close() { data_ += 'z'; }
  /// Between these edges; nothing if rounding leaves nothing of it.
  void rectangle(double left, double top, double right, double bottom);

  bool empty() const { return data_.empty(); }
  const std::string& text() const { return data_; }

 private:
  std::string data_;
};

}  // namespace ccbench
