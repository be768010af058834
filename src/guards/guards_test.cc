// Conformance: every registered guard keeps the promises that it makes.
//
// A check that nothing can fail shows nothing. Each check here is a function of a guard, and every test runs
// it on a mutant first: a guard that breaks exactly this promise. The rounds that the mutant needed to be
// caught say how strong the check is on this machine, now; the guard then has to hold for three times as
// many.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/registry.h"
#include "driver/build.h"
#include "sync/asleep_test.h"
#include "sync/keyed.h"
#include "sync/stamped_lock.h"
#include "sync/start_line.h"
#include "sync/std_sync.h"

namespace ccbench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// Rounds of two spin-started threads: at most on a mutant, at least on a guard.
constexpr int kMostSpinRounds = kSanitized ? 30'000 : 300'000;
#ifdef __OPTIMIZE__
constexpr int kLeastPlainRounds = 20'000;
#else
constexpr int kLeastPlainRounds = 5'000;
#endif
constexpr int kLeastSpinRounds = kSanitized ? 2'000 : kLeastPlainRounds;
/// For the other settings of a guard that holds for so many with its defaults.
constexpr int kFewSpinRounds = kLeastSpinRounds / 10;

/// How long a check waits for something that a correct guard lets happen. Long, because only a wrong guard or
/// an overloaded machine ever waits for it; for mutants, which wait to its end, short.
constexpr milliseconds kPatience = seconds(10);
constexpr milliseconds kShortPatience(100);

constexpr Key kKey = 5;
constexpr Reason kNo = "the section said no";

// ---------------------------------------------------------------- threads

/// Ends the program if a test hangs: threads that are stuck in a guard can be neither joined nor left behind.
class Watchdog {
 public:
  Watchdog() : thread_([this] { watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, seconds(300), [this] { return over_; })) return;
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::fprintf(stderr, "%s.%s hangs: a guard does not let its callers go\n", test->test_suite_name(),
                 test->name());
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

/// Waits for `condition`, without burning the CPU that it may need. Answers whether it came true in time.
template <class Condition>
bool comes_true(Condition condition, milliseconds patience) {
  for (const auto end = steady_clock::now() + patience; steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(microseconds(50));
  }
  return condition();
}

void run_in_threads(int threads, const std::function<void(int thread)>& body) {
  std::vector<std::jthread> running;
  running.reserve(static_cast<std::size_t>(threads));
  for (int thread = 0; thread < threads; ++thread) running.emplace_back(body, thread);
}

/// What a check saw. It ends with its first breach, so `rounds` says how long it took to find.
struct Seen {
  bool breach = false;
  int rounds = 0;
};

/// Two threads call `play(thread, round)` from one start line, until `breached()`. They are pinned to
/// different CPUs: left to itself, the kernel may keep both on one, where they never meet.
Seen spin_rounds(int rounds, const std::function<void(int thread, int round)>& play,
                 const std::function<bool()>& breached) {
  StartLine line;
  alignas(64) std::atomic<int> last{rounds - 1};
  run_in_threads(2, [&](int thread) {
    pin_this_thread_to(allowed_cpus().at(static_cast<std::size_t>(thread)));
    // Who sees a breach plays one more round: the other one may already be waiting for its start.
    for (int round = 0; round <= last.load(); ++round) {
      line.wait(thread, round);
      play(thread, round);
      if (breached()) last.store(std::min(round + 1, last.load()));
    }
  });
  return {.breach = breached(), .rounds = last.load() + 1};
}

/// Notices two that are inside together.
class alignas(64) Canary {
 public:
  void fly() {
    if (inside_.fetch_add(1) != 0) died_.store(true);
    // The second one comes late: it has yet to get the cache lines that the first one has.
    for (const auto end = steady_clock::now() + nanoseconds(500); steady_clock::now() < end;) {
    }
    if (inside_.fetch_sub(1) != 1) died_.store(true);
  }
  bool died() const { return died_.load(); }

 private:
  std::atomic<int> inside_{0};
  std::atomic<bool> died_{false};
};

// ---------------------------------------------------------------- checks: `breach` is a broken promise

Request request_for(Key key, Kind kind = Kind::write) { return {.key = key, .kind = kind}; }

/// What two requests are that must not be inside together.
using Kinds = std::array<Kind, 2>;
constexpr Kinds kTwoWrites = {Kind::write, Kind::write};
constexpr Kinds kWriteAndRead = {Kind::write, Kind::read};

/// Two inside at once: everybody who is inside waits there for another one.
Seen meet_inside(AnyGuard& guard, Kinds kinds, int rounds, milliseconds patience) {
  Seen seen;
  while (!seen.breach && seen.rounds < rounds) {
    ++seen.rounds;
    std::atomic<int> inside{0};
    std::atomic<bool> met{false};
    run_in_threads(2, [&](int thread) {
      guard.run(request_for(kKey, kinds.at(static_cast<std::size_t>(thread))), [&](const Entry&) {
        if (inside.fetch_add(1) == 1) met = true;
        comes_true([&] { return met.load(); }, patience);
        inside.fetch_sub(1);
        return refused(kNo);
      });
    });
    seen.breach = met;
  }
  return seen;
}

enum class Keys { one, fresh };

/// Two inside at once: both come at the same instant, very often. With fresh keys, both are their first
/// users.
Seen collide_inside(AnyGuard& guard, Kinds kinds, Keys keys, int rounds) {
  Canary canary;
  const auto play = [&](int thread, int round) {
    const Key key = keys == Keys::one ? kKey : static_cast<Key>(round);
    guard.run(request_for(key, kinds.at(static_cast<std::size_t>(thread))), [&](const Entry&) {
      canary.fly();
      return refused(kNo);
    });
  };
  return spin_rounds(rounds, play, [&] { return canary.died(); });
}

/// More than one request of a key inside, at once or one after the other, although the first one succeeded.
Seen enter_after_success(AnyGuard& guard, int rounds) {
  std::vector<std::atomic<int>> entries(static_cast<std::size_t>(rounds));
  alignas(64) std::atomic<bool> breached{false};
  const auto play = [&](int thread, int round) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      guard.run(request_for(static_cast<Key>(round)), [&](const Entry&) {
        if (entries[static_cast<std::size_t>(round)].fetch_add(1) > 0) breached = true;
        return success();
      });
    }
    // The next key is used once before it counts: a first use takes longer than the window of most mistakes.
    if (thread == 0)
      guard.run(request_for(static_cast<Key>(round) + 1), [](const Entry&) { return refused(kNo); });
  };
  return spin_rounds(rounds, play, [&] { return breached.load(); });
}

/// A request that changes what its lone section answered.
bool answers_something_else(AnyGuard& guard, milliseconds /*patience*/) {
  const auto answer_to = [&](Key key, Result answer) {
    const Result got = guard.run(request_for(key), [&](const Entry&) { return answer; });
    return got.outcome == answer.outcome && got.reason.text() == answer.reason.text() &&
           got.value == answer.value;
  };
  return !answer_to(1, success(42)) || !answer_to(2, refused(kNo)) || !answer_to(3, success());
}

/// A request of another key that does not get inside for as long as one request is.
bool wait_for_other_keys(AnyGuard& guard, milliseconds patience) {
  // Enough that some share whatever a guard has fewer of than keys.
  constexpr int kOthers = 1000;
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  std::atomic<int> entered{0};
  bool all_entered = false;
  run_in_threads(3, [&](int thread) {
    if (thread == 0) {
      guard.run(request_for(kKey), [&](const Entry&) {
        inside = true;
        comes_true([&] { return leave.load(); }, 2 * kPatience);
        return refused(kNo);
      });
    } else if (thread == 1) {
      comes_true([&] { return inside.load(); }, kPatience);
      for (Key other = 1; other <= kOthers; ++other) {
        guard.run(request_for(kKey + other), [&](const Entry&) {
          ++entered;
          return refused(kNo);
        });
      }
    } else {
      all_entered = comes_true([&] { return entered == kOthers; }, patience);
      leave = true;
    }
  });
  return !all_entered;
}

struct Thrown {};

/// A first section that throws or is refused and keeps the next request out, or an exception that gets lost.
bool stay_shut_after(AnyGuard& guard, Section first, bool throws) {
  bool thrown = false;
  // Each in a thread of its own: who has entered before may be let in where others are not.
  run_in_threads(1, [&](int) {
    try {
      guard.run(request_for(kKey), first);
    } catch (const Thrown&) {
      thrown = true;
    }
  });
  bool entered = false;
  run_in_threads(1, [&](int) {
    guard.run(request_for(kKey), [&](const Entry&) {
      entered = true;
      return success();
    });
  });
  return !entered || thrown != throws;
}

