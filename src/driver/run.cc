#include "driver/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>

#include "driver/clock.h"
#include "driver/collect.h"
#include "driver/distrust.h"
#include "driver/judge.h"
#include "driver/noise.h"
#include "driver/plan.h"
#include "history/histories.h"

namespace ccbench {
namespace {

std::string new_run_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// How long something takes, and what the machine's host takes away meanwhile.
class Stopwatch {
 public:
  Nanos elapsed() const { return steady_now() - begin_; }
  std::optional<Nanos> stolen() const {
    const std::optional<Nanos> now = stolen_time();
    // Its host may reset the counter, as when it moves the machine.
    return stolen_ && now ? std::optional(std::max<Nanos>(0, *now - *stolen_)) : std::nullopt;
  }

 private:
  const std::optional<Nanos> stolen_ = stolen_time();
  const Nanos begin_ = steady_now();
};

/// The trials of one run, as they are added.
class Run {
 public:
  Run(std::span<const Experiment> experiments, const Calibration& calibration,
      const Interruption& interruption, Progress& progress)
      : experiments_(experiments), interruption_(interruption), progress_(progress) {
    result_ = {.run_id = new_run_id(),
               .machine = this_machine(),
               .build = this_build(),
               .configurations = {},
               .trials = {},
               .guards = {},
               .stacks = {},
               .warnings = {},
               .shrunk = {},
               .calibration = calibration};
    for (const Experiment& experiment : experiments) {
      result_.configurations.push_back({.experiment = experiment});
    }
  }

  RunResult finish() && {
    result_.interrupted_by = interruption_.signal();
    for (std::size_t i = 0; i < experiments_.size(); ++i) count_controls(i);
    judge_trials();
    for (std::size_t i = 0; i < experiments_.size(); ++i) gather_guards(i);
    for (GuardResult& guard : result_.guards) guard.noisy = noise_of(result_, guard);
    result_.distrust = distrust_of(result_);
    for (const auto& [what, spoils] : result_.distrust)
      result_.warnings.push_back(fmt::format("{}: {}", what, spoils));
    if (snapshots_left_out_ > 0) {
      result_.warnings.push_back(fmt::format(
          "{} snapshots were left out: the memory set aside for them was full", snapshots_left_out_));
    }
    note_timelines_cut_short();
    for (const TrialEnd& end : ends_) note_limitations(end);
    note_unknown_histories();
    const bool keep_stacks = result_.experiment().keep_stacks;
    if (keep_stacks && !sight_.unwinder().available())
      result_.warnings.emplace_back("snapshots have no stacks: this ccbench was built without libdw");
    if (keep_stacks || std::ranges::any_of(ends_, [](const TrialEnd& end) { return end.hang.has_value(); }))
      result_.stacks = sight_.named_stacks();
    return std::move(result_);
  }

  void execute(const Plan& plan) {
    std::size_t most = plan.trials.size();
    for (const auto& controls : plan.controls) most += controls.size();
    for (const auto& controls : plan.controls) {
      for (const PlannedTrial& control : controls) {
        if (interruption_.signal() != 0) break;
        add(control, most);
        if (ends_.back().kind == TrialEnd::Kind::failed) break;
        if (broken_by_control(scenario(), result_.trials.back()) != nullptr) break;
      }
    }
    const std::size_t total = result_.trials.size() + plan.trials.size();
    result_.planned_trials = total;
    for (const PlannedTrial& trial : plan.trials) {
      if (interruption_.signal() != 0) break;
      add(trial, total);
      if (result_.experiment().until_fail && trial.role == Role::guard && last_failed()) break;
    }
  }

 private:
  const ScenarioInfo& scenario() const { return result_.experiment().scenario->info; }

  /// Whether the last trial shows that its guard does not hold, whatever the controls show, or could not be
  /// carried out, as the next one could not be.
  bool last_failed() const {
    const Verdict verdict =
        judge(ends_.back(), result_.trials.back().invariants, ControlEvidence::broke, scenario()).verdict;
    return has_failed(verdict) || verdict == Verdict::error;
  }

