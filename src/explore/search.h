// From what is to be explored to what was found.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/verdict.h"
#include "explore/replay.h"
#include "explore/trial_program.h"

namespace ccbench::explore {

enum class SearchStrategy : std::uint8_t {
  automatic,  ///< at random first; then the shortest way to what was found, or everything
  random,
  priorities,  ///< `pct`
  dfs,         ///< every schedule, or all with at most so many preemptions
  dpor,        ///< one schedule of each class of equal ones
  replay,
};

struct SearchOptions {
  SearchStrategy strategy = SearchStrategy::automatic;
  SchedulerOptions scheduler = {};
  std::uint64_t seed = 1;
  std::uint64_t schedules = 0;  ///< at most so many; 0: no limit. Of random ones 0 means `kRandomSchedules`
  std::int64_t budget = 0;      ///< at most so long, in ns; 0: no limit
  std::optional<std::uint32_t> preemptions = {};
  std::uint32_t depth = 3;  ///< of `priorities`
  std::uint32_t spurious =
      0;                 ///< so many waits of each request may end unasked; all is searched without, too
  bool symmetry = true;  ///< where the requests are alike
  /// Loads of cells may also see the oldest value that release and acquire allow, where it is not the last.
  bool older_values = true;
  std::vector<ReplayStep> replay = {};
  std::function<bool()> interrupted = [] { return false; };
  /// Called a few times a second, with the schedules so far.
  std::function<void(std::uint64_t)> progress = [](std::uint64_t /*schedules*/) {};
};

inline constexpr std::uint64_t kRandomSchedules = 1000;

/// What loads of cells may see. Atomics have their last value in all of them.
enum class MemoryModel : std::uint8_t {
  sequential,  ///< the last value
  oldest,      ///< or, in schedules of their own, the oldest one that release and acquire allow
  /// All that release and acquire allow.
  release_acquire,
};

/// One step of a trace, in words.
struct TraceStep {
  Task task = kNoTask;
  std::string operation;  ///< `load`
  std::string object;     ///< `cell#1`; empty: none
  std::string place;      ///< the scenario's step it is in; empty: in the guard
  TaskSet inside = {};    ///< requests that had begun and were in their sections when it was taken
  bool breaks = false;    ///< with this step what is broken was beyond repair
  bool old = false;       ///< a load that did not see the last value
};

/// Who could not go on at the end of a deadlock.
struct Blocked {
  Task task = kNoTask;
  std::string why;      ///< `waits for mutex#1, held by request 2`
  bool inside = false;  ///< a request in its section
};

/// A schedule that shows what is wrong.
struct Found {
  Verdict verdict = Verdict::violation;
  std::string sentence;  ///< `one payment sent: 2 instead of 1`, or who waits for whom
  std::vector<TraceStep> trace;
  std::vector<Blocked> blocked;
  std::vector<std::string> results;  ///< what each request got
  std::string replay;
  std::uint32_t preemptions = 0;
  bool confirmed = false;  ///< it was replayed, and did the same
};

struct SearchResult {
  ExploredTrial trial;
  SearchOptions options;
  bool symmetric = false;
  std::uint64_t schedules = 0;   ///< all that were begun
  std::uint64_t classes = 0;     ///< of the exhaustive part: those that no other was equal to
  std::uint64_t redundant = 0;   ///< of that: cut, because what was left of them had been seen
  std::uint64_t violations = 0;  ///< schedules that ended with a broken invariant
  std::uint64_t deadlocks = 0;
  std::uint64_t too_long = 0;
  std::uint64_t first_failure = 0;  ///< the schedule that showed the first of those, from 1; 0: none
  std::uint64_t longest = 0;        ///< steps of the longest schedule
  bool exhausted = false;           ///< nothing is left to be tried, within the preemptions that are allowed
  /// Of a failure: what it takes. Of an OK: what was tried. It is `release_acquire` if no load of any
  /// schedule could have seen another value than the last.
  MemoryModel memory = MemoryModel::sequential;
  double cpu_seconds = 0;
  Verdict verdict = Verdict::inconclusive;
  std::string sentence;
  std::optional<Found> found = {};
  bool interrupted = false;
};

/// Explores until something is found, nothing is left or a limit is reached.
SearchResult search(const ExploredTrial& trial, const SearchOptions& options);

}  // namespace ccbench::explore