bool stay_shut_after_throw(AnyGuard& guard, milliseconds /*patience*/) {
  const auto section = [](const Entry&) -> Result { throw Thrown{}; };
  return stay_shut_after(guard, section, true);
}

bool stay_shut_after_refusal(AnyGuard& guard, milliseconds /*patience*/) {
  const auto section = [](const Entry&) { return refused(kNo); };
  return stay_shut_after(guard, section, false);
}

/// The kernel's number of the calling thread.
pid_t number_of_this_thread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

std::string line_of(const std::string& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

/// How long a sleeping thread has run so far; empty if it does not sleep.
std::string rest_of(pid_t thread) {
  const std::string folder = "/proc/self/task/" + std::to_string(thread);
  const std::string state = line_of(folder + "/stat");
  const auto end_of_name = state.rfind(") ");
  if (end_of_name == std::string::npos || state[end_of_name + 2] != 'S') return {};
  return "S " + line_of(folder + "/schedstat");
}

/// Whether there was an instant at which all of them slept: none has run between two looks.
bool all_sleep(const auto& threads) {
  std::vector<std::string> rests;
  for (const auto& thread : threads) rests.push_back(thread == 0 ? std::string{} : rest_of(thread));
  if (std::ranges::count(rests, std::string{}) > 0) return false;
  return std::ranges::equal(threads, rests, {}, [](const auto& thread) { return rest_of(thread); });
}

/// Requests that come while `inside` others are, which is all that can be: they wait without sleeping, or
/// some of them are not let go after all of those have left at one instant. A mutant gives up at last, for
/// the sake of the tests.
bool leave_sleepers_behind(AnyGuard& guard, int inside, milliseconds patience) {
  constexpr int kWaiters = 4;
  std::atomic<int> entered{0};
  std::atomic<bool> slept{false};
  std::atomic<int> leaving{0};
  std::array<std::atomic<pid_t>, kWaiters> waiters{};
  std::atomic<int> gave_up{0};
  bool all_slept = false;
  const auto hold = [&](const Entry&) {
    ++entered;
    comes_true([&] { return slept.load(); }, 2 * kPatience);
    ++leaving;
    while (leaving < inside) std::this_thread::yield();
    return refused(kNo);
  };
  run_in_threads(inside + kWaiters + 1, [&](int thread) {
    if (thread < inside) {
      guard.run(request_for(kKey), hold);
    } else if (thread < inside + kWaiters) {
      comes_true([&] { return entered == inside; }, kPatience);
      waiters.at(static_cast<std::size_t>(thread - inside)) = number_of_this_thread();
      const Result result = guard.run(request_for(kKey), [](const Entry&) { return refused(kNo); });
      if (result.outcome != Outcome::refused) ++gave_up;
    } else {
      all_slept = comes_true([&] { return all_sleep(waiters); }, patience);
      slept = true;
    }
  });
  return !all_slept || gave_up > 0;
}

bool leave_sleepers_of_one(AnyGuard& guard, milliseconds patience) {
  return leave_sleepers_behind(guard, 1, patience);
}

/// What became of a request that came while another one of its key was inside.
struct Visit {
  bool ended_meanwhile = false;
  Outcome outcome = Outcome::error;
};

/// The first one stays inside until the visitor has ended or `patience` is over.
Visit visit_while_inside(AnyGuard& guard, milliseconds patience) {
  Visit visit;
  std::atomic<bool> inside{false};
  std::atomic<bool> calling{false};
  std::atomic<bool> ended{false};
  std::atomic<bool> leave{false};
  run_in_threads(3, [&](int thread) {
    if (thread == 0) {
      guard.run(request_for(kKey), [&](const Entry&) {
        inside = true;
        comes_true([&] { return leave.load(); }, 2 * kPatience);
        return refused(kNo);
      });
    } else if (thread == 1) {
      comes_true([&] { return inside.load(); }, kPatience);
      calling = true;
      visit.outcome = guard.run(request_for(kKey), [](const Entry&) { return refused(kNo); }).outcome;
      ended = true;
    } else {
      comes_true([&] { return calling.load(); }, kPatience);
      visit.ended_meanwhile = comes_true([&] { return ended.load(); }, patience);
      leave = true;
    }
  });
  return visit;
}

/// A request that ends without having been inside because another one was.
Seen leave_instead_of_waiting(AnyGuard& guard, int rounds) {
  Seen seen;
  while (!seen.breach && seen.rounds < rounds) {
    ++seen.rounds;
    const Visit visit = visit_while_inside(guard, milliseconds(20));
    seen.breach = visit.ended_meanwhile || visit.outcome != Outcome::refused;
  }
  return seen;
}

/// A request that waits for the one inside, where the guard promised to send it away, at once or in time.
bool wait_instead_of_leaving(AnyGuard& guard, milliseconds patience) {
  const Visit visit = visit_while_inside(guard, patience);
  const bool sent_away = visit.outcome == Outcome::turned_away || visit.outcome == Outcome::timed_out;
  return !visit.ended_meanwhile || !sent_away;
}

bool wait_instead_of_being_turned_away(AnyGuard& guard, milliseconds patience) {
  const Visit visit = visit_while_inside(guard, patience);
  return !visit.ended_meanwhile || visit.outcome != Outcome::turned_away;
}

/// A request that is not told in time that its time is up.
bool do_not_give_up(AnyGuard& guard, milliseconds patience) {
  const Visit visit = visit_while_inside(guard, patience);
  return !visit.ended_meanwhile || visit.outcome != Outcome::timed_out;
}

/// What requests got that came one after the other while another one of their key stayed inside, and how long
/// the first one took. Only for guards that give up.
struct Visitors {
  std::array<Outcome, 2> outcomes{};
  nanoseconds first{0};
};

Visitors give_up_one_after_the_other(AnyGuard& guard) {
  Visitors visitors;
  guard.run(request_for(kKey), [&](const Entry&) {
    run_in_threads(1, [&](int) {
      for (Outcome& outcome : visitors.outcomes) {
        const auto begin = steady_clock::now();
        outcome = guard.run(request_for(kKey), [](const Entry&) { return refused(kNo); }).outcome;
        if (&outcome == visitors.outcomes.data()) visitors.first = steady_clock::now() - begin;
      }
    });
    return refused(kNo);
  });
  return visitors;
}

/// A request that gives up and enters nevertheless, or lets the next one in beside who is inside.
bool enter_after_giving_up(AnyGuard& guard, milliseconds /*patience*/) {
  const Visitors visitors = give_up_one_after_the_other(guard);
  return std::ranges::count(visitors.outcomes, Outcome::timed_out) != std::ssize(visitors.outcomes);
}

/// Requests that gave up, and after which nobody is let in any more.
bool stay_shut_after_giving_up(AnyGuard& guard, milliseconds /*patience*/) {
  give_up_one_after_the_other(guard);
  bool entered = false;
  guard.run(request_for(kKey), [&](const Entry&) {
    entered = true;
    return refused(kNo);
  });
  return !entered;
}

/// More inside at once than the guard admits: everybody who is inside waits there for one too many.
Seen admit_too_many(AnyGuard& guard, int admits, int rounds, milliseconds patience) {
  Seen seen;
  while (!seen.breach && seen.rounds < rounds) {
    ++seen.rounds;
    std::atomic<int> inside{0};
    std::atomic<bool> too_many{false};
    run_in_threads(admits + 2, [&](int) {
      guard.run(request_for(kKey), [&](const Entry&) {
        if (++inside > admits) too_many = true;
        comes_true([&] { return too_many.load(); }, patience);
        --inside;
        return refused(kNo);
      });
    });
    seen.breach = too_many;
  }
  return seen;
}

/// As many requests as the guard admits never are inside together.
bool admit_too_few(AnyGuard& guard, int admits, milliseconds patience) {
  std::atomic<int> inside{0};
  std::atomic<bool> met{false};
  run_in_threads(admits, [&](int) {
    guard.run(request_for(kKey), [&](const Entry&) {
      if (++inside == admits) met = true;
      comes_true([&] { return met.load(); }, patience);
      --inside;
      return refused(kNo);
    });
  });
  return !met;
}

/// Sections that throw, as many as the guard admits, leave room for fewer.
bool admit_fewer_after_throws(AnyGuard& guard, int admits, milliseconds patience) {
  for (int time = 0; time < admits; ++time) {
    try {
      guard.run(request_for(kKey), [](const Entry&) -> Result { throw Thrown{}; });
    } catch (const Thrown&) {
    }
  }
  return admit_too_few(guard, admits, patience);
}

/// All that are inside leave at one instant while others sleep, and these are not all let in.
Seen leave_room_unused(AnyGuard& guard, int admits, int rounds, milliseconds patience) {
  Seen seen;
  while (!seen.breach && seen.rounds < rounds) {
    ++seen.rounds;
    seen.breach = leave_sleepers_behind(guard, admits, patience);
  }
  return seen;
}

/// Two that come at one instant get in where there is room for one more.
Seen collide_for_last_place(AnyGuard& guard, int admits, int rounds) {
  std::atomic<int> inside{0};
  std::atomic<int> leave{0};
  Seen seen;
  run_in_threads(admits, [&](int thread) {
    if (thread == 0) {
      comes_true([&] { return inside == admits - 1; }, kPatience);
      seen = collide_inside(guard, kTwoWrites, Keys::one, rounds);
      leave = 1;
      leave.notify_all();
      return;
    }
    guard.run(request_for(kKey), [&](const Entry&) {
      ++inside;
      leave.wait(0);
      return refused(kNo);
    });
  });
  return seen;
}

/// Of 32 keys, not even half are let in while another one is inside.
bool keep_most_keys_out(AnyGuard& guard, milliseconds patience) {
  constexpr int kOthers = 32;
  std::atomic<int> entered{0};
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  bool most_entered = false;
  run_in_threads(kOthers + 2, [&](int thread) {
    if (thread == kOthers) {
      guard.run(request_for(kKey), [&](const Entry&) {
        inside = true;
        comes_true([&] { return leave.load(); }, 2 * kPatience);
        return refused(kNo);
      });
    } else if (thread == kOthers + 1) {
      comes_true([&] { return inside.load(); }, kPatience);
      most_entered = comes_true([&] { return entered > kOthers / 2; }, patience);
      leave = true;
    } else {
      comes_true([&] { return inside.load(); }, kPatience);
      guard.run(request_for(kKey + 1 + static_cast<Key>(thread)), [&](const Entry&) {
        ++entered;
        return refused(kNo);
      });
    }
  });
  return !most_entered;
}

/// A thread that is inside and cannot enter its key again, three deep.
bool cannot_enter_again(AnyGuard& guard, milliseconds /*patience*/) {
  int depth = 0;
  const std::function<Result(const Entry&)> section = [&](const Entry&) {
    return ++depth < 3 ? guard.run(request_for(kKey), section) : success();
  };
  guard.run(request_for(kKey), section);
  return depth < 3;
}

/// Another thread inside after an inner section has been left and before the outer one is.
bool let_in_after_inner_section(AnyGuard& guard, milliseconds /*patience*/) {
  std::atomic<bool> outer{false};
  std::atomic<bool> met{false};
  run_in_threads(2, [&](int thread) {
    if (thread == 0) {
      guard.run(request_for(kKey), [&](const Entry&) {
        guard.run(request_for(kKey), [](const Entry&) { return refused(kNo); });
        outer = true;
        // The visitor of a correct guard does not come, and of a wrong one at once.
        comes_true([&] { return met.load(); }, milliseconds(200));
        outer = false;
        return refused(kNo);
      });
    } else {
      comes_true([&] { return outer.load(); }, kPatience);
      guard.run(request_for(kKey), [&](const Entry&) {
        if (outer) met = true;
        return refused(kNo);
      });
    }
  });
  return met;
}

/// Two reads that never are inside together.
bool reads_keep_apart(AnyGuard& guard, milliseconds patience) {
  return !meet_inside(guard, {Kind::read, Kind::read}, 1, patience).breach;
}

/// Two numbers that a write changes one after the other, and a read reads likewise.
class alignas(64) Pair {
 public:
  void write() {
    const int next = first_.load(std::memory_order_relaxed) + 1;
    first_.store(next, std::memory_order_relaxed);
    linger();
    second_.store(next, std::memory_order_relaxed);
  }
  /// Whether they are the same.
  bool read() const {
    const int first = first_.load(std::memory_order_relaxed);
    linger();
    return second_.load(std::memory_order_relaxed) == first;
  }

 private:
  static void linger() {
    for (const auto end = steady_clock::now() + nanoseconds(300); steady_clock::now() < end;) {
    }
  }

  std::atomic<int> first_{0};
  std::atomic<int> second_{0};
};

/// A read that is answered what a write had half done when it looked. It may have looked again since.
Seen answer_torn_reads(AnyGuard& guard, int rounds) {
  Pair pair;
  alignas(64) std::atomic<bool> torn{false};
  const auto play = [&](int thread, int /*round*/) {
    if (thread == 0) {
      guard.run(request_for(kKey), [&](const Entry&) {
        pair.write();
        return refused(kNo);
      });
      return;
    }
    const auto section = [&](const Entry&) { return success(pair.read() ? 0 : 1); };
    if (guard.run(request_for(kKey, Kind::read), section).value != 0) torn = true;
  };
  return spin_rounds(rounds, play, [&] { return torn.load(); });
}

/// What became of a read while whose first look a write came.
struct Overtaken {
  bool written_meanwhile = false;
  int looks = 0;
  Result result;
  bool thrown = false;
};

/// The first look lasts until the write has ended or `patience` is over, and then ends by `first`.
Overtaken read_while_another_writes(AnyGuard& guard, milliseconds patience,
                                    const std::function<Result()>& first) {
  Overtaken read;
  std::atomic<bool> looking{false};
  std::atomic<bool> written{false};
  run_in_threads(2, [&](int thread) {
    if (thread == 0) {
      comes_true([&] { return looking.load(); }, kPatience);
      guard.run(request_for(kKey), [](const Entry&) { return success(); });
      written = true;
      return;
    }
    const auto section = [&](const Entry&) {
      if (++read.looks > 1) return success(read.looks);
      looking = true;
      read.written_meanwhile = comes_true([&] { return written.load(); }, patience);
      return first();
    };
    try {
      read.result = guard.run(request_for(kKey, Kind::read), section);
    } catch (const Thrown&) {
      read.thrown = true;
    }
  });
  return read;
}

/// A write that waits for a read which is inside.
bool reads_hold_writes_up(AnyGuard& guard, milliseconds patience) {
  return !read_while_another_writes(guard, patience, [] { return success(); }).written_meanwhile;
}

/// A read that is answered what it saw before a write that has ended since, instead of looking again.
bool answer_an_overtaken_read(AnyGuard& guard, milliseconds patience) {
  const Overtaken read = read_while_another_writes(guard, patience, [] { return success(1); });
  return read.looks != 2 || read.result.outcome != Outcome::success || read.result.value != 2;
}

/// A read that throws because of what it saw, where it is only a write that it came in between of.
bool throw_of_an_overtaken_read(AnyGuard& guard, milliseconds patience) {
  const Overtaken read = read_while_another_writes(guard, patience, []() -> Result { throw Thrown{}; });
  return read.thrown || read.looks != 2;
}

/// A lone read that looks more than once, or whose exception gets lost.
bool look_again_for_nothing(AnyGuard& guard, milliseconds /*patience*/) {
  int looks = 0;
  bool thrown = false;
  try {
    guard.run(request_for(kKey, Kind::read), [&](const Entry&) -> Result {
      ++looks;
      throw Thrown{};
    });
  } catch (const Thrown&) {
    thrown = true;
  }
  guard.run(request_for(kKey, Kind::read), [&](const Entry&) {
    ++looks;
    return success();
  });
  return looks != 2 || !thrown;
}

/// Of two writes that come at once, one that never gets inside.
Seen keep_a_write_out(AnyGuard& guard, int rounds) {
  alignas(64) std::atomic<bool> kept_out{false};
  const auto play = [&](int /*thread*/, int /*round*/) {
    bool entered = false;
    guard.run(request_for(kKey), [&](const Entry&) {
      entered = true;
      return refused(kNo);
    });
    if (!entered) kept_out = true;
  };
  return spin_rounds(rounds, play, [&] { return kept_out.load(); });
}

/// Requests that enter in another order than that in which they came. Each comes when the one before it is
/// seen to sleep in the guard, the last one as soon as it has been inside itself, while the next one is still
/// waking up. Who does not sleep while it waits is not fair either: it takes the CPU from those who are
/// inside.
Seen enter_out_of_order(AnyGuard& guard, int rounds) {
  constexpr int kThreads = 5;  // of which the first one comes twice
  Seen seen;
  while (!seen.breach && seen.rounds < rounds) {
    ++seen.rounds;
    std::array<std::atomic<pid_t>, kThreads> came{};
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    std::atomic<int> coming{0};
    std::array<int, kThreads> order{};
    std::atomic<std::size_t> entered{0};
    bool all_slept = true;
    const auto enter = [&](int thread) {
      guard.run(request_for(kKey), [&](const Entry&) {
        order.at(entered.fetch_add(1)) = thread;
        return refused(kNo);
      });
    };
    run_in_threads(kThreads + 1, [&](int thread) {
      if (thread == 0) {
        guard.run(request_for(kKey), [&](const Entry&) {
          inside = true;
          comes_true([&] { return leave.load(); }, 2 * kPatience);
          return refused(kNo);
        });
        enter(kThreads);
      } else if (thread < kThreads) {
        comes_true([&] { return coming.load() >= thread; }, kPatience);
        came.at(static_cast<std::size_t>(thread)) = gettid();
        enter(thread);
      } else {
        comes_true([&] { return inside.load(); }, kPatience);
        for (int next = 1; next < kThreads && all_slept; ++next) {
          coming = next;
          const auto& waiter = came.at(static_cast<std::size_t>(next));
          all_slept = comes_true([&] { return waiter != 0 && is_asleep(waiter); }, kPatience);
        }
        coming = kThreads;
        leave = true;
      }
    });
    seen.breach = !all_slept || !std::ranges::is_sorted(order);
  }
  return seen;
}

constexpr int kCallers = 4;

/// What one wave of callers of a key got.
struct Wave {
  int entries = 0;
  std::array<Result, kCallers> results{};
  std::array<std::exception_ptr, kCallers> errors{};
};

/// All call at once; whoever is inside stays for `stay` and then does `section`.
Wave call_at_once(AnyGuard& guard, milliseconds stay, const std::function<Result()>& section) {
  Wave wave;
  std::atomic<int> entries{0};
  run_in_threads(kCallers, [&](int caller) {
    const auto place = static_cast<std::size_t>(caller);
    try {
      wave.results.at(place) = guard.run(request_for(kKey), [&](const Entry&) {
        ++entries;
        std::this_thread::sleep_for(stay);
        return section();
      });
    } catch (...) {
      wave.errors.at(place) = std::current_exception();
    }
  });
  wave.entries = entries;
  return wave;
}

/// Sends waves, whose leaders stay ever longer, until all callers of one have come while its leader was
/// inside. Answers that wave, or the last one if patience ends first.
Wave wave_of_one_section(AnyGuard& guard, milliseconds patience, const std::function<Result()>& section) {
  const auto end = steady_clock::now() + patience;
  for (milliseconds stay(2);; stay *= 2) {
    Wave wave = call_at_once(guard, stay, section);
    if (wave.entries == 1 || steady_clock::now() > end) return wave;
  }
}

bool share_wrongly(AnyGuard& guard, milliseconds patience, Result answer) {
  const Wave wave = wave_of_one_section(guard, patience, [answer] { return answer; });
  const Result follower = shared(answer);
  const auto got = [&](Outcome outcome) {
    return std::ranges::count(wave.results, outcome, &Result::outcome);
  };
  const bool values = std::ranges::all_of(wave.results, [&](const Result& result) {
    return result.value == answer.value && result.reason.text() == answer.reason.text();
  });
  const auto others = answer.outcome == follower.outcome ? kCallers : kCallers - 1;
  return wave.entries != 1 || !values || got(answer.outcome) < 1 || got(follower.outcome) != others;
}

/// Callers that come together and do not all get the success of one of them.
bool share_no_success(AnyGuard& guard, milliseconds patience) {
  return share_wrongly(guard, patience, success(42));
}

/// Callers that come together and do not all get the failure of one of them.
bool share_no_failure(AnyGuard& guard, milliseconds patience) {
  return share_wrongly(guard, patience, refused(kNo));
}

/// Callers that come together and do not all get the very exception that one section threw.
bool share_no_exception(AnyGuard& guard, milliseconds patience) {
  const std::exception_ptr error = std::make_exception_ptr(Thrown{});
  const Wave wave = wave_of_one_section(guard, patience, [&]() -> Result { std::rethrow_exception(error); });
  return wave.entries != 1 || std::ranges::count(wave.errors, error) != kCallers;
}

/// A lone caller that gets anything but the result of its own section.
bool serve_old_result(AnyGuard& guard) {
  bool entered = false;
  const Result result = guard.run(request_for(kKey), [&](const Entry&) {
    entered = true;
    return success(2);
  });
  return !entered || result.outcome != Outcome::success || result.value != 2;
}

bool keep_success(AnyGuard& guard, milliseconds /*patience*/) {
  guard.run(request_for(kKey), [](const Entry&) { return success(1); });
  return serve_old_result(guard);
}

bool keep_failure(AnyGuard& guard, milliseconds /*patience*/) {
  guard.run(request_for(kKey), [](const Entry&) { return refused(kNo); });
  if (serve_old_result(guard)) return true;
  bool thrown = false;
  try {
    guard.run(request_for(kKey), [](const Entry&) -> Result { throw Thrown{}; });
  } catch (const Thrown&) {
    thrown = true;
  }
  return !thrown || serve_old_result(guard);
}

/// A caller that gets a result which somebody had already returned with before it called.
Seen get_stale_result(AnyGuard& guard, int rounds) {
  alignas(64) std::atomic<Value> sections{0};
  alignas(64) std::atomic<Value> newest{0};  // that somebody returned with
  alignas(64) std::atomic<bool> stale{false};
  const auto play = [&](int /*thread*/, int /*round*/) {
    for (int call = 0; call < 3; ++call) {
      Value known = newest.load();
      const Value got =
          guard.run(request_for(kKey), [&](const Entry&) { return success(sections.fetch_add(1) + 1); })
              .value;
      if (got <= known) stale = true;
      while (known < got && !newest.compare_exchange_weak(known, got)) {
      }
    }
  };
  return spin_rounds(rounds, play, [&] { return stale.load(); });
}

/// An exception that outlives the last caller that got it.
bool keep_exception(AnyGuard& guard, milliseconds patience) {
  std::weak_ptr<int> trace;
  wave_of_one_section(guard, patience, [&]() -> Result {
    const auto thrown = std::make_shared<int>(0);
    trace = thrown;
    throw std::shared_ptr<int>(thrown);
  });
  return !trace.expired();
}

// ---------------------------------------------------------------- mutants: each breaks one promise

/// Waits for a flag, but not for ever, so that a mutant which never gives it back cannot hang the tests.
class PatientLock {
 public:
  bool lock() {
    return comes_true([this] { return held_.exchange(1) == 0; }, kShortPatience);
  }
  void unlock() { held_.store(0); }

 private:
  std::atomic<int> held_{0};
};

constexpr Result kGaveUp = {.outcome = Outcome::timed_out, .reason = "gave up", .value = 0};

/// Reads the flag, then sets it, with nothing in between.
struct LoadsThenStores {
  static constexpr GuardInfo kInfo{.name = "loads-then-stores", .about = "", .promises = {}};
  Result run(const Request& request, Section section) {
    auto& flag = flags.at(request.key);
    if (flag.load() != 0) return turned_away("set");
    flag.store(1);
    const Result result = section(Entry{});
    if (result.outcome != Outcome::success) flag.store(0);
    return result;
  }
  Keyed<StdSync, std::atomic<int>> flags;
};

/// A correct flag per key in a map that adds a key by storing it blindly: two first users get a flag each.
struct MakesTwoFlags {
  static constexpr GuardInfo kInfo{.name = "makes-two-flags", .about = "", .promises = {}};
  Result run(const Request& request, Section section) {
    auto& place = places[request.key];
    std::atomic<int>* flag = place.load();
    if (flag == nullptr) {
      flag = &pool[made.fetch_add(1)];
      place.store(flag);
    }
    if (flag->exchange(1) != 0) return turned_away("set");
    const Result result = section(Entry{});
    flag->store(0);
    return result;
  }
  std::vector<std::atomic<std::atomic<int>*>> places =
      std::vector<std::atomic<std::atomic<int>*>>(kMostSpinRounds);
  std::vector<std::atomic<int>> pool = std::vector<std::atomic<int>>(std::size_t{2} * kMostSpinRounds);
  std::atomic<std::size_t> made{0};
};

/// Lets the next one in also after a success.
struct OpensAlways {
  static constexpr GuardInfo kInfo{.name = "opens-always", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    if (flag.exchange(1) != 0) return turned_away("set");
    const Result result = section(Entry{});
    flag.store(0);
    return result;
  }
  std::atomic<int> flag{0};
};

struct OpensNever {
  static constexpr GuardInfo kInfo{.name = "opens-never", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    return flag.exchange(1) == 0 ? section(Entry{}) : turned_away("set");
  }
  std::atomic<int> flag{0};
};

struct ForgetsTheAnswer {
  static constexpr GuardInfo kInfo{.name = "forgets-the-answer", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    const Result result = section(Entry{});
    return is_failure(result.outcome) ? result : success();
  }
};

/// Unlocks by hand, and not when the section throws.
struct ForgetsToUnlock {
  static constexpr GuardInfo kInfo{.name = "forgets-to-unlock", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    if (!mutex.lock()) return kGaveUp;
    const Result result = section(Entry{});
    mutex.unlock();
    return result;
  }
  PatientLock mutex;
};

struct SwallowsExceptions {
  static constexpr GuardInfo kInfo{.name = "swallows-exceptions", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    try {
      return section(Entry{});
    } catch (...) {
      return refused(kNo);
    }
  }
};

/// Knows its holder, and lets everybody in when an inner section of the holder ends.
struct OpensWithInnerSection {
  static constexpr GuardInfo kInfo{.name = "opens-with-inner-section", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    const auto me = std::this_thread::get_id();
    if (holder.load() != me && !mutex.lock()) return kGaveUp;
    holder = me;
    const Result result = section(Entry{});
    holder = std::thread::id();
    mutex.unlock();
    return result;
  }
  PatientLock mutex;
  std::atomic<std::thread::id> holder{};
};

/// A semaphore by the book of three permits, or of another number; whoever waits too long gives up.
template <int kPermits, bool kWakesAlways = true, bool kGivesBackAlways = true>
struct CountsPermits {
  static constexpr GuardInfo kInfo{.name = "counts-permits", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    std::unique_lock lock(mutex);
    const auto end = steady_clock::now() + 5 * kShortPatience;
    while (taken == kPermits) {
      if (given_back.wait_until(lock, end) == std::cv_status::timeout) return kGaveUp;
    }
    ++taken;
    lock.unlock();
    try {
      const Result result = section(Entry{});
      give_back();
      return result;
    } catch (...) {
      if (kGivesBackAlways) give_back();
      throw;
    }
  }
  void give_back() {
    const std::lock_guard lock(mutex);
    // To wake somebody only where all permits were taken is to forget the second of two that leave at once.
    if (taken-- == kPermits || kWakesAlways) given_back.notify_one();
  }
  std::mutex mutex;
  std::condition_variable given_back;
  int taken = 0;
};

/// Looks how many permits are taken, and then takes one.
struct LooksThenTakes {
  static constexpr GuardInfo kInfo{.name = "looks-then-takes", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    if (taken.load() == 3) return turned_away("all are taken");
    taken.fetch_add(1);
    const Result result = section(Entry{});
    taken.fetch_sub(1);
    return result;
  }
  std::atomic<int> taken{0};
};

/// Wakes one sleeper, and then forgets that there were more.
struct ForgetsSleepers {
  static constexpr GuardInfo kInfo{.name = "forgets-sleepers", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    {
      std::unique_lock lock(mutex);
      const auto end = steady_clock::now() + 5 * kShortPatience;
      while (taken) {
        sleepers = true;
        if (freed.wait_until(lock, end) == std::cv_status::timeout) return kGaveUp;
        sleepers = false;
      }
      taken = true;
    }
    const Result result = section(Entry{});
    const std::lock_guard lock(mutex);
    taken = false;
    if (sleepers) freed.notify_one();
    return result;
  }
  std::mutex mutex;
  std::condition_variable freed;
  bool taken = false;
  bool sleepers = false;
};

/// Waits without sleeping.
struct NeverSleeps {
  static constexpr GuardInfo kInfo{.name = "never-sleeps", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    while (taken.exchange(1) != 0) {
    }
    const Result result = section(Entry{});
    taken.store(0);
    return result;
  }
  std::atomic<int> taken{0};
};

/// Leaves its lock to those who wait, and counts those who gave up among them.
struct HandsOverToNobody {
  static constexpr GuardInfo kInfo{.name = "hands-over-to-nobody", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    ++waiters;
    if (!mutex.lock()) return kGaveUp;
    --waiters;
    const Result result = section(Entry{});
    if (waiters == 0) mutex.unlock();
    return result;
  }
  PatientLock mutex;
  std::atomic<int> waiters{0};
};

/// Hands over, and to who has come last.
class ServesTheLatest {
 public:
  static constexpr GuardInfo kInfo{.name = "serves-the-latest", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    std::unique_lock lock(mutex_);
    const int ticket = ++last_ticket_;
    waiting_.insert(ticket);
    changed_.wait(lock, [&] { return !held_ && *waiting_.rbegin() == ticket; });
    waiting_.erase(ticket);
    held_ = true;
    lock.unlock();
    const Result result = section(Entry{});
    lock.lock();
    held_ = false;
    changed_.notify_all();
    return result;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<int> waiting_;
  int last_ticket_ = 0;
  bool held_ = false;
};

enum class Slip { validates_early, passes_exceptions_on, looks_twice };

/// Optimistic reads beside writes that lock, with one slip.
template <Slip kSlip>
struct CarelessReads {
  static constexpr GuardInfo kInfo{.name = "careless-reads", .about = "", .promises = {}};
  Result run(const Request& request, Section section) {
    if (request.kind == Kind::write) {
      const Stamp stamp = lock.write_lock();
      const Result result = section(Entry{});
      lock.unlock_write(stamp);
      return result;
    }
    const Stamp stamp = lock.try_optimistic_read();
    const bool early = lock.validate(stamp);
    if (stamp != 0) {
      const Result result = section(Entry{});
      if (kSlip == Slip::validates_early ? early : kSlip != Slip::looks_twice && lock.validate(stamp))
        return result;
    }
    const Stamp read = lock.read_lock();
    const Result result = section(Entry{});
    lock.unlock_read(read);
    return result;
  }
  StampedLock<StdSync> lock;
};

/// Converts from reading to writing without letting go meanwhile, and gives up where that takes too long.
struct HoldsOnToItsRead {
  static constexpr GuardInfo kInfo{.name = "holds-on-to-its-read", .about = "", .promises = {}};
  Result run(const Request& /*request*/, Section section) {
    const Stamp read = lock.read_lock();
    Stamp stamp = 0;
    if (!comes_true([&] { return (stamp = lock.try_convert_to_write(read)) != 0; }, milliseconds(5))) {
      lock.unlock_read(read);
      return kGaveUp;
    }
    const Result result = section(Entry{});
    lock.unlock_write(stamp);
    return result;
  }
  StampedLock<StdSync> lock;
};

enum class Flaw { keeps_success, keeps_failure, leaves_late, followers_succeed, loses_exception };

/// Single flight by the book, with one flaw.
template <Flaw kFlaw>
class FlawedFlight {
 public:
  static constexpr GuardInfo kInfo{.name = "flawed-flight", .about = "", .promises = {}};

  Result run(const Request& request, Section section) {
    bool leads = false;
    const std::shared_ptr<Call> call = join(request.key, leads);
    if (leads) {
      try {
        call->result = section(Entry{});
      } catch (...) {
        call->error = std::current_exception();
        call->result = refused(kNo);
      }
      if (kFlaw != Flaw::leaves_late) leave(request.key, *call);
      call->finished = true;
      if (kFlaw == Flaw::leaves_late) leave(request.key, *call);
    } else {
      while (!call->finished) std::this_thread::yield();
    }
    const bool tells = leads || kFlaw != Flaw::loses_exception;
    if (call->error && tells) std::rethrow_exception(call->error);
    if (leads) return call->result;
    return kFlaw == Flaw::followers_succeed ? shared(success()) : shared(call->result);
  }

 private:
  struct Call {
    std::atomic<bool> finished{false};
    Result result;
    std::exception_ptr error;
  };

  std::shared_ptr<Call> join(Key key, bool& leads) {
    const std::lock_guard lock(mutex_);
    auto& call = calls_[key];
    leads = call == nullptr;
    if (leads) call = std::make_shared<Call>();
    return call;
  }

  void leave(Key key, const Call& call) {
    const bool failed = is_failure(call.result.outcome);
    if (kFlaw == Flaw::keeps_success && !failed) return;
    if (kFlaw == Flaw::keeps_failure && failed) return;
    const std::lock_guard lock(mutex_);
    calls_.erase(key);
  }

  std::mutex mutex_;
  std::map<Key, std::shared_ptr<Call>> calls_;
};

// ---------------------------------------------------------------- a mutant first, then the guard

using Make = std::function<std::unique_ptr<AnyGuard>()>;

template <class G>
std::unique_ptr<AnyGuard> mutant() {
  return std::make_unique<ErasedGuard<G>>(GuardContext(G::kInfo));
}

const GuardPlugin& plugin_of(std::string_view name) {
  const GuardPlugin* plugin = guards().find(name);
  if (plugin == nullptr) throw std::logic_error("no guard is named " + std::string(name));
  return *plugin;
}

/// Settings as a user would type them.
using Settings = std::map<std::string, std::string>;

GuardContext context_of(const GuardPlugin& plugin, const Settings& settings) {
  GuardContext context(plugin.info);
  for (const auto& [flag, value] : settings) EXPECT_EQ(context.parameters.set(flag, value), "") << flag;
  return context;
}

Make registered(std::string_view name, const Settings& settings = {}) {
  const GuardPlugin& plugin = plugin_of(name);
  return [&plugin, settings] { return plugin.make(context_of(plugin, settings)); };
}

using RoundsCheck = std::function<Seen(AnyGuard&, int rounds)>;
using PatienceCheck = std::function<bool(AnyGuard&, milliseconds patience)>;

constexpr std::string_view kNoPower = "the check has no power: the mutant passed it";

/// For checks that depend on luck.
void expect_holds(const RoundsCheck& check, const Make& mutant, const Make& guard, int least, int most) {
  const Seen power = check(*mutant(), most);
  ASSERT_TRUE(power.breach) << kNoPower;
  const Seen seen = check(*guard(), std::max(least, 3 * power.rounds));
  EXPECT_FALSE(seen.breach) << "in round " << seen.rounds << "; the mutant needed " << power.rounds;
}

/// For checks that do not: one breach of the mutant, three times none of the guard.
void expect_holds(const PatienceCheck& check, const Make& mutant, const Make& guard) {
  ASSERT_TRUE(check(*mutant(), kShortPatience)) << kNoPower;
  for (int time = 0; time < 3; ++time) ASSERT_FALSE(check(*guard(), kPatience));
}

void expect_holds_in_rounds(const RoundsCheck& check, const Make& mutant, const Make& guard) {
  expect_holds(check, mutant, guard, 3, 50);
}

void expect_holds_in_spin_rounds(const RoundsCheck& check, const Make& mutant, const Make& guard,
                                 int least = kLeastSpinRounds) {
  if (allowed_cpus().size() < 2) {
    GTEST_SKIP() << "one CPU: threads started by spinning never meet, so this check has no power here";
  }
  expect_holds(check, mutant, guard, least, kMostSpinRounds);
}

// ---------------------------------------------------------------- tests, by promise

/// A guard by name, every one that keeps a promise.
class GuardTest : public testing::TestWithParam<std::string> {
 protected:
  static Make guard() { return registered(GetParam()); }

 private:
  Watchdog watchdog_;
};

auto guards_that(const std::function<bool(const Promises&)>& promise) {
  std::vector<std::string> names;
  for (const GuardPlugin& plugin : guards().all()) {
    if (!plugin.info.faulty() && promise(plugin.info.promises)) names.emplace_back(plugin.info.name);
  }
  return testing::ValuesIn(names);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

class EveryGuard : public GuardTest {};
class ReopeningGuard : public GuardTest {};
class ExclusiveGuard : public GuardTest {};
class OnceGuard : public GuardTest {};
class WaitingGuard : public GuardTest {};
class TurningAwayGuard : public GuardTest {};
class PerKeyGuard : public GuardTest {};
class ReentrantGuard : public GuardTest {};
class GivingUpGuard : public GuardTest {};
class FifoGuard : public GuardTest {};
class SharingGuard : public GuardTest {};
class AdmittingGuard : public GuardTest {
 protected:
  /// What its mutants are made for: one is what every exclusive guard is tested with.
  static constexpr int kAdmitted = 3;

  static Settings settings() {
    const auto parameters = plugin_of(GetParam()).info.parameters;
    const bool has = std::ranges::find(parameters, "permits", &Parameter::name) != parameters.end();
    return has ? Settings{{"permits", "3"}} : Settings{};
  }
  static Make guard() { return registered(GetParam(), settings()); }
  void SetUp() override {
    const GuardPlugin& plugin = plugin_of(GetParam());
    ASSERT_EQ(plugin.promises(context_of(plugin, settings())).admits, kAdmitted);
  }
};

INSTANTIATE_TEST_SUITE_P(, EveryGuard, guards_that([](const Promises&) { return true; }), test_name);
// Where a failure is the end of its siblings, it is the end of those to come too.
INSTANTIATE_TEST_SUITE_P(, ReopeningGuard, guards_that([](const Promises& p) { return !p.cancels; }),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, ExclusiveGuard, guards_that([](const Promises& p) { return p.exclusive; }),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, OnceGuard, guards_that([](const Promises& p) { return p.once; }), test_name);
INSTANTIATE_TEST_SUITE_P(, WaitingGuard, guards_that([](const Promises& p) { return p.waits; }), test_name);
INSTANTIATE_TEST_SUITE_P(, TurningAwayGuard,
                         guards_that([](const Promises& p) { return p.exclusive && !p.waits; }), test_name);
INSTANTIATE_TEST_SUITE_P(, GivingUpGuard, guards_that([](const Promises& p) { return p.gives_up; }),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, PerKeyGuard, guards_that([](const Promises& p) { return p.per_key; }), test_name);
INSTANTIATE_TEST_SUITE_P(, ReentrantGuard, guards_that([](const Promises& p) { return p.reentrant; }),
                         test_name);
// Where several may be inside, the order in which they enter cannot be seen from inside.
INSTANTIATE_TEST_SUITE_P(, FifoGuard, guards_that([](const Promises& p) { return p.fifo && p.exclusive; }),
                         test_name);
// Who shares and is not exclusive may make several calls at once: a cache.
INSTANTIATE_TEST_SUITE_P(, SharingGuard,
                         guards_that([](const Promises& p) { return p.shares && p.exclusive; }), test_name);
INSTANTIATE_TEST_SUITE_P(, AdmittingGuard, guards_that([](const Promises& p) { return p.admits > 0; }),
                         test_name);

TEST_P(EveryGuard, AnswersALoneRequestWithWhatItsSectionAnswered) {
  expect_holds(answers_something_else, mutant<ForgetsTheAnswer>, guard());
}

TEST_P(ReopeningGuard, LetsTheNextRequestInAfterARefusal) {
  expect_holds(stay_shut_after_refusal, mutant<OpensNever>, guard());
}

TEST_P(ReopeningGuard, PassesAnExceptionOnAndLetsTheNextRequestIn) {
  expect_holds(stay_shut_after_throw, mutant<ForgetsToUnlock>, guard());
  expect_holds(stay_shut_after_throw, mutant<SwallowsExceptions>, guard());
}

TEST_P(ExclusiveGuard, KeepsOthersOutWhileOneWaitsInside) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return meet_inside(guard, kTwoWrites, rounds, milliseconds(20));
  };
  expect_holds_in_rounds(check, registered("none"), guard());
}

TEST_P(ExclusiveGuard, KeepsTheSecondOfTwoSimultaneousRequestsOut) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kTwoWrites, Keys::one, rounds);
  };
  expect_holds_in_spin_rounds(check, mutant<LoadsThenStores>, guard());
}

