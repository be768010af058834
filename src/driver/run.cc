#include "driver/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "driver/collect.h"
#include "driver/judge.h"
#include "driver/plan.h"
#include "driver/warnings.h"

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

/// The trials of one run, as they are added.
class Run {
 public:
  Run(const Experiment& experiment, const Interruption& interruption, Progress& progress)
      : experiment_(experiment), interruption_(interruption), progress_(progress) {
    result_ = {.run_id = new_run_id(),
               .machine = this_machine(),
               .build = this_build(),
               .experiment = experiment,
               .trials = {},
               .guards = {},
               .control = {},
               .stacks = {},
               .warnings = {}};
  }

  RunResult finish() && {
    result_.interrupted_by = interruption_.signal();
    count_controls();
    judge_trials();
    gather_guards();
    result_.warnings = warnings_of(result_);
    if (snapshots_left_out_ > 0) {
      result_.warnings.push_back(fmt::format(
          "{} snapshots were left out: the memory set aside for them was full", snapshots_left_out_));
    }
    for (const TrialEnd& end : ends_) note_limitations(end);
    if (experiment_.keep_stacks && !sight_.unwinder().available())
      result_.warnings.emplace_back("snapshots have no stacks: this ccbench was built without libdw");
    if (experiment_.keep_stacks ||
        std::ranges::any_of(ends_, [](const TrialEnd& end) { return end.hang.has_value(); }))
      result_.stacks = sight_.named_stacks();
    return std::move(result_);
  }

  void execute(const Plan& plan) {
    const std::size_t most = plan.controls.size() + plan.trials.size();
    for (const PlannedTrial& control : plan.controls) {
      if (interruption_.signal() != 0 || !add(control, most)) break;
      if (broken_by_control(experiment_.scenario->info, result_.trials.back()) != nullptr) break;
    }
    const std::size_t total = result_.trials.size() + plan.trials.size();
    result_.planned_trials = total;
    for (const PlannedTrial& trial : plan.trials) {
      if (interruption_.signal() != 0) break;
      add(trial, total);
    }
  }

 private:
  /// False if the trial could not be carried out.
  bool add(const PlannedTrial& planned, std::size_t most) {
    progress_.trial_begins(result_.trials.size() + 1, most, planned.guard->info.name);
    TrialResult trial;
    trial.trial = result_.trials.size() + 1;
    trial.round = planned.round;
    trial.role = planned.role;
    trial.guard = planned.guard->info.name;
    trial.load1 = load_average();
    trial.started_unix_ns = unix_now();
    ends_.push_back(carry_out(planned, trial));
    trial.invariants = experiment_.scenario->check(trial.tally);
    trial.tally.forget_keys();
    snapshots_left_out_ += ends_.back().snapshots_left_out;
    trial.hang = ends_.back().hang;
    result_.trials.push_back(std::move(trial));
    return ends_.back().kind != TrialEnd::Kind::failed;
  }

  TrialEnd carry_out(const PlannedTrial& planned, TrialResult& trial) {
    try {
      const RequestSource requests(experiment_, planned.seed);
      TrialMemory memory(experiment_.requests, experiment_.threads, experiment_.keys,
                         experiment_.scenario->info.facts.size(), experiment_.snapshot_full);
      const TrialSetup setup{
          .experiment = experiment_, .guard = *planned.guard, .requests = requests, .seed = planned.seed};
      const auto show = [&](const Snapshot& snapshot) {
        progress_.snapshot_asked(snapshot, planned.guard->info, experiment_.scenario->info,
                                 sight_.named_stacks());
      };
      TrialEnd end = run_and_watch(setup, memory, interruption_, sight_, show);
      trial.snapshots = std::move(end.snapshots);
      trial.perturbed = std::ranges::any_of(
          trial.snapshots, [](const Snapshot& snapshot) { return snapshot.mode == "kernel+signals"; });
      const std::uint64_t damaged = collect(experiment_, *planned.guard, requests, memory, trial);
      if (damaged > 0 && end.kind == TrialEnd::Kind::completed) {
        end.kind = TrialEnd::Kind::crashed;
        end.sentence = fmt::format("a section wrote over the records of {} requests", damaged);
      }
      return end;
    } catch (const std::exception& refused) {
      // Most likely memory: what the trials before have measured must not be lost over it.
      trial.tally = nothing_happened(*planned.guard);
      return {.kind = TrialEnd::Kind::failed,
              .sentence = refused.what(),
              .hang = {},
              .snapshots = {},
              .limitations = {}};
    }
  }

