#include "gate/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "driver/clock.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

using Random = StdSync::random;

std::optional<double> figure_of(const TrialFields& trial, const Metric& metric) {
  const auto found = trial.find(metric.column);
  if (found == trial.end() || found->second.empty()) return std::nullopt;
  double value = 0;
  const std::string& text = found->second;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Verdict verdict_of(const TrialFields& trial) {
  const auto found = trial.find("verdict");
  const auto* const name =
      found == trial.end() ? kVerdictNames.end() : std::ranges::find(kVerdictNames, found->second);
  return name == kVerdictNames.end() ? Verdict::error : static_cast<Verdict>(name - kVerdictNames.begin());
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool same_program(const std::string& a, const std::string& b) {
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) return true;
  if (std::filesystem::file_size(a, error) != std::filesystem::file_size(b, error) || error) return false;
  return bytes_of(a) == bytes_of(b);
}

/// So many requests that two digits say it: 12000 and not 11873.
std::uint64_t rounded(double requests) {
  const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(requests)) - 1));
  return static_cast<std::uint64_t>(std::max(1.0, std::round(requests / unit) * unit));
}

class Gate {
 public:
  Gate(const GatePlan& plan, ArmRunner& runner, const Interruption& interruption, Progress& progress)
      : plan_(plan),
        runner_(runner),
        interruption_(interruption),
        progress_(progress),
        begin_(steady_now()) {}

  GateResult run() {
    result_.seed = plan_.seed;
    result_.rules = plan_.rules;
    for (const Contest& contest : plan_.contests) result_.contests.push_back({.contest = contest});
    try {
      carry_out();
    } catch (const GateError& error) {
      result_.trouble = error.what();  // What was measured until then is still worth reading.
    }
    result_.elapsed = steady_now() - begin_;
    result_.interrupted_by = interruption_.signal();
    return std::move(result_);
  }

 private:
  void carry_out() {
    for (ContestResult& contest : result_.contests) ask_base(contest);
    for (ContestResult& contest : result_.contests) prepare(contest);
    const auto compares_itself = [](const ContestResult& contest) {
      return contest.contest.base.flags == contest.contest.candidate.flags &&
             same_program(contest.contest.base.program, contest.contest.candidate.program);
    };
    result_.same_program = std::ranges::all_of(result_.contests, compares_itself);
    for (ContestResult& contest : result_.contests) check(contest);
    compare();
  }

  bool interrupted() const { return interruption_.signal() != 0; }

  /// Another ccbench may be older than a guard or a flag. Then there is no base, as there is none for a first
  /// commit: the candidate has to hold, and its times are compared with nothing.
  void ask_base(ContestResult& contest) {
    const Arm& base = contest.contest.base;
    if (interrupted() || base.program == contest.contest.candidate.program) return;
    ArmFlags more = {{"dry-run", "true"}};
    if (plan_.sizes_requests) more["requests"] = "1000";
    const ArmOutput output = runner_.run(base, more, plan_.rules.trial_limit);
    if (output.exit_code != kExitUsage) return;
    contest.no_base = true;
    contest.base.sentence = output.complaint;
    contest.not_judged = fmt::format("the base cannot run it: {}", output.complaint);
  }

  /// Gives a contest as many requests as take a trial of the base, if there is one, as long as it shall.
  void prepare(ContestResult& contest) {
    if (!plan_.sizes_requests) return;
    const Arm& arm = contest.no_base ? contest.contest.candidate : contest.contest.base;
    constexpr double kFewest = 1000;
    constexpr double kMost = 2'000'000;
    constexpr double kFastestGrowth = 20;
    double requests = kFewest;
    const auto target = static_cast<double>(plan_.rules.trial_target);
    while (!interrupted()) {
      const auto wall = least_wall(arm, requests);
      if (!wall || *wall <= 0) break;  // What is wrong with it the check will tell.
      const double wanted = requests * std::min(target / *wall, kFastestGrowth);
      const bool close = *wall > target / 2;
      requests = std::clamp(wanted, kFewest, kMost);
      if (close || requests >= kMost) break;
    }
    const std::string text = std::to_string(rounded(requests));
    contest.contest.base.flags["requests"] = text;
    contest.contest.candidate.flags["requests"] = text;
  }

