// faulty-two-consumers: the queue guard with two consumers for every partition.
//
// What is wrong: a second consumer takes from the same queue, to work it off faster: two threads in one
// consumer, or a consumer that was taken for dead and still works when the next one has its partition. Each
// request goes to one of them only, and both are inside one key at once. The guard holds the window open:
// until both have had a request at once, a consumer waits with its own for the other one to get one, for a
// second at most. What ccbench shows: VIOLATION. Both first requests of each key pay.
//
//   $ ccbench --guard=faulty-two-consumers --requests=20 --keys=2 --payment=20ms --db=10ms
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "guards/faulty/call_queue.h"
#include "guards/faulty/fault_window.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class TwoConsumersGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-two-consumers",
                                   .about = "wrong: a queue per partition, worked off by two consumers",
                                   .promises = {.exclusive = true, .waits = true, .fifo = true},
                                   .parameters = kFaultWindowOnly,
                                   .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit TwoConsumersGuard(const GuardContext& context) : partitions_(kPartitions) {
    const FaultWindow<Sync> window(context, std::chrono::seconds(1));
    for (auto& partition : partitions_) partition = std::make_unique<Partition>(window);
  }

  Result run(const Request& request, Section section) {
    return partitions_.at(request.key % kPartitions)->send(section);
  }

 private:
  static constexpr std::size_t kPartitions = 16;

  class Partition {
   public:
    explicit Partition(const FaultWindow<Sync>& window)
        : window_(window), first_([this] { consume(); }), second_([this] { consume(); }) {}
    ~Partition() {
      queue_.close();
      first_.join();
      second_.join();
    }
    Partition(const Partition&) = delete;
    Partition& operator=(const Partition&) = delete;

    Result send(Section section) { return queue_.send(section); }

   private:
    void consume() {
      while (Call<Sync>* call = queue_.take()) {
        if (busy_.fetch_add(1) == 1) met_.store(1);
        window_.hold_until([this] { return met_.load() != 0; });
        answer(*call);
        busy_.fetch_sub(1);
      }
    }

    static void answer(Call<Sync>& call) {
      Result result;
      std::exception_ptr error;
      try {
        result = call.carry();
      } catch (...) {
        error = std::current_exception();
      }
      if (error) {
        call.answer(std::move(error));
      } else {
        call.answer(result);
      }
    }

    const FaultWindow<Sync> window_;
    CallQueue<Sync> queue_;
    typename Sync::template atomic<int> busy_{0};  ///< consumers that have a request
    typename Sync::template atomic<int> met_{0};   ///< 1 once both had one at the same time
    typename Sync::thread first_;                  ///< Last, the two: they use all of the above.
    typename Sync::thread second_;
  };

  std::vector<std::unique_ptr<Partition>> partitions_;
};

const RegisterGuard<TwoConsumersGuard> registered;

}  // namespace
}  // namespace ccbench
