// A store in memory that is as open to races as a database whose statements commit one by one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/request.h"
#include "core/transaction.h"

namespace ccbench {

/// A bounded number of connections to a store. Who asks for one while all are taken waits, in no
/// particular order; a pool of 0 is unlimited and never waits.
template <class Sync>
class ConnectionPool {
 public:
  explicit ConnectionPool(std::int64_t size) : free_(size), unlimited_(size == 0) {}

  void take() {
    if (unlimited_) return;
    std::unique_lock lock(mutex_);
    while (free_ == 0) returned_.wait(lock);
    --free_;
  }

  void give_back() {
    if (unlimited_) return;
    const std::lock_guard lock(mutex_);
    ++free_;
    returned_.notify_one();
  }

 private:
  typename Sync::mutex mutex_;
  typename Sync::condition_variable returned_;
  std::int64_t free_;
  const bool unlimited_;
};

/// When a change becomes visible to the other transactions.
enum class Visibility : std::uint8_t {
  commit,   ///< when its transaction commits
  instant,  ///< when it is made
};

/// Records `(table, key) → value`, all 0 at the start, and append-only rows. Every operation is one visible
/// step and nothing between two steps is protected: check-then-act over it is as open as over a database in
/// autocommit, unless the guard grants more by its `TransactionPolicy`.
///
/// Who waits: who begins a transaction, for a connection; who commits one that checks versions, for others
/// that do. What is ordered: a commit that checked happens before the next one that checks. Nothing else.
/// Memory: 16 bytes for every record, 8 for every key of a table of rows and 24 for each row, freed with the
/// store.
template <class Sync>
class MemoryStore {
 private:
  using Table = std::size_t;

  /// Counts the changes of what it belongs to; goes up after each.
  using Version = typename Sync::template atomic<std::uint32_t>;

  struct Record {
    typename Sync::template cell<std::int64_t> value;
    Version version{0};
  };
  struct Row {
    std::int64_t value;
    Row* older;
  };
  struct RowList {
    typename Sync::template atomic<Row*> newest{nullptr};
    Version version{0};
  };
  struct Write {
    Table table;
    Key key;
    std::int64_t value;
  };

 public:
  /// Tables of records and tables of rows are numbered apart, each from 0.
  MemoryStore(std::size_t tables, Key keys, Visibility visibility, std::int64_t connections,
              std::size_t row_tables = 0)
      : keys_(keys),
        records_(tables * keys),
        rows_(row_tables * keys),
        visibility_(visibility),
        connections_(connections) {}
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;
  /// No other thread may be using the store.
  ~MemoryStore() {
    for (RowList& list : rows_) {
      for (Row* row = list.newest.load(std::memory_order_relaxed); row != nullptr;)
        delete std::exchange(row, row->older);
    }
  }

  /// Holds one connection from its making to its end. Its own reads see its own writes.
  class Transaction {
   public:
    /// Waits for a connection.
    explicit Transaction(MemoryStore& store, TransactionPolicy policy = {}) : store_(store), policy_(policy) {
      store_.connections_.take();
    }
    /// What was not committed is dropped.
    ~Transaction() { store_.connections_.give_back(); }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    std::int64_t read(Table table, Key key) {
      for (auto write = writes_.rbegin(); write != writes_.rend(); ++write) {
        if (write->table == table && write->key == key) return write->value;
      }
      Record& record = store_.record(table, key);
      note(record.version);
      return record.value.load();
    }

    void write(Table table, Key key, std::int64_t value) {
      if (at_once()) {
        store_.apply(Write{table, key, value});
      } else {
        writes_.push_back({table, key, value});
      }
    }

    /// How many rows of the key have this value.
    std::uint64_t count_rows(Table table, Key key, std::int64_t value) {
      RowList& list = store_.rows(table, key);
      note(list.version);
      std::uint64_t count = 0;
      for (const Write& row : appended_) {
        if (row.table == table && row.key == key && row.value == value) ++count;
      }
      for (const Row* row = list.newest.load(std::memory_order_acquire); row != nullptr; row = row->older) {
        if (row->value == value) ++count;
      }
      return count;
    }

    void append(Table table, Key key, std::int64_t value) {
      if (at_once()) {
        store_.append(Write{table, key, value});
      } else {
        appended_.push_back({table, key, value});
      }
    }

    /// Answers false, having changed nothing, if the policy checks versions and another transaction has
    /// changed since what this one read. Never false otherwise.
    [[nodiscard]] bool commit() {
      if (policy_.listener != nullptr) policy_.listener->commits();
      if (!policy_.check_versions) {
        apply_all();
        return true;
      }
      const std::lock_guard lock(store_.commits_);
      for (const Seen& seen : seen_) {
        if (seen.version->load(std::memory_order_relaxed) != seen.number) return false;
      }
      apply_all();
      return true;
    }

   private:
    struct Seen {
      Version* version;
      std::uint32_t number;
    };

    bool at_once() const { return store_.visibility_ == Visibility::instant && !policy_.check_versions; }

    /// Before the value is read: a version that is older than the value costs a conflict, a younger one would
    /// hide one.
    void note(Version& version) {
      if (policy_.check_versions) seen_.push_back({&version, version.load(std::memory_order_acquire)});
    }

    void apply_all() {
      for (const Write& write : writes_) store_.apply(write);
      for (const Write& row : appended_) store_.append(row);
      writes_.clear();
      appended_.clear();
    }

    MemoryStore& store_;
    const TransactionPolicy policy_;
    std::vector<Write> writes_;
    std::vector<Write> appended_;
    std::vector<Seen> seen_;
  };

 private:
  Record& record(Table table, Key key) { return records_[table * keys_ + key]; }
  RowList& rows(Table table, Key key) { return rows_[table * keys_ + key]; }

  void apply(const Write& write) {
    Record& its = record(write.table, write.key);
    its.value.store(write.value);
    // Release: who sees the new version sees the value.
    its.version.fetch_add(1, std::memory_order_release);
  }

  void append(const Write& row) {
    RowList& list = rows(row.table, row.key);
    auto* added = new Row{.value = row.value, .older = list.newest.load(std::memory_order_relaxed)};
    while (!list.newest.compare_exchange_weak(added->older, added, std::memory_order_release,
                                              std::memory_order_relaxed)) {
    }
    list.version.fetch_add(1, std::memory_order_release);
  }

  Key keys_;
  std::vector<Record> records_;
  std::vector<RowList> rows_;
  Visibility visibility_;
  ConnectionPool<Sync> connections_;
  typename Sync::mutex commits_;  ///< held by a commit that checks versions
};

}  // namespace ccbench
