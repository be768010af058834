#include "history/histories.h"

#include <fmt/format.h>

namespace ccbench {
namespace {

/// `no order explains request 7 (refused): after 5 of 9 requests the state is 1`.
std::string witness(const ObservedRequest& unexplained, const Linearization& longest, std::size_t requests) {
  return fmt::format("no order explains request {} ({}): after {} of {} requests the state is {}",
                     unexplained.index, name_of(unexplained.outcome), longest.ordered, requests,
                     longest.state);
}

}  // namespace

std::optional<Operation> operation_of(const SequentialModel& model, const ObservedRequest& request) {
  const bool told = request.response != kNoResponse && !request.conflict &&
                    (!is_failure(request.outcome) || request.outcome == Outcome::refused);
  if (!told && (!request.entered || request.conflict)) return std::nullopt;
  const auto deed = model.deed_of({.index = request.index,
                                   .kind = request.kind,
                                   .refused = told && request.outcome == Outcome::refused,
                                   .value = told ? request.value : std::nullopt});
  if (!deed) return std::nullopt;
  return Operation{.call = request.call, .response = told ? request.response : kNoResponse, .deed = *deed};
}

HistoryReport Histories::check(std::size_t requests, Request request, const LinearizationLimit& limit) {
  sort_by_key(requests, request);
  HistoryReport report;
  Invariant invariant = equal(kLinearizable, 0, 0);
  for (Key key = 0; key < keys_; ++key) {
    read_history(key, request);
    if (history_.empty()) continue;
    const Linearization result = is_linearizable_(history_, model_.initial, model_.step, limit);
    if (result.answer == Linearization::Answer::unknown) {
      ++report.unknown;
      continue;
    }
    ++invariant.expected;
    if (result.answer == Linearization::Answer::linearizable) {
      ++invariant.observed;
    } else if (invariant.holds) {
      invariant.holds = false;
      invariant.beyond_repair = true;
      if (keys_ > 1) invariant.key = key;
      const auto unexplained = request(request_of_[result.unexplained]);
      if (unexplained) invariant.witness = witness(*unexplained, result, history_.size());
    }
  }
  if (!invariant.holds || report.unknown == 0) report.invariant = std::move(invariant);
  return report;
}

void Histories::read_history(Key key, Request request) {
  history_.clear();
  request_of_.clear();
  for (std::size_t i = key == 0 ? 0 : end_of_key_[key - 1]; i < end_of_key_[key]; ++i) {
    const auto observed = request(by_key_[i]);
    const auto operation = observed ? operation_of(model_, *observed) : std::nullopt;
    if (!operation) continue;
    history_.push_back(*operation);
    request_of_.push_back(by_key_[i]);
  }
}

void Histories::sort_by_key(std::size_t requests, Request request) {
  end_of_key_.assign(keys_ + 1, 0);
  std::size_t begun = 0;
  for (std::size_t i = 0; i < requests; ++i) {
    if (const auto observed = request(i)) {
      ++end_of_key_[observed->key + 1];
      ++begun;
    }
  }
  // Where each key begins, which is moved to its end as it is filled.
  for (Key key = 0; key < keys_; ++key) end_of_key_[key + 1] += end_of_key_[key];
  by_key_.resize(begun);
  for (std::size_t i = 0; i < requests; ++i) {
    if (const auto observed = request(i))
      by_key_[end_of_key_[observed->key]++] = static_cast<std::uint32_t>(i);
  }
}

}  // namespace ccbench