  /// The least of a few trials: what disturbs one would make all later ones too short.
  std::optional<double> least_wall(const Arm& arm, double requests) {
    std::optional<double> least;
    for (int trial = 0; trial < plan_.rules.repetitions; ++trial) {
      const auto fields = run_trial(arm, {{"requests", fmt::format("{:.0f}", requests)}});
      const auto wall = fields ? figure_of(*fields, *find_metric("wall")) : std::nullopt;
      if (!wall) return std::nullopt;
      least = std::min(*wall, least.value_or(*wall));
    }
    return least;
  }

  void check(ContestResult& contest) {
    contest.candidate = checked(contest.contest.candidate);
    if (contest.no_base) return;
    contest.base = checked(contest.contest.base);
    if (has_failed(contest.candidate.verdict)) {
      contest.not_judged = "the candidate does not hold";
    } else if (has_failed(contest.base.verdict)) {
      contest.not_judged = "the base does not hold";
    } else if (contest.candidate.verdict == Verdict::error || contest.base.verdict == Verdict::error) {
      contest.not_judged = "a trial could not be carried out";
    } else {
      add_metrics(contest);
    }
  }

  Check checked(Arm arm) {
    arm.flags.insert(plan_.check_flags.begin(), plan_.check_flags.end());
    if (interrupted()) return {.sentence = "interrupted"};
    const int trials = plan_.rules.correctness_trials;
    const ArmFlags more = {{"trials", std::to_string(trials)},
                           {"control", "auto"},
                           {"json", "-"},
                           {"seed", std::to_string(plan_.seed)},
                           {"quiet", "true"},
                           {"no-progress", "true"},
                           {"snapshot", "never"}};
    progress_.trial_begins(0, 0, arm.flags.at("guard") + ": does it hold?");
    constexpr int kControls = 5;
    const ArmOutput output = runner_.run(arm, more, plan_.rules.trial_limit * (trials + kControls));
    if (interrupted()) return {.sentence = "interrupted"};
    return check_of(output, arm);
  }

  void add_metrics(ContestResult& contest) {
    for (const Metric* metric : plan_.metrics) contest.metrics.push_back({.metric = metric});
  }

  /// One trial in a process of its own; nothing if an interruption cut it short.
  std::optional<TrialFields> run_trial(const Arm& arm, ArmFlags more) {
    more.insert({{"trials", "1"},
                 {"control", "never"},
                 {"inconclusive", "ok"},
                 {"snapshot", "never"},
                 {"csv", "-"},
                 {"quiet", "true"},
                 {"no-progress", "true"}});
    const ArmOutput output = runner_.run(arm, more, plan_.rules.trial_limit);
    if (interrupted()) return std::nullopt;
    std::vector<TrialFields> trials = trials_of(output, arm);
    if (trials.size() != 1)
      throw GateError(fmt::format("{} wrote {} trials instead of one", arm.program, trials.size()));
    return std::move(trials.front());
  }

  void compare() {
    std::size_t judged = 0;
    for (const ContestResult& contest : result_.contests) judged += contest.metrics.size();
    if (judged == 0) return;
    for (ContestResult& contest : result_.contests) {
      for (MetricResult& metric : contest.metrics)
        metric.alpha = plan_.rules.alpha / static_cast<double>(judged);
    }
    int pair = 0;
    for (const int look : plan_.rules.looks) {
      if (pair > 0 && !affords(look, pair)) {
        result_.warnings.push_back(
            fmt::format("the next look, after {} pairs, would take longer than the budget of {}", look,
                        to_text(plan_.rules.budget)));
        return;
      }
      for (; pair < look; ++pair) {
        if (!measure_pair_of_all(pair)) return;
      }
      if (!look_at_all()) return;
    }
  }

  bool affords(int look, int pairs) const {
    const Nanos spent = steady_now() - begin_;
    return spent / pairs * look <= plan_.rules.budget;
  }

