#include "gate/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include "driver/clock.h"
#include "report/columns.h"
#include "report/layout.h"
#include "report/read_csv.h"

namespace ccbench {
namespace {

constexpr std::string_view kSchema = "ccbench.trials/1";

/// What a guard does, beside how long it takes.
constexpr auto kCounts =
    std::to_array<std::string_view>({"success", "shared", "refused", "turned_away", "cancelled", "timed_out",
                                     "error", "unfinished", "violations", "effects"});

constexpr Metric kRatioToReference = {.name = "ratio", .column = "wall_ns", .is_time = false};

std::string text_of(const TrialFields& trial, std::string_view column) {
  const auto found = trial.find(column);
  return found == trial.end() ? std::string{} : found->second;
}

template <class Number>
std::optional<Number> number_of(const TrialFields& trial, std::string_view column) {
  const std::string text = text_of(trial, column);
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string whole_file(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in && std::filesystem::is_regular_file(path)) text << in.rdbuf();
  if (!in || !std::filesystem::is_regular_file(path))
    throw GateError(fmt::format("the baseline {} cannot be read: {}", path,
                                errno != 0 ? std::strerror(errno) : "it is no file"));
  return text.str();
}

/// What was set, as flags: those with columns of their own, and those in `params`.
ArmFlags settings_of(const TrialFields& trial) {
  ArmFlags flags;
  for (const char* column : {"scenario", "requests", "threads", "keys"}) {
    if (std::string value = text_of(trial, column); !value.empty()) flags[column] = std::move(value);
  }
  std::istringstream params(text_of(trial, "params"));
  for (std::string setting; std::getline(params, setting, ';');) {
    const auto equals = setting.find('=');
    if (equals != std::string::npos) flags[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  return flags;
}

BaselineCell& cell_of(std::vector<BaselineCell>& cells, const std::string& guard) {
  const auto found = std::ranges::find(cells, guard, &BaselineCell::guard);
  if (found != cells.end()) return *found;
  return cells.emplace_back(BaselineCell{.guard = guard, .trials = {}});
}

void add_row(TrialFields trial, std::vector<BaselineSetting>& settings) {
  if (text_of(trial, "role") != "guard") return;
  const ArmFlags flags = settings_of(trial);
  auto setting = std::ranges::find(settings, flags, &BaselineSetting::flags);
  if (setting == settings.end())
    setting = settings.insert(setting, BaselineSetting{.flags = flags, .cells = {}});
  cell_of(setting->cells, text_of(trial, "guard")).trials.push_back(std::move(trial));
}

Verdict verdict_of(const BaselineCell& cell) {
  Verdict worst = Verdict::ok;
  for (const TrialFields& trial : cell.trials) {
    const auto* const name = std::ranges::find(kVerdictNames, text_of(trial, "verdict"));
    const auto verdict =
        name == kVerdictNames.end() ? Verdict::error : static_cast<Verdict>(name - kVerdictNames.begin());
    worst = worse(worst, verdict);
  }
  return worst;
}

struct Range {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  std::int64_t most = std::numeric_limits<std::int64_t>::min();
  bool any() const { return least <= most; }
};

Range range_of(const BaselineCell& cell, std::string_view column) {
  Range range;
  for (const TrialFields& trial : cell.trials) {
    const auto number = number_of<std::int64_t>(trial, column);
    if (!number) continue;
    range.least = std::min(range.least, *number);
    range.most = std::max(range.most, *number);
  }
  return range;
}

/// A count that overlaps what it was may be luck; one that never does has changed.
void compare_counts(const BaselineCell& before, const BaselineCell& now, Check& check) {
  for (const std::string_view column : kCounts) {
    const Range was = range_of(before, column);
    const Range is = range_of(now, column);
    if (!was.any() || !is.any()) continue;
    Check::Claim claim{
        .name = fmt::format("{} as in the baseline", column), .expected = was.least, .observed = is.least};
    if (is.least > was.most) {
      claim.expected = was.most;
      claim.holds = false;
    } else if (is.most < was.least) {
      claim.observed = is.most;
      claim.holds = false;
    }
    if (!claim.holds && check.sentence.empty())
      check.sentence = fmt::format("{}: {} instead of {}", column, claim.observed, claim.expected);
    check.claims.push_back(std::move(claim));
  }
}

/// Wall times of a guard and of the reference, from the rounds that both have.
using WallTimes = std::vector<std::pair<double, double>>;

WallTimes walls_of(const BaselineCell& reference, const BaselineCell& guard) {
  std::map<std::string, double> of_round;
  for (const TrialFields& trial : reference.trials) {
    if (const auto wall = number_of<double>(trial, "wall_ns")) of_round[text_of(trial, "round")] = *wall;
  }
  WallTimes walls;
  for (const TrialFields& trial : guard.trials) {
    const auto wall = number_of<double>(trial, "wall_ns");
    const auto beside = of_round.find(text_of(trial, "round"));
    if (wall && beside != of_round.end() && beside->second > 0) walls.emplace_back(*wall, beside->second);
  }
  return walls;
}

/// Shown, because people ask for it, and never judged: it may have been another machine.
std::string times_text(const BaselineCell& before, const BaselineCell& now) {
  const auto median = [](const BaselineCell& cell) {
    std::vector<double> walls;
    for (const TrialFields& trial : cell.trials) {
      if (const auto wall = number_of<double>(trial, "wall_ns")) walls.push_back(*wall);
    }
    const auto estimate = estimate_median(walls);
    return estimate ? human(std::llround(estimate->median)) : std::string("no end");
  };
  return fmt::format("{}: median wall {} then, {} now (of another day: not judged)", now.guard,
                     median(before), median(now));
}

/// What the guard cost beside the reference, then and now, one round each.
std::vector<MetricPair> costs_of(const WallTimes& before, const WallTimes& now) {
  std::vector<MetricPair> costs;
  for (std::size_t round = 0; round < std::min(before.size(), now.size()); ++round) {
    costs.emplace_back(before[round].first / before[round].second, now[round].first / now[round].second);
  }
  return costs;
}

/// The change of a ratio, with the widest interval that those of both allow.
Opinion change_of(const WallTimes& before, const WallTimes& now, double threshold, double alpha) {
  Opinion opinion{.ratio = std::nullopt, .smallest_seen = std::numeric_limits<double>::infinity()};
  const auto was = estimate_ratio(before, 1 - 2 * alpha);
  const auto is = estimate_ratio(now, 1 - 2 * alpha);
  if (!was || !is) return opinion;
  Estimate change{.median = is->median / was->median, .interval = std::nullopt, .samples = is->samples};
  if (was->interval && is->interval) {
    change.interval = Interval{.low = is->interval->low / was->interval->high,
                               .high = is->interval->high / was->interval->low};
  }
  return opinion_of(change, threshold);
}

/// Nothing was seen to break, whether or not a control shows that it could have been: one thread alone has
/// none, and the steadiest figures.
bool held(Verdict verdict) { return verdict == Verdict::ok || verdict == Verdict::inconclusive; }

bool held_in_both(const BaselineCell& before, const std::vector<BaselineCell>& now) {
  const auto found = std::ranges::find(now, before.guard, &BaselineCell::guard);
  return found != now.end() && held(verdict_of(before)) && held(verdict_of(*found));
}

}  // namespace

std::vector<BaselineSetting> read_baseline(const std::string& path) {
  const std::string text = whole_file(path);
  std::vector<BaselineSetting> settings;
  try {
    std::istringstream in(text);
    CsvReader reader(in, kSchema);
    while (reader.next()) add_row(reader.fields(), settings);
  } catch (const std::runtime_error& error) {
    throw GateError(fmt::format("the baseline {} cannot be used: {}", path, error.what()));
  }
  if (settings.empty()) throw GateError(fmt::format("the baseline {} has no trial of a guard", path));
  return settings;
}

std::vector<BaselineCell> cells_of(const RunResult& run) {
  std::vector<BaselineCell> cells;
  for (const TrialResult& trial : run.trials) {
    if (trial.role != Role::guard) continue;
    TrialFields fields;
    for (const Column<TrialRow>& column : trial_columns()) {
      std::string text;
      append_csv(column.value(TrialRow{.run = run, .trial = trial}), text);
      fields.emplace(column.name, std::move(text));
    }
    cell_of(cells, trial.guard).trials.push_back(std::move(fields));
  }
  return cells;
}

ContestResult compare_with_baseline(const BaselineCell& before, const BaselineCell& now,
                                    const BaselineCell& reference_before, const BaselineCell& reference_now,
                                    double threshold, double alpha) {
  ContestResult result{.contest = {.name = now.guard, .base = {}, .candidate = {}}};
  result.base.verdict = verdict_of(before);
  result.base.trials = before.trials.size();
  Check& check = result.candidate;
  check.verdict = verdict_of(now);
  check.trials = now.trials.size();
  compare_counts(before, now, check);
  const bool changed = !check.sentence.empty();
  if (check.verdict != result.base.verdict && check.verdict != Verdict::ok) {
    check.sentence = fmt::format("{} instead of {}", name_of(check.verdict), name_of(result.base.verdict));
  } else if (changed) {
    check.verdict = Verdict::violation;
  } else {
    check.verdict = Verdict::ok;  // As it was, whatever that is.
  }
  if (check.verdict != Verdict::ok) {
    result.not_judged = "it does not do what it did";
  } else if (!held(result.base.verdict)) {
    result.not_judged = "it did not hold in the baseline";
  } else if (now.guard != reference_now.guard) {
    const WallTimes walls_before = walls_of(reference_before, before);
    const WallTimes walls_now = walls_of(reference_now, now);
    result.metrics.push_back({.metric = &kRatioToReference,
                              .pairs = costs_of(walls_before, walls_now),
                              .opinion = change_of(walls_before, walls_now, threshold, alpha),
                              .alpha = alpha,
                              .decided = true});
  }
  return result;
}

GateResult run_against_baseline(const std::vector<BaselineSetting>& baseline, double threshold, double alpha,
                                const std::function<RunResult(const ArmFlags&)>& run_setting) {
  const Nanos begin = steady_now();
  GateResult result;
  result.rules.threshold = threshold;
  result.rules.alpha = alpha;
  for (const BaselineSetting& setting : baseline) {
    ArmFlags flags = setting.flags;
    std::size_t trials = 0;
    for (const BaselineCell& cell : setting.cells) {
      flags["guard"] += (flags["guard"].empty() ? "" : ",") + cell.guard;
      trials = std::max(trials, cell.trials.size());
    }
    flags["trials"] = std::to_string(trials);
    const RunResult run = run_setting(flags);
    result.interrupted_by = run.interrupted_by;
    if (result.interrupted_by != 0) return result;
    const std::vector<BaselineCell> cells = cells_of(run);
    const auto reference = std::ranges::find_if(
        setting.cells, [&](const BaselineCell& cell) { return held_in_both(cell, cells); });
    for (const BaselineCell& before : setting.cells) {
      const auto now = std::ranges::find(cells, before.guard, &BaselineCell::guard);
      if (now == cells.end()) throw GateError(fmt::format("there is no trial of {} now", before.guard));
      const BaselineCell& reference_before = reference == setting.cells.end() ? before : *reference;
      const BaselineCell& reference_now =
          *std::ranges::find(cells, reference_before.guard, &BaselineCell::guard);
      result.seen.push_back(times_text(before, *now));
      result.contests.push_back(
          compare_with_baseline(before, *now, reference_before, reference_now, threshold, alpha));
    }
  }
  result.elapsed = steady_now() - begin;
  return result;
}

}  // namespace ccbench
