#include "report/read_csv.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ccbench {

CsvReader::CsvReader(std::istream& in, std::string_view schema) : in_(in), schema_(schema) {
  if (!read_row()) throw std::runtime_error("it is empty");
  for (std::size_t i = 0; i < fields_.size(); ++i) columns_.emplace(fields_[i], i);
  if (!has("schema")) throw std::runtime_error("its header has no column schema");
}

bool CsvReader::next() {
  if (!read_row()) return false;
  if (fields_.size() != columns_.size()) {
    throw std::runtime_error(
        fmt::format("line {} has {} fields instead of {}", line_, fields_.size(), columns_.size()));
  }
  if (text("schema") != schema_) {
    throw std::runtime_error(
        fmt::format("line {} is of schema '{}' and not {}", line_, text("schema"), schema_));
  }
  return true;
}

std::map<std::string, std::string, std::less<>> CsvReader::fields() const {
  std::map<std::string, std::string, std::less<>> fields;
  for (const auto& [column, index] : columns_) fields.emplace(column, fields_[index]);
  return fields;
}

std::string_view CsvReader::text(std::string_view column) const {
  const auto found = columns_.find(column);
  if (found == columns_.end()) throw std::runtime_error(fmt::format("it has no column {}", column));
  return fields_.at(found->second);
}

/// A quote inside a quoted field is doubled; a line may end inside one.
bool CsvReader::read_row() {
  fields_.assign(1, {});
  bool quoted = false;
  bool any = false;
  for (int c = in_.get(); c != std::istream::traits_type::eof(); c = in_.get()) {
    any = true;
    if (c == '\n') ++line_;
    if (quoted && c == '"') {
      if (in_.peek() != '"') {
        quoted = false;
        continue;
      }
      in_.get();
    } else if (!quoted && c == '"') {
      quoted = true;
      continue;
    } else if (!quoted && c == ',') {
      fields_.emplace_back();
      continue;
    } else if (!quoted && c == '\n') {
      return true;
    }
    fields_.back() += static_cast<char>(c);
  }
  if (quoted)
    throw std::runtime_error(fmt::format("it ends inside quotes that begin before line {}", line_ + 1));
  if (any) throw std::runtime_error(fmt::format("its last line, {}, has no end", line_ + 1));
  return false;
}

void CsvReader::refuse(std::string_view column, std::string_view text) const {
  throw std::runtime_error(fmt::format("line {}: {} is '{}' and not a number", line_, column, text));
}

}  // namespace ccbench
