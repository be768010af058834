#include "explore/search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <utility>

#include "driver/judge.h"
#include "explore/random_walk.h"
#include "explore/tree_search.h"

namespace ccbench::explore {
namespace {

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string in_words(const Result& result) {
  std::string text(name_of(result.outcome));
  if (result.reason.address() != nullptr && is_failure(result.outcome))
    text += fmt::format(": {}", result.reason.address());
  return text;
}

/// What a schedule showed.
struct Shown {
  Ending ending = Ending::done;
  std::vector<Invariant> broken;

  bool failed() const { return !broken.empty() || ending == Ending::deadlock || ending == Ending::too_long; }
};

class Explorer {
 public:
  Explorer(const ExploredTrial& trial, const SearchOptions& options)
      : options_(options), program_(trial), scheduler_(program_, options.scheduler) {
    result_.trial = trial;
    result_.options = options;
    result_.symmetric = options.symmetry && is_symmetric(trial);
    const auto now = std::chrono::steady_clock::now();
    deadline_ = now + std::chrono::nanoseconds(options.budget);
    next_report_ = now + kReportEvery;
  }

  SearchResult explore() {
    const double before = cpu_now();
    explore_wakes();
    if (options_.older_values && options_.strategy != SearchStrategy::replay) explore_older_values();
    conclude();
    result_.cpu_seconds = cpu_now() - before;
    return std::move(result_);
  }

 private:
  /// Without waits that end unasked, and with them.
  void explore_wakes() {
    scheduler_.allow_spurious_wakes(0);
    explore_as_asked();
    if (options_.spurious == 0) return;
    // Who is woken unasked may be spared what would keep it asleep for ever.
    const bool looks_further = goes_on();
    result_.exhausted = false;
    scheduler_.allow_spurious_wakes(options_.spurious);
    if (looks_further) explore_as_asked();
  }

  /// Where every load of every schedule was ordered after the last store, there are none.
  void explore_older_values() {
    if (!scheduler_.happened().saw_unordered_load()) {
      if (is_exhausted()) result_.memory = MemoryModel::release_acquire;
      return;
    }
    const bool all = std::exchange(result_.exhausted, false);
    const std::uint64_t classes = result_.classes;
    const std::uint64_t redundant = result_.redundant;
    // Of schedules that are drawn, as many again.
    if (is_drawn()) drawn_before_ = result_.schedules;
    if (goes_on()) {
      see_oldest(true);
      explore_wakes();
    }
    result_.memory = MemoryModel::oldest;
    lacks_older_values_ = all && (!result_.exhausted || endless_);
    result_.exhausted = all && result_.exhausted && !endless_;
    result_.classes = classes;
    result_.redundant = redundant;
  }

  void see_oldest(bool oldest) {
    sees_oldest_ = oldest;
    scheduler_.see_oldest(oldest);
  }

  /// Nothing is left to be tried.
  bool is_exhausted() const { return result_.exhausted && !scheduler_.overflowed(); }

  bool is_drawn() const {
    return options_.strategy == SearchStrategy::random || options_.strategy == SearchStrategy::priorities;
  }

  void explore_as_asked() {
    switch (options_.strategy) {
      case SearchStrategy::automatic: automatic(); break;
      case SearchStrategy::random: {
        RandomWalk walk(options_.seed, random_schedules());
        until_failure(walk);
        break;
      }
      case SearchStrategy::priorities: {
        PriorityWalk walk(options_.seed, random_schedules(), options_.depth);
        until_failure(walk);
        break;
      }
      case SearchStrategy::dfs:
        tree({.reduction = Reduction::none, .preemptions = options_.preemptions});
        break;
      case SearchStrategy::dpor:
        tree({.reduction = Reduction::source_sets, .symmetric = result_.symmetric});
        break;
      case SearchStrategy::replay: replay(); break;
    }
  }

  /// Whether there is any use in looking further: a schedule that is replayed may be one of either kind.
  bool goes_on() {
    const bool replays = options_.strategy == SearchStrategy::replay;
    const bool diverged = replays && result_.verdict == Verdict::error && !result_.found;
    if (diverged) result_.verdict = Verdict::inconclusive;
    return diverged || (!replays && !result_.found && result_.verdict != Verdict::error && !out_of_budget());
  }

