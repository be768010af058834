// trace.json: the last trial of each guard as tracks, for ui.perfetto.dev and chrome://tracing, in the Trace
// Event Format (Google, "Trace Event Format", 2016).
//
// Each trial is a process whose time 0 is its release, so that guards stand side by side; each worker is a
// thread of it. Numbers of processes and threads are drawn from one counter: readers look threads up by their
// number alone. Both readers nest slices of one track by time, the longer first where two begin at once, and
// take [begin, end) for a slice; so one without length would nest in its neighbour, and is left out where
// nothing refers to it. An arrow binds to the slice that is open at its time: hence it starts in the last
// nanosecond of the section that hands over. Microseconds with three digits behind the point are exact to
// the nanosecond for readers that round.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/sink.h"
#include "report/sweep.h"
#include "stats/fairness.h"

namespace ccbench {
namespace {

using Json = nlohmann::ordered_json;

/// As a JSON string. What exceptions say need not be UTF-8.
std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// In microseconds, exact: `1.005`, `-0.020`.
std::string microseconds(Nanos time) {
  const auto size = time < 0 ? -static_cast<std::uint64_t>(time) : static_cast<std::uint64_t>(time);
  return fmt::format("{}{}.{:03}", time < 0 ? "-" : "", size / 1000, size % 1000);
}

/// From `begin` up to and without `end`.
struct Stretch {
  Nanos begin;
  Nanos end;
};

/// When a request was where. What never ended lasts as long as anything is known of its trial. Whatever the
/// records of a trial that crashed hold, the later stretches lie inside the first one.
struct Course {
  Stretch all;
  Stretch waiting;
  std::optional<Stretch> holding;
  bool ended;   ///< or `all` is cut off
  bool waited;  ///< to the end of `waiting`, or that is cut off
  bool left;    ///< or `holding` is cut off
};

std::span<const StepEntry> steps_of(const TrialResult& trial, const RequestRow& row) {
  return std::span(trial.steps).subspan(row.step_count > 0 ? row.first_step : 0, row.step_count);
}

/// A guard that retries lets a request in again: one that has taken a step since it left is inside.
bool has_left(const TrialResult& trial, const RequestRow& row) {
  if (!row.leave) return false;
  if (row.end) return true;
  const auto steps = steps_of(trial, row);
  return steps.empty() || steps.back().at < *row.leave;
}

/// Nothing of a request that never started.
std::optional<Course> course_of(const TrialResult& trial, const RequestRow& row, Nanos last) {
  if (!row.start) return std::nullopt;
  const bool left = has_left(trial, row);
  const Nanos start = *row.start;
  const Nanos end = std::max(start, row.end.value_or(last));
  const Nanos enter = std::clamp(row.enter.value_or(end), start, end);
  const Nanos leave = left ? std::clamp(row.leave.value_or(end), enter, end) : end;
  return Course{.all = {start, end},
                .waiting = {start, enter},
                .holding = row.enter ? std::optional(Stretch{enter, leave}) : std::nullopt,
                .ended = row.end.has_value(),
                .waited = row.enter || row.end,
                .left = left || row.end.has_value()};
}

/// The latest moment of which anything is known.
Nanos last_moment(const TrialResult& trial) {
  Nanos last = trial.wall.value_or(0);
  for (const RequestRow& row : trial.requests) {
    for (const auto& time : {row.start, row.enter, row.leave, row.end, row.arrival})
      last = std::max(last, time.value_or(0));
  }
  for (const StepEntry& step : trial.steps) last = std::max(last, step.at);
  for (const Snapshot& snapshot : trial.snapshots) last = std::max(last, snapshot.at);
  return last;
}

/// Writes events one by one: a trial may have millions.
class Events {
 public:
  explicit Events(std::ostream& out) : out_(out) {}

  /// `rest`: the other members of the event.
  void add(std::string_view phase, std::string_view rest) {
    out_ << (any_ ? ",\n" : "\n") << R"({"ph":")" << phase << "\"," << rest << '}';
    any_ = true;
  }

