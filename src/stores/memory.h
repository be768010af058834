// A store in memory that is as open to races as a database whose statements commit one by one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "core/request.h"

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

/// Records `(table, key) → value`, all 0 at the start. Every operation is one visible step and nothing
/// between two steps is protected: check-then-act over it is as open as over a database in autocommit.
template <class Sync>
class MemoryStore {
 public:
  using Table = std::size_t;

  MemoryStore(std::size_t tables, Key keys, Visibility visibility, std::int64_t connections)
      : keys_(keys), records_(tables * keys), visibility_(visibility), connections_(connections) {}

  /// Holds one connection from its making to its end. Its own reads see its own writes.
  class Transaction {
   public:
    /// Waits for a connection.
    explicit Transaction(MemoryStore& store) : store_(store) { store_.connections_.take(); }
    /// What was not committed is dropped.
    ~Transaction() { store_.connections_.give_back(); }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    std::int64_t read(Table table, Key key) const {
      for (auto write = pending_.rbegin(); write != pending_.rend(); ++write) {
        if (write->table == table && write->key == key) return write->value;
      }
      return store_.record(table, key).load();
    }

    void write(Table table, Key key, std::int64_t value) {
      if (store_.visibility_ == Visibility::instant) {
        store_.record(table, key).store(value);
      } else {
        pending_.push_back({table, key, value});
      }
    }

    void commit() {
      for (const Write& write : pending_) store_.record(write.table, write.key).store(write.value);
      pending_.clear();
    }

   private:
    struct Write {
      Table table;
      Key key;
      std::int64_t value;
    };

    MemoryStore& store_;
    std::vector<Write> pending_;
  };

 private:
  using Record = typename Sync::template cell<std::int64_t>;
  Record& record(Table table, Key key) { return records_[table * keys_ + key]; }

  Key keys_;
  std::vector<Record> records_;
  Visibility visibility_;
  ConnectionPool<Sync> connections_;
};

}  // namespace ccbench
