// What a transaction grants with and without version checks, and what others see of it when.
#include "stores/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "core/transaction.h"
#include "driver/build.h"
#include "sync/start_line.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

using Store = MemoryStore<StdSync>;
using Transaction = Store::Transaction;

enum Table : std::size_t { kFirst, kSecond, kTables };

constexpr TransactionPolicy kChecked = {.check_versions = true};
constexpr Key kKey = 1;

Store store_with(Visibility visibility) { return {kTables, 3, visibility, 0, 2}; }

std::int64_t value_in(Store& store, std::size_t table = kFirst, Key key = kKey) {
  return Transaction(store).read(table, key);
}
std::uint64_t rows_in(Store& store, std::int64_t value, std::size_t table = 0, Key key = kKey) {
  return Transaction(store).count_rows(table, key, value);
}

/// Whether a commit went through that adds 1 to a record.
bool add_one(Store& store, TransactionPolicy policy = {}, std::size_t table = kFirst, Key key = kKey) {
  Transaction transaction(store, policy);
  transaction.write(table, key, transaction.read(table, key) + 1);
  return transaction.commit();
}

// ---------------------------------------------------------------- what is seen when

TEST(MemoryStoreTest, HoldsEveryRecordAndListByItself) {
  Store store = store_with(Visibility::commit);
  std::set<std::int64_t> values;
  for (Key key = 0; key < 3; ++key) {
    for (std::size_t table = 0; table < kTables; ++table) {
      EXPECT_EQ(value_in(store, table, key), 0);
      Transaction transaction(store);
      transaction.write(table, key, static_cast<std::int64_t>(10 * table + key + 1));
      transaction.append(table, key, static_cast<std::int64_t>(10 * table + key + 1));
      ASSERT_TRUE(transaction.commit());
    }
  }
  for (Key key = 0; key < 3; ++key) {
    for (std::size_t table = 0; table < kTables; ++table) {
      const auto mine = static_cast<std::int64_t>(10 * table + key + 1);
      values.insert(value_in(store, table, key));
      EXPECT_EQ(value_in(store, table, key), mine);
      EXPECT_EQ(rows_in(store, mine, table, key), 1U);
    }
  }
  EXPECT_EQ(values.size(), 6U);
}

TEST(MemoryStoreTest, ShowsChangesToOthersOnlyAfterTheirCommit) {
  Store store = store_with(Visibility::commit);
  Transaction transaction(store);
  transaction.write(kFirst, kKey, 7);
  transaction.append(0, kKey, 7);
  EXPECT_EQ(value_in(store), 0);
  EXPECT_EQ(rows_in(store, 7), 0U);
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(value_in(store), 7);
  EXPECT_EQ(rows_in(store, 7), 1U);
}

TEST(MemoryStoreTest, ShowsChangesAtOnceWhereAskedFor) {
  Store store = store_with(Visibility::instant);
  Transaction transaction(store);
  transaction.write(kFirst, kKey, 7);
  transaction.append(0, kKey, 7);
  EXPECT_EQ(value_in(store), 7);
  EXPECT_EQ(rows_in(store, 7), 1U);
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(rows_in(store, 7), 1U) << "a commit adds nothing twice";
}

TEST(MemoryStoreTest, HidesTheChangesOfATransactionThatChecksAlsoWhereOthersAreSeenAtOnce) {
  Store store = store_with(Visibility::instant);
  Transaction transaction(store, kChecked);
  transaction.write(kFirst, kKey, 7);
  transaction.append(0, kKey, 7);
  EXPECT_EQ(value_in(store), 0);
  EXPECT_EQ(rows_in(store, 7), 0U);
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(value_in(store), 7);
}