  std::uint64_t random_schedules() const {
    return options_.schedules > 0 ? options_.schedules : kRandomSchedules;
  }

  /// A failure is soon found at random, and then the shortest way to it is looked for; where none is found,
  /// it is proven that there is none.
  void automatic() {
    if (draw() || draw_older_values()) {
      shorten();
      return;
    }
    if (!out_of_budget()) tree({.reduction = Reduction::source_sets, .symmetric = result_.symmetric});
  }

  bool draw() {
    RandomWalk walk(options_.seed, kRandomSchedules);
    return until_failure(walk);
  }

  /// Before everything is tried with the last ones, which may take longer than there is time.
  bool draw_older_values() {
    const bool has_older = options_.older_values && scheduler_.happened().saw_unordered_load();
    if (!has_older || sees_oldest_ || !goes_on()) return false;
    see_oldest(true);
    if (draw()) return true;
    see_oldest(false);
    return false;
  }

  /// The first failure with the fewest preemptions: what a person understands best.
  void shorten() {
    constexpr std::uint64_t kMost = 20'000;
    for (std::uint32_t preemptions = 0; preemptions < 3; ++preemptions) {
      TreeSearch search({.reduction = Reduction::none, .preemptions = preemptions});
      for (std::uint64_t schedules = 0; schedules < kMost && !out_of_time(); ++schedules) {
        const auto [shown, more] = one(search);
        if (shown.failed()) return keep(shown, preemptions);
        if (!more) break;
      }
    }
  }

  void tree(const TreeOptions& options) {
    TreeSearch search(options);
    const bool failed = until_failure(search);
    if (search.diverged()) return fail("the program did not do the same again after the same steps");
    result_.classes += search.classes();
    result_.redundant += search.redundant();
    // What is left out is only what was seen already; but not what a failure has kept from being looked at.
    result_.exhausted = !failed && !more_;
    if (failed && options_.strategy == SearchStrategy::automatic) shorten();
  }

  void replay() {
    Replay strategy(options_.replay);
    see_oldest(strategy.sees_old());
    const auto [shown, more] = one(strategy);
    if (!strategy.diverged().empty()) {
      fail(strategy.diverged());
    } else if (shown.failed()) {
      keep(shown);
    }
  }

  /// Answers whether it was a failure that ended it.
  bool until_failure(Strategy& strategy) {
    for (more_ = true; more_ && !out_of_budget();) {
      const auto [shown, more] = one(strategy);
      more_ = more;
      if (!shown.failed()) continue;
      keep(shown);
      return true;
    }
    return false;
  }

  void fail(std::string why) {
    result_.verdict = Verdict::error;
    result_.sentence = std::move(why);
  }

  struct One {
    Shown shown;
    bool more;
  };

  /// Runs one schedule of the search.
  One one(Strategy& strategy) {
    ++result_.schedules;
    One result = run(strategy);
    count(result.shown);
    return result;
  }

  /// Runs one schedule, and keeps of it what a failure needs.
  One run(Strategy& strategy) {
    One result;
    Shown& shown = result.shown;
    shown.ending = scheduler_.run(strategy);
    result_.longest = std::max<std::uint64_t>(result_.longest, scheduler_.steps().size());
    result.more = strategy.end(scheduler_, shown.ending);
    // C++ asks that a store be seen some time; who looks until then may look for ever at the oldest value.
    if (sees_oldest_ && shown.ending == Ending::too_long) {
      endless_ = true;
      shown.ending = Ending::cut;
    }
    if (shown.ending != Ending::cut) shown.broken = program_.broken(shown.ending);
    if (shown.failed()) describe_failure(shown);
    scheduler_.finish();
    program_.end();
    return result;
  }

  void count(const Shown& shown) {
    if (!shown.failed()) return;
    if (!shown.broken.empty()) {
      ++result_.violations;
    } else if (shown.ending == Ending::deadlock) {
      ++result_.deadlocks;
    } else if (shown.ending == Ending::too_long) {
      ++result_.too_long;
    }
    if (result_.first_failure == 0) result_.first_failure = result_.schedules;
  }

