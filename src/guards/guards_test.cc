// Conformance: every registered guard keeps the promises that it makes.
//
// A check that nothing can fail shows nothing. Each check here is a function of a guard, and every test runs
// it on a mutant first: a guard that breaks exactly this promise. The rounds that the mutant needed to be
// caught say how strong the check is on this machine, now; the guard then has to hold for three times as
// many.
#include <gtest/gtest.h>
#include <malloc.h>

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
#include "sync/keyed.h"
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
constexpr int kLeastSpinRounds = kSanitized ? 2'000 : 20'000;

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
    if (changed_.wait_for(lock, seconds(60), [this] { return over_; })) return;
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

/// A request that waits for the one inside, where the guard promised to turn it away.
bool wait_instead_of_leaving(AnyGuard& guard, milliseconds patience) {
  const Visit visit = visit_while_inside(guard, patience);
  return !visit.ended_meanwhile || visit.outcome != Outcome::turned_away;
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

/// Memory that grows with the number of keys used.
bool keep_memory_per_key(AnyGuard& guard, int keys) {
  const auto in_use = [] {
    const auto heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
  };
  const auto before = in_use();
  for (int key = 0; key < keys; ++key) {
    guard.run(request_for(static_cast<Key>(key)), [](const Entry&) { return success(); });
  }
  constexpr std::size_t kMuch = 131'072;
  return in_use() > before + kMuch;
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
  return std::make_unique<ErasedGuard<G>>();
}

Make registered(std::string_view name) {
  const GuardPlugin* plugin = guards().find(name);
  if (plugin == nullptr) throw std::logic_error("no guard is named " + std::string(name));
  return plugin->make;
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

void expect_holds_in_spin_rounds(const RoundsCheck& check, const Make& mutant, const Make& guard) {
  if (allowed_cpus().size() < 2) {
    GTEST_SKIP() << "one CPU: threads started by spinning never meet, so this check has no power here";
  }
  expect_holds(check, mutant, guard, kLeastSpinRounds, kMostSpinRounds);
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
class ExclusiveGuard : public GuardTest {};
class OnceGuard : public GuardTest {};
class WaitingGuard : public GuardTest {};
class TurningAwayGuard : public GuardTest {};
class PerKeyGuard : public GuardTest {};
class ReentrantGuard : public GuardTest {};
class SharingGuard : public GuardTest {};

INSTANTIATE_TEST_SUITE_P(, EveryGuard, guards_that([](const Promises&) { return true; }), test_name);
INSTANTIATE_TEST_SUITE_P(, ExclusiveGuard, guards_that([](const Promises& p) { return p.exclusive; }),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, OnceGuard, guards_that([](const Promises& p) { return p.once; }), test_name);
INSTANTIATE_TEST_SUITE_P(, WaitingGuard, guards_that([](const Promises& p) { return p.waits; }), test_name);
INSTANTIATE_TEST_SUITE_P(, TurningAwayGuard,
                         guards_that([](const Promises& p) { return p.exclusive && !p.waits; }), test_name);
INSTANTIATE_TEST_SUITE_P(, PerKeyGuard, guards_that([](const Promises& p) { return p.per_key; }), test_name);
INSTANTIATE_TEST_SUITE_P(, ReentrantGuard, guards_that([](const Promises& p) { return p.reentrant; }),
                         test_name);
INSTANTIATE_TEST_SUITE_P(, SharingGuard, guards_that([](const Promises& p) { return p.shares; }), test_name);

TEST_P(EveryGuard, AnswersALoneRequestWithWhatItsSectionAnswered) {
  expect_holds(answers_something_else, mutant<ForgetsTheAnswer>, guard());
}

TEST_P(EveryGuard, LetsTheNextRequestInAfterARefusal) {
  expect_holds(stay_shut_after_refusal, mutant<OpensNever>, guard());
}

TEST_P(EveryGuard, PassesAnExceptionOnAndLetsTheNextRequestIn) {
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

TEST_P(TurningAwayGuard, LetsARequestGoAtOnceThatCannotEnter) {
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

// ---------------------------------------------------------------- tests of one guard

class NamedGuard : public testing::Test {
  Watchdog watchdog_;
};

using SingleFlight = NamedGuard;
using ReadWrite = NamedGuard;
using Cas = NamedGuard;

TEST_F(SingleFlight, RunsTheSectionOfALaterCaller) {
  expect_holds(keep_success, mutant<FlawedFlight<Flaw::keeps_success>>, registered("single-flight"));
}

TEST_F(SingleFlight, KeepsNoFailure) {
  expect_holds(keep_failure, mutant<FlawedFlight<Flaw::keeps_failure>>, registered("single-flight"));
}

TEST_F(SingleFlight, KeepsNoExceptionAfterItsLastCaller) {
  expect_holds(keep_exception, mutant<FlawedFlight<Flaw::keeps_failure>>, registered("single-flight"));
}

TEST_F(SingleFlight, NeverServesAResultThatSomebodyHasReturnedWith) {
  expect_holds_in_spin_rounds(get_stale_result, mutant<FlawedFlight<Flaw::leaves_late>>,
                              registered("single-flight"));
}

TEST_F(SingleFlight, NeedsNoMoreMemoryForAMillionKeys) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's heap does not tell how much of it is in use";
  ASSERT_TRUE(keep_memory_per_key(*registered("synchronized")(), 10'000)) << kNoPower;
  EXPECT_FALSE(keep_memory_per_key(*registered("single-flight")(), 1'000'000));
}

TEST_F(ReadWrite, LetsReadsInTogether) {
  expect_holds(reads_keep_apart, registered("synchronized"), registered("rwlock"));
}

TEST_F(ReadWrite, KeepsReadsOutWhileAWriteWaitsInside) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return meet_inside(guard, kWriteAndRead, rounds, milliseconds(20));
  };
  expect_holds_in_rounds(check, registered("faulty-read-lock"), registered("rwlock"));
}

TEST_F(ReadWrite, KeepsASimultaneousReadAndWriteApart) {
  const auto check = [](AnyGuard& guard, int rounds) {
    return collide_inside(guard, kWriteAndRead, Keys::one, rounds);
  };
  expect_holds_in_spin_rounds(check, mutant<LoadsThenStores>, registered("rwlock"));
}

TEST_F(Cas, SaysWhyItTurnsARequestAway) {
  const auto guard = registered("cas")();
  guard->run(request_for(kKey), [](const Entry&) { return success(); });
  const Result result = guard->run(request_for(kKey), [](const Entry&) { return success(); });
  EXPECT_EQ(result.outcome, Outcome::turned_away);
  EXPECT_EQ(result.reason.text(), "the flag is set");
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
  const auto guard = plugin.make();
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
                         testing::Values("faulty-load-store", "faulty-read-lock", "faulty-loser-clears"),
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
    if (file.path().extension() != ".cc" || name.ends_with("_test") || name.ends_with("_benchmark")) continue;
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