  static bool is_open(const ContestResult& contest) {
    return std::ranges::any_of(contest.metrics, [](const MetricResult& metric) { return !metric.decided; });
  }

  /// One more pair of every contest that is still open. False after an interruption.
  bool measure_pair_of_all(int pair) {
    std::vector<ContestResult*> open;
    for (ContestResult& contest : result_.contests) {
      if (is_open(contest)) open.push_back(&contest);
    }
    Random random(plan_.seed ^ static_cast<std::uint64_t>(pair) * 0x9e3779b97f4a7c15);
    for (std::size_t left = open.size(); left > 1; --left) std::swap(open[left - 1], open[random() % left]);
    return std::ranges::all_of(open, [&](ContestResult* contest) { return measure_pair(*contest, pair); });
  }

  /// The trials of both arms in a pair, by role.
  using PairTrials = std::array<std::vector<TrialFields>, 2>;

  static bool wants(const ContestResult& contest, bool alone) {
    return std::ranges::any_of(contest.metrics, [alone](const MetricResult& metric) {
      return !metric.decided && metric.metric->alone == alone;
    });
  }

  bool measure_pair(ContestResult& contest, int pair) {
    std::array<PairTrials, 2> measured;  // beside others, and alone
    for (const ArmRole role : order_of_pair(pair, plan_.rules.repetitions, plan_.seed)) {
      for (const bool alone : {false, true}) {
        if (!wants(contest, alone)) continue;
        auto& trials = measured.at(alone ? 1 : 0).at(static_cast<std::size_t>(role));
        if (!measure_one(contest, pair, role, alone, trials)) return false;
        if (contest.metrics.empty()) return true;
      }
    }
    for (MetricResult& metric : contest.metrics) {
      const PairTrials& trials = measured.at(metric.metric->alone ? 1 : 0);
      if (!metric.decided) add_pair(metric, trials[0], trials[1]);
    }
    return true;
  }

  /// False after an interruption.
  bool measure_one(ContestResult& contest, int pair, ArmRole role, bool alone,
                   std::vector<TrialFields>& trials) {
    Arm arm = role == ArmRole::base ? contest.contest.base : contest.contest.candidate;
    if (alone) arm.flags["threads"] = "1";
    progress_.trial_begins(result_.trials.size() + 1, most_trials(), arm.flags.at("guard"));
    const std::uint64_t seed = Random(plan_.seed + static_cast<std::uint64_t>(pair))();
    const auto trial = run_trial(arm, {{"seed", std::to_string(seed)}});
    if (!trial) return false;
    result_.trials.push_back({.fields = *trial,
                              .role = role,
                              .pair = pair,
                              .repetition = static_cast<int>(trials.size()),
                              .alone = alone,
                              .contest = static_cast<std::size_t>(&contest - result_.contests.data())});
    trials.push_back(*trial);
    note_failure(contest, role, arm, *trial, seed);
    return true;
  }

  std::uint64_t most_trials() const {
    const auto alone = std::ranges::count(plan_.metrics, true, &Metric::alone);
    const bool both = alone > 0 && alone < std::ssize(plan_.metrics);
    const auto pairs = static_cast<std::uint64_t>(plan_.rules.looks.back());
    const auto arms = static_cast<std::uint64_t>(plan_.rules.repetitions);
    return pairs * arms * 2 * (both ? 2 : 1) * result_.contests.size();
  }

  /// A trial that breaks ends its contest: an arm that is wrong once is wrong, and is not asked again.
  static void note_failure(ContestResult& contest, ArmRole role, const Arm& arm, const TrialFields& trial,
                           std::uint64_t seed) {
    const Verdict verdict = verdict_of(trial);
    if (verdict == Verdict::ok || verdict == Verdict::inconclusive) return;
    Check& check = role == ArmRole::base ? contest.base : contest.candidate;
    check.verdict = worse(check.verdict, verdict);
    ++check.trials;
    ++check.failed;
    if (check.repeated_by.empty()) {
      Arm repeated = arm;
      repeated.flags["seed"] = std::to_string(seed);
      check.repeated_by = command_of(repeated);
      check.sentence = "one of the trials that are compared failed";
    }
    contest.not_judged = fmt::format("the {} does not hold", name_of(role));
    contest.metrics.clear();
  }