  std::uint64_t new_process(std::uint64_t threads) {
    return std::exchange(next_process_, next_process_ + 1 + threads);
  }

  /// For what consists of two events.
  std::uint64_t new_id() { return next_id_++; }

 private:
  std::ostream& out_;
  bool any_ = false;
  std::uint64_t next_process_ = 1;
  std::uint64_t next_id_ = 1;
};

/// Who reads a trace cannot take millions of slices: the first requests, and those that started and never
/// ended.
std::vector<RequestRow> rows_to_show(const TrialResult& trial) {
  const auto first = std::min<std::size_t>(trial.requests.size(), kMostDrawn);
  const std::span<const RequestRow> all(trial.requests);
  std::vector<RequestRow> rows(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
  std::ranges::copy_if(all.subspan(first), std::back_inserter(rows),
                       [](const RequestRow& row) { return row.start && !row.end; });
  return rows;
}

/// One trial as a process.
class TrialTrace {
 public:
  TrialTrace(const RunResult& run, const TrialResult& trial, Events& events)
      : run_(run),
        trial_(trial),
        scenario_(run.experiment_of(trial).scenario->info),
        events_(events),
        rows_(rows_to_show(trial)),
        workers_(count_workers(rows_)),
        process_(events.new_process(workers_)),
        last_(last_moment(trial)) {}

  void write(std::size_t place) const {
    write_names(place);
    for (const RequestRow& row : rows_) {
      if (row.arrival) write_queueing(row, *row.arrival);
      if (const auto course = course_of(trial_, row, last_)) write_request(row, *course);
    }
    write_hand_overs();
    write_counter("in flight", &Course::all, &Course::ended);
    write_counter("waiting", &Course::waiting, &Course::waited);
    for (const Snapshot& snapshot : trial_.snapshots) write_snapshot(snapshot);
    write_end();
  }

 private:
  static std::uint64_t count_workers(std::span<const RequestRow> rows) {
    std::uint64_t workers = 0;
    for (const RequestRow& row : rows) {
      if (row.thread) workers = std::max<std::uint64_t>(workers, *row.thread + std::uint64_t{1});
    }
    return workers;
  }

  std::uint64_t thread_of(const RequestRow& row) const {
    return row.thread ? process_ + 1 + *row.thread : process_;
  }

  /// `cas · requests=20 · trial 7 · OK`
  std::string name() const {
    std::string name = trial_.guard;
    if (trial_.role == Role::control) name += " (control)";
    if (run_.sweeps()) name += " · " + label_of(run_, run_.configuration_of(trial_));
    return fmt::format("{} · trial {} · {}", name, trial_.trial, name_of(trial_.verdict));
  }

  void name_one(std::string_view what, std::uint64_t thread, std::string_view member,
                std::string_view value) const {
    events_.add("M", fmt::format(R"("name":"{}","pid":{},"tid":{},"args":{{"{}":{}}})", what, process_,
                                 thread, member, value));
  }

  void write_names(std::size_t place) const {
    name_one("process_name", process_, "name", json_string(name()));
    name_one("process_sort_index", process_, "sort_index", std::to_string(place));
    for (std::uint64_t worker = 0; worker < workers_; ++worker) {
      const std::uint64_t thread = process_ + 1 + worker;
      name_one("thread_name", thread, "name", fmt::format("\"T{}\"", worker));
      name_one("thread_sort_index", thread, "sort_index", std::to_string(worker));
    }
  }

  std::string who(const RequestRow& row) const {
    return fmt::format(R"("request":{},"key":{})", row.request, json_string(scenario_.name_of(row.key)));
  }

  void write_slice(const RequestRow& row, std::string_view name, std::string_view category, Stretch stretch,
                   std::string_view args) const {
    events_.add(
        "X", fmt::format(R"("name":{},"cat":"{}","pid":{},"tid":{},"ts":{},"dur":{},"args":{{{}}})",
                         json_string(name), category, process_, thread_of(row), microseconds(stretch.begin),
                         microseconds(stretch.end - stretch.begin), args));
  }

  /// In an open loop: from when it was meant to start to when a worker took it.
  void write_queueing(const RequestRow& row, Nanos arrival) const {
    const Nanos taken = row.start.value_or(last_);
    if (taken <= arrival) return;
    const std::uint64_t id = events_.new_id();
    const auto head = [&](Nanos time) {
      return fmt::format(R"("name":"queue","cat":"queue","id":{},"pid":{},"tid":{},"ts":{})", id, process_,
                         thread_of(row), microseconds(time));
    };
    events_.add("b", fmt::format(R"({},"args":{{{}{}}})", head(arrival), who(row), unfinished(!row.start)));
    events_.add("e", head(taken));
  }

  static std::string_view unfinished(bool cut) { return cut ? R"(,"unfinished":true)" : ""; }

  void write_request(const RequestRow& row, const Course& course) const {
    const std::string whose = who(row);
    write_slice(row, fmt::format("request {}", row.request), "request", course.all,
                whose + result_of(row) + std::string(unfinished(!course.ended)));
    if (course.waiting.begin < course.waiting.end) {
      write_slice(row, "waiting", "waiting", course.waiting, whose + std::string(unfinished(!course.waited)));
    }
    if (!course.holding) return;
    write_slice(row, "holding", "holding", *course.holding, whose + std::string(unfinished(!course.left)));
    write_steps(row, *course.holding, course.left);
  }

  std::string result_of(const RequestRow& row) const {
    if (!row.outcome) return {};
    std::string result = fmt::format(R"(,"outcome":"{}")", name_of(*row.outcome));
    if (const std::string& reason = trial_.reason_texts.at(row.reason); !reason.empty())
      result += fmt::format(R"(,"reason":{})", json_string(reason));
    return result;
  }

  void write_steps(const RequestRow& row, Stretch holding, bool left) const {
    const auto steps = steps_of(trial_, row);
    const auto [enter, leave] = holding;
    Nanos begin = steps.empty() ? leave : std::clamp(steps.front().at, enter, leave);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const bool is_last = i + 1 == steps.size();
      const Nanos end = is_last ? leave : std::clamp(steps[i + 1].at, begin, leave);
      if (begin < end)
        write_slice(row, step_name(steps[i].step), "step", {begin, end},
                    is_last && !left ? R"("unfinished":true)" : "");
      begin = end;
    }
  }

  std::string step_name(StepId step) const {
    return step < scenario_.steps.size() ? std::string(scenario_.steps[step]) : fmt::format("step {}", step);
  }

  void write_hand_overs() const {
    std::vector<Passage> passages;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const RequestRow& row = rows_[i];
      const auto course = course_of(trial_, row, last_);
      if (!course || !course->holding) continue;
      passages.push_back({.request = i,
                          .key = row.key,
                          .start = row.arrival.value_or(course->all.begin),
                          .enter = course->holding->begin,
                          .leave = course->left ? course->holding->end : std::numeric_limits<Nanos>::max()});
    }
    hand_overs(passages, [&](const Passage& left, const Passage& entered, Nanos /*gap*/) {
      const std::uint64_t arrow = events_.new_id();
      write_end_of_arrow("s", arrow, left, std::max(left.enter, left.leave - 1), "");
      write_end_of_arrow("f", arrow, entered, entered.enter, R"(,"bp":"e")");
    });
  }