TEST_P(ExclusiveGuard, KeepsTheSecondOfTwoFirstUsersOfAKeyOut) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kTwoWrites, Keys::fresh, rounds);
  };
  expect_holds_in_spin_rounds(check, mutant<MakesTwoFlags>, guard());
}

TEST_P(OnceGuard, LetsNobodyInAfterASuccess) {
  expect_holds_in_spin_rounds(enter_after_success, mutant<OpensAlways>, guard());
  expect_holds_in_spin_rounds(enter_after_success, mutant<LoadsThenStores>, guard());
}

TEST_P(WaitingGuard, MakesARequestWaitThatCannotEnter) {
  expect_holds_in_rounds(leave_instead_of_waiting, mutant<OpensAlways>, guard());
}

TEST_P(WaitingGuard, LetsWaitersSleepAndForgetsNone) {
  expect_holds(leave_sleepers_of_one, mutant<NeverSleeps>, guard());
  expect_holds(leave_sleepers_of_one, mutant<ForgetsSleepers>, guard());
}

TEST_P(TurningAwayGuard, LetsARequestGoThatCannotEnter) {
  expect_holds(wait_instead_of_leaving, registered("global"), guard());
}

TEST_P(PerKeyGuard, LetsRequestsOfOtherKeysInWhileOneKeyIsTaken) {
  expect_holds(wait_for_other_keys, registered("global"), guard());
}

