#include "schedule/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "schedule/fibers.h"

namespace ccbench::explore {

Scheduler* Scheduler::running_schedule = nullptr;

Scheduler::Scheduler(Program& program, const SchedulerOptions& options)
    : program_(program), options_(options) {
  if (options.backend == Backend::fibers) {
    auto fibers = std::make_unique<Fibers<Work>>(Work{*this});
    fibers_ = fibers.get();
    contexts_ = std::move(fibers);
  } else {
    contexts_ = threads(Work{*this});
  }
}

Scheduler::~Scheduler() = default;

// What a step takes is inlined into one function, so that registers are saved once, and a switch is the last
// thing before its return (see fibers.h).

inline void Scheduler::switch_to(Task other) {
  if (fibers_ != nullptr) [[likely]]
    return fibers_->switch_to(other);
  contexts_->switch_to(other);
}

inline void Scheduler::note_step(Task task, TaskSet can) {
  if (taken_ == room_) [[unlikely]]
    make_room();
  const Operation& pending = tasks_[task].pending;
  Step& step = steps_[taken_++];
  step.task = task;
  step.kind = pending.kind;
  step.old = false;
  step.touched = {{pending.first, pending.second}};
  step.enabled = can;
}

[[gnu::noinline]] void Scheduler::make_room() {
  room_ = std::max<std::size_t>(64, steps_.size() * 2);
  steps_.resize(room_);
}

[[gnu::always_inline]] inline void Scheduler::begin_step_of(Task task, TaskSet can) {
  TaskState& state = tasks_[task];
  state.fresh = false;
  note_step(task, can);
  const Operation& operation = state.pending;
  if (may_have_to_wait(operation.kind)) {
    unsure_.remove(task);
    timed_.remove(task);
    if (operation.kind == OperationKind::sleep || operation.kind == OperationKind::expire)
      fire(operation.deadline);
    if (operation.kind == OperationKind::expire) return unfinished_.remove(task);
  }
  running_ = task;
}

[[gnu::always_inline]] inline void Scheduler::begin_step() {
  const auto end = [&](Ending ending) {
    ending_ = ending;
    strategy_ = nullptr;
  };
  // Nobody runs for the step of an alarm.
  while (running_ == kNoTask) {
    if ((unfinished_ - serving_).empty()) return end(Ending::done);
    const TaskSet can = enabled();
    if (can.empty()) return end(Ending::deadlock);
    if (taken_ == options_.most_steps) return end(Ending::too_long);
    const Task task = strategy_->choose(*this, can);
    if (task == kNoTask) return end(Ending::cut);
    begin_step_of(task, can);
  }
}

/// Who runs now: a new task to its first operation, so that its beginning is no step; or the one that the
/// strategy chooses, `kNoTask` if the schedule has come to its end. Each that has run that far asks for the
/// next one itself, which saves half of the switches.
[[gnu::always_inline]] inline Task Scheduler::next() {
  running_ = kNoTask;
  if (primed_ == count_ || !prime_next()) begin_step();
  return running_;
}

Ending Scheduler::run(Strategy& strategy) {
  running_schedule = this;
  made_ = 0;
  of_kind_ = {};
  make(ObjectKind::clock);
  taken_ = 0;
  clock_ = kFirstTime;
  aborting_ = false;
  timed_ = {};
  unsure_ = {};
  unfinished_ = {};
  serving_ = {};
  alarms_ = {};
  passing_ = {};
  wanted_alarms_.clear();
  happened_.begin_schedule();
  count_ = own_ = program_.tasks();
  for (Task task = 0; task < own_; ++task) happened_.begin_task(task, kNoTask);
  program_.begin();
  serving_ = TaskSet::first(count_) - TaskSet::first(own_);
  primed_ = 0;
  strategy_ = &strategy;
  strategy.begin(*this);
  if (next() != kNoTask) switch_to(running_);
  return ending_;
}

/// Answers whether there is another one.
bool Scheduler::prime_next() {
  while (primed_ < count_ && alarms_.contains(primed_)) ++primed_;
  if (primed_ == count_) return false;
  running_ = primed_++;
  TaskState& state = tasks_[running_];
  state.fresh = true;
  state.abandoned = false;
  state.yielded = 0;
  state.spurious = 0;
  unfinished_.add(running_);
  return true;
}

void Scheduler::finish() {
  if (unfinished_.empty()) return;
  const std::size_t steps = taken_;
  run_on();
  // Who serves waits for work, and is told by `Program::end` that there will be none.
  if (!(unfinished_ - serving_).empty()) abort_rest();
  taken_ = steps;
}

/// As far as it goes, in any order: to end by itself needs no exceptions, which are slow and cannot pass
/// everywhere.
void Scheduler::run_on() {
  drop_alarms();
  Task last = 0;
  for (std::uint32_t left = options_.most_steps; left > 0 && !unfinished_.empty(); --left) {
    const TaskSet can = enabled();
    if (can.empty()) return;
    const TaskSet later = can - TaskSet::first(last + 1);
    last = later.empty() ? can.lowest() : later.lowest();
    begin_step_of(last, can);
    if (running_ != kNoTask) switch_to(running_);
    while (prime_next()) switch_to(running_);
    running_ = kNoTask;
  }
}

void Scheduler::abort_rest() {
  aborting_ = true;
  const auto before = std::set_terminate(&abandon_running);
  unfinished_.each([&](Task task) {
    // Who serves may take an exception for a request's, and go on with what is gone.
    if (serving_.contains(task)) tasks_[task].abandoned = true;
    running_ = task;
    if (!tasks_[task].abandoned) switch_to(task);
    running_ = kNoTask;
    if (!tasks_[task].abandoned) return;
    contexts_->abandon(task);
    unfinished_.remove(task);
  });
  std::set_terminate(before);
}

/// Where the exception that ends a task may not pass (out of a destructor), the task stays where it is.
void Scheduler::abandon_running() {
  const Task task = running_schedule->running_;
  running_schedule->tasks_[task].abandoned = true;
  for (;;) running_schedule->switch_to(kNoTask);
}

/// Answers who goes on.
[[gnu::always_inline]] inline Task Scheduler::work(Task task) {
  TaskState& state = tasks_[task];
  try {
    if (state.body) {
      state.body();
    } else {
      program_.run(task);
    }
  } catch (const Aborted&) {  // NOLINT(bugprone-empty-catch): it is what ends a task before its time
  }
  if (!wanted_alarms_.empty()) arm_alarms(Operation::kNever);
  unfinished_.remove(task);
  if (state.body) {
    state.body = nullptr;
    // Who joins it is after all that it did.
    if (!aborting_ && taken_ > 0) last_step().touched.all[3] = {state.thread, Mode::release};
  }
  return strategy_ == nullptr ? kNoTask : next();
}

/// Inlined, so that what its callers say of the operation is written to its place and nowhere before.
[[gnu::always_inline]] inline bool Scheduler::perform(const Operation& operation) {
  if (running_ == kNoTask) return false;
  if (aborting_) return give_up();
  tasks_[running_].pending = operation;
  if (may_have_to_wait(operation.kind)) {
    if (operation.timed()) timed_.add(running_);
    if (operation.deadline > clock_) unsure_.add(running_);
  }
  if (!wanted_alarms_.empty()) arm_alarms(operation.deadline);
  return wait_for_turn();
}

bool Scheduler::wait_for_turn() {
  const Task task = running_;
  const Task chosen = strategy_ == nullptr ? kNoTask : next();
  if (chosen != task) switch_to(chosen);
  return aborting_ ? give_up() : true;
}

/// What is on its way out cleans up without being scheduled.
bool Scheduler::give_up() {
  if (std::uncaught_exceptions() > 0) return false;
  throw Aborted();
}

bool Scheduler::is_lockable(const Object& mutex, Task task, bool recursive) {
  if (recursive && mutex.owner == task) return true;
  return mutex.owner == kNoTask && mutex.readers.empty();
}

bool Scheduler::has_notice(const Object& on, Task task) const {
  return on.notified.contains(task) ||
         std::ranges::any_of(on.notices, [&](TaskSet notice) { return notice.contains(task); });
}

bool Scheduler::is_due(std::int64_t deadline) const {
  if (options_.time == TimeOrder::free || deadline <= clock_) return true;
  bool first = true;
  timed_.each([&](Task task) { first = first && deadline <= tasks_[task].pending.deadline; });
  return first;
}

bool Scheduler::is_enabled(Task task) const {
  const TaskState& state = tasks_[task];
  const Operation& next = state.pending;
  const Object& object = objects_[next.first.object()];
  switch (next.kind) {
    case OperationKind::lock: return is_lockable(object, task, next.recursive);
    case OperationKind::lock_until: return is_lockable(object, task, false) || is_due(next.deadline);
    case OperationKind::lock_shared: return object.owner == kNoTask;
    case OperationKind::wake:
      return has_notice(object, task) || (next.timed() && is_due(next.deadline)) || may_wake_unasked(task);
    case OperationKind::sleep: return is_due(next.deadline);
    case OperationKind::join: return !unfinished_.contains(object.owner);
    case OperationKind::yield: return has_company_since(state.yielded, task);
    case OperationKind::expire:
      return next.deadline > clock_ && is_due(next.deadline) &&
             (options_.time == TimeOrder::free || passing_.contains(task) || is_waited_for(next.deadline));
    default: return true;
  }
}

bool Scheduler::may_wake_unasked(Task task) const {
  const TaskState& state = tasks_[task];
  return state.pending.kind == OperationKind::wake && state.spurious < spurious_wakes_ &&
         objects_[state.pending.first.object()].kind == ObjectKind::condition;
}

/// Whether another task has taken a step after these; true if there are none.
bool Scheduler::has_company_since(std::size_t steps, Task task) const {
  return steps == 0 || std::ranges::any_of(this->steps().subspan(steps),
                                           [&](const Step& step) { return step.task != task; });
}

/// A task that yields again goes on when another has taken a step since the last time, or when none can: what
/// it looks at is as it was.
TaskSet Scheduler::enabled_of(TaskSet unsure) const {
  TaskSet can = unfinished_ - unsure;
  TaskSet yielding;
  unsure.each([&](Task task) {
    if (is_enabled(task)) {
      can.add(task);
    } else if (tasks_[task].pending.kind == OperationKind::yield) {
      yielding.add(task);
    }
  });
  return can.empty() ? yielding : can;
}

TaskSet Scheduler::enabled() const {
  const TaskSet unsure = unfinished_ & unsure_;
  return unsure.empty() ? unfinished_ : enabled_of(unsure);
}

ObjectId Scheduler::make(ObjectKind kind) {
  if (made_ == objects_.size()) objects_.emplace_back();
  Object& object = objects_[made_];
  object.kind = kind;
  object.number = ++of_kind_[static_cast<std::size_t>(kind)];
  object.owner = kNoTask;
  object.depth = 0;
  object.readers = object.waiting = object.notified = {};
  object.notices.clear();
  const auto id = static_cast<ObjectId>(made_++);
  happened_.begin_object(id);
  return id;
}

void Scheduler::take(ObjectId mutex) {
  objects_[mutex].owner = running_;
  ++objects_[mutex].depth;
  happened_.acquire(running_, mutex);
}

void Scheduler::take_shared(ObjectId mutex) {
  objects_[mutex].readers.add(running_);
  happened_.acquire_shared(running_, mutex);
}

void Scheduler::lock(ObjectId mutex, bool recursive) {
  if (!perform({.kind = OperationKind::lock, .recursive = recursive, .first = {mutex, Mode::acquire}}))
    return;
  take(mutex);
}

bool Scheduler::try_lock(ObjectId mutex, bool recursive) {
  if (!perform({.kind = OperationKind::try_lock, .first = {mutex, Mode::write}})) return true;
  if (!is_lockable(objects_[mutex], running_, recursive)) return false;
  take(mutex);
  return true;
}

bool Scheduler::lock_until(ObjectId mutex, std::int64_t deadline) {
  if (!perform({.kind = OperationKind::lock_until, .first = {mutex, Mode::write}, .deadline = deadline}))
    return true;
  now();
  if (!is_lockable(objects_[mutex], running_, false)) {
    fire(deadline);
    return false;
  }
  take(mutex);
  return true;
}

void Scheduler::unlock(ObjectId mutex) {
  if (!perform({.kind = OperationKind::unlock, .first = {mutex, Mode::release}})) return;
  Object& its = objects_[mutex];
  if (its.depth > 0 && --its.depth > 0) return;
  its.owner = kNoTask;
  happened_.release(running_, mutex);
}

void Scheduler::lock_shared(ObjectId mutex) {
  if (!perform({.kind = OperationKind::lock_shared, .first = {mutex, Mode::acquire_shared}})) return;
  take_shared(mutex);
}

bool Scheduler::try_lock_shared(ObjectId mutex) {
  if (!perform({.kind = OperationKind::try_lock_shared, .first = {mutex, Mode::write}})) return true;
  if (objects_[mutex].owner != kNoTask) return false;
  take_shared(mutex);
  return true;
}

void Scheduler::unlock_shared(ObjectId mutex) {
  if (!perform({.kind = OperationKind::unlock_shared, .first = {mutex, Mode::release_shared}})) return;
  objects_[mutex].readers.remove(running_);
  happened_.release_shared(running_, mutex);
}

bool Scheduler::wait(ObjectId condition, ObjectId mutex, std::int64_t deadline) {
  if (!perform({.kind = OperationKind::wait,
                .first = {condition, Mode::write},
                .second = {mutex, Mode::release}})) {
    return true;
  }
  objects_[mutex].owner = kNoTask;
  objects_[mutex].depth = 0;
  happened_.release(running_, mutex);
  objects_[condition].waiting.add(running_);
  bool notified = true;
  if (perform({.kind = OperationKind::wake, .first = {condition, Mode::write}, .deadline = deadline})) {
    Object& on = objects_[condition];
    const bool over = !has_notice(on, running_) && deadline != Operation::kNever && is_due(deadline);
    if (!has_notice(on, running_) && !over) ++tasks_[running_].spurious;
    // What ends it depends on what time it is, also where it is not its time.
    if (deadline != Operation::kNever) now();
    end_wait(on);
    notified = !over;
    if (over) fire(deadline);
  }
  lock(mutex, false);
  return notified;
}

void Scheduler::begin_to_wait(ObjectId on) {
  if (running_ == kNoTask || aborting_) return;
  objects_[on].waiting.add(running_);
}

void Scheduler::wake(ObjectId on) {
  if (!perform({.kind = OperationKind::wake, .first = {on, Mode::write}})) return;
  end_wait(objects_[on]);
}

/// Takes back the oldest notice that let it go on. Those who still wait have been waiting for all later
/// notices, too, so that each of them still finds one of its own.
void Scheduler::end_wait(Object& on) const {
  on.waiting.remove(running_);
  if (on.notified.contains(running_)) {
    on.notified.remove(running_);
  } else {
    const auto own =
        std::ranges::find_if(on.notices, [&](TaskSet notice) { return notice.contains(running_); });
    if (own != on.notices.end()) on.notices.erase(own);
  }
  for (TaskSet& notice : on.notices) notice.remove(running_);
}

void Scheduler::notify_one(ObjectId on) {
  if (!perform({.kind = OperationKind::notify_one, .first = {on, Mode::write}}) && running_ != kNoTask)
    return;
  Object& object = objects_[on];
  const TaskSet candidates = object.waiting - object.notified;
  if (candidates.size() > object.notices.size()) object.notices.push_back(candidates);
}

void Scheduler::notify_all(ObjectId on) {
  if (!perform({.kind = OperationKind::notify_all, .first = {on, Mode::write}}) && running_ != kNoTask)
    return;
  Object& object = objects_[on];
  object.notified = object.waiting;
  object.notices.clear();
}

void Scheduler::touch(OperationKind kind, ObjectId object, Mode mode) {
  perform({.kind = kind, .first = {object, mode}});
}

/// Moves the clock on to when a time is over. Who has asked what time it is, before or after, sees a
/// difference.
void Scheduler::fire(std::int64_t deadline) {
  if (deadline <= clock_) return;
  clock_ = deadline;
  last_step().touched.all[2] = {kClock, Mode::write};
  // They stay unfinished: a search sees that they could have come before this step.
  alarms_.each([&](Task alarm) {
    if (tasks_[alarm].pending.deadline <= clock_) timed_.remove(alarm);
  });
}

void Scheduler::want_alarm(std::int64_t time, bool passes) {
  if (running_ != kNoTask && !aborting_) wanted_alarms_.push_back({.time = time, .passes = passes});
}

/// Whether time passes so far.
bool Scheduler::is_waited_for(std::int64_t time) const {
  bool some = false;
  (timed_ - (alarms_ - passing_)).each([&](Task task) {
    some = some || tasks_[task].pending.deadline >= time;
  });
  return some;
}

/// But for those of a time until which the task waits itself.
void Scheduler::arm_alarms(std::int64_t but) {
  for (const auto& [time, passes] : wanted_alarms_) {
    if (time == but || time <= clock_) continue;
    overflowed_ = overflowed_ || count_ == kMostTasks;
    if (count_ == kMostTasks) break;
    const Task alarm = add_task();
    tasks_[alarm].pending = {.kind = OperationKind::expire, .first = {kClock, Mode::write}, .deadline = time};
    alarms_.add(alarm);
    if (passes) passing_.add(alarm);
    serving_.add(alarm);
    timed_.add(alarm);
    unsure_.add(alarm);
  }
  wanted_alarms_.clear();
}

void Scheduler::drop_alarms() {
  unfinished_ = unfinished_ - alarms_;
  timed_ = timed_ - alarms_;
  alarms_ = {};
}

Task Scheduler::add_task() {
  if (count_ == kMostTasks) throw std::runtime_error("the explorer follows at most 64 threads");
  unfinished_.add(count_);
  return count_++;
}

void Scheduler::sleep_until(std::int64_t deadline) {
  perform({.kind = OperationKind::sleep, .deadline = deadline});
}

void Scheduler::yield() {
  if (running_ == kNoTask) return;
  if (perform({.kind = OperationKind::yield})) tasks_[running_].yielded = taken_;
}

std::int64_t Scheduler::now() {
  if (running_ != kNoTask && taken_ > 0) {
    Access& clock = last_step().touched.all[2];
    if (clock.mode() == Mode::none) clock = {kClock, Mode::read};
  }
  return clock_;
}

ObjectId Scheduler::spawn(std::function<void()> body) {
  const ObjectId thread = make(ObjectKind::thread);
  if (!perform({.kind = OperationKind::spawn, .first = {thread, Mode::write}}) && running_ != kNoTask)
    return thread;
  const Task child = add_task();  // Primed when its parent stands at its next operation.
  happened_.begin_task(child, running_);
  objects_[thread].owner = child;
  tasks_[child].body = std::move(body);
  tasks_[child].thread = thread;
  return thread;
}

void Scheduler::join(ObjectId thread) {
  if (perform({.kind = OperationKind::join, .first = {thread, Mode::acquire}}))
    return happened_.join(running_, objects_[thread].owner);
  if (running_ != kNoTask) return;
  // The main one waits for who serves.
  if (!unfinished_.contains(objects_[thread].owner)) return;
  const std::size_t steps = taken_;
  run_on();
  if (unfinished_.contains(objects_[thread].owner)) abort_rest();
  taken_ = steps;
}

Task Scheduler::holder(Task task) const {
  const Operation& next = tasks_[task].pending;
  if (!unfinished_.contains(task) || next.first.mode() != Mode::acquire) return kNoTask;
  const Object& object = objects_[next.first.object()];
  return object.kind == ObjectKind::thread || object.owner == task ? kNoTask : object.owner;
}

std::string Scheduler::name_of(ObjectId object) const {
  constexpr std::array<std::string_view, 7> kNames = {"clock",  "mutex", "shared_mutex", "condition_variable",
                                                      "atomic", "cell",  "thread"};
  const Object& its = objects_[object];
  if (object == kClock) return "clock";
  return fmt::format("{}#{}", kNames[static_cast<std::size_t>(its.kind)], its.number);
}

std::string Scheduler::why_blocked(Task task) const {
  const Operation& next = tasks_[task].pending;
  const Object& object = objects_[next.first.object()];
  const std::string name = name_of(next.first.object());
  if (object.owner == task) return fmt::format("waits for {}, held by itself", name);
  if (next.kind == OperationKind::join) return fmt::format("waits for the end of {}", name);
  if (next.kind == OperationKind::wake) return fmt::format("waits to be notified by {}", name);
  if (object.owner != kNoTask)
    return fmt::format("waits for {}, held by {}", name, program_.name_of(object.owner));
  std::string readers;
  object.readers.each(
      [&](Task reader) { readers += (readers.empty() ? "" : ", ") + program_.name_of(reader); });
  return fmt::format("waits for {}, held by {}", name, readers.empty() ? "nobody" : readers);
}

}  // namespace ccbench::explore
