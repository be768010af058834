// The columns of the files: what each is called and where its value comes from. CSV and JSON are
// written from the same tables, so that they agree by construction.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "driver/run_result.h"

namespace ccbench {

/// A fraction, written with at most this many digits behind the point.
struct Decimal {
  double value = 0;
  int places = 0;
};

/// One value of a row. Text that the result owns is viewed: a run may have millions of rows.
/// `monostate` was not measured: an empty field in CSV, null in JSON.
using Cell =
    std::variant<std::monostate, std::int64_t, std::uint64_t, Decimal, std::string_view, std::string>;

template <std::integral Number>
Cell cell(Number number) {
  if constexpr (std::signed_integral<Number>) {
    return std::int64_t{number};
  } else {
    return std::uint64_t{number};
  }
}

template <std::integral Number>
Cell cell(const std::optional<Number>& number) {
  return number ? cell(*number) : Cell{};
}

/// The number in a cell; nothing if there is none or it is a fraction.
std::optional<std::int64_t> integer_of(const Cell& cell);

/// What the cells of a column that were measured are.
enum class Holds : std::uint8_t { number, text };

template <class Row>
struct Column {
  std::string_view name;
  Cell (*value)(const Row&);
  Holds holds = Holds::number;
};

/// What the columns of trials.csv look at.
struct TrialRow {
  const RunResult& run;
  const TrialResult& trial;
};
std::span<const Column<TrialRow>> trial_columns();

/// What the columns of snapshots.csv look at: one thread in one snapshot.
struct SnapshotRow {
  const RunResult& run;
  const TrialResult& trial;
  std::uint64_t number;  ///< of the snapshot within its trial, from 1
  const Snapshot& snapshot;
  const ThreadRow& thread;
};
std::span<const Column<SnapshotRow>> snapshot_columns();

/// `cas[ticket-1]`: the lock that a worker at this place waits for, by the worker's own word. `cas`
/// alone where one lock serves all keys. Empty if the worker is not in the guard, or nobody waits there.
std::string lock_of(const RunResult& run, const TrialResult& trial, Place place);

/// Whether the trial got as far as counting: some scenarios have no facts before all requests ended.
bool has_facts(const RunResult& run, const TrialResult& trial);

/// The scenario's main effect over all keys; nothing if the trial has no facts.
std::optional<std::int64_t> effects_of(const RunResult& run, const TrialResult& trial);

/// Adds the cell as RFC 4180 wants it: quoted only where it must be.
void append_csv(const Cell& cell, std::string& line);

template <class Row>
void write_csv_header(std::span<const Column<Row>> columns, std::ostream& out) {
  std::string_view comma;
  for (const Column<Row>& column : columns) {
    out << comma << column.name;
    comma = ",";
  }
  out << '\n';
}

/// `line` is scratch space, kept by the caller from row to row.
template <class Row>
void write_csv_row(std::span<const Column<Row>> columns, const Row& row, std::string& line,
                   std::ostream& out) {
  line.clear();
  for (const Column<Row>& column : columns) {
    if (&column != columns.data()) line += ',';
    append_csv(column.value(row), line);
  }
  line += '\n';
  out << line;
}

}  // namespace ccbench