TEST_P(ReentrantGuard, LetsItsHolderEnterAgain) {
  expect_holds(cannot_enter_again, mutant<ForgetsToUnlock>, guard());
}

TEST_P(ReentrantGuard, StaysTakenWhenAnInnerSectionEnds) {
  expect_holds(let_in_after_inner_section, mutant<OpensWithInnerSection>, guard());
}

TEST_P(FifoGuard, LetsRequestsInInTheOrderInWhichTheyCame) {
  expect_holds_in_rounds(enter_out_of_order, registered("synchronized"), guard());
  expect_holds_in_rounds(enter_out_of_order, mutant<ServesTheLatest>, guard());
}

TEST_P(SharingGuard, GivesTheSuccessOfOneCallerToAllThatCameMeanwhile) {
  expect_holds(share_no_success, registered("synchronized"), guard());
  expect_holds(share_no_success, mutant<FlawedFlight<Flaw::followers_succeed>>, guard());
}

TEST_P(SharingGuard, GivesTheFailureOfOneCallerToAllThatCameMeanwhile) {
  expect_holds(share_no_failure, registered("synchronized"), guard());
  expect_holds(share_no_failure, mutant<FlawedFlight<Flaw::followers_succeed>>, guard());
}

TEST_P(SharingGuard, GivesTheVeryExceptionOfOneCallerToAllThatCameMeanwhile) {
  expect_holds(share_no_exception, registered("synchronized"), guard());
  expect_holds(share_no_exception, mutant<FlawedFlight<Flaw::loses_exception>>, guard());
}

