// The stamped lock, mode by mode. Each check is run on a lock with one flaw first, and must find it.
#include "sync/stamped_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "driver/build.h"
#include "sync/asleep_test.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

using Lock = StampedLock<StdSync>;

static_assert(kSanitized || sizeof(Lock) == 64);

// ---------------------------------------------------------------- locks with one flaw

/// Leaves whatever it is told to leave with.
struct TrustsEveryStamp : Lock {
  Stamp write_lock() { return own_ = Lock::write_lock(); }
  Stamp read_lock() { return own_ = Lock::read_lock(); }
  void unlock_write(Stamp /*stamp*/) { Lock::unlock_write(own_); }
  void unlock_read(Stamp /*stamp*/) { Lock::unlock_read(own_); }

 private:
  Stamp own_ = 0;
};

/// Throws at a wrong stamp, having let go.
struct LetsGoAndComplains : TrustsEveryStamp {
  void unlock_write(Stamp stamp) {
    const bool wrong = !validate(stamp);
    TrustsEveryStamp::unlock_write(stamp);
    if (wrong) throw std::logic_error("too late");
  }
};

struct FindsEverythingValid : Lock {
  bool validate(Stamp /*stamp*/) const { return true; }
};

struct FindsNothingValid : Lock {
  bool validate(Stamp /*stamp*/) const { return false; }
};

/// Lets go of its read lock and takes the write lock, if there is one to be had, whoever has written
/// meanwhile.
struct ConvertsWhateverTheVersion : Lock {
  Stamp try_convert_to_write(Stamp stamp) {
    if (const Stamp converted = Lock::try_convert_to_write(stamp); converted != 0) return converted;
    return Lock::try_convert_to_write(try_optimistic_read());
  }
};

/// Gives up its read lock where it cannot convert.
struct LosesWhatItCannotConvert : Lock {
  Stamp try_convert_to_write(Stamp stamp) {
    const Stamp converted = Lock::try_convert_to_write(stamp);
    if (converted == 0) try_convert_to_optimistic(stamp);
    return converted;
  }
};

enum class First { reads, writes };
enum class Wakes { yes, no };

/// Lets reads in although a write waits, or writes although reads have waited for longer; and may leave those
/// asleep for half a second whom it should wake.
template <First kFirst, Wakes kWakes = Wakes::yes>
class Prefers {
 public:
  Stamp write_lock() {
    std::unique_lock lock(mutex_);
    ++waiting_writes_;
    while (written_ || readers_ > 0) wait(lock);
    --waiting_writes_;
    written_ = true;
    return 1;
  }
  Stamp read_lock() {
    std::unique_lock lock(mutex_);
    while (written_ || (kFirst == First::writes && waiting_writes_ > 0)) wait(lock);
    ++readers_;
    return 1;
  }
  void unlock_write(Stamp /*stamp*/) {
    const std::lock_guard lock(mutex_);
    written_ = false;
    if (kWakes == Wakes::yes) changed_.notify_all();
  }
  void unlock_read(Stamp /*stamp*/) {
    const std::lock_guard lock(mutex_);
    --readers_;
    if (kWakes == Wakes::yes) changed_.notify_all();
  }

 private:
  void wait(std::unique_lock<std::mutex>& lock) {
    if (kWakes == Wakes::yes) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, std::chrono::milliseconds(500));
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int readers_ = 0;
  int waiting_writes_ = 0;
  bool written_ = false;
};

// ---------------------------------------------------------------- checks: true means a flaw

