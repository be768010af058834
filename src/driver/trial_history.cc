#include "driver/trial_history.h"

#include <chrono>

namespace ccbench {

std::optional<HistoryReport> history_of_trial(const Experiment& experiment, const Promises& promises,
                                              std::uint64_t seed, const RequestSource& requests,
                                              std::span<const Record> records) {
  if (!experiment.scenario->model) return std::nullopt;
  auto model =
      experiment.scenario->model({.parameters = experiment.parameters, .seed = seed, .promises = promises});
  if (!model) return std::nullopt;
  const std::string_view conflict = conflicted().reason.text();
  const auto observed = [&](std::size_t i) -> std::optional<ObservedRequest> {
    const Record& record = records[i];
    if (record.start == 0) return std::nullopt;
    const Nanos end = end_of(record);
    return ObservedRequest{
        .index = i,
        .key = requests.key_of(i),
        .kind = requests.kind_of(i),
        .call = record.start,
        .response = end != 0 ? end : kNoResponse,
        .outcome = record.outcome,
        .conflict = end != 0 && record.outcome == Outcome::refused && record.reason.text() == conflict,
        .entered = record.calls > 0};
  };
  Histories histories(*std::move(model), experiment.keys);
  return histories.check(records.size(), observed,
                         {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2)});
}

}  // namespace ccbench