  void describe_failure(const Shown& shown) {
    last_ = {};
    last_.replay = to_replay(scheduler_.steps());
    std::vector<std::string> reasons;
    reasons.reserve(shown.broken.size());
    for (const Invariant& invariant : shown.broken)
      reasons.push_back(describe(invariant, program_.trial().scenario->info));
    if (shown.ending == Ending::deadlock) {
      if (shown.broken.empty()) last_.verdict = Verdict::hung;
      scheduler_.unfinished().each([&](Task task) {
        // A time that does not come keeps nobody waiting.
        if (scheduler_.pending(task).kind == OperationKind::expire) return;
        const bool inside = task < program_.requests().size() && program_.requests()[task].inside;
        last_.blocked.push_back({.task = task, .why = scheduler_.why_blocked(task), .inside = inside});
        reasons.push_back(fmt::format("{} {}", program_.name_of(task), last_.blocked.back().why));
      });
    } else if (shown.ending == Ending::too_long) {
      if (shown.broken.empty()) last_.verdict = Verdict::hung;
      reasons.push_back(fmt::format("no end within {} steps", scheduler_.steps().size()));
    }
    last_.sentence = fmt::format("{}", fmt::join(reasons, "; "));
    for (const ExploredRequest& request : program_.requests())
      last_.results.push_back(request.ended ? in_words(request.result) : "unfinished");
  }

  /// Follows the failure again, step by step, with words for each; what does not do the same is none of the
  /// guard's.
  void keep(const Shown& shown, std::uint32_t preemptions = 0) {
    Found found = std::move(last_);
    std::vector<ReplayStep> steps = parse_replay(found.replay).value_or(std::vector<ReplayStep>{});
    Follow follow(*this, std::move(steps), found);
    const auto [again, more] = run(follow);
    found.confirmed =
        follow.diverged().empty() && again.ending == shown.ending && last_.sentence == found.sentence;
    found.preemptions = preemptions;
    if (!found.confirmed) {
      fail(fmt::format("the program did not do the same again: {}",
                       follow.diverged().empty() ? "another outcome" : follow.diverged()));
    }
    result_.found = std::move(found);
  }

  /// A replay that writes down what every step was.
  class Follow final : public Strategy {
   public:
    Follow(Explorer& explorer, std::vector<ReplayStep> steps, Found& found)
        : explorer_(explorer), replay_(std::move(steps)), found_(found) {}

    void begin(const Scheduler& schedule) override { replay_.begin(schedule); }
    Task choose(const Scheduler& schedule, TaskSet enabled) override {
      note_last_step(schedule);
      const Task task = replay_.choose(schedule, enabled);
      if (task == kNoTask) return task;
      const Operation& operation = schedule.pending(task);
      const bool has_object = operation.first.mode() != Mode::none;
      found_.trace.push_back(
          {.task = task,
           .operation = std::string(to_text(operation.kind)),
           .object = has_object ? schedule.name_of(operation.first.object()) : std::string{},
           .place = task < explorer_.program_.trial().requests
                        ? std::string(explorer_.program_.place_of(task))
                        : std::string{},
           .inside = inside(schedule, task)});
      return task;
    }
    bool end(const Scheduler& schedule, Ending ending) override {
      note_last_step(schedule);
      return replay_.end(schedule, ending);
    }
    const std::string& diverged() const { return replay_.diverged(); }

   private:
    /// Before its first step a request has not begun, though it may stand in its section already.
    TaskSet inside(const Scheduler& schedule, Task next) const {
      TaskSet inside;
      const std::vector<ExploredRequest>& requests = explorer_.program_.requests();
      for (Task task = 0; task < requests.size(); ++task) {
        if (requests[task].inside && (task == next || !schedule.is_fresh(task))) inside.add(task);
      }
      return inside;
    }
    void note_last_step(const Scheduler& schedule) {
      if (found_.trace.empty()) return;
      found_.trace.back().old = schedule.steps().back().old;
      // The first step after which something is beyond repair.
      if (breached_) return;
      breached_ = !explorer_.program_.broken(Ending::cut).empty();
      found_.trace.back().breaks = breached_;
    }

