// Ctrl-C, SIGTERM and SIGQUIT as something that can be asked for.
#pragma once

#include <array>
#include <csignal>

namespace ccbench {

/// From its making to its end, SIGINT and SIGTERM are noted instead of ending the program, and SIGQUIT
/// asks for a snapshot, as of a JVM. One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// The first signal that asked for the end; 0: none. Later ones change nothing: a terminal, a `timeout`
  /// and a CI runner often send several at once, and what was measured is still to be written.
  int signal() const;

  /// How many snapshots were asked for.
  int snapshots_asked() const;

  /// From now on a signal ends the program at once: nobody shall wait for a disk that does not answer.
  void end_at_once();

  /// From its making to its end, the signals are kept waiting, for a ppoll with `outside()` to let them in:
  /// none can slip in between a look at `signal()` and the wait.
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
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGQUIT};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace ccbench
