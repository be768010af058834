// Ctrl-C and SIGTERM as something that can be asked for.
#pragma once

#include <csignal>

namespace ccbench {

/// From its making to its end, SIGINT and SIGTERM are noted instead of ending the program; a second
/// one, while what was measured is being written, ends it at once. One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// The signal that came; 0: none.
  int signal() const;

  /// From its making to its end, SIGINT and SIGTERM are kept waiting, for a ppoll with `outside()` to
  /// let them in: none can slip in between a look at `signal()` and the wait.
  class Held {
   public:
    Held();
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    const sigset_t* outside() const { return &outside_; }

   private:
    sigset_t outside_{};
  };

 private:
  struct sigaction interrupt_before_{};
  struct sigaction terminate_before_{};
};

}  // namespace ccbench