  static void add_pair(MetricResult& metric, const std::vector<TrialFields>& base,
                       const std::vector<TrialFields>& candidate) {
    const auto value = [&](const std::vector<TrialFields>& trials) -> std::optional<double> {
      std::vector<double> values;
      for (const TrialFields& trial : trials) {
        if (const auto figure = figure_of(trial, *metric.metric)) values.push_back(*figure);
      }
      return values.size() == trials.size() ? std::optional(reduced(*metric.metric, values)) : std::nullopt;
    };
    const auto of_base = value(base);
    const auto of_candidate = value(candidate);
    if (of_base && of_candidate) metric.pairs.emplace_back(*of_base, *of_candidate);
  }

  /// Answers whether any metric is still open.
  bool look_at_all() {
    bool open = false;
    for (ContestResult& contest : result_.contests) {
      for (MetricResult& metric : contest.metrics) {
        if (metric.decided) continue;
        metric.opinion = opinion_of(metric, threshold_of(metric, plan_.rules));
        metric.decided = metric.opinion.judgement != Judgement::inconclusive;
        open = open || !metric.decided;
      }
    }
    return open;
  }

  const GatePlan& plan_;
  ArmRunner& runner_;
  const Interruption& interruption_;
  Progress& progress_;
  const Nanos begin_;
  GateResult result_;
};

}  // namespace

Opinion opinion_of(const MetricResult& metric, double threshold) {
  std::vector<MetricPair> pairs = metric.pairs;
  if (metric.metric->more_is_better) {
    for (MetricPair& pair : pairs) std::swap(pair.first, pair.second);
  }
  return judge(pairs, threshold, metric.alpha);
}

double threshold_of(const MetricResult& metric, const JudgeRules& rules) {
  if (!metric.metric->of_requests || metric.pairs.empty()) return rules.threshold;
  std::vector<double> base;
  base.reserve(metric.pairs.size());
  for (const MetricPair& pair : metric.pairs) base.push_back(pair.first);
  const auto middle = base.begin() + std::ssize(base) / 2;
  std::ranges::nth_element(base, middle);
  return *middle > 0 ? std::max(rules.threshold, 2 * rules.clock_look / *middle) : rules.threshold;
}

std::string_view name_of(ArmRole role) { return role == ArmRole::base ? "base" : "candidate"; }

std::vector<ArmRole> order_of_pair(int pair, int repetitions, std::uint64_t seed) {
  Random random(seed ^ static_cast<std::uint64_t>(pair / 2));
  const bool mirrored = (pair % 2 == 1);
  std::vector<ArmRole> order;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    const bool base_first = (random() % 2 == 0) != mirrored;
    order.push_back(base_first ? ArmRole::base : ArmRole::candidate);
    order.push_back(base_first ? ArmRole::candidate : ArmRole::base);
  }
  return order;
}

int exit_code_of(const GateResult& result, bool inconclusive_fails) {
  int code = kExitOk;
  if (result.interrupted_by != 0) code = 128 + result.interrupted_by;
  if (!result.trouble.empty()) code = worse_exit_code(code, kExitError);
  for (const ContestResult& contest : result.contests) {
    code = worse_exit_code(code, exit_code_of(contest.candidate.verdict));
    if (contest.base.verdict == Verdict::error) code = worse_exit_code(code, kExitError);
    for (const MetricResult& metric : contest.metrics) {
      if (metric.opinion.judgement == Judgement::regressed) code = worse_exit_code(code, kExitRegression);
      if (metric.opinion.judgement == Judgement::inconclusive && inconclusive_fails)
        code = worse_exit_code(code, kExitInconclusive);
    }
  }
  return code;
}

GateResult run_gate(const GatePlan& plan, ArmRunner& runner, const Interruption& interruption,
                    Progress& progress) {
  return Gate(plan, runner, interruption, progress).run();
}

}  // namespace ccbench
