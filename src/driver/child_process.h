// The process of a trial, and whatever it starts: none of it outlives the trial.
#pragma once

#include <sys/types.h>
#include <sys/wait.h>

#include <set>

namespace ccbench {

/// A process that does not outlive this object.
class ChildProcess {
 public:
  explicit ChildProcess(pid_t process) : process_(process) {}
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Ends the process and its group, which it may have left. The process is reaped last: until then its
  /// number, which is also its group's, can belong to nobody else. Once. Answers how it ended.
  siginfo_t end();

 private:
  pid_t process_;
};

/// The children of this process, which has one thread.
std::set<pid_t> children();

/// Ends what a trial has left behind: orphans come to this process, which has made itself their next of
/// kin, also those that left the trial's group. Who was a child before the trial is not ours to end.
void end_orphans(const std::set<pid_t>& before);

}  // namespace ccbench
