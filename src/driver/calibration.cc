#include "driver/calibration.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <vector>

#include "driver/clock.h"
#include "driver/plan.h"
#include "driver/watch.h"

namespace ccbench {
namespace {

// Few enough that every one is taken from the queue of the pool by itself, as in most runs, and enough that
// the time a thread needs to get going is lost among them.
constexpr std::uint64_t kRequests = 8192;
constexpr int kTrials = 3;

/// To a tenth of a nanosecond: the rest would be of this moment.
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return std::round(10 * *middle) / 10;
}

class Nothing final : public AnyScenario {
 public:
  Result handle(const Request& /*request*/, const Entry& /*entry*/) override { return success(); }
};

/// In no registry: nobody is to run it but we.
ScenarioPlugin nothing() {
  return {.info = {.name = "calibration",
                   .about = "",
                   .key_name = "key",
                   .needs = {},
                   .breakable = "",
                   .parameters = {},
                   .steps = {},
                   .facts = {}},
          .make = [](const TrialContext&) { return std::make_unique<Nothing>(); },
          .check = [](const Tally&) { return std::vector<Invariant>{}; },
          .expected_success = [](const Tally&) -> std::optional<std::uint64_t> { return std::nullopt; }};
}

/// Of one trial, per request; nothing if it did not end as it should.
std::optional<double> cost_of_request(const Experiment& experiment, const Interruption& interruption) {
  const RequestSource requests(experiment, experiment.seed);
  TrialMemory memory({.requests = experiment.requests, .threads = experiment.threads});
  const GuardPlugin& guard = control_guard();
  const TrialSetup setup{.experiment = experiment, .guard = guard, .requests = requests};
  // What somebody who asks for a snapshot wants to see is not this: a sight of our own forgets that he did.
  Sight sight;
  const TrialEnd end = run_and_watch(setup, memory, interruption, sight, [](const Snapshot&) {});
  if (end.kind != TrialEnd::Kind::completed) return std::nullopt;
  const Nanos wall = memory.records().back().end.load(std::memory_order_acquire) - memory.release();
  return wall > 0 ? std::optional(static_cast<double>(wall) / static_cast<double>(experiment.requests))
                  : std::nullopt;
}

std::optional<double> cost_of_harness(const Interruption& interruption) {
  const ScenarioPlugin scenario = nothing();
  Experiment experiment;
  experiment.scenario = &scenario;
  experiment.guards = {&control_guard()};
  experiment.requests = kRequests;
  experiment.threads = 1;
  std::vector<double> costs;
  for (int i = 0; i < kTrials; ++i) {
    const std::optional<double> cost = cost_of_request(experiment, interruption);
    if (!cost) return std::nullopt;
    costs.push_back(*cost);
  }
  return median(std::move(costs));
}

}  // namespace

/// In batches, because a single read is not longer than what the clock can tell apart; the median of them is
/// none that was interrupted.
double cost_of_clock_read() {
  constexpr int kBatches = 15;
  constexpr int kReads = 256;
  std::vector<double> costs;
  for (int batch = 0; batch < kBatches; ++batch) {
    const Nanos before = steady_now();
    for (int read = 1; read < kReads; ++read) steady_now();
    costs.push_back(static_cast<double>(steady_now() - before) / kReads);
  }
  return median(std::move(costs));
}

Calibration calibrate(const Interruption& interruption) {
  Calibration calibration{.clock_read = cost_of_clock_read()};
  try {
    calibration.harness = cost_of_harness(interruption);
  } catch (const std::exception&) {
    // Refused memory, most likely: whether the trials get theirs is for them to say.
    calibration.harness.reset();
  }
  return calibration;
}

}  // namespace ccbench