  /// Once, however many trials had them.
  void note_limitations(const TrialEnd& end) {
    for (const std::string& limitation : end.limitations) {
      if (std::ranges::find(result_.warnings, limitation) == result_.warnings.end())
        result_.warnings.push_back(limitation);
    }
  }

  Tally nothing_happened(const GuardPlugin& guard) const {
    Tally tally;
    tally.promises = guard.info.promises;
    tally.requests = experiment_.requests;
    tally.facts_of_key.assign(experiment_.scenario->info.facts.size(), {0});
    tally.requests_of_key = {experiment_.requests};
    tally.successes_of_key = {0};
    return tally;
  }

  /// Trials without a guard are the controls, whichever role they have.
  void count_controls() {
    const ScenarioInfo& scenario = experiment_.scenario->info;
    const std::string_view none = control_guard().info.name;
    std::string first;
    for (std::size_t i = 0; i < result_.trials.size(); ++i) {
      const TrialResult& trial = result_.trials[i];
      const Invariant* broken = broken_by_control(scenario, trial);
      // One that did not end and broke nothing until then shows nothing.
      if (trial.guard != none || (broken == nullptr && ends_[i].kind != TrialEnd::Kind::completed)) continue;
      ++result_.control.trials;
      if (broken != nullptr && result_.control.broken++ == 0) first = describe(*broken, scenario);
    }
    result_.control.sentence = control_sentence(first);
  }

  std::string control_sentence(const std::string& first_breach) const {
    const ControlReport& control = result_.control;
    if (evidence() == ControlEvidence::impossible) return "no control possible: nothing here can be broken";
    if (evidence() == ControlEvidence::switched_off) {
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

  ControlEvidence evidence() const {
    if (experiment_.scenario->info.breakable.empty()) return ControlEvidence::impossible;
    if (experiment_.control == ControlMode::never) return ControlEvidence::switched_off;
    if (result_.control.trials == 0) return ControlEvidence::none;
    return result_.control.broken > 0 ? ControlEvidence::broke : ControlEvidence::held;
  }

  void judge_trials() {
    for (std::size_t i = 0; i < result_.trials.size(); ++i) {
      TrialResult& trial = result_.trials[i];
      const bool unguarded = trial.guard == control_guard().info.name;
      const ControlEvidence control =
          unguarded && evidence() != ControlEvidence::impossible ? ControlEvidence::itself : evidence();
      const Judgement judgement = judge(ends_[i], trial.invariants, control, experiment_.scenario->info);
      trial.verdict = judgement.verdict;
      trial.sentence = judgement.sentence;
    }
  }

  void gather_guards() {
    if (result_.trials.empty()) return;
    std::vector<const GuardPlugin*> order = {&control_guard()};
    for (const GuardPlugin* guard : experiment_.guards) {
      if (guard != &control_guard()) order.push_back(guard);
    }
    for (const GuardPlugin* guard : order) {
      GuardResult row = gather(*guard);
      if (!row.trials.empty()) result_.guards.push_back(std::move(row));
    }
  }

  GuardResult gather(const GuardPlugin& guard) const {
    GuardResult row{.guard = std::string(guard.info.name), .sentence = {}, .trials = {}, .lacking = {}};
    // That no guard promises nothing needs no remark.
    if (&guard != &control_guard())
      row.lacking = missing(experiment_.scenario->info.needs, guard.info.promises);
    for (std::size_t i = 0; i < result_.trials.size(); ++i) {
      if (result_.trials[i].guard == guard.info.name) row.trials.push_back(i);
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
      row.sentence = clean_sentence(row.trials.size());
    } else if (row.trials.size() > 1) {
      row.sentence = fmt::format("{} of {} trials: {}", count, row.trials.size(), row.sentence);
    }
  }

  /// What clean trials prove, and no more.
  std::string clean_sentence(std::uint64_t trials) const {
    std::string sentence = fmt::format("0 of {} trial{} broke: below {:.2g} % per trial at 95 %", trials,
                                       trials == 1 ? "" : "s", 100 * bound_of_clean_trials(trials));
    if (evidence() == ControlEvidence::impossible) sentence += " (no control possible)";
    return sentence;
  }

  const Experiment& experiment_;
  const Interruption& interruption_;
  Progress& progress_;
  Sight sight_;
  RunResult result_;
  std::vector<TrialEnd> ends_;  ///< of `result_.trials`
  std::uint64_t snapshots_left_out_ = 0;
};

}  // namespace

RunResult run(const Experiment& experiment, const Interruption& interruption, Progress& progress) {
  Run run(experiment, interruption, progress);
  run.execute(make_plan(experiment));
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