  void add(const PlannedTrial& planned, std::size_t most) {
    progress_.trial_begins(result_.trials.size() + 1, most, planned.guard->info.name);
    TrialResult trial;
    trial.trial = result_.trials.size() + 1;
    trial.configuration = planned.configuration;
    trial.seed = planned.seed;
    trial.round = planned.round;
    trial.role = planned.role;
    trial.guard = planned.guard->info.name;
    trial.load1 = load_average();
    trial.started_unix_ns = unix_now();
    const Stopwatch stopwatch;
    ends_.push_back(carry_out(planned, trial));
    trial.elapsed = stopwatch.elapsed();
    trial.steal = stopwatch.stolen();
    // The scenario's own come before what the harness saw.
    const std::vector<Invariant> scenarios = result_.experiment().scenario->check(trial.tally);
    trial.invariants.insert(trial.invariants.begin(), scenarios.begin(), scenarios.end());
    trial.tally.forget_keys();
    snapshots_left_out_ += ends_.back().snapshots_left_out;
    trial.hang = ends_.back().hang;
    result_.trials.push_back(std::move(trial));
    forget_earlier_timeline();
  }

  /// A timeline is kept of each guard's last trial alone: the one before it goes, and all before that are
  /// gone.
  void forget_earlier_timeline() {
    if (!result_.experiment().keep_timeline) return;
    const TrialResult& last = result_.trials.back();
    const auto earlier =
        std::find_if(result_.trials.rbegin() + 1, result_.trials.rend(), [&](const auto& trial) {
          return trial.configuration == last.configuration && trial.guard == last.guard;
        });
    if (earlier == result_.trials.rend()) return;
    // An empty list instead of an empty vector would leave its memory with it.
    earlier->steps = std::vector<StepEntry>();
    for (RequestRow& request : earlier->requests) request.step_count = 0;
    if (!result_.experiment().keep_requests) earlier->requests = std::vector<RequestRow>();
  }

  TrialEnd carry_out(const PlannedTrial& planned, TrialResult& trial) {
    const Experiment& experiment = experiments_[planned.configuration];
    try {
      const RequestSource requests(experiment, planned.seed);
      TrialMemory memory(
          {.requests = experiment.requests,
           .threads = experiment.threads,
           .keys = experiment.keys,
           .facts = experiment.scenario->info.facts.size(),
           .counts = experiment.counts(),
           .events = experiment.live_events(),
           .steps = experiment.keep_timeline && !experiment.counts() ? experiment.most_rows() : 0,
           .stacks = experiment.snapshot_full});
      const TrialSetup setup{
          .experiment = experiment, .guard = *planned.guard, .requests = requests, .seed = planned.seed};
      const auto show = [&](const Snapshot& snapshot) {
        progress_.snapshot_asked(snapshot, planned.guard->info, experiment.scenario->info,
                                 sight_.named_stacks());
      };
      TrialEnd end = run_and_watch(setup, memory, interruption_, sight_, show);
      trial.snapshots = std::move(end.snapshots);
      trial.perturbed = std::ranges::any_of(
          trial.snapshots, [](const Snapshot& snapshot) { return snapshot.mode == "kernel+signals"; });
      trial.lost_events = end.events_not_kept;
      const std::uint64_t damaged =
          collect(experiment, *planned.guard, requests, memory, trial, end.gone, end.events);
      end.events = std::vector<RequestEvent>();  // The ends of all trials are kept.
      if (damaged > 0 && end.kind == TrialEnd::Kind::completed) {
        end.kind = TrialEnd::Kind::crashed;
        end.sentence = fmt::format("a section wrote over the records of {} requests", damaged);
      }
      return end;
    } catch (const std::exception& refused) {
      // Most likely memory: what the trials before have measured must not be lost over it.
      trial.tally = nothing_happened(*planned.guard, experiment);
      return {.kind = TrialEnd::Kind::failed,
              .sentence = refused.what(),
              .hang = {},
              .snapshots = {},
              .limitations = {}};
    }
  }

