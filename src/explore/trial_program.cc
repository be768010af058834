#include "explore/trial_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <ranges>
#include <utility>

namespace ccbench::explore {
namespace {

GuardContext context_of(const ExploredTrial& trial) {
  GuardContext context(trial.guard->info);
  context.requests = trial.requests;
  context.keys = trial.keys;
  context.seed = trial.seed;
  context.parameters = trial.guard_parameters;
  return context;
}

}  // namespace

std::string why_not(const ExploredTrial& trial) {
  if (trial.guard->make_explored) return {};
  return fmt::format("{} cannot be explored: {}", trial.guard->info.name, trial.guard->info.not_explorable);
}

bool is_symmetric(const ExploredTrial& trial) {
  return trial.scenario->info.alike && !trial.guard->info.tells_apart && trial.keys == 1 &&
         trial.reads == 0 && trial.window.length == 0 && !trial.parameters.changed().contains("failure-rate");
}

Key key_of(const ExploredTrial& trial, Task request) { return request % trial.keys; }

Kind kind_of(const ExploredTrial& trial, Task request) {
  return request + trial.reads >= trial.requests ? Kind::read : Kind::write;
}

std::string name_of_task(const ExploredTrial& trial, Task task) {
  return fmt::format("{} {}", task < trial.requests ? "request" : "thread", task);
}

TrialProgram::TrialProgram(const ExploredTrial& trial)
    : trial_(trial),
      guard_context_(context_of(trial)),
      promises_(trial.guard->promises(guard_context_)),
      counters_(trial.keys * trial.scenario->info.facts.size()),
      facts_(counters_, trial.scenario->info.facts.size()),
      context_{.requests = trial.requests,
               .keys = trial.keys,
               .seed = trial.seed,
               .window = trial.window,
               .parameters = trial_.parameters,
               .facts = facts_,
               .steps = *this} {
  tally_.promises = promises_;
  tally_.requests = trial_.requests;
  tally_.keys = trial_.keys;
  tally_.facts_of_key.assign(trial_.scenario->info.facts.size(), std::vector<std::int64_t>(trial_.keys));
  if (!trial_.scenario->model) return;
  auto model =
      trial_.scenario->model({.parameters = trial_.parameters, .seed = trial_.seed, .promises = promises_});
  if (model) histories_.emplace(*std::move(model), trial_.keys);
}

TrialProgram::~TrialProgram() = default;

void TrialProgram::begin() {
  for (Facts::Counter& counter : counters_) counter.store(0, std::memory_order_relaxed);
  requests_.assign(trial_.requests, {});
  for (Task task = 0; task < trial_.requests; ++task) {
    requests_[task].key = key_of(trial_, task);
    requests_[task].kind = kind_of(trial_, task);
  }
  places_.assign(trial_.requests, {});
  inside_.assign(trial_.keys, 0);
  most_inside_.assign(trial_.keys, 0);
  succeeded_.assign(trial_.keys, 0);
  too_late_.assign(trial_.keys, 0);
  overtaken_.assign(trial_.keys, 0);
  waited_elsewhere_.assign(trial_.keys, 0);
  scenario_ = trial_.scenario->make_explored(context_);
  guard_ = trial_.guard->make_explored(guard_context_);
}

Request TrialProgram::request_of(Task task) {
  Request request{.index = task, .worker = task, .key = requests_[task].key, .kind = requests_[task].kind};
  request.listener = this;
  request.parts = scenario_->parts_of(request.key);
  return request;
}

void TrialProgram::run(Task task) {
  const Request request = request_of(task);
  ExploredRequest& its = requests_[task];
  try {
    arrive(its);
    const auto body = [&](const Entry& entry) { return section(request, entry, trial_.reenter); };
    its.result = guard_->run(request, body);
    its.response = std::ssize(Scheduler::current().steps()) - 1;
    scenario_->answered(request, its.result, its.came);
    let_time_pass();
  } catch (const Aborted&) {
    throw;
  } catch (const std::exception&) {
    its.result.outcome = Outcome::error;
  }
  its.ended = true;
  places_[task] = {};
}

/// Where nobody asks how late a request came, it is no step: all are there from the beginning.
void TrialProgram::arrive(ExploredRequest& request) const {
  if (!trial_.scenario->info.judges_age) return;
  Scheduler& scheduler = Scheduler::current();
  scheduler.touch(OperationKind::arrive, kClock, Mode::read);
  request.came = scheduler.now();
}

/// Now somebody has an answer: others are to come later than that, and so much later that it is too old.
void TrialProgram::let_time_pass() const {
  if (!trial_.scenario->info.judges_age) return;
  Scheduler& scheduler = Scheduler::current();
  const std::int64_t now = scheduler.now();
  scheduler.let_pass_until(now + 1);
  if (promises_.stale_for > 0) scheduler.let_pass_until(now + promises_.stale_for + kMicrosecond);
}

void TrialProgram::waits_for(const Request& request, Key key) {
  if (key != request.key) requests_[request.index].waits_elsewhere = true;
}

/// Entered and left where the outermost section is. Nothing between the stamps and the scenario's own steps
/// is a step, but that what a section does after it has entered again takes its time.
Result TrialProgram::section(const Request& request, const Entry& entry, int deeper) {
  const bool outermost = deeper == trial_.reenter;
  if (outermost) enter(request);
  struct Leave {
    TrialProgram* program;
    const Request& request;
    bool outermost;
    ~Leave() {
      program->places_[request.index] = {};
      if (outermost) program->leave(request);
    }
  } const leave{.program = this, .request = request, .outermost = outermost};
  if (deeper > 0) {
    const auto again = [&](const Entry& inner) { return section(request, inner, deeper - 1); };
    const Result result = guard_->run(request, again);
    Scheduler::current().sleep_until(0);
    return result;
  }
  const Result result = scenario_->handle(request, entry);
  if (result.outcome == Outcome::success && request.kind == Kind::write)
    succeeded_[request.key] = std::max(succeeded_[request.key], requests_[request.index].came);
  return result;
}

/// Whether it is one of those of which a guard lets in so many at once.
bool TrialProgram::counts(const Request& request) const {
  return request.kind == Kind::write || promises_.admits > 0;
}

/// Whether a success of the key still keeps others out: it does so from before it entered, which nobody
/// outside of the guard knows more exactly.
bool TrialProgram::is_taken(Key key) const {
  if (succeeded_[key] == 0) return false;
  return promises_.once_for == 0 || Scheduler::current().now() - succeeded_[key] < promises_.once_for;
}

void TrialProgram::enter(const Request& request) {
  ++requests_[request.index].calls;
  requests_[request.index].inside = true;
  if (request.kind == Kind::write && is_taken(request.key)) ++too_late_[request.key];
  if (promises_.fifo && promises_.exclusive && request.kind == Kind::write) look_who_is_overtaken(request);
  if (!counts(request)) return;
  most_inside_[request.key] = std::max(most_inside_[request.key], ++inside_[request.key]);
}

void TrialProgram::leave(const Request& request) {
  requests_[request.index].inside = false;
  if (promises_.per_key && trial_.keys > 1) look_who_waits_for_another_key(request);
  if (counts(request)) --inside_[request.key];
}

/// Who has gone to sleep on a condition or a word, for as long as it takes, waits for its turn. Who sleeps on
/// a mutex may only be on its way to where turns are kept.
void TrialProgram::look_who_is_overtaken(const Request& request) {
  const Scheduler& scheduler = Scheduler::current();
  const std::span<const Step> steps = scheduler.steps();
  const auto came = std::ranges::find(steps, static_cast<Task>(request.index), &Step::task) - steps.begin();
  for (Task other = 0; other < trial_.requests; ++other) {
    const ExploredRequest& its = requests_[other];
    if (its.key != request.key || its.calls > 0 || its.kind != Kind::write) continue;
    const Operation& next = scheduler.pending(other);
    if (!scheduler.unfinished().contains(other) || scheduler.is_fresh(other)) continue;
    if (next.kind != OperationKind::wake || next.timed()) continue;
    const auto slept = std::ranges::find(std::views::reverse(steps), other, &Step::task);
    if (slept.base() - steps.begin() <= came) ++overtaken_[request.key];
  }
}

void TrialProgram::look_who_waits_for_another_key(const Request& request) {
  const Scheduler& scheduler = Scheduler::current();
  if (requests_[request.index].waits_elsewhere) return;
  for (Task other = 0; other < trial_.requests; ++other) {
    const ExploredRequest& its = requests_[other];
    if (its.key == request.key || its.calls > 0 || its.waits_elsewhere) continue;
    if (scheduler.holder(other) == scheduler.running()) ++waited_elsewhere_[its.key];
  }
}

void TrialProgram::enter_step(const Request& request, StepId step) {
  places_[request.index] = trial_.scenario->info.steps[step];
}

void TrialProgram::fill_tally() {
  tally_.outcomes = {};
  tally_.requests_of_key.assign(trial_.keys, 0);
  tally_.successes_of_key.assign(trial_.keys, 0);
  tally_.reads_of_key.assign(trial_.keys, 0);
  for (const ExploredRequest& request : requests_) {
    ++tally_.requests_of_key[request.key];
    if (!request.ended) continue;
    ++tally_.outcomes.at(index_of(request.result.outcome));
    if (request.result.outcome != Outcome::success) continue;
    ++tally_.successes_of_key[request.key];
    if (request.kind == Kind::read) ++tally_.reads_of_key[request.key];
  }
  for (FactId fact = 0; fact < tally_.facts_of_key.size(); ++fact) {
    for (Key key = 0; key < trial_.keys; ++key) tally_.facts_of_key[fact][key] = facts_.get(fact, key);
  }
}

/// The scenario's invariants; none, where the same counts held them before: a search comes to few different
/// ones, and would spend more time on judging a schedule than on running it.
std::vector<Invariant> TrialProgram::judged(bool ended) {
  tally_.settled = ended;
  fill_tally();
  if (tally_ == sound_) return {};
  std::vector<Invariant> invariants = trial_.scenario->check(tally_);
  if (std::ranges::all_of(invariants, &Invariant::holds)) sound_ = tally_;
  return invariants;
}

/// What the driver proves by records (driver/proof.h), seen as it happens. `{}` in a name stands for the most
/// that is allowed.
void TrialProgram::add_broken_promises(std::vector<Invariant>& broken) const {
  const auto add = [&](std::string_view name, std::int64_t most, const std::vector<std::int64_t>& counts) {
    const auto worst = std::ranges::max_element(counts);
    if (*worst <= most) return;
    Invariant invariant = equal(fmt::format(fmt::runtime(name), most), most, *worst);
    invariant.beyond_repair = true;
    if (trial_.keys > 1) invariant.key = static_cast<Key>(worst - counts.begin());
    broken.push_back(std::move(invariant));
  };
  const std::int64_t most = promises_.exclusive ? 1 : promises_.admits;
  // Who is called again was outside in between.
  if (most > 0 && !promises_.retries) add("at most {} inside", most, most_inside_);
  if (promises_.once && promises_.exclusive) add("nobody enters after a success", 0, too_late_);
  if (promises_.fifo && promises_.exclusive) add("nobody overtaken", 0, overtaken_);
  if (promises_.per_key && trial_.keys > 1) add("nobody waits for another key", 0, waited_elsewhere_);
  const auto count_if = [&](auto is_such) {
    std::vector<std::int64_t> counts(trial_.keys);
    for (const ExploredRequest& request : requests_) counts[request.key] += is_such(request) ? 1 : 0;
    return counts;
  };
  const auto turned_away = [](const ExploredRequest& request) {
    const Outcome outcome = request.result.outcome;
    return request.ended && request.calls == 0 &&
           (outcome == Outcome::turned_away || outcome == Outcome::timed_out);
  };
  if (promises_.waits && !promises_.gives_up) add("nobody turned away", 0, count_if(turned_away));
  if (!promises_.retries)
    add("no section runs twice", 0, count_if([](const ExploredRequest& its) { return its.calls > 1; }));
}

/// By the numbers of steps. A request is called as late as it can be, with its first step, because before
/// that nothing of it has happened; and has its answer with its last. That is the strictest history of this
/// schedule. A schedule that a reduction leaves out as an equal one may have a stricter one: steps that
/// commute can begin or end a request.
std::optional<Invariant> TrialProgram::linearizable() {
  if (!histories_) return std::nullopt;
  const std::span<const Step> steps = Scheduler::current().steps();
  first_step_.assign(trial_.requests, kNoResponse);
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (steps[i].task < trial_.requests) first_step_[steps[i].task] = static_cast<std::int64_t>(i);
  }
  const auto observed = [&](std::size_t task) -> std::optional<ObservedRequest> {
    const ExploredRequest& its = requests_[task];
    if (!its.ended && first_step_[task] == kNoResponse) return std::nullopt;
    const std::int64_t response = its.ended ? its.response : kNoResponse;
    return ObservedRequest{.index = task,
                           .key = its.key,
                           .kind = its.kind,
                           .call = std::min(first_step_[task], response),
                           .response = response,
                           .outcome = its.result.outcome,
                           .conflict = its.result.conflict,
                           .entered = its.calls > 0,
                           .value = its.result.value};
  };
  HistoryReport report = histories_->check(requests_.size(), observed);
  unknown_history_ = unknown_history_ || report.unknown > 0;
  return std::move(report.invariant);
}

std::vector<Invariant> TrialProgram::broken(Ending ending) {
  const bool ended = ending == Ending::done;
  if (ended) scenario_->settle();
  std::vector<Invariant> invariants = judged(ended);
  add_broken_promises(invariants);
  if (auto history = linearizable()) invariants.push_back(*std::move(history));
  std::erase_if(invariants,
                [&](const Invariant& each) { return each.holds || (!ended && !each.beyond_repair); });
  return invariants;
}

void TrialProgram::end() {
  guard_.reset();
  scenario_.reset();
}

}  // namespace ccbench::explore