TEST(MemoryStoreTest, ShowsATransactionItsOwnChanges) {
  for (const Visibility visibility : {Visibility::commit, Visibility::instant}) {
    Store store = store_with(visibility);
    Transaction transaction(store);
    transaction.write(kFirst, kKey, 7);
    transaction.write(kFirst, kKey, 8);
    transaction.write(kSecond, kKey, 9);
    transaction.append(0, kKey, 1);
    transaction.append(0, kKey, 1);
    transaction.append(0, kKey, 2);
    EXPECT_EQ(transaction.read(kFirst, kKey), 8);
    EXPECT_EQ(transaction.read(kSecond, kKey), 9);
    EXPECT_EQ(transaction.read(kFirst, kKey + 1), 0);
    EXPECT_EQ(transaction.count_rows(0, kKey, 1), 2U);
    EXPECT_EQ(transaction.count_rows(1, kKey, 1), 0U);
  }
}

TEST(MemoryStoreTest, DropsWhatWasNotCommitted) {
  Store store = store_with(Visibility::commit);
  {
    Transaction transaction(store);
    transaction.write(kFirst, kKey, 7);
    transaction.append(0, kKey, 7);
  }
  EXPECT_EQ(value_in(store), 0);
  EXPECT_EQ(rows_in(store, 7), 0U);
}

// ---------------------------------------------------------------- versions

TEST(MemoryStoreTest, CommitsWhereNothingChangedSinceItWasRead) {
  Store store = store_with(Visibility::commit);
  EXPECT_TRUE(add_one(store, kChecked));
  EXPECT_TRUE(add_one(store, kChecked));
  EXPECT_EQ(value_in(store), 2);
}

/// Whether a transaction of `policy` commits that reads and changes, and is overtaken in between.
template <class Reads, class Overtakes>
bool commits_overtaken(Store& store, TransactionPolicy policy, Reads reads, Overtakes overtakes) {
  Transaction transaction(store, policy);
  reads(transaction);
  overtakes();
  transaction.write(kSecond, kKey, 99);
  transaction.append(1, kKey, 99);
  return transaction.commit();
}

TEST(MemoryStoreTest, CommitsNothingWhereAReadRecordWasChanged) {
  const auto reads = [](Transaction& transaction) { transaction.read(kFirst, kKey); };
  // By one that checks and by one that does not.
  for (const TransactionPolicy other : {kChecked, TransactionPolicy{}}) {
    Store store = store_with(Visibility::commit);
    const auto overtakes = [&] { ASSERT_TRUE(add_one(store, other)); };
    EXPECT_FALSE(commits_overtaken(store, kChecked, reads, overtakes));
    EXPECT_EQ(value_in(store, kSecond), 0);
    EXPECT_EQ(rows_in(store, 99, 1), 0U);
    EXPECT_TRUE(commits_overtaken(store, {}, reads, overtakes)) << "without a check nothing stops it";
    EXPECT_EQ(value_in(store, kSecond), 99);
  }
}

TEST(MemoryStoreTest, CommitsNothingWhereARecordWasWrittenAndHasTheValueThatWasRead) {
  const auto reads = [](Transaction& transaction) { transaction.read(kFirst, kKey); };
  for (const std::vector<std::int64_t>& values : {std::vector<std::int64_t>{5, 0}, {0}}) {
    Store store = store_with(Visibility::commit);
    const auto overtakes = [&] {
      for (const std::int64_t value : values) {
        Transaction transaction(store);
        transaction.write(kFirst, kKey, value);
        ASSERT_TRUE(transaction.commit());
      }
    };
    EXPECT_FALSE(commits_overtaken(store, kChecked, reads, overtakes))
        << "the value is the same, not the version";
  }
}

TEST(MemoryStoreTest, CommitsNothingWhereARowWasAddedToWhatWasCounted) {
  Store store = store_with(Visibility::commit);
  const auto reads = [](Transaction& transaction) { transaction.count_rows(0, kKey, 5); };
  const auto overtakes = [&] {
    Transaction transaction(store);
    transaction.append(0, kKey, 6);
    ASSERT_TRUE(transaction.commit());
  };
  EXPECT_FALSE(commits_overtaken(store, kChecked, reads, overtakes));
  EXPECT_TRUE(commits_overtaken(store, {}, reads, overtakes));
}

