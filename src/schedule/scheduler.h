// Runs a program one step at a time, in an order that a strategy chooses.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "schedule/contexts.h"
#include "schedule/happens_before.h"
#include "schedule/operation.h"

namespace ccbench::explore {

/// What is explored. A schedule is `begin`, then `run` of every task as tasks, then `end`. The same steps
/// must lead to the same state: nothing may depend on time, addresses or what an earlier schedule has left.
class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  virtual ~Program() = default;

  virtual Task tasks() const = 0;
  /// Makes what the tasks share. Its operations are no steps; nor are those of `end`. Threads that it starts
  /// serve the tasks: a schedule is over when all others have ended.
  virtual void begin() = 0;
  /// Exceptions of its own must not leave it.
  virtual void run(Task task) = 0;
  /// What a person knows the task by.
  virtual std::string name_of(Task task) const { return "task " + std::to_string(task); }
  /// No task of the schedule is left. After a schedule that did not end by itself, what they share is as an
  /// exception thrown at each one's last step has left it.
  virtual void end() = 0;
};

/// How a schedule ended.
enum class Ending : std::uint8_t {
  done,
  deadlock,  ///< some have not ended, and none of them can take a step
  too_long,  ///< as many steps as are allowed, and not ended
  cut,       ///< the strategy had seen enough
};

/// In which order timed steps end.
enum class TimeOrder : std::uint8_t {
  configured,  ///< none before another whose time is over earlier
  free,        ///< any
};

struct Step {
  Task task = kNoTask;
  OperationKind kind = OperationKind::yield;
  bool old = false;  ///< a load that did not see the last value
  Accesses touched;
  TaskSet enabled;  ///< who could have been chosen
};

/// Thrown out of operations to end a task whose schedule is over. Not derived from anything, and not to be
/// caught without being thrown on.
struct Aborted {};

class Scheduler;
template <class Work>
class Fibers;

class Strategy {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;
  virtual ~Strategy() = default;

  /// Nobody stands at a step yet.
  virtual void begin(const Scheduler& schedule) = 0;
  /// One of `enabled`, which is never empty, or `kNoTask` to cut the schedule. Whoever took the last step
  /// asks, on its own stack, so that an exception must not leave it.
  virtual Task choose(const Scheduler& schedule, TaskSet enabled) = 0;
  /// Answers whether there is another schedule to run.
  virtual bool end(const Scheduler& schedule, Ending ending) = 0;
};

struct SchedulerOptions {
  Backend backend = kDefaultBackend;
  TimeOrder time = TimeOrder::configured;
  std::uint32_t most_steps = 5000;
};

/// Who waits: nobody; it is one thread of control that calls `run`, and while it does, `current` is the
/// scheduler. Memory: the steps of one schedule, and 256 KiB of addresses for each task.
class Scheduler {
 public:
  explicit Scheduler(Program& program, const SchedulerOptions& options = {});
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// From the next schedule on, so many waits of each task on a condition may end without a notification, as
  /// the standard allows. Nobody can count on it, and yet a wait that could still end so is no deadlock: who
  /// looks for deadlocks allows none.
  void allow_spurious_wakes(std::uint32_t most) { spurious_wakes_ = most; }
  /// `HappensBefore::see_oldest`.
  void see_oldest(bool oldest) { happened_.see_oldest(oldest); }
  /// One schedule, from `Program::begin` until it ends. What cannot go on is left as it stands, to be looked
  /// at.
  Ending run(Strategy& strategy);
  /// After `run`: ends the tasks that it has left. `steps` stay those of the schedule.
  void finish();

  static Scheduler& current() { return *running_schedule; }

  // What a strategy may know.
  std::span<const Step> steps() const { return {steps_.data(), taken_}; }
  const Operation& pending(Task task) const { return tasks_[task].pending; }
  TaskSet unfinished() const { return unfinished_; }
  /// One of the program's that has not taken a step yet.
  bool is_fresh(Task task) const { return task < own_ && tasks_[task].fresh; }
  Task tasks() const { return count_; }
  /// Whose step it is; `kNoTask` between two.
  Task running() const { return running_; }
  /// Who alone holds what the task's next step waits for; `kNoTask`: it does not wait, or for no owner.
  Task holder(Task task) const;
  /// Some schedule had more alarms than can be set, so that not all orders were seen.
  bool overflowed() const { return overflowed_; }
  /// Of the stores and loads of all schedules so far.
  const HappensBefore& happened() const { return happened_; }

  // What a person is told.
  std::string name_of(ObjectId object) const;
  /// `waits for mutex#1, held by request 2`.
  std::string why_blocked(Task task) const;

