// A trial of a scenario under a guard, as a program to be explored.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.h"
#include "history/histories.h"
#include "schedule/scheduler.h"

namespace ccbench::explore {

/// What is explored: one request per task.
struct ExploredTrial {
  const GuardPlugin* guard = nullptr;
  const ScenarioPlugin* scenario = nullptr;
  ParameterValues parameters;        ///< of the scenario
  ParameterValues guard_parameters;  ///< of the guard
  std::uint32_t requests = 3;
  Key keys = 1;
  std::uint32_t reads = 0;  ///< the last ones only read
  std::uint64_t seed = 0;
  Window window = {};
  int reenter = 0;
};

/// Why it cannot be explored, as a clause; empty: it can.
std::string why_not(const ExploredTrial& trial);

/// Whether requests differ in nothing but their number.
bool is_symmetric(const ExploredTrial& trial);

/// The key that a request is of, and whether it writes.
Key key_of(const ExploredTrial& trial, Task request);
Kind kind_of(const ExploredTrial& trial, Task request);

/// `request 0`, and `thread 3` of one that guard or scenario have started.
std::string name_of_task(const ExploredTrial& trial, Task task);

/// A request as it has gone.
struct ExploredRequest {
  Key key = 0;
  Kind kind = Kind::write;
  std::int64_t came = Scheduler::kFirstTime;  ///< by the explored clock
  bool inside = false;                        ///< its section has been called and has not returned
  bool ended = false;
  Result result;
  std::uint32_t calls = 0;       ///< of its section
  bool waits_elsewhere = false;  ///< its guard has said that it waits for another key, too
  std::int64_t response = 0;     ///< the number of the step with which its guard's answer was there
};

class TrialProgram final : public Program, private StepListener, private WaitListener {
 public:
  explicit TrialProgram(const ExploredTrial& trial);
  ~TrialProgram() override;

  Task tasks() const override { return trial_.requests; }
  void begin() override;
  void run(Task task) override;
  void end() override;
  std::string name_of(Task task) const override { return name_of_task(trial_, task); }

  /// Between `Scheduler::run` and `end`: which invariants the schedule has broken. Of one that has not ended
  /// only those that nothing later could repair.
  std::vector<Invariant> broken(Ending ending);
  /// Of some schedule it could not be told within a limit whether its histories are linearizable.
  bool unknown_history() const { return unknown_history_; }
  const std::vector<ExploredRequest>& requests() const { return requests_; }
  /// The step of the scenario that a request was in, in the words of the scenario; empty: in none.
  std::string_view place_of(Task task) const { return places_[task]; }
  const ExploredTrial& trial() const { return trial_; }
  const Promises& promises() const { return promises_; }

 private:
  void enter_step(const Request& request, StepId step) override;
  void waits_for(const Request& request, Key key) override;

  void arrive(ExploredRequest& request) const;
  void let_time_pass() const;
  Result section(const Request& request, const Entry& entry, int deeper);
  void enter(const Request& request);
  void leave(const Request& request);
  void look_who_is_overtaken(const Request& request);
  void look_who_waits_for_another_key(const Request& request);
  bool counts(const Request& request) const;
  bool is_taken(Key key) const;
  Request request_of(Task task);
  void fill_tally();
  std::vector<Invariant> judged(bool ended);
  void add_broken_promises(std::vector<Invariant>& broken) const;
  std::optional<Invariant> linearizable();

  const ExploredTrial trial_;
  GuardContext guard_context_;
  const Promises promises_;
  std::vector<Facts::Counter> counters_;
  Facts facts_;
  TrialContext context_;
  std::unique_ptr<AnyScenario> scenario_;
  std::unique_ptr<AnyGuard> guard_;

  std::vector<ExploredRequest> requests_;
  std::vector<std::string_view> places_;
  std::vector<std::int64_t> inside_;  ///< by key: how many are inside, who writes or all, by what is promised
  std::vector<std::int64_t> most_inside_;  ///< by key
  std::vector<std::int64_t> succeeded_;  ///< by key: when a request that wrote, and succeeded, came; 0: none
  std::vector<std::int64_t> too_late_;   ///< by key: entries after that
  std::vector<std::int64_t>
      overtaken_;  ///< by key: requests that waited, and another that came later entered
  std::vector<std::int64_t> waited_elsewhere_;  ///< by key: waits for who was inside another key
  Tally tally_;                                 ///< as last judged
  Tally sound_;                                 ///< the last one in which all held
  std::optional<Histories> histories_;          ///< where the scenario has a model
  std::vector<std::int64_t> first_step_;        ///< by request, of the schedule whose histories are looked at
  bool unknown_history_ = false;
};

}  // namespace ccbench::explore