TEST(MemoryStoreTest, CommitsWhereOnlySomethingElseWasChanged) {
  Store store = store_with(Visibility::commit);
  const auto reads = [](Transaction& transaction) {
    transaction.read(kFirst, kKey);
    transaction.count_rows(0, kKey, 5);
  };
  const auto overtakes = [&] {
    ASSERT_TRUE(add_one(store, kChecked, kSecond));
    ASSERT_TRUE(add_one(store, kChecked, kFirst, kKey + 1));
    Transaction transaction(store);
    transaction.append(0, kKey + 1, 5);
    transaction.append(1, kKey, 5);
    ASSERT_TRUE(transaction.commit());
  };
  EXPECT_TRUE(commits_overtaken(store, kChecked, reads, overtakes));
}

TEST(MemoryStoreTest, ChecksNothingThatWasOnlyWritten) {
  Store store = store_with(Visibility::commit);
  Transaction transaction(store, kChecked);
  transaction.write(kFirst, kKey, 7);
  EXPECT_EQ(transaction.read(kFirst, kKey), 7) << "its own";
  ASSERT_TRUE(add_one(store));
  EXPECT_TRUE(transaction.commit());
  EXPECT_EQ(value_in(store), 7);
}

// ---------------------------------------------------------------- the listener

class Watching final : public CommitListener {
 public:
  explicit Watching(Store& store) : store_(store) {}
  void commits() override {
    ++times;
    seen = value_in(store_);
  }
  int times = 0;
  std::optional<std::int64_t> seen;

 private:
  Store& store_;
};

TEST(MemoryStoreTest, TellsOfACommitBeforeOthersSeeIt) {
  for (const bool checks : {false, true}) {
    Store store = store_with(Visibility::commit);
    Watching watching(store);
    EXPECT_TRUE(add_one(store, {.check_versions = checks, .listener = &watching}));
    EXPECT_EQ(watching.times, 1);
    EXPECT_EQ(watching.seen, 0);
    EXPECT_EQ(value_in(store), 1);
  }
}

class Overtaking final : public CommitListener {
 public:
  explicit Overtaking(Store& store) : store_(store) {}
  void commits() override { EXPECT_TRUE(add_one(store_)); }

 private:
  Store& store_;
};

TEST(MemoryStoreTest, ChecksVersionsAfterItHasTold) {
  Store store = store_with(Visibility::commit);
  Overtaking overtaking(store);
  EXPECT_FALSE(add_one(store, {.check_versions = true, .listener = &overtaking}));
  EXPECT_EQ(value_in(store), 1);
}

// ---------------------------------------------------------------- at once

constexpr int kRounds = kSanitized ? 2'000 : 10'000;
/// At most, where a loss is to be seen.
constexpr int kMostRounds = kSanitized ? 30'000 : 300'000;
/// One of two commits that meet goes through, so that nobody comes near it.
constexpr int kMostAttempts = 100'000;

/// Two threads add 1 to a record in as many rounds, from one start line, and repeat what does not commit.
/// Answers how many of the additions are lost. Stops after the first loss if `until_lost`.
std::int64_t lost_updates(TransactionPolicy policy, Visibility visibility, bool until_lost) {
  Store store(kTables, 1, visibility, 0);
  StartLine line;
  alignas(64) std::atomic<int> last{(until_lost ? kMostRounds : kRounds) - 1};
  std::atomic<std::int64_t> added{0};
  const auto play = [&](int thread) {
    pin_this_thread_to(allowed_cpus().at(static_cast<std::size_t>(thread)));
    for (int round = 0; round <= last.load(); ++round) {
      line.wait(thread, round);
      bool committed = false;
      for (int attempt = 0; !committed && attempt < kMostAttempts; ++attempt)
        committed = add_one(store, policy, kFirst, 0);
      if (!committed) {
        ADD_FAILURE() << "a transaction never commits";
        last.store(std::min(round + 1, last.load()));
        continue;
      }
      // The other one may have added and not counted yet; a sum that is too small is a loss.
      if (added.fetch_add(1) + 1 > value_in(store, kFirst, 0) && until_lost)
        last.store(std::min(round + 1, last.load()));
    }
  };
  {
    const std::jthread other(play, 1);
    std::jthread(play, 0).join();
  }
  return added - value_in(store, kFirst, 0);
}

