// queue: the in-process picture of "one partition, one consumer", as a consumer group of a broker reads a
// topic that is partitioned by key. A request is put into the queue of its key's partition, and the
// partition's one consumer, a thread of the guard's own, runs the sections that it finds there in the order
// of the queue.
//
// Who waits: every request, for the consumer and for those before it in its partition. Who is refused:
// nobody. Keys are dealt to the partitions in turn: with as many partitions as keys each key has its own, and
// then the guard promises that keys do not wait for each other. (The hash of a broker promises that never.)
// Ordered: sections of a partition one after the other, as they came into the queue; what one did happens
// before the next, and before the return of its caller. Not re-entrant: a section that asks for a key of its
// own partition waits for itself, for ever.
// Errors: an exception of a section goes to its caller, and the consumer goes on. A thread that the system
// refuses ends the making of the guard (std::system_error); where memory is refused (std::bad_alloc), the
// request has not been in the queue.
// Memory: for each partition a thread, and some 100 bytes for each of the most requests that ever waited
// there at once, 16 at first; freed with the guard. None of it is by key. The queue has no bound and needs
// none: every caller waits for its answer, so that there are never more requests in it than callers.
//
// A section runs in another thread than its caller's, as behind a broker. So in a snapshot the request whose
// section runs is in its step while its own thread is WAITING, and the consumer has no row. What the consumer
// uses of the CPUs is counted as the guard's. Not built here: callers that run their own sections as their
// turns come, which is a fair lock; and callers that work the queue off for each other (flat combining: D.
// Hendler, I. Incze, N. Shavit, M. Tzafrir, SPAA 2010), which needs no thread, but has no consumer either.
//
// The queue is Boost.Lockfree's, that of M. Michael and M. Scott (PODC 1996). Its atomics are the library's
// and not of `Sync`, so an explorer that schedules what `Sync` does would not see them: this guard is for
// measuring, not for exploring.
//
// Beside synchronized, in turns, medians of the ratios of 30 rounds on two CPUs: a request that meets nobody
// takes 29 times as long (6 µs, of which nearly all is two threads waking each other) and 18 times the CPU
// time; empty sections of 20 threads 17 times as long, although the next section begins sooner (0.7) after
// the last. Where many wait and a section takes its time that is no longer seen: 20 purchases of 30 ms
// take 1.00 of the time, 1000 purchases 0.93, and 1.3 and 1.8 times the CPU time.
#include <array>
#include <boost/lockfree/queue.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "partitions",
     .about = "so many queues, each with one consumer; keys are dealt to them in turn",
     .type = Parameter::Type::count,
     .initial = "16",
     .least = 1,
     .most = 1'000},
}};

template <class Sync>
class QueueGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "queue",
      .about = "a queue per partition of the keys, worked off by one consumer thread",
      .promises = {.exclusive = true, .waits = true, .fifo = true},
      .parameters = kParameters,
      .bytes_per_key = 0,
      .not_explorable = "its queue is Boost.Lockfree's, whose steps the explorer cannot see"};

  /// Keys keep out of each other's way where each has a partition to itself. One key alone has no other.
  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.per_key = context.keys > 1 && context.keys <= partitions_of(context);
    return promises;
  }

  explicit QueueGuard(const GuardContext& context) : partitions_(partitions_of(context)) {
    for (auto& partition : partitions_) partition = std::make_unique<Partition>();
  }

  Result run(const Request& request, Section section) {
    return partitions_[request.key % partitions_.size()]->carry(section);
  }

 private:
  /// A request on its way through the queue, on its caller's stack.
  struct Call {
    Section section;
    Result result = {};
    std::exception_ptr error = {};
    typename Sync::template atomic<int> answered{0};  ///< what the caller sleeps on
  };

  class alignas(64) Partition {
   public:
    Partition() : consumer_([this] { consume(); }) {}
    /// Nobody may be waiting any more.
    ~Partition() {
      send(kEnd);
      consumer_.join();
    }
    Partition(const Partition&) = delete;
    Partition& operator=(const Partition&) = delete;

    Result carry(Section section) {
      Call call{.section = section};
      send(&call);
      call.answered.wait(0, std::memory_order_acquire);
      if (call.error) std::rethrow_exception(call.error);
      return call.result;
    }

   private:
    static constexpr Call* kEnd = nullptr;

    void send(Call* call) {
      calls_.push(call);
      // Sequentially consistent, because notify_one looks for sleepers next. Who finds others before it
      // leaves the waking to the first of them.
      if (sent_.fetch_add(1) == 0) sent_.notify_one();
    }

    void consume() {
      while (Call* call = next()) answer(*call);
    }

    Call* next() {
      sent_.wait(0, std::memory_order_acquire);
      // Counted only once it was in the queue, so there is one.
      Call* call = kEnd;
      calls_.pop(call);
      sent_.fetch_sub(1, std::memory_order_relaxed);
      return call;
    }

    static void answer(Call& call) {
      try {
        call.result = call.section(Entry{});
      } catch (...) {
        call.error = std::current_exception();
      }
      // The call may be gone once it is answered; its address alone is what the kernel is told.
      call.answered.store(1);
      call.answered.notify_one();
    }

    boost::lockfree::queue<Call*> calls_{kCallsAtFirst};
    typename Sync::template atomic<int> sent_{0};  ///< calls in the queue; what the consumer sleeps on
    typename Sync::thread consumer_;               ///< Last: it uses all of the above.

    static constexpr std::size_t kCallsAtFirst = 16;
  };

  static Key partitions_of(const GuardContext& context) {
    return static_cast<Key>(context.parameters.at("partitions"));
  }

  std::vector<std::unique_ptr<Partition>> partitions_;
};

const RegisterGuard<QueueGuard> registered;

}  // namespace
}  // namespace ccbench
