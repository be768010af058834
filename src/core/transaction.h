// How a store is to treat the transactions of one section: part of what a guard grants.
#pragma once

namespace ccbench {

/// Told by a store of the commits of a section's transactions.
class CommitListener {
 public:
  CommitListener() = default;
  CommitListener(const CommitListener&) = delete;
  CommitListener& operator=(const CommitListener&) = delete;
  virtual ~CommitListener() = default;
  /// Right before a commit becomes visible to others, on the committing thread.
  virtual void commits() = 0;
};

struct TransactionPolicy {
  /// A commit fails, and changes nothing, if another has changed since what the transaction read.
  bool check_versions = false;
  CommitListener* listener = nullptr;  ///< null: nobody is told
};

}  // namespace ccbench