  /// Where no file has them either, they are among `TrialResult::lost_events`.
  void note_timelines_cut_short() {
    const Experiment& experiment = result_.experiment();
    const auto has_more = [](const TrialResult& trial) { return trial.requests.size() > kMostDrawn; };
    if (!experiment.keep_timeline || !experiment.keep_requests ||
        std::ranges::none_of(result_.trials, has_more)) {
      return;
    }
    result_.warnings.push_back(fmt::format(
        "timelines show no more than the first {} requests of a trial; requests.csv has more", kMostDrawn));
  }

  /// Once, however many trials had them.
  void note_limitations(const TrialEnd& end) {
    for (const std::string& limitation : end.limitations) {
      if (std::ranges::find(result_.warnings, limitation) == result_.warnings.end())
        result_.warnings.push_back(limitation);
    }
  }

  /// Once for each guard.
  void note_unknown_histories() {
    std::set<std::string> guards;
    for (const TrialResult& trial : result_.trials) {
      if (trial.unknown_history) guards.insert(trial.guard);
    }
    if (guards.empty()) return;
    result_.warnings.push_back(fmt::format(
        "{}: requests of a {} overlapped too much to tell whether their history is linearizable; trials "
        "where that was so do not list `{}`, unless another history is not",
        fmt::join(guards, ", "), scenario().key_name, kLinearizable));
  }

  static Tally nothing_happened(const GuardPlugin& guard, const Experiment& experiment) {
    Tally tally;
    tally.promises = experiment.promises_of(guard);
    tally.requests = experiment.requests;
    tally.facts_of_key.assign(experiment.scenario->info.facts.size(), {0});
    tally.requests_of_key = {experiment.requests};
    tally.successes_of_key = {0};
    return tally;
  }

  /// Trials without a guard are the controls, whichever role they have.
  void count_controls(std::size_t configuration) {
    const std::string_view none = control_guard().info.name;
    ControlReport& control = result_.configurations[configuration].control;
    std::string first;
    for (std::size_t i = 0; i < result_.trials.size(); ++i) {
      const TrialResult& trial = result_.trials[i];
      if (trial.configuration != configuration) continue;
      const Invariant* broken = broken_by_control(scenario(), trial);
      // One that did not end and broke nothing until then shows nothing.
      if (trial.guard != none || (broken == nullptr && ends_[i].kind != TrialEnd::Kind::completed)) continue;
      ++control.trials;
      if (broken != nullptr && control.broken++ == 0) first = describe(*broken, scenario());
    }
    control.sentence = control_sentence(control, first);
  }

  std::string control_sentence(const ControlReport& control, const std::string& first_breach) const {
    const ControlEvidence shown = evidence(control);
    if (shown == ControlEvidence::impossible) return "no control possible: nothing here can be broken";
    if (shown == ControlEvidence::switched_off) {
      return "switched off: nothing shows that the race was there to be lost";
    }
    if (control.trials == 0) return "none ended: nothing shows that the race was there to be lost";
    const std::string trials = fmt::format("{} of {} broke without a guard", control.broken, control.trials);
    if (control.broken > 0)
      return fmt::format("{} ({}): the race was there to be lost", trials, first_breach);
    return fmt::format(
        "{}, below {:.2g} % per trial at 95 %: nothing shows that the race was there to be lost", trials,
        100 * bound_of_clean_trials(control.trials));
  }

  ControlEvidence evidence(const ControlReport& control) const {
    if (scenario().breakable.empty()) return ControlEvidence::impossible;
    if (result_.experiment().control == ControlMode::never) return ControlEvidence::switched_off;
    if (control.trials == 0) return ControlEvidence::none;
    return control.broken > 0 ? ControlEvidence::broke : ControlEvidence::held;
  }

  void judge_trials() {
    for (std::size_t i = 0; i < result_.trials.size(); ++i) {
      TrialResult& trial = result_.trials[i];
      const bool unguarded = trial.guard == control_guard().info.name;
      const ControlEvidence shown = evidence(result_.configuration_of(trial).control);
      const ControlEvidence control =
          unguarded && shown != ControlEvidence::impossible ? ControlEvidence::itself : shown;
      const Judgement judgement = judge(ends_[i], trial.invariants, control, scenario());
      trial.verdict = judgement.verdict;
      trial.sentence = judgement.sentence;
    }
  }

