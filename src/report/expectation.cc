#include "report/expectation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "core/duration.h"
#include "core/verdict.h"
#include "driver/plan.h"
#include "report/layout.h"
#include "report/remarks.h"
#include "stats/percentile.h"

namespace ccbench {
namespace {

using Over = Expectation::Over;
using Selector = Expectation::Selector;
using TrialColumn = Column<TrialRow>;

constexpr std::string_view kNanos = "_ns";

using Suffix = std::pair<std::string_view, Over>;
constexpr auto kSuffixes =
    std::to_array<Suffix>({{"_min", Over::least}, {"_p50", Over::median}, {"_max", Over::most}});

constexpr std::array<std::string_view, 2> kRoles = {name_of(Role::guard), name_of(Role::control)};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) + 1 - first);
}

bool is_time(const TrialColumn& column) { return column.name.ends_with(kNanos); }

std::string_view metric_named_by(const TrialColumn& column) {
  std::string_view name = column.name;
  if (is_time(column)) name.remove_suffix(kNanos.size());
  return name;
}

const TrialColumn* find_column(std::string_view metric) {
  const auto columns = trial_columns();
  const auto found = std::ranges::find(columns, metric, metric_named_by);
  return found == columns.end() ? nullptr : &*found;
}

std::vector<std::string> metrics() {
  std::vector<std::string> names;
  for (const TrialColumn& column : trial_columns()) names.emplace_back(metric_named_by(column));
  return names;
}

/// The words that a column may hold, where they are few; empty: any.
std::span<const std::string_view> words_of(const TrialColumn& column) {
  if (column.name == "verdict") return kVerdictNames;
  if (column.name == "role") return kRoles;
  return {};
}

/// All of it as a number; nothing for infinity and the like, which no figure is.
std::optional<long double> parse_number(std::string_view text) {
  long double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
    return std::nullopt;
  return number;
}

