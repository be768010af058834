// How a section learns that it is to stop.
#pragma once

#include <chrono>

namespace ccbench {

/// Granted by a guard that cancels. Outlives the section. Once asked to stop, it stays so.
class StopToken {
 public:
  StopToken() = default;
  StopToken(const StopToken&) = delete;
  StopToken& operator=(const StopToken&) = delete;
  virtual ~StopToken() = default;
  /// Never waits. What was done before the request to stop happens before an answer of true.
  virtual bool stop_requested() const = 0;
  /// Sleeps for `duration`, or until asked to stop, whichever comes first: at once where that has been.
  virtual void sleep_for(std::chrono::nanoseconds duration) const = 0;
};

}  // namespace ccbench
