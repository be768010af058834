// Arms as real processes.
#pragma once

#include "driver/interruption.h"
#include "gate/arm.h"

namespace ccbench {

/// Starts the arm's program with its flags and reads what it prints. The process is of a group of its own and
/// tied to the life of this one. An interruption is passed on to it, and it is waited for: a ccbench ends its
/// trials and writes what it has. One that does not end within 10 s then is killed, as is one over its limit.
class ProcessRunner final : public ArmRunner {
 public:
  explicit ProcessRunner(const Interruption& interruption) : interruption_(interruption) {}
  ArmOutput run(const Arm& arm, const ArmFlags& more, Nanos limit) override;

 private:
  const Interruption& interruption_;
};

}  // namespace ccbench