TEST_P(AdmittingGuard, AdmitsNoMoreThanItPromises) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return admit_too_many(guard, kAdmitted, rounds, milliseconds(20));
  };
  expect_holds_in_rounds(check, mutant<CountsPermits<kAdmitted + 1>>, guard());
  expect_holds_in_rounds(check, registered("faulty-extra-permit", {{"permits", "3"}}), guard());
}

TEST_P(AdmittingGuard, AdmitsAsManyAsItPromises) {
  const auto check = [](AnyGuard& guard, milliseconds patience) {
    return admit_too_few(guard, kAdmitted, patience);
  };
  expect_holds(check, mutant<CountsPermits<kAdmitted - 1>>, guard());
  expect_holds(check, registered("synchronized"), guard());
}

TEST_P(AdmittingGuard, KeepsTheSecondOfTwoOutThatComeForTheLastPlace) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_for_last_place(guard, kAdmitted, rounds);
  };
  expect_holds_in_spin_rounds(check, mutant<LooksThenTakes>, guard(), kFewSpinRounds);
}

TEST_P(AdmittingGuard, LosesNoPlaceToAnException) {
  const auto check = [](AnyGuard& guard, milliseconds patience) {
    return admit_fewer_after_throws(guard, kAdmitted, patience);
  };
  expect_holds(check, mutant<CountsPermits<kAdmitted, true, false>>, guard());
}

