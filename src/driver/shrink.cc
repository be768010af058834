#include "driver/shrink.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "stats/rate.h"

namespace ccbench {
namespace {

class Shrinking {
 public:
  Shrinking(const Experiment& failing, const FirstFailure& first, const Interruption& interruption,
            Progress& progress)
      : found_{.smallest = failing, .seed = first.seed, .steps = {}, .trials_at_first = first.trials},
        interruption_(interruption),
        progress_(progress) {
    found_.smallest.control = ControlMode::never;
    found_.smallest.until_fail = true;
    found_.smallest.trials = trials_for(first.trials, kTrialsToShrink);
    failing_.push_back({.experiment = found_.smallest, .first = first});
  }

  void requests() {
    least(1, found_.smallest.requests, [this](std::uint64_t requests) { return with_requests(requests); });
  }

  void window() {
    const auto length = static_cast<std::uint64_t>(found_.smallest.window.length);
    if (length == 0) return;
    least(0, length, [this](std::uint64_t nanos) { return with_window(static_cast<Nanos>(nanos)); });
  }

  /// Whoever is tried often fails once by chance: the smallest has to fail again.
  void confirm() {
    while (!fails_again(failing_.back()) && interruption_.signal() == 0 && failing_.size() > 1) {
      failing_.pop_back();
      found_.smallest = failing_.back().experiment;
      found_.seed = failing_.back().first.seed;
    }
  }

  Shrunk result() && {
    found_.cut_short = interruption_.signal() != 0;
    return std::move(found_);
  }

 private:
  struct Failing {
    Experiment experiment;
    FirstFailure first;
  };

  /// As many as see a failure of one in `trials` with 95 %.
  static int trials_for(std::uint64_t trials, int least) {
    constexpr std::uint64_t kMost = 100'000;
    const std::uint64_t enough = trials_to_see(1 / static_cast<double>(trials));
    return std::max(least, static_cast<int>(std::min(enough, kMost)));
  }

  /// With the seed of the trial that failed, as whoever repeats it will run it.
  bool fails_again(const Failing& candidate) {
    if (interruption_.signal() != 0) return false;
    Experiment again = candidate.experiment;
    again.seed = candidate.first.seed;
    again.until_fail = false;
    again.trials = trials_for(candidate.first.trials, kTrialsToConfirm);
    const RunResult result = run(again, Calibration{}, interruption_, progress_);
    const auto failed = static_cast<std::uint64_t>(std::ranges::count_if(
        result.trials, [](const TrialResult& trial) { return has_failed(trial.verdict); }));
    if (result.interrupted_by != 0 && failed == 0) return false;  // It has not been seen to hold.
    found_.confirmations.push_back({.requests = again.requests,
                                    .window = again.window.length,
                                    .trials = result.trials.size(),
                                    .failed = failed});
    return failed > 0;
  }

  /// Looks for the least value from `low` on that fails, by bisection: `high` does, and whatever is seen to
  /// is taken over. Stops where two values differ by less than an eighth.
  template <class With>
  void least(std::uint64_t low, std::uint64_t high, With with) {
    if (interruption_.signal() == 0 && fails(with(low))) return;
    while (high - low > std::max<std::uint64_t>(1, low / 8) && interruption_.signal() == 0) {
      const std::uint64_t middle = low + (high - low) / 2;
      (fails(with(middle)) ? high : low) = middle;
    }
  }

  Experiment with_requests(std::uint64_t requests) const {
    Experiment fewer = found_.smallest;
    const bool pool = fewer.pool();
    fewer.requests = requests;
    fewer.threads =
        static_cast<std::uint32_t>(pool ? std::min<std::uint64_t>(fewer.threads, requests) : requests);
    fewer.config["requests"] = std::to_string(fewer.requests);
    fewer.config["threads"] = std::to_string(fewer.threads);
    return fewer;
  }

  Experiment with_window(Nanos length) const {
    Experiment shorter = found_.smallest;
    shorter.window.length = length;
    shorter.config["window"] = to_text(length);
    shorter.params.erase("window");
    if (length != 0) shorter.params["window"] = to_text(length);
    return shorter;
  }

  /// Takes the experiment over if it fails.
  bool fails(const Experiment& experiment) {
    const RunResult result = run(experiment, Calibration{}, interruption_, progress_);
    const auto failed = std::ranges::find_if(
        result.trials, [](const TrialResult& trial) { return has_failed(trial.verdict); });
    const bool cut_short = result.interrupted_by != 0 && failed == result.trials.end();
    if (cut_short) return false;  // It has not been seen to hold.
    found_.steps.push_back({.requests = experiment.requests,
                            .window = experiment.window.length,
                            .trials = result.trials.size(),
                            .failed = failed != result.trials.end()});
    if (failed == result.trials.end()) return false;
    found_.smallest = experiment;
    found_.seed = failed->seed;
    failing_.push_back(
        {.experiment = experiment, .first = {.seed = failed->seed, .trials = result.trials.size()}});
    return true;
  }

  Shrunk found_;
  std::vector<Failing> failing_;  ///< all that did, each smaller than the last
  const Interruption& interruption_;
  Progress& progress_;
};

}  // namespace

Shrunk shrink(const Experiment& failing, const FirstFailure& first, const Interruption& interruption,
              Progress& progress) {
  Shrinking shrinking(failing, first, interruption, progress);
  shrinking.requests();
  shrinking.window();
  shrinking.confirm();
  return std::move(shrinking).result();
}

}  // namespace ccbench
