// A trial of a scenario under a guard, as a program to be explored.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.h"
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
  bool inside = false;  ///< its section has been called and has not returned
  bool ended = false;
  Result result;
  std::uint32_t calls = 0;  ///< of its section
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
  const std::vector<ExploredRequest>& requests() const { return requests_; }
  /// The step of the scenario that a request was in, in the words of the scenario; empty: in none.
  std::string_view place_of(Task task) const { return places_[task]; }
  const ExploredTrial& trial() const { return trial_; }
  const Promises& promises() const { return promises_; }

 private:
  void enter_step(const Request& request, StepId step) override;
  void waits_for(const Request& /*request*/, Key /*key*/) override {}

  Result section(const Request& request, const Entry& entry, int deeper);
  void enter(const Request& request);
  bool counts(const Request& request) const;
  Request request_of(Task task);
  Tally tally() const;
  std::vector<Invariant> promised() const;

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
  std::vector<std::uint8_t> succeeded_;    ///< by key: a request that wrote has left its section with success
  std::vector<std::int64_t> too_late_;     ///< by key: entries after that
};

}  // namespace ccbench::explore