TEST_P(AdmittingGuard, FillsAllPlacesThatAreLeftAtOnce) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return leave_room_unused(guard, kAdmitted, rounds, kPatience);
  };
  expect_holds_in_rounds(check, mutant<CountsPermits<kAdmitted, false>>, guard());
}

TEST_P(GivingUpGuard, TellsAWaiterThatItsTimeIsUp) {
  expect_holds(do_not_give_up, registered("global"), guard());
  expect_holds(do_not_give_up, mutant<OpensAlways>, guard());
}

TEST_P(GivingUpGuard, KeepsThoseOutWhoseTimeIsUp) {
  expect_holds(enter_after_giving_up, registered("faulty-ignored-timeout"), guard());
  expect_holds(enter_after_giving_up, registered("faulty-extra-permit"), guard());
}

TEST_P(GivingUpGuard, LetsTheNextRequestInAfterOthersGaveUp) {
  expect_holds(stay_shut_after_giving_up, mutant<HandsOverToNobody>, guard());
}

// ---------------------------------------------------------------- tests of one guard

class NamedGuard : public testing::Test {
  Watchdog watchdog_;
};

using Cas = NamedGuard;
using TryLock = NamedGuard;
using Spin = NamedGuard;
using Striped = NamedGuard;
using OptimisticRead = NamedGuard;