TEST(MemoryStoreTest, LosesNoUpdateOfTransactionsThatCheck) {
  if (allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU: threads started by spinning never meet";
  for (const Visibility visibility : {Visibility::commit, Visibility::instant}) {
    ASSERT_GT(lost_updates({}, visibility, true), 0)
        << "the check has no power: without versions nothing is lost";
    EXPECT_EQ(lost_updates(kChecked, visibility, false), 0);
  }
}

/// Whether one of two sums that every transaction keeps equal is ever committed from unequal parts.
bool sees_half_a_commit(TransactionPolicy policy, int rounds) {
  Store store(kTables, 1, Visibility::commit, 0);
  StartLine line;
  alignas(64) std::atomic<bool> half{false};
  alignas(64) std::atomic<int> last{rounds - 1};
  const auto play = [&](int thread) {
    pin_this_thread_to(allowed_cpus().at(static_cast<std::size_t>(thread)));
    for (int round = 0; round <= last.load(); ++round) {
      line.wait(thread, round);
      Transaction transaction(store, policy);
      const std::int64_t first = transaction.read(kFirst, 0);
      const std::int64_t second = transaction.read(kSecond, 0);
      if (thread == 0) {
        transaction.write(kFirst, 0, first + 1);
        transaction.write(kSecond, 0, first + 1);
      }
      if (transaction.commit() && first != second) half = true;
      if (half) last.store(std::min(round + 1, last.load()));
    }
  };
  {
    const std::jthread other(play, 1);
    std::jthread(play, 0).join();
  }
  return half;
}

TEST(MemoryStoreTest, CommitsNothingThatWasReadHalfBeforeAndHalfAfterAnother) {
  if (allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU: threads started by spinning never meet";
  ASSERT_TRUE(sees_half_a_commit({}, kMostRounds)) << "the check has no power";
  EXPECT_FALSE(sees_half_a_commit(kChecked, kRounds));
}

TEST(MemoryStoreTest, LosesNoRowThatTwoAppendAtOnce) {
  if (allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU: threads started by spinning never meet";
  Store store(0, 1, Visibility::commit, 0, 1);
  StartLine line;
  const auto play = [&](int thread) {
    pin_this_thread_to(allowed_cpus().at(static_cast<std::size_t>(thread)));
    for (int round = 0; round < kRounds; ++round) {
      line.wait(thread, round);
      Transaction transaction(store);
      transaction.append(0, 0, thread);
      EXPECT_TRUE(transaction.commit());
    }
  };
  {
    const std::jthread other(play, 1);
    std::jthread(play, 0).join();
  }
  for (const int thread : {0, 1})
    EXPECT_EQ(rows_in(store, thread, 0, 0), static_cast<std::uint64_t>(kRounds));
}

/// Whether two transactions are ever open together in a store of so many connections.
bool two_are_open(std::int64_t connections) {
  Store store(kTables, 1, Visibility::commit, connections);
  std::atomic<int> open{0};
  std::atomic<bool> two{false};
  const auto play = [&] {
    for (int time = 0; time < 50 && !two; ++time) {
      const Transaction transaction(store);
      if (open.fetch_add(1) > 0) two = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      open.fetch_sub(1);
    }
  };
  {
    const std::jthread other(play);
    std::jthread(play).join();
  }
  return two;
}

TEST(MemoryStoreTest, MakesATransactionWaitForAConnection) {
  ASSERT_TRUE(two_are_open(0)) << "the check has no power";
  EXPECT_TRUE(two_are_open(2));
  EXPECT_FALSE(two_are_open(1));
}

}  // namespace
}  // namespace ccbench