/// Reads one expectation, from its beginning to its end.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(trimmed(text)) {}

  Expectation parse() && {
    const std::string_view metric = take_name();
    if (metric.empty()) malformed();
    read_metric(metric);
    const std::string selectors = take_selectors();
    const auto relation = take_relation(rest_);
    const std::string_view value = trimmed(rest_);
    if (!relation || value.empty()) malformed();
    result_.relation = *relation;
    result_.bound = bound_for(*result_.column, value);
    check_relation();
    result_.text = fmt::format("{}{} {} {}", metric, selectors, text_of(*relation), value);
    return std::move(result_);
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> why, Args&&... args) const {
    throw BadExpectation(
        fmt::format("'{}': {}", trimmed(text_), fmt::format(why, std::forward<Args>(args)...)));
  }

  [[noreturn]] void malformed() const {
    throw BadExpectation(fmt::format(
        "'{}' is not METRIC OP VALUE, OP one of {} ('success == 1', 'wait_p99{{guard=cas}} < 5ms')",
        trimmed(text_), kRelations));
  }

  [[noreturn]] void unknown_metric(std::string_view metric) const {
    // Of a suffix that a column does not have, the rest may be right.
    std::vector<std::string> readings = {std::string(metric)};
    if (metric.ends_with(kNanos)) readings.emplace_back(metric.substr(0, metric.size() - kNanos.size()));
    for (const auto& [suffix, over] : kSuffixes) {
      if (metric.ends_with(suffix)) readings.emplace_back(metric.substr(0, metric.size() - suffix.size()));
    }
    throw BadExpectation(fmt::format("'{}': trials.csv has no column '{}'", trimmed(text_), metric),
                         std::move(readings), metrics());
  }

  void skip_spaces() { rest_ = trimmed(rest_); }

  std::string_view take_name() {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const std::string_view name = rest_.substr(0, rest_.find_first_not_of(kLetters));
    rest_.remove_prefix(name.size());
    skip_spaces();
    return name;
  }

  /// An exact name comes before one with a suffix: `wait_p50` is a column.
  void read_metric(std::string_view metric) {
    result_.column = find_column(metric);
    if (result_.column != nullptr) return;
    for (const auto& [suffix, over] : kSuffixes) {
      if (!metric.ends_with(suffix)) continue;
      result_.column = find_column(metric.substr(0, metric.size() - suffix.size()));
      result_.over = over;
    }
    if (result_.column == nullptr) unknown_metric(metric);
    if (result_.column->holds == Holds::text)
      refuse("{} holds words, which have neither minimum nor median", metric_named_by(*result_.column));
  }

  /// Answers them as they are written.
  std::string take_selectors() {
    if (!rest_.starts_with('{')) return {};
    const auto end = rest_.find('}');
    if (end == std::string_view::npos) malformed();
    std::string written;
    for (const std::string& item : split_expectations(rest_.substr(1, end - 1))) {
      const auto equals = item.find('=');
      if (equals == std::string::npos) malformed();
      add_selector(trimmed(std::string_view(item).substr(0, equals)),
                   trimmed(std::string_view(item).substr(equals + 1)));
      const Selector& selector = result_.selectors.back();
      written += fmt::format("{}{}={}", written.empty() ? "" : ",", metric_named_by(*selector.column),
                             selector.value);
    }
    rest_.remove_prefix(end + 1);
    skip_spaces();
    return fmt::format("{{{}}}", written);
  }

  void add_selector(std::string_view name, std::string_view value) {
    if (name.empty() || value.empty()) malformed();
    const TrialColumn* const column = find_column(name);
    if (column == nullptr) unknown_metric(name);
    result_.selectors.push_back(
        {.column = column, .value = std::string(value), .bound = bound_for(*column, value)});
  }

  Bound bound_for(const TrialColumn& column, std::string_view value) const {
    if (column.holds == Holds::text) return text_for(column, value);
    if (!is_time(column)) {
      const auto number = parse_number(value);
      if (!number) refuse("{} is compared with a number, and '{}' is none", metric_named_by(column), value);
      return *number;
    }
    const auto duration = parse_duration(value);
    if (!duration) {
      refuse("{} is a time, and '{}' is neither a duration with its unit (500ms, 1s, 50us) nor 0",
             metric_named_by(column), value);
    }
    return static_cast<long double>(*duration);
  }

  std::string text_for(const TrialColumn& column, std::string_view value) const {
    // Commands that repeat a run put the expectation in quotes, and lists are separated by commas.
    const auto stands_for_itself = [](char c) {
      constexpr std::string_view kOthers = "'\"{},";
      return static_cast<unsigned char>(c) >= ' ' && kOthers.find(c) == std::string_view::npos;
    };
    if (!std::ranges::all_of(value, stands_for_itself)) malformed();
    const auto words = words_of(column);
    if (!words.empty() && std::ranges::find(words, value) == words.end()) {
      throw BadExpectation(fmt::format("'{}': there is no {} '{}'", trimmed(text_), column.name, value),
                           {std::string(value)}, {words.begin(), words.end()});
    }
    return std::string(value);
  }

  void check_relation() const {
    const bool tells_apart = result_.relation == Relation::equal || result_.relation == Relation::unequal;
    if (result_.column->holds == Holds::text && !tells_apart)
      refuse("{} holds words, which are compared with == and != alone", metric_named_by(*result_.column));
  }

  const std::string_view text_;
  std::string_view rest_;
  Expectation result_;
};

/// As the file has it, so that a fraction is the one that its digits say.
std::string csv_text(const Cell& cell) {
  std::string text;
  append_csv(cell, text);
  return text;
}

std::optional<long double> number_of(const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return static_cast<long double>(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&cell)) return static_cast<long double>(*number);
  return std::holds_alternative<Decimal>(cell) ? parse_number(csv_text(cell)) : std::nullopt;
}

std::optional<std::string> text_of(const Cell& cell) {
  if (const auto* text = std::get_if<std::string_view>(&cell)) return std::string(*text);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return std::nullopt;
}

/// Nothing if it was not measured.
std::optional<bool> fulfils(const Cell& cell, Relation relation, const Bound& bound) {
  if (const auto* words = std::get_if<std::string>(&bound)) {
    const auto text = text_of(cell);
    return text ? std::optional(holds(*text, relation, *words)) : std::nullopt;
  }
  const auto number = number_of(cell);
  return number ? std::optional(holds(*number, relation, std::get<long double>(bound))) : std::nullopt;
}

/// A trial that an expectation is about, with its figure.
struct Sample {
  std::size_t row = 0;
  std::size_t trial = 0;
  Cell value = {};
  long double number = 0;
};

bool is_measured(const Sample& sample) { return !std::holds_alternative<std::monostate>(sample.value); }