/// A guard that tells reads from writes, by name; `read_optimistic` is stamped with --reads=read and
/// --writes=optimistic. Where two contend again and again, rwlock's waiters sleep every time, which takes a
/// busy machine minutes; so it is in no more of such tests than need be.
class ReadWriteTest : public GuardTest {
 protected:
  static Make guard() {
    const std::string& name = GetParam();
    if (name == "rwlock") return registered(name);
    const auto separator = name.find('_');
    return registered("stamped",
                      {{"reads", name.substr(0, separator)}, {"writes", name.substr(separator + 1)}});
  }
};

class Stamped : public ReadWriteTest {};
class ReadWrite : public ReadWriteTest {};

INSTANTIATE_TEST_SUITE_P(, Stamped,
                         testing::Values("optimistic_write", "optimistic_optimistic", "read_read",
                                         "write_write"),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, ReadWrite, testing::Values("rwlock", "read_read"), test_name);

TEST_P(SharingGuard, RunsTheSectionOfALaterCaller) {
  expect_holds(keep_success, mutant<FlawedFlight<Flaw::keeps_success>>, guard());
  expect_holds(keep_success, registered("faulty-find-all"), guard());
}

TEST_P(SharingGuard, KeepsNoFailure) {
  expect_holds(keep_failure, mutant<FlawedFlight<Flaw::keeps_failure>>, guard());
}

TEST_P(SharingGuard, KeepsNoExceptionAfterItsLastCaller) {
  expect_holds(keep_exception, mutant<FlawedFlight<Flaw::keeps_failure>>, guard());
}

TEST_P(SharingGuard, NeverServesAResultThatSomebodyHasReturnedWith) {
  expect_holds_in_spin_rounds(get_stale_result, mutant<FlawedFlight<Flaw::leaves_late>>, guard());
  if (allowed_cpus().size() < 2) return;
  EXPECT_TRUE(get_stale_result(*registered("faulty-erase-late")(), kMostSpinRounds).breach);
}

TEST_P(ReadWrite, LetsReadsInTogether) {
  expect_holds(reads_keep_apart, registered("synchronized"), guard());
}

TEST_P(ReadWrite, KeepsReadsOutWhileAWriteWaitsInside) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return meet_inside(guard, kWriteAndRead, rounds, milliseconds(20));
  };
  expect_holds_in_rounds(check, registered("faulty-read-lock"), guard());
}

TEST_P(ReadWrite, KeepsASimultaneousReadAndWriteApart) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kWriteAndRead, Keys::one, rounds);
  };
  expect_holds_in_spin_rounds(check, mutant<LoadsThenStores>, guard());
}

TEST_P(Stamped, KeepsTwoSimultaneousWritesApart) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kTwoWrites, Keys::one, rounds);
  };
  expect_holds_in_spin_rounds(check, mutant<LoadsThenStores>, guard());
}

TEST_P(Stamped, LetsBothOfTwoSimultaneousWritesIn) {
  expect_holds_in_spin_rounds(keep_a_write_out, mutant<HoldsOnToItsRead>, guard());
}

TEST_P(Stamped, AnswersNoReadWithWhatAWriteHadHalfDone) {
  expect_holds_in_spin_rounds(answer_torn_reads, registered("none"), guard());
  expect_holds_in_spin_rounds(answer_torn_reads, mutant<CarelessReads<Slip::validates_early>>, guard());
}

TEST_F(OptimisticRead, RunsBesideOthers) {
  expect_holds(reads_keep_apart, registered("synchronized"), registered("stamped"));
}

TEST_F(OptimisticRead, HoldsNoWriteUp) {
  expect_holds(reads_hold_writes_up, registered("rwlock"), registered("stamped"));
}

TEST_F(OptimisticRead, LooksAgainIfAWriteCameMeanwhile) {
  expect_holds(answer_an_overtaken_read, mutant<CarelessReads<Slip::validates_early>>, registered("stamped"));
  expect_holds(answer_an_overtaken_read, registered("rwlock"), registered("stamped"));
}

TEST_F(OptimisticRead, ThrowsNothingThatItOwesToAWrite) {
  expect_holds(throw_of_an_overtaken_read, mutant<CarelessReads<Slip::passes_exceptions_on>>,
               registered("stamped"));
}

TEST_F(OptimisticRead, LooksOnceIfNobodyWrites) {
  expect_holds(look_again_for_nothing, mutant<CarelessReads<Slip::looks_twice>>, registered("stamped"));
}

TEST_F(OptimisticRead, IsPromisedToBeRepeatedWhereItIsOptimistic) {
  const GuardPlugin& plugin = *guards().find("stamped");
  GuardContext context(plugin.info);
  EXPECT_TRUE(plugin.promises(context).retries);
  context.parameters.set("reads", "read");
  EXPECT_FALSE(plugin.promises(context).retries);
}

TEST_F(Cas, SaysWhyItTurnsARequestAway) {
  const auto guard = registered("cas")();
  guard->run(request_for(kKey), [](const Entry&) { return success(); });
  const Result result = guard->run(request_for(kKey), [](const Entry&) { return success(); });
  EXPECT_EQ(result.outcome, Outcome::turned_away);
  EXPECT_EQ(result.reason.text(), "the flag is set");
}

