// An external step that goes wrong: what every scenario with effects lets a user ask for.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "core/request.h"
#include "core/scenario.h"

namespace ccbench {

/// A payment that the provider has not made, or that it did not answer.
class StepFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::array<std::string_view, 3> kFailureKinds = {"fails", "throws", "dies"};

/// For a scenario's list of parameters; all that have them have the same.
inline constexpr Parameter kFailureRate = {.name = "failure-rate",
                                           .about = "so many requests meet a failing external step",
                                           .type = Parameter::Type::ratio,
                                           .initial = "0"};
inline constexpr Parameter kFailure = {.name = "failure",
                                       .about = "the step says no, throws, or the process dies after it",
                                       .type = Parameter::Type::choice,
                                       .initial = "fails",
                                       .choices = kFailureKinds};

/// Which requests of a trial go wrong, drawn by its seed: the same ones under every guard.
template <class Sync>
class Failures {
 public:
  explicit Failures(const TrialContext& trial)
      : rate_(trial.ratio(kFailureRate.name)),
        kind_(trial.choice<Kind>(kFailure.name)),
        seed_(typename Sync::random(trial.seed ^ kStream)()) {}

  /// Whether `fails` will not answer false, for who counts or waits before it.
  bool will_fail(const Request& request) const { return kind_ != Kind::dies && drawn(request); }

  /// Whether the step of this request fails, having done nothing. Throws StepFailed where that is asked for.
  bool fails(const Request& request) const {
    if (!will_fail(request)) return false;
    if (kind_ == Kind::throws) throw StepFailed("the external step did not answer");
    return true;
  }

  /// Ends the process of the trial, at once, if it is this request's lot: to be called between two steps of
  /// which one without the other is a damage.
  void may_die(const Request& request) const {
    if (kind_ == Kind::dies && drawn(request)) Sync::end_process();
  }

 private:
  enum class Kind : std::uint8_t { fails, throws, dies };

  /// So that who fails does not depend on what else is drawn.
  static constexpr std::uint64_t kStream = 0x6661696c75726573;

  bool drawn(const Request& request) const {
    if (rate_ == 0) return false;
    typename Sync::random random(seed_);
    random.discard(request.index);
    return static_cast<double>(random() >> 11) * 0x1p-53 < rate_;
  }

  const double rate_;
  const Kind kind_;
  const std::uint64_t seed_;
};

}  // namespace ccbench