  void write_end_of_arrow(std::string_view phase, std::uint64_t arrow, const Passage& passage, Nanos time,
                          std::string_view binding) const {
    events_.add(phase,
                fmt::format(R"("name":"hand-over","cat":"hand-over","id":{},"pid":{},"tid":{},"ts":{}{})",
                            arrow, process_, thread_of(rows_[passage.request]), microseconds(time), binding));
  }

  /// How many requests are in a stretch of their course, at every moment at which that changes.
  void write_counter(std::string_view name, Stretch Course::* stretch, bool Course::* is_over) const {
    std::vector<std::pair<Nanos, int>> changes;
    for (const RequestRow& row : rows_) {
      const auto course = course_of(trial_, row, last_);
      if (!course) continue;
      changes.emplace_back(((*course).*stretch).begin, 1);
      if ((*course).*is_over) changes.emplace_back(((*course).*stretch).end, -1);
    }
    std::ranges::sort(changes);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < changes.size();) {
      const Nanos time = changes[i].first;
      const std::int64_t before = count;
      for (; i < changes.size() && changes[i].first == time; ++i) count += changes[i].second;
      if (count == before) continue;
      events_.add("C", fmt::format(R"("name":"{}","pid":{},"ts":{},"args":{{"requests":{}}})", name, process_,
                                   microseconds(time), count));
    }
  }

  void write_mark(std::string_view name, Nanos time, const Json& args) const {
    events_.add("i",
                fmt::format(R"("name":"{}","cat":"trial","pid":{},"ts":{},"s":"p","args":{})", name, process_,
                            microseconds(time), args.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }

  void write_snapshot(const Snapshot& snapshot) const {
    std::map<std::string, std::uint64_t> states;
    std::map<std::string, std::uint64_t> phases;
    for (const ThreadRow& thread : snapshot.threads) {
      if (const std::string_view state = name_of(thread.state); !state.empty()) ++states[std::string(state)];
      ++phases[phase_name(thread.place, scenario_)];
    }
    write_mark("snapshot", snapshot.at, {{"mode", snapshot.mode}, {"states", states}, {"phases", phases}});
  }

  /// With what the tracks do not show.
  void write_end() const {
    const auto started = [](const RequestRow& row) { return row.start.has_value(); };
    const auto not_shown =
        std::ranges::count_if(trial_.requests, started) - std::ranges::count_if(rows_, started);
    const auto unstarted = std::ranges::count_if(trial_.requests, std::not_fn(started));
    write_mark("end of trial", last_,
               {{"verdict", name_of(trial_.verdict)},
                {"sentence", trial_.sentence},
                {"never_started", unstarted},
                {"not_recorded", trial_.lost_events},
                {"not_shown", not_shown}});
  }

  const RunResult& run_;
  const TrialResult& trial_;
  const ScenarioInfo& scenario_;
  Events& events_;
  const std::vector<RequestRow> rows_;
  const std::uint64_t workers_;
  const std::uint64_t process_;
  const Nanos last_;
};

/// A timeline is kept of these alone. Null: the guard had no trial.
const TrialResult* last_trial_of(const RunResult& run, const GuardResult& guard) {
  const TrialResult* last = nullptr;
  for (const TrialResult& trial : run.trials) {
    if (trial.guard == guard.guard && trial.configuration == guard.configuration) last = &trial;
  }
  return last;
}

class TraceSink final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    const Json about = {{"schema", "ccbench.trace/1"},
                        {"version", run.build.version},
                        {"run_id", run.run_id},
                        {"scenario", run.experiment().scenario->info.name},
                        {"host", run.machine.host}};
    out << R"({"displayTimeUnit":"ns","otherData":)"
        << about.dump(-1, ' ', false, Json::error_handler_t::replace) << R"(,"traceEvents":[)";
    Events events(out);
    for (std::size_t i = 0; i < run.guards.size(); ++i) {
      const TrialResult* trial = last_trial_of(run, run.guards[i]);
      if (trial != nullptr) TrialTrace(run, *trial, events).write(i);
    }
    out << "\n]}\n";
  }
};

}  // namespace

std::unique_ptr<Sink> trace_sink() { return std::make_unique<TraceSink>(); }

}  // namespace ccbench