  void gather_guards(std::size_t configuration) {
    if (result_.trials.empty()) return;
    std::vector<const GuardPlugin*> order = {&control_guard()};
    for (const GuardPlugin* guard : experiments_[configuration].guards) {
      if (guard != &control_guard()) order.push_back(guard);
    }
    for (const GuardPlugin* guard : order) {
      GuardResult row = gather(*guard, configuration);
      if (!row.trials.empty()) result_.guards.push_back(std::move(row));
    }
  }

  GuardResult gather(const GuardPlugin& guard, std::size_t configuration) const {
    GuardResult row{.guard = std::string(guard.info.name),
                    .configuration = configuration,
                    .sentence = {},
                    .trials = {},
                    .lacking = {},
                    .noisy = {}};
    // That no guard promises nothing needs no remark.
    if (&guard != &control_guard())
      row.lacking = lacking(scenario(), result_.configurations[configuration].experiment.promises_of(guard));
    for (std::size_t i = 0; i < result_.trials.size(); ++i) {
      const TrialResult& trial = result_.trials[i];
      if (trial.configuration == configuration && trial.guard == guard.info.name) row.trials.push_back(i);
    }
    // What an interruption cut short says nothing about a guard that has ended other trials.
    if (row.trials.size() > 1 && ends_[row.trials.back()].kind == TrialEnd::Kind::interrupted)
      row.trials.pop_back();
    if (!row.trials.empty()) sum_up(row);
    return row;
  }

  void sum_up(GuardResult& row) const {
    row.role = result_.trials[row.trials.front()].role;
    row.verdict = result_.trials[row.trials.front()].verdict;
    for (const std::size_t i : row.trials) row.verdict = worse(row.verdict, result_.trials[i].verdict);
    const auto decisive = [&](std::size_t i) { return result_.trials[i].verdict == row.verdict; };
    const auto count = std::ranges::count_if(row.trials, decisive);
    row.sentence = result_.trials[*std::ranges::find_if(row.trials, decisive)].sentence;
    if (row.verdict == Verdict::ok) {
      row.sentence = clean_sentence(row.trials.size(), result_.configuration_of(row).control);
    } else if (row.trials.size() > 1) {
      row.sentence = fmt::format("{} of {} trials: {}", count, row.trials.size(), row.sentence);
    }
  }

  /// What clean trials prove, and no more.
  std::string clean_sentence(std::uint64_t trials, const ControlReport& control) const {
    std::string sentence = fmt::format("0 of {} trial{} broke: below {:.2g} % per trial at 95 %", trials,
                                       trials == 1 ? "" : "s", 100 * bound_of_clean_trials(trials));
    if (scenario().breakable.empty()) return sentence + " (no control possible)";
    return sentence + fmt::format("; the control broke in {} of {}", control.broken, control.trials);
  }

  const std::span<const Experiment> experiments_;
  const Interruption& interruption_;
  Progress& progress_;
  Sight sight_;
  RunResult result_;
  std::vector<TrialEnd> ends_;  ///< of `result_.trials`
  std::uint64_t snapshots_left_out_ = 0;
};

}  // namespace

RunResult run(std::span<const Experiment> experiments, const Calibration& calibration,
              const Interruption& interruption, Progress& progress) {
  Run run(experiments, calibration, interruption, progress);
  run.execute(make_plan(experiments));
  return std::move(run).finish();
}

std::int64_t TrialResult::violations() const {
  return std::ranges::count_if(invariants, [](const Invariant& invariant) { return !invariant.holds; });
}

int RunResult::exit_code() const {
  int code = interrupted_by != 0 ? 128 + interrupted_by : kExitOk;
  for (const GuardResult& guard : guards) {
    if (guard.role == Role::guard) code = worse_exit_code(code, exit_code_of(guard.verdict));
  }
  return code;
}

}  // namespace ccbench