    Explorer& explorer_;
    Replay replay_;
    Found& found_;
    bool breached_ = false;
  };

  bool out_of_time() {
    // The clock takes longer than many a schedule.
    if (result_.schedules % 64 != 0) return timed_out_;
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_report_) {
      options_.progress(result_.schedules);
      next_report_ = now + kReportEvery;
    }
    result_.interrupted = result_.interrupted || options_.interrupted();
    timed_out_ = result_.interrupted || (options_.budget > 0 && now > deadline_);
    return timed_out_;
  }

  bool out_of_budget() {
    const std::uint64_t counted = result_.schedules - drawn_before_;
    return (options_.schedules > 0 && counted >= options_.schedules) || out_of_time();
  }

  std::string_view why_not_all() const {
    if (result_.interrupted) return "interrupted";
    if (scheduler_.overflowed()) return "more threads and times at once than are followed";
    if (endless_) return "with older values some schedules do not end";
    if (lacks_older_values_) return "budget: older values have not been tried in all schedules";
    return is_drawn() ? "nothing broke in the schedules that were drawn"
                      : "budget: some schedules have not been tried";
  }

  std::string unasked() const {
    const std::uint32_t most = options_.spurious;
    if (most == 0) return {};
    return fmt::format(", spurious wake-ups ≤ {} each", most);
  }

  std::string_view noun_of_classes() const {
    const bool one = result_.classes == 1;
    if (options_.strategy == SearchStrategy::dfs) return one ? "schedule" : "schedules";
    return one ? "class" : "classes";
  }

  void conclude() {
    if (result_.verdict == Verdict::error) return;
    if (result_.found) {
      result_.verdict = result_.found->verdict;
      const bool old = std::ranges::any_of(result_.found->trace, &TraceStep::old);
      result_.memory = old ? MemoryModel::oldest : MemoryModel::sequential;
      result_.sentence = result_.found->sentence;
      if (result_.verdict == Verdict::hung)
        result_.sentence =
            fmt::format("{}: {}", result_.too_long > 0 ? "livelock" : "deadlock", result_.sentence);
      return;
    }
    if (options_.strategy == SearchStrategy::replay) {
      result_.verdict = Verdict::ok;
      result_.sentence = "this schedule breaks nothing";
      return;
    }
    if (!is_exhausted()) {
      result_.verdict = Verdict::inconclusive;
      result_.sentence = why_not_all();
      return;
    }
    if (program_.unknown_history()) {
      result_.verdict = Verdict::inconclusive;
      result_.sentence = "requests overlapped too much to tell whether every history is linearizable";
      return;
    }
    result_.verdict = Verdict::ok;
    if (options_.strategy == SearchStrategy::dfs && options_.preemptions) {
      result_.sentence = fmt::format("bounded: preemptions ≤ {}", *options_.preemptions);
    } else {
      const bool all = options_.strategy == SearchStrategy::dfs;
      result_.sentence =
          fmt::format("exhaustive: {} {}, sequentially consistent{}{}{}", result_.classes, noun_of_classes(),
                      result_.memory == MemoryModel::oldest ? " and with oldest values" : "", unasked(),
                      result_.symmetric && !all ? ", symmetric" : "");
    }
  }

  static constexpr std::chrono::milliseconds kReportEvery{200};

  const SearchOptions options_;
  TrialProgram program_;
  Scheduler scheduler_;
  SearchResult result_;
  Found last_;  ///< of the last failure
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::steady_clock::time_point next_report_;
  bool more_ = true;
  bool timed_out_ = false;
  bool sees_oldest_ = false;
  bool endless_ = false;             ///< with oldest values, a schedule
  bool lacks_older_values_ = false;  ///< with the last ones all was tried
  std::uint64_t drawn_before_ = 0;   ///< schedules that do not count for the limit any more
};

}  // namespace

SearchResult search(const ExploredTrial& trial, const SearchOptions& options) {
  return Explorer(trial, options).explore();
}

}  // namespace ccbench::explore