bool asks_for_controls(const Expectation& expectation) {
  return std::ranges::any_of(expectation.selectors, [](const Selector& selector) {
    return selector.column->name == "role" ||
           (selector.column->name == "guard" && selector.value == control_guard().info.name);
  });
}

/// Row by row.
std::vector<Sample> samples_for(const RunResult& run, const Expectation& expectation) {
  const bool with_controls = asks_for_controls(expectation);
  std::vector<Sample> samples;
  for (std::size_t row = 0; row < run.guards.size(); ++row) {
    if (run.guards[row].role == Role::control && !with_controls) continue;
    for (const std::size_t trial : run.guards[row].trials) {
      const TrialRow of{run, run.trials.at(trial)};
      const auto is_selected = [&](const Selector& selector) {
        return fulfils(selector.column->value(of), Relation::equal, selector.bound).value_or(false);
      };
      if (!std::ranges::all_of(expectation.selectors, is_selected)) continue;
      Sample sample{.row = row, .trial = trial, .value = expectation.column->value(of)};
      sample.number = number_of(sample.value).value_or(0);
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

/// The one sample that stands for all of a row, each of them measured; nearest rank, as all medians here.
Sample sample_over(Over over, std::vector<Sample> measured) {
  std::ranges::sort(measured, {},
                    [](const Sample& sample) { return std::pair(sample.number, sample.trial); });
  switch (over) {
    case Over::least: return measured.front();
    case Over::most: return measured.back();
    case Over::each:
    case Over::median: break;
  }
  return measured[nearest_rank(0.5, measured.size()) - 1];
}

void note_failure(const Sample& sample, Fulfilment& result) {
  if (result.row) return;
  result.row = sample.row;
  result.trial = sample.trial;
  result.value = sample.value;
}

void note_compared(const Sample& sample, Fulfilment& result) {
  if (!is_measured(sample)) return;
  const auto least = number_of(result.least);
  const auto most = number_of(result.most);
  if (!least || sample.number < *least) result.least = sample.value;
  if (!most || sample.number > *most) result.most = sample.value;
}

void judge_each(const Expectation& expectation, std::vector<Sample> samples, Fulfilment& result) {
  std::ranges::sort(samples, {}, &Sample::trial);  // In order of execution.
  for (const Sample& sample : samples) {
    note_compared(sample, result);
    if (fulfils(sample.value, expectation.relation, expectation.bound).value_or(false)) continue;
    ++result.failed;
    note_failure(sample, result);
  }
}

void judge_row(const Expectation& expectation, std::span<const Sample> samples, Fulfilment& result) {
  std::vector<Sample> measured;
  std::ranges::copy_if(samples, std::back_inserter(measured), is_measured);
  if (measured.empty()) {
    ++result.failed_rows;
    if (!result.row) result.row = samples.front().row;
    return;
  }
  const Sample sample = sample_over(expectation.over, std::move(measured));
  note_compared(sample, result);
  if (fulfils(sample.value, expectation.relation, expectation.bound).value_or(false)) return;
  ++result.failed_rows;
  note_failure(sample, result);
}

/// A time for people, with more digits where three would not tell it from its bound.
std::string value_text(const Expectation& expectation, const Cell& value) {
  const auto nanos = integer_of(value);
  if (!is_time(*expectation.column) || !nanos) return csv_text(value);
  const auto bound = static_cast<Nanos>(std::get<long double>(expectation.bound));
  std::string text = human(*nanos);
  return *nanos != bound && text == human(bound) ? to_text(*nanos) : text;
}

/// ` (1.50 s to 1.52 s)`; nothing for words.
std::string range_text(const Expectation& expectation, const Fulfilment& fulfilment) {
  if (!number_of(fulfilment.least)) return {};
  const std::string least = value_text(expectation, fulfilment.least);
  const std::string most = value_text(expectation, fulfilment.most);
  return least == most ? fmt::format(" ({})", least) : fmt::format(" ({} to {})", least, most);
}

std::string guards_text(const RunResult& run, std::uint64_t rows) {
  return counted(rows, run.sweeps() ? "row" : "guard");
}

/// Why there may be no samples where there are trials.
std::string_view reason_for_none(const Expectation& expectation) {
  static_assert(kSamplesForP99 == 100);
  return metric_named_by(*expectation.column).ends_with("_p99") ? "; a p99 takes 100 samples" : "";
}

/// Where it is not met first: `cas`.
std::string row_text(const RunResult& run, const Fulfilment& fulfilment) {
  return fulfilment.row ? row_label(run, run.guards.at(*fulfilment.row)) : std::string();
}

std::string sentence_of_each(const RunResult& run, const Expectation& expectation,
                             const Fulfilment& fulfilment) {
  const std::string trials = counted(fulfilment.trials, "trial");
  if (!fulfilment.trial) return fmt::format("met in {}{}", trials, range_text(expectation, fulfilment));
  const bool measured = !std::holds_alternative<std::monostate>(fulfilment.value);
  return fmt::format("not met in {} of {}: {} in trial {} ({}){}", fulfilment.failed, trials,
                     measured ? value_text(expectation, fulfilment.value) : "not measured",
                     run.trials.at(*fulfilment.trial).trial, row_text(run, fulfilment),
                     measured ? "" : reason_for_none(expectation));
}

std::string sentence_of_rows(const RunResult& run, const Expectation& expectation,
                             const Fulfilment& fulfilment) {
  const bool one = fulfilment.rows == 1;
  const std::uint64_t unmeasured = fulfilment.trials - fulfilment.samples;
  const std::string missing =
      unmeasured == 0 ? "" : fmt::format("; not measured in {} of {}", unmeasured, fulfilment.trials);
  const std::string over = counted(fulfilment.trials, "trial");
  if (fulfilment.met && one)
    return fmt::format("met: {} over {}{}", value_text(expectation, fulfilment.least), over, missing);
  if (fulfilment.met) {
    return fmt::format("met by {}{} over {}{}", guards_text(run, fulfilment.rows),
                       range_text(expectation, fulfilment), over, missing);
  }
  const std::string by =
      one ? "" : fmt::format(" by {} of {}", fulfilment.failed_rows, guards_text(run, fulfilment.rows));
  const bool measured = fulfilment.trial.has_value();
  return fmt::format("not met{}: {} ({}) over {}{}", by,
                     measured ? value_text(expectation, fulfilment.value) : "not measured",
                     row_text(run, fulfilment), over,
                     measured ? missing : std::string(reason_for_none(expectation)));
}

}  // namespace

Expectation parse_expectation(std::string_view text) { return Parser(text).parse(); }

std::vector<std::string> split_expectations(std::string_view list) {
  std::vector<std::string> items(1);
  int depth = 0;
  for (const char c : list) {
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (c == ',' && depth <= 0) {
      items.emplace_back();
    } else {
      items.back() += c;
    }
  }
  return items;
}

std::vector<Expectation> expectations_of(const RunResult& run) {
  std::vector<Expectation> expectations;
  for (const std::string& text : run.experiment().expectations)
    expectations.push_back(parse_expectation(text));
  return expectations;
}

Fulfilment fulfilment_of(const RunResult& run, const Expectation& expectation) {
  const std::vector<Sample> samples = samples_for(run, expectation);
  Fulfilment result{.trials = samples.size(),
                    .samples = static_cast<std::uint64_t>(std::ranges::count_if(samples, is_measured))};
  for (auto first = samples.begin(); first != samples.end(); ++result.rows) {
    const auto behind =
        std::find_if(first, samples.end(), [&](const Sample& sample) { return sample.row != first->row; });
    if (expectation.over != Over::each) judge_row(expectation, {first, behind}, result);
    first = behind;
  }
  if (expectation.over == Over::each) judge_each(expectation, samples, result);
  result.met = result.rows > 0 && result.failed == 0 && result.failed_rows == 0;
  return result;
}

std::string sentence_of(const RunResult& run, const Expectation& expectation, const Fulfilment& fulfilment) {
  if (fulfilment.trials == 0) return "not met: no samples: there is no such trial";
  if (fulfilment.samples == 0)
    return fmt::format("not met: no samples in {}{}", counted(fulfilment.trials, "trial"),
                       reason_for_none(expectation));
  return expectation.over == Over::each ? sentence_of_each(run, expectation, fulfilment)
                                        : sentence_of_rows(run, expectation, fulfilment);
}

bool meets_expectations(const RunResult& run) {
  return std::ranges::all_of(expectations_of(run), [&](const Expectation& expectation) {
    return fulfilment_of(run, expectation).met;
  });
}

}  // namespace ccbench