template <class Leave>
bool is_refused(Leave leave) {
  try {
    leave();
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

/// A write lock that is left with a wrong stamp, or not with the right one.
template <class L>
bool leaves_writing_with_a_wrong_stamp() {
  L lock;
  const Stamp before = lock.try_optimistic_read();
  const Stamp read = lock.read_lock();
  lock.unlock_read(read);
  const Stamp old = lock.write_lock();
  lock.unlock_write(old);
  const Stamp stamp = lock.write_lock();
  for (const Stamp wrong : {Stamp{0}, before, read, old, stamp + 1, ~Stamp{0}}) {
    if (!is_refused([&] { lock.unlock_write(wrong); }) || lock.try_optimistic_read() != 0) return true;
    if (!is_refused([&] { lock.unlock_read(wrong); }) || lock.try_optimistic_read() != 0) return true;
  }
  lock.unlock_write(stamp);
  return lock.try_optimistic_read() == 0 || !is_refused([&] { lock.unlock_write(stamp); });
}

/// Likewise a read lock.
template <class L>
bool leaves_reading_with_a_wrong_stamp() {
  L lock;
  const Stamp before = lock.try_optimistic_read();
  const Stamp write = lock.write_lock();
  lock.unlock_write(write);
  const Stamp stamp = lock.read_lock();
  const auto is_held = [&] {
    const Stamp now = lock.try_optimistic_read();
    return now != 0 && lock.try_convert_to_write(now) == 0;
  };
  for (const Stamp wrong : {Stamp{0}, before, before + 1, write, lock.try_optimistic_read()}) {
    if (!is_refused([&] { lock.unlock_read(wrong); }) || !is_held()) return true;
    if (!is_refused([&] { lock.unlock_write(wrong); }) || !is_held()) return true;
  }
  lock.unlock_read(stamp);
  return is_held() || !is_refused([&] { lock.unlock_read(stamp); });
}

/// A stamp that is valid although somebody has written since, or the other way round.
template <class L>
bool validates_wrongly() {
  L lock;
  const Stamp stamp = lock.try_optimistic_read();
  if (stamp == 0 || !lock.validate(stamp) || lock.validate(0)) return true;
  const Stamp read = lock.read_lock();
  if (!lock.validate(stamp) || !lock.validate(read)) return true;  // A read changes nothing.
  lock.unlock_read(read);
  if (!lock.validate(stamp)) return true;
  const Stamp write = lock.write_lock();
  if (lock.validate(stamp) || !lock.validate(write) || lock.try_optimistic_read() != 0) return true;
  lock.unlock_write(write);
  return lock.validate(stamp) || lock.validate(write) || !lock.validate(lock.try_optimistic_read());
}

/// A conversion that succeeds where something has been written since, or where it needs somebody else out.
template <class L>
bool converts_wrongly_to_write() {
  L lock;
  const Stamp old = lock.try_optimistic_read();
  const Stamp write = lock.try_convert_to_write(old);
  if (write == 0 || lock.try_convert_to_write(write) != write || lock.try_optimistic_read() != 0) return true;
  if (lock.try_convert_to_write(old) != 0 || lock.try_convert_to_write(0) != 0) return true;
  lock.unlock_write(write);
  if (lock.try_convert_to_write(old) != 0 || lock.try_convert_to_write(write) != 0) return true;

  const Stamp read = lock.read_lock();
  const Stamp other = lock.read_lock();
  if (lock.try_convert_to_write(read) != 0) return true;                        // Another one reads.
  if (lock.try_convert_to_write(lock.try_optimistic_read()) != 0) return true;  // Two do.
  lock.unlock_read(other);
  const Stamp converted = lock.try_convert_to_write(read);
  if (converted == 0 || lock.try_optimistic_read() != 0) return true;
  lock.unlock_write(converted);
  return lock.try_convert_to_write(lock.try_optimistic_read()) == 0;
}

/// The mode of a stamp that could not be converted has to be as it was.
template <class L>
bool loses_a_failed_conversion() {
  L lock;
  const Stamp read = lock.read_lock();
  const Stamp other = lock.read_lock();
  if (lock.try_convert_to_write(read) != 0) return true;
  try {
    lock.unlock_read(read);
    lock.unlock_read(other);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

// ---------------------------------------------------------------- tests

/// Ends the program if a test hangs.
class StampedLockTest : public testing::Test {
 public:
  StampedLockTest() { alarm(120); }
  ~StampedLockTest() override { alarm(0); }
  StampedLockTest(const StampedLockTest&) = delete;
  StampedLockTest& operator=(const StampedLockTest&) = delete;
};

TEST_F(StampedLockTest, RefusesAWrongStampAndStaysAsItWas) {
  ASSERT_TRUE(leaves_writing_with_a_wrong_stamp<TrustsEveryStamp>());
  ASSERT_TRUE(leaves_writing_with_a_wrong_stamp<LetsGoAndComplains>());
  EXPECT_FALSE(leaves_writing_with_a_wrong_stamp<Lock>());
  ASSERT_TRUE(leaves_reading_with_a_wrong_stamp<TrustsEveryStamp>());
  EXPECT_FALSE(leaves_reading_with_a_wrong_stamp<Lock>());
}

TEST_F(StampedLockTest, SaysThatTheStampIsWrong) {
  Lock lock;
  try {
    lock.unlock_write(lock.try_optimistic_read());
    FAIL() << "nobody holds it";
  } catch (const std::logic_error& error) {
    EXPECT_EQ(std::string_view(error.what()), "illegal state: the stamp is not the one that locked");
  }
}

TEST_F(StampedLockTest, FindsAStampValidUntilSomebodyWrites) {
  ASSERT_TRUE(validates_wrongly<FindsEverythingValid>());
  ASSERT_TRUE(validates_wrongly<FindsNothingValid>());
  EXPECT_FALSE(validates_wrongly<Lock>());
}

TEST_F(StampedLockTest, ConvertsToWriteOnlyWhatIsUpToDateAndAlone) {
  ASSERT_TRUE(converts_wrongly_to_write<ConvertsWhateverTheVersion>());
  EXPECT_FALSE(converts_wrongly_to_write<Lock>());
}

TEST_F(StampedLockTest, KeepsTheModeOfWhatItCannotConvert) {
  ASSERT_TRUE(loses_a_failed_conversion<LosesWhatItCannotConvert>());
  EXPECT_FALSE(loses_a_failed_conversion<Lock>());
}

TEST_F(StampedLockTest, ConvertsToReadAndToOptimistic) {
  Lock lock;
  const Stamp write = lock.write_lock();
  const Stamp read = lock.try_convert_to_read(write);
  ASSERT_NE(read, 0U);
  EXPECT_EQ(lock.try_convert_to_read(read), read);
  EXPECT_EQ(lock.try_convert_to_read(write), 0U) << "it is held to read now";
  EXPECT_EQ(lock.try_convert_to_write(lock.try_optimistic_read()), 0U) << "it is held to read";
  const Stamp other = lock.read_lock();
  lock.unlock_read(other);
  const Stamp optimistic = lock.try_convert_to_optimistic(read);
  ASSERT_NE(optimistic, 0U);
  EXPECT_TRUE(lock.validate(optimistic));
  EXPECT_EQ(lock.try_convert_to_optimistic(optimistic), optimistic);
  EXPECT_EQ(lock.try_convert_to_optimistic(read), 0U) << "nobody reads any more";

  const Stamp again = lock.try_convert_to_read(optimistic);
  ASSERT_NE(again, 0U);
  lock.unlock_read(again);
  const Stamp second = lock.write_lock();
  EXPECT_EQ(lock.try_convert_to_read(optimistic), 0U);
  EXPECT_EQ(lock.try_convert_to_optimistic(optimistic), 0U);
  const Stamp left = lock.try_convert_to_optimistic(second);
  EXPECT_TRUE(lock.validate(left));
  EXPECT_FALSE(lock.validate(optimistic));
  EXPECT_EQ(lock.try_convert_to_optimistic(0), 0U);
  EXPECT_EQ(lock.try_convert_to_read(0), 0U);
}

// ---------------------------------------------------------------- with threads

constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(20);

template <class Condition>
bool comes_true(Condition condition, std::chrono::milliseconds patience = kPatience) {
  for (const auto end = std::chrono::steady_clock::now() + patience;
       std::chrono::steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return condition();
}

/// A thread that enters something, and can be seen to sleep before it.
class Visitor {
 public:
  explicit Visitor(std::function<void(Visitor&)> visit)
      : thread_([this, visit = std::move(visit)] {
          tid_ = gettid();
          visit(*this);
        }) {}

  /// To be called by its own thread.
  void is_inside() { inside_ = true; }

  bool falls_asleep() const {
    return comes_true([&] { return inside_ || (tid_ != 0 && is_asleep(tid_)); }) && !inside_;
  }
  bool gets_inside(std::chrono::milliseconds patience = kPatience) const {
    return comes_true([&] { return inside_.load(); }, patience);
  }

 private:
  std::atomic<pid_t> tid_{0};
  std::atomic<bool> inside_{false};
  std::jthread thread_;  // Last: it uses what is above.
};

/// The order in which two writes and two reads enter that came while somebody read: first one of the writes,
/// then the reads, then the other one. Who did not wait is marked.
template <class L>
std::string order_of_entry() {
  L lock;
  std::mutex mutex;
  std::string order;
  const auto note = [&](char who) {
    const std::lock_guard hold(mutex);
    order += who;
  };
  const Stamp inside = lock.read_lock();
  std::deque<Visitor> visitors;
  for (const char who : {'w', 'r', 'r', 'w'}) {
    visitors.emplace_back([&, who](Visitor& me) {
      const Stamp stamp = who == 'w' ? lock.write_lock() : lock.read_lock();
      me.is_inside();
      note(who);
      who == 'w' ? lock.unlock_write(stamp) : lock.unlock_read(stamp);
    });
    if (!visitors.back().falls_asleep()) note('!');
  }
  lock.unlock_read(inside);
  visitors.clear();
  return order;
}

enum class Mode { read, write };

template <class L>
Stamp enter(L& lock, Mode mode) {
  return mode == Mode::write ? lock.write_lock() : lock.read_lock();
}
template <class L>
void leave(L& lock, Mode mode, Stamp stamp) {
  mode == Mode::write ? lock.unlock_write(stamp) : lock.unlock_read(stamp);
}

/// A lone waiter that sleeps on when the one inside has left.
template <class L>
bool leaves_asleep(Mode inside, Mode waiting, std::chrono::milliseconds patience) {
  L lock;
  const Stamp stamp = enter(lock, inside);
  const Visitor visitor([&](Visitor& me) {
    const Stamp its_own = enter(lock, waiting);
    me.is_inside();
    leave(lock, waiting, its_own);
  });
  const bool slept = visitor.falls_asleep();
  leave(lock, inside, stamp);
  return !slept || !visitor.gets_inside(patience);
}

TEST_F(StampedLockTest, WakesWhoWaits) {
  const std::vector<std::pair<Mode, Mode>> pairs = {
      {Mode::write, Mode::write}, {Mode::write, Mode::read}, {Mode::read, Mode::write}};
  for (const auto& [inside, waiting] : pairs) {
    const auto flawed = leaves_asleep<Prefers<First::writes, Wakes::no>>;
    ASSERT_TRUE(flawed(inside, waiting, std::chrono::milliseconds(20)));
    for (int time = 0; time < 5; ++time) ASSERT_FALSE(leaves_asleep<Lock>(inside, waiting, kPatience));
  }
}

/// Who converts what it writes lets in those who wait to read.
TEST_F(StampedLockTest, LetsWaitingReadsInWhereAWriteConverts) {
  Lock lock;
  const Stamp write = lock.write_lock();
  const auto visit = [&](Mode mode) {
    return [&lock, mode](Visitor& me) {
      const Stamp stamp = enter(lock, mode);
      me.is_inside();
      leave(lock, mode, stamp);
    };
  };
  const Visitor reader(visit(Mode::read));
  ASSERT_TRUE(reader.falls_asleep());
  const Visitor writer(visit(Mode::write));
  ASSERT_TRUE(writer.falls_asleep());
  const Stamp read = lock.try_convert_to_read(write);
  EXPECT_TRUE(reader.gets_inside());
  EXPECT_TRUE(writer.falls_asleep()) << "somebody reads";
  const Stamp left = lock.try_convert_to_optimistic(read);
  EXPECT_NE(left, 0U);
  EXPECT_TRUE(writer.gets_inside());
}

TEST_F(StampedLockTest, LetsReadsWaitForOneWriteAndWritesForNoLaterRead) {
  ASSERT_EQ(order_of_entry<Prefers<First::reads>>().substr(0, 1), "r");
  ASSERT_EQ(order_of_entry<Prefers<First::writes>>(), "wwrr");
  for (int time = 0; time < 5; ++time) ASSERT_EQ(order_of_entry<Lock>(), "wrrw");
}

/// Everybody gets in in the end, however they come: a wake-up that is lost would leave one asleep.
TEST_F(StampedLockTest, LeavesNobodyAsleep) {
  constexpr int kThreads = 8;
  constexpr int kRounds = kSanitized ? 300 : 3'000;
  Lock lock;
  std::atomic<int> sections{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int round = 0; round < kRounds; ++round) {
          const bool writes = (round + thread) % 3 == 0;
          const Stamp stamp = writes ? lock.write_lock() : lock.read_lock();
          sections.fetch_add(1);
          if (round % 7 == 0) std::this_thread::yield();
          writes ? lock.unlock_write(stamp) : lock.unlock_read(stamp);
        }
      });
    }
  }
  EXPECT_EQ(sections, kThreads * kRounds);
  EXPECT_NE(lock.try_convert_to_write(lock.try_optimistic_read()), 0U);
}

/// Now and then lets another thread come in between.
void linger() {
  thread_local int times = 0;
  if (++times % 8 == 0) std::this_thread::yield();
}

/// A datum that is written under the lock, and what was seen of it that may not be.
struct Datum {
  std::atomic<int> first{0};
  std::atomic<int> second{0};
  int plain = 0;  ///< for who holds the lock: a sanitizer sees who does not
  std::atomic<int> written{0};
  std::atomic<bool> wrong{false};

  bool is_whole() const {
    const int seen = first.load(std::memory_order_relaxed);
    linger();
    return second.load(std::memory_order_relaxed) == seen;
  }
  /// For who holds the lock to read.
  void look() {
    if (!is_whole() || plain != first.load(std::memory_order_relaxed)) wrong = true;
  }
  /// For who holds it to write.
  void write() {
    look();
    first.store(++plain, std::memory_order_relaxed);
    linger();
    second.store(plain, std::memory_order_relaxed);
    written.fetch_add(1, std::memory_order_relaxed);
  }
};

template <class L>
void read_optimistically(L& lock, Datum& datum) {
  const Stamp stamp = lock.try_optimistic_read();
  if (stamp == 0) return;
  const bool whole = datum.is_whole();
  if (lock.validate(stamp) && !whole) datum.wrong = true;
}

template <class L>
void read_and_convert(L& lock, Datum& datum) {
  Stamp stamp = lock.read_lock();
  datum.look();
  const int seen = datum.plain;
  if (const Stamp write = lock.try_convert_to_write(stamp); write != 0) {
    if (datum.plain != seen) datum.wrong = true;
    datum.write();
    stamp = lock.try_convert_to_read(write);
    if (datum.plain != seen + 1) datum.wrong = true;  // Its own: nobody came in between.
  }
  datum.look();
  lock.unlock_read(stamp);
}

template <class L>
void look_and_convert(L& lock, Datum& datum) {
  const Stamp stamp = lock.try_optimistic_read();
  if (stamp == 0) return;
  const int seen = datum.first.load(std::memory_order_relaxed);
  linger();
  const Stamp write = lock.try_convert_to_write(stamp);
  if (write == 0) return;
  if (datum.plain != seen) datum.wrong = true;
  datum.write();
  const Stamp left = lock.try_convert_to_optimistic(write);
  const bool whole = datum.is_whole();
  if (lock.validate(left) && !whole) datum.wrong = true;
}

/// Threads that use a lock in every mode at once, and see something that may not be.
template <class L>
bool goes_wrong(int rounds) {
  L lock;
  Datum datum;
  const auto play = [&](unsigned thread) {
    StdSync::random random(thread);
    for (int round = 0; round < rounds && !datum.wrong; ++round) {
      switch (random() % 6) {
        case 0: {
          const Stamp stamp = lock.write_lock();
          datum.write();
          lock.unlock_write(stamp);
          break;
        }
        case 1: {
          const Stamp stamp = lock.read_lock();
          datum.look();
          lock.unlock_read(stamp);
          break;
        }
        case 2: read_and_convert(lock, datum); break;
        case 3: look_and_convert(lock, datum); break;
        default: read_optimistically(lock, datum);
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) threads.emplace_back(play, thread);
  }
  return datum.wrong || datum.plain != datum.written;
}

TEST_F(StampedLockTest, HoldsInEveryModeAtOnce) {
  constexpr int kRounds = kSanitized ? 2'000 : 20'000;
  ASSERT_TRUE(goes_wrong<FindsEverythingValid>(100 * kRounds));
  ASSERT_TRUE(goes_wrong<ConvertsWhateverTheVersion>(100 * kRounds));
  EXPECT_FALSE(goes_wrong<Lock>(kRounds));
}

}  // namespace
}  // namespace ccbench
