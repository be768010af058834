// Rows of a CSV file of ours, read back by the names of their columns.
#pragma once

#include <charconv>
#include <cstddef>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ccbench {

/// RFC 4180 with a header; columns that it does not know are no error, because new ones may come. Throws
/// std::runtime_error, its text naming line and column, for a header without `schema`, a row of another
/// schema or of another length than the header, a column that is asked for and not there, and what is not a
/// number where one is asked for.
class CsvReader {
 public:
  CsvReader(std::istream& in, std::string_view schema);

  /// Goes to the next row; false at the end.
  bool next();

  bool has(std::string_view column) const { return columns_.contains(column); }
  /// The whole row, by column.
  std::map<std::string, std::string, std::less<>> fields() const;
  std::string_view text(std::string_view column) const;
  /// Nothing for an empty field.
  template <class Number>
  std::optional<Number> number(std::string_view column) const;

  std::size_t line() const { return line_; }  ///< of the row's end, from 1

 private:
  bool read_row();
  [[noreturn]] void refuse(std::string_view column, std::string_view text) const;

  std::istream& in_;
  std::string schema_;
  std::map<std::string, std::size_t, std::less<>> columns_;
  std::vector<std::string> fields_;
  std::size_t line_ = 0;
};

template <class Number>
std::optional<Number> CsvReader::number(std::string_view column) const {
  const std::string_view field = text(column);
  if (field.empty()) return std::nullopt;
  Number number{};
  const auto [end, status] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (status != std::errc{} || end != field.data() + field.size()) refuse(column, field);
  return number;
}

}  // namespace ccbench