TEST(Semaphore, PromisesByItsPermits) {
  const GuardPlugin& semaphore = plugin_of("semaphore");
  const auto promises = [&](const char* permits) {
    return semaphore.promises(context_of(semaphore, {{"permits", permits}}));
  };
  EXPECT_TRUE(promises("1").exclusive);
  EXPECT_EQ(promises("1").admits, 1);
  EXPECT_FALSE(promises("2").exclusive);
  EXPECT_EQ(promises("2").admits, 2);
  EXPECT_EQ(promises("1000000").admits, 1'000'000);
}

const Settings kPatient = {{"patience", "1h"}};

TEST_F(TryLock, WaitsForItsWholePatience) {
  const auto check = [](AnyGuard& guard, milliseconds /*patience*/) {
    return give_up_one_after_the_other(guard).first < milliseconds(200);
  };
  const Make guard = registered("try-lock", {{"patience", "200ms"}});
  expect_holds(check, mutant<OpensAlways>, guard);
  expect_holds(check, registered("try-lock", {{"patience", "1us"}}), guard);
}

TEST_F(TryLock, LetsWaitersSleepAndForgetsNone) {
  expect_holds(leave_sleepers_of_one, mutant<NeverSleeps>, registered("try-lock", kPatient));
  expect_holds(leave_sleepers_of_one, mutant<ForgetsSleepers>, registered("try-lock", kPatient));
}

TEST_F(TryLock, KeepsTwoApartWhenOneOfThemGivesUp) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kTwoWrites, Keys::one, rounds);
  };
  // So long the other one is inside: its unlock and the end of the wait come together.
  const Make guard = registered("try-lock", {{"patience", "500ns"}});
  expect_holds_in_spin_rounds(check, mutant<LoadsThenStores>, guard, kFewSpinRounds);
}

TEST_F(TryLock, WithoutPatienceTurnsARequestAwayAtOnce) {
  const Settings none = {{"patience", "0"}};
  expect_holds(wait_instead_of_being_turned_away, registered("try-lock"), registered("try-lock", none));
  const GuardPlugin& plugin = plugin_of("try-lock");
  EXPECT_FALSE(plugin.promises(context_of(plugin, none)).gives_up);
  EXPECT_TRUE(plugin.promises(context_of(plugin, {})).gives_up);
}

TEST_F(TryLock, SaysWhyItSendsARequestAway) {
  const auto reason = [](const char* patience) {
    const auto guard = registered("try-lock", {{"patience", patience}})();
    Result inner;
    guard->run(request_for(kKey), [&](const Entry&) {
      inner = guard->run(request_for(kKey), [](const Entry&) { return success(); });
      return success();
    });
    return std::string(inner.reason.text());
  };
  EXPECT_EQ(reason("0"), "the key is taken");
  EXPECT_EQ(reason("1ms"), "the key stayed taken");
}

TEST_F(Spin, KeepsOthersOutHoweverLongItSpins) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kTwoWrites, Keys::one, rounds);
  };
  for (const char* spins : {"0", "1", "1000000"}) {
    const Make guard = registered("spin", {{"spins", spins}});
    expect_holds_in_spin_rounds(check, mutant<LoadsThenStores>, guard, kFewSpinRounds);
  }
}

TEST_F(Spin, LetsWaitersSleepAndForgetsNoneHoweverLongItSpins) {
  for (const char* spins : {"0", "1000000"}) {
    const Make guard = registered("spin", {{"spins", spins}});
    expect_holds(leave_sleepers_of_one, mutant<NeverSleeps>, guard);
    expect_holds(leave_sleepers_of_one, mutant<ForgetsSleepers>, guard);
  }
}

TEST_F(Striped, LetsMostOtherKeysInWhileOneIsTaken) {
  expect_holds(keep_most_keys_out, registered("striped", {{"stripes", "1"}}), registered("striped"));
}

TEST_F(Striped, KeepsOthersOutWithAnyNumberOfStripes) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kTwoWrites, Keys::fresh, rounds);
  };
  for (const char* stripes : {"1", "3", "65536"}) {
    const Make guard = registered("striped", {{"stripes", stripes}});
    expect_holds_in_spin_rounds(check, mutant<MakesTwoFlags>, guard, kFewSpinRounds);
  }
}

// ---------------------------------------------------------------- the faulty guards

class SilentSteps : public StepListener {
  void enter_step(const Request& /*request*/, StepId /*step*/) override {}
};

/// Twenty requests buy two tickets. Answers whether the invariant broke that an unguarded trial must break.
bool purchase_breaks(const GuardPlugin& plugin) {
  constexpr int kRequests = 20;
  constexpr Key kTickets = 2;
  const ScenarioPlugin& scenario = *scenarios().find("lotto-purchase");
  ParameterValues parameters(scenario.info.parameters);
  parameters.set("payment", "20ms");
  parameters.set("db", "10ms");
  const std::size_t kinds = scenario.info.facts.size();
  std::vector<Facts::Counter> counters(kTickets * kinds);
  Facts facts(counters, kinds);
  SilentSteps steps;
  const TrialContext context{.requests = kRequests,
                             .keys = kTickets,
                             .seed = 1,
                             .parameters = parameters,
                             .facts = facts,
                             .steps = steps};
  const auto subject = scenario.make(context);
  const auto guard = plugin.make(GuardContext(plugin.info));
  std::array<Outcome, kRequests> outcomes{};
  std::latch start(kRequests);
  run_in_threads(kRequests, [&](int thread) {
    const auto index = static_cast<std::uint64_t>(thread);
    const Request request{
        .index = index, .worker = static_cast<std::uint32_t>(index), .key = index % kTickets};
    start.arrive_and_wait();
    outcomes.at(index) =
        guard->run(request, [&](const Entry& entry) { return subject->handle(request, entry); }).outcome;
  });
  subject->settle();

  Tally tally;
  tally.promises = plugin.info.promises;
  tally.requests = kRequests;
  tally.keys = kTickets;
  tally.requests_of_key.assign(kTickets, kRequests / kTickets);
  tally.successes_of_key.assign(kTickets, 0);
  for (std::size_t index = 0; index < outcomes.size(); ++index) {
    ++tally.outcomes.at(index_of(outcomes.at(index)));
    if (outcomes.at(index) == Outcome::success) ++tally.successes_of_key[index % kTickets];
  }
  for (FactId fact = 0; fact < kinds; ++fact) {
    tally.facts_of_key.push_back({facts.get(fact, 0), facts.get(fact, 1)});
  }
  const auto invariants = scenario.check(tally);
  const auto broken = std::ranges::find(invariants, scenario.info.breakable, &Invariant::name);
  return broken != invariants.end() && !broken->holds;
}

class FaultyGuard : public testing::TestWithParam<std::string> {
  Watchdog watchdog_;
};

// By name: the other faulty guards hang instead of breaking anything, and here that would hang the tests.
// command_line_test.py runs those, each in a trial of its own.
INSTANTIATE_TEST_SUITE_P(, FaultyGuard,
                         testing::Values("faulty-load-store", "faulty-read-lock", "faulty-loser-clears",
                                         "faulty-extra-permit", "faulty-ignored-timeout"),
                         test_name);

TEST_P(FaultyGuard, BreaksTheLottoPurchaseInEveryTrial) {
  ASSERT_FALSE(purchase_breaks(*guards().find("synchronized"))) << "this test calls a correct guard broken";
  for (int trial = 0; trial < 5; ++trial) EXPECT_TRUE(purchase_breaks(*guards().find(GetParam()))) << trial;
}

// ---------------------------------------------------------------- the registry

/// The names that the plug-ins' files in a folder of the sources ask for: `single_flight.cc` is
/// `single-flight`.
std::set<std::string> names_of_files(const std::string& folder, const std::string& prefix = "") {
  std::set<std::string> names;
  for (const auto& file :
       std::filesystem::directory_iterator(std::filesystem::path(CCBENCH_SOURCE_DIR) / folder)) {
    std::string name = file.path().stem().string();
    if (file.path().extension() != ".cc" || name.ends_with("_test") || name.ends_with("_benchmark") ||
        name.ends_with("_by_hand"))
      continue;
    std::ranges::replace(name, '_', '-');
    names.insert(prefix + name);
  }
  return names;
}

template <class Plugin>
std::set<std::string> names_of_plugins(const Registry<Plugin>& registry) {
  std::set<std::string> names;
  for (const Plugin& plugin : registry.all()) names.emplace(plugin.info.name);
  return names;
}

TEST(TheRegistry, HoldsEveryGuardsFileUnderItsName) {
  auto files = names_of_files("src/guards");
  files.merge(names_of_files("src/guards/faulty", "faulty-"));
  EXPECT_EQ(names_of_plugins(guards()), files);
}

TEST(TheRegistry, HoldsEveryScenariosFileUnderItsName) {
  EXPECT_EQ(names_of_plugins(scenarios()), names_of_files("scenarios"));
}

}  // namespace
}  // namespace ccbench
