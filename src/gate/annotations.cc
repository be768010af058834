// Annotations of a GitHub workflow run, a workflow command a line.
#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gate/sinks.h"
#include "gate/words.h"

namespace ccbench {
namespace {

constexpr std::size_t kMostShown = 10;  ///< of a level in a step; the service drops the others

enum class Level : std::uint8_t { error, warning, notice };

struct Annotation {
  Level level;
  std::string title;
  std::string text;
};
using Annotations = std::vector<Annotation>;

/// What would end the command is written as the service decodes it; a property ends at commas and colons,
/// too.
std::string escaped(std::string_view text, bool in_property) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '%': safe += "%25"; break;
      case '\r': safe += "%0D"; break;
      case '\n': safe += "%0A"; break;
      case ':': safe += in_property ? "%3A" : ":"; break;
      case ',': safe += in_property ? "%2C" : ","; break;
      default: safe += c;
    }
  }
  return safe;
}

std::string_view name_of(Level level) {
  constexpr std::array<std::string_view, 3> kNames = {"error", "warning", "notice"};
  return kNames.at(static_cast<std::size_t>(level));
}

void write(const Annotation& annotation, std::ostream& out) {
  out << fmt::format("::{} title={}::{}\n", name_of(annotation.level), escaped(annotation.title, true),
                     escaped(annotation.text, false));
}

/// With the command that repeats it on a line of its own.
std::string failure_text(const Check& check) {
  std::string text = check_text(check);
  if (!check.repeated_by.empty()) text += "\n" + check.repeated_by;
  return text;
}

void add_correctness(const ContestResult& contest, bool early, const GateExit& exit,
                     Annotations& annotations) {
  const std::string& name = contest.contest.name;
  const Verdict verdict = contest.candidate.verdict;
  if (has_failed(verdict)) {
    annotations.push_back({Level::error, name + " does not hold", failure_text(contest.candidate)});
  } else if (verdict == Verdict::error) {
    annotations.push_back({Level::error, name + " could not be run", failure_text(contest.candidate)});
  } else if (verdict == Verdict::inconclusive && !early) {
    annotations.push_back({exit.inconclusive_ok ? Level::warning : Level::error,
                           fmt::format("whether {} holds is not known", name),
                           check_text(contest.candidate)});
  }
  if (contest.base.verdict == Verdict::error) {
    annotations.push_back({Level::error, name + ": the base could not be run", failure_text(contest.base)});
  } else if (has_failed(contest.base.verdict)) {
    annotations.push_back({Level::warning, name + ": the base does not hold", failure_text(contest.base)});
  }
}

void add_metric(const ContestResult& contest, const MetricResult& metric, const GateResult& result,
                const GateExit& exit, Annotations& annotations) {
  const Judgement judgement = metric.opinion.judgement;
  if (judgement == Judgement::pass) return;
  Level level = Level::notice;
  if (judgement == Judgement::regressed) level = Level::error;
  if (judgement == Judgement::inconclusive) level = exit.inconclusive_fails ? Level::error : Level::warning;
  annotations.push_back(
      {level, fmt::format("{}: {} {}", contest.contest.name, metric.metric->name, name_of(judgement)),
       metric_text(metric, threshold_of(metric, result.rules))});
}

/// The verdict first, so that it is never among those left out.
Annotations annotations_of(const GateResult& result, const GateExit& exit) {
  Annotations annotations;
  annotations.push_back({exit.code == 0 ? Level::notice : Level::error,
                         fmt::format("ccbench gate: {}", verdict_word(result)), verdict_sentence(result)});
  for (const ContestResult& contest : result.contests) {
    add_correctness(contest, ended_early(result), exit, annotations);
    for (const MetricResult& metric : contest.metrics) add_metric(contest, metric, result, exit, annotations);
  }
  for (const std::string& warning : result.warnings)
    annotations.push_back({Level::warning, "ccbench gate", warning});
  return annotations;
}

void write_level(Level level, const Annotations& annotations, std::ostream& out) {
  Annotations of_level;
  for (const Annotation& annotation : annotations) {
    if (annotation.level == level) of_level.push_back(annotation);
  }
  if (of_level.size() > kMostShown) {
    const std::size_t left_out = of_level.size() - (kMostShown - 1);
    of_level.resize(kMostShown - 1);
    of_level.push_back({level, "ccbench gate", fmt::format("{} more are left out here", left_out)});
  }
  for (const Annotation& annotation : of_level) write(annotation, out);
}

}  // namespace

void write_gate_annotations(const GateResult& result, const GateExit& exit, std::ostream& out) {
  const Annotations annotations = annotations_of(result, exit);
  for (const Level level : {Level::error, Level::warning, Level::notice})
    write_level(level, annotations, out);
}

}  // namespace ccbench
