#include "report/columns.h"

#include <fmt/format.h>

#include <iterator>
#include <limits>

namespace ccbench {
namespace {

void append_quoted(std::string_view text, std::string& line) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

struct AppendCsv {
  std::string& line;

  void operator()(std::monostate /*not measured*/) const {}
  void operator()(std::int64_t number) const { fmt::format_to(std::back_inserter(line), "{}", number); }
  void operator()(std::uint64_t number) const { fmt::format_to(std::back_inserter(line), "{}", number); }
  void operator()(Decimal number) const {
    fmt::format_to(std::back_inserter(line), "{:.{}f}", number.value, number.places);
  }
  void operator()(std::string_view text) const { append_quoted(text, line); }
};

}  // namespace

std::optional<std::int64_t> integer_of(const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number;
  const auto* number = std::get_if<std::uint64_t>(&cell);
  if (number == nullptr || *number > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::string lock_of(const RunResult& run, const TrialResult& trial, Place place) {
  return lock_name(place, trial.guard, trial.tally.promises, run.experiment().scenario->info);
}

bool has_facts(const RunResult& run, const TrialResult& trial) {
  return trial.tally.settled || !run.experiment().scenario->info.facts_at_end;
}

std::optional<std::int64_t> effects_of(const RunResult& run, const TrialResult& trial) {
  const FactId effect = run.experiment().scenario->info.effect;
  if (!has_facts(run, trial) || effect >= trial.tally.facts_of_key.size()) return std::nullopt;
  return trial.tally.total(effect);
}

void append_csv(const Cell& cell, std::string& line) { std::visit(AppendCsv{line}, cell); }

}  // namespace ccbench