  // The operations. Each is a step of the task that calls it, except for the main one and where it says so.
  ObjectId make(ObjectKind kind);
  void lock(ObjectId mutex, bool recursive);
  bool try_lock(ObjectId mutex, bool recursive);
  bool lock_until(ObjectId mutex, std::int64_t deadline);
  void unlock(ObjectId mutex);
  void lock_shared(ObjectId mutex);
  bool try_lock_shared(ObjectId mutex);
  void unlock_shared(ObjectId mutex);
  /// Gives the mutex back, waits and takes it again. False: its time was over.
  bool wait(ObjectId condition, ObjectId mutex, std::int64_t deadline);
  void notify_one(ObjectId on);
  void notify_all(ObjectId on);
  void touch(OperationKind kind, ObjectId object, Mode mode);
  // What a step that touched an atomic or a cell did to it.
  void was_read(ObjectId atomic, std::memory_order order) { happened_.read(running_, atomic, order); }
  void was_written(ObjectId atomic, std::memory_order order) { happened_.write(running_, atomic, order); }
  void was_modified(ObjectId atomic, std::memory_order order) { happened_.modify(running_, atomic, order); }
  bool sees_last(ObjectId cell) {
    // What cleans up loads without being scheduled.
    if (aborting_ || happened_.sees_last(running_, cell)) return true;
    last_step().old = true;
    return false;
  }
  std::uint64_t older_value() const { return happened_.older_value(); }
  void was_stored_to(ObjectId cell, std::uint64_t replaced) { happened_.store(running_, cell, replaced); }
  // Parts of the step that is being taken.
  void acquire_fence() { happened_.acquire_fence(running_); }
  void release_fence() { happened_.release_fence(running_); }
  /// After a step of kind `watch` that found the old value: begins to wait.
  void begin_to_wait(ObjectId on);
  void wake(ObjectId on);
  void sleep_until(std::int64_t deadline);
  void yield();
  ObjectId spawn(std::function<void()> body);
  void join(ObjectId thread);
  /// In ns, from `kFirstTime`. No step of its own: part of the one that is being taken.
  std::int64_t now();
  /// For a time that will be compared with `now`: that it comes is a step of its own, before or after any of
  /// the others, while something is waited for that is not over before; with `TimeOrder::free`, at any time.
  /// Where the next operation waits until that time anyway, nothing is set. No schedule goes on for it.
  /// Beyond `kMostTasks` tasks and alarms none is set, and `overflowed` says so.
  void set_alarm(std::int64_t time) { want_alarm(time, false); }
  /// The same for a time that comes in any case, whatever else is waited for.
  void let_pass_until(std::int64_t time) { want_alarm(time, true); }
  /// Not 0, which stands for `never` in many a program.
  static constexpr std::int64_t kFirstTime = 1;

 private:
  /// What every context does.
  struct Work {
    Scheduler& schedule;
    [[gnu::always_inline]] Task operator()(Task task) const { return schedule.work(task); }
  };
  struct Object {
    ObjectKind kind = ObjectKind::clock;
    std::uint32_t number = 0;  ///< from 1, of its kind
    Task owner = kNoTask;      ///< of a thread, the task
    std::uint32_t depth = 0;   ///< how often its owner has locked it
    TaskSet readers;
    TaskSet waiting;
    TaskSet notified;              ///< of those, who may go on
    std::vector<TaskSet> notices;  ///< each lets go on one of those who waited when it was given
  };
  struct Alarm {
    std::int64_t time;
    bool passes;
  };
  /// Of a size that makes its place a shift.
  struct alignas(128) TaskState {
    Operation pending;
    std::function<void()> body;  ///< of a spawned one
    ObjectId thread = 0;         ///< likewise
    bool fresh = true;
    bool abandoned = false;
    std::size_t yielded = 0;     ///< so many steps there were when it last yielded; 0: never yet
    std::uint32_t spurious = 0;  ///< so many of its waits have ended without a notification
  };

  Task next();
  bool prime_next();
  void begin_step();
  void begin_step_of(Task task, TaskSet can);
  void note_step(Task task, TaskSet can);
  void make_room();
  Step& last_step() { return steps_[taken_ - 1]; }
  Task work(Task task);
  /// Returns when the scheduler has chosen this task; false: nothing is scheduled any more, or never was.
  bool perform(const Operation& operation);
  bool wait_for_turn();
  void switch_to(Task other);
  static bool give_up();
  bool is_enabled(Task task) const;
  bool may_wake_unasked(Task task) const;
  TaskSet enabled() const;
  TaskSet enabled_of(TaskSet unsure) const;
  bool has_company_since(std::size_t steps, Task task) const;
  bool is_due(std::int64_t deadline) const;
  static bool is_lockable(const Object& mutex, Task task, bool recursive);
  bool has_notice(const Object& on, Task task) const;
  void fire(std::int64_t deadline);
  Task add_task();
  void want_alarm(std::int64_t time, bool passes);
  bool is_waited_for(std::int64_t time) const;
  void arm_alarms(std::int64_t but);
  void drop_alarms();
  void take(ObjectId mutex);
  void take_shared(ObjectId mutex);
  void end_wait(Object& on) const;
  void run_on();
  void abort_rest();
  [[noreturn]] static void abandon_running();

  static Scheduler* running_schedule;

  Program& program_;
  const SchedulerOptions options_;
  std::unique_ptr<Contexts> contexts_;
  Fibers<Work>* fibers_ = nullptr;  ///< the same, if it is these
  Strategy* strategy_ = nullptr;    ///< of the schedule that runs; null: the main one says who goes on
  Ending ending_ = Ending::done;
  std::vector<Object> objects_;
  std::size_t made_ = 0;
  std::array<std::uint32_t, 7> of_kind_{};
  std::array<TaskState, kMostTasks> tasks_;
  std::vector<Step> steps_;  ///< the first `taken_`, and room for more
  std::size_t taken_ = 0;
  std::size_t room_ = 0;  ///< `steps_.size()`, which takes a division
  Task count_ = 0;
  Task own_ = 0;  ///< of those, the program's: the first ones
  Task primed_ = 0;
  Task running_ = kNoTask;
  TaskSet unfinished_;
  TaskSet serving_;                   ///< made by `begin`, and alarms
  TaskSet alarms_;                    ///< not run by a context: all that they do is to move the clock
  TaskSet passing_;                   ///< of those, whose time comes in any case
  TaskSet timed_;                     ///< whose pending operation has a deadline
  TaskSet unsure_;                    ///< whose pending operation may have to wait
  std::vector<Alarm> wanted_alarms_;  ///< by the step that is being taken
  std::int64_t clock_ = 0;
  bool aborting_ = false;
  bool overflowed_ = false;
  std::uint32_t spurious_wakes_ = 0;
  HappensBefore happened_;
};

}  // namespace ccbench::explore
