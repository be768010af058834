// For faulty guards: a commit that takes long enough to be overtaken.
#pragma once

#include "core/transaction.h"
#include "guards/faulty/fault_window.h"

namespace ccbench {

/// Holds the window before every commit, so that what was read is old when it is written.
template <class Sync>
class SlowCommit final : public CommitListener {
 public:
  static constexpr std::chrono::milliseconds kOwn{2};

  explicit SlowCommit(const FaultWindow<Sync>& window) : window_(window) {}
  void commits() override { window_.hold(); }

 private:
  const FaultWindow<Sync>& window_;
};

}  // namespace ccbench
