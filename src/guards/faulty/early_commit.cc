// faulty-early-commit: the queue guard with a consumer that commits what it has not done yet.
//
// What is wrong: the consumer takes what is there as a batch, commits the batch, and works it off. Where a
// request of the batch fails it gives the batch up, and what was behind is never carried, although it is
// committed: nobody will deliver it again (at most once, where at least once was wanted). The guard holds the
// window open: a consumer waits until three have come, for a second at most, and takes them as its first
// batch. It answers a batch at its end only, because a section lives on its caller's stack; what the callers
// see is the same.
// What ccbench shows: VIOLATION. Of each ticket's requests the first buys it, the second is refused, and up
// to eight are told that they have bought it and never were inside: one success alone breaks, and neither a
// payment nor a completion is too many.
//
//   $ ccbench --guard=faulty-early-commit --requests=20 --keys=2 --payment=20ms --db=10ms
#include <chrono>
#include <cstddef>
#include <deque>
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
class EarlyCommitGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-early-commit",
      .about = "wrong: a queue per partition, whose consumer commits a batch first",
      .promises = {.exclusive = true, .waits = true, .fifo = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--requests=20 --keys=2 --payment=20ms --db=10ms"};

  explicit EarlyCommitGuard(const GuardContext& context) : partitions_(kPartitions) {
    const FaultWindow<Sync> window(context, std::chrono::seconds(1));
    for (auto& partition : partitions_) partition = std::make_unique<Partition>(window.length());
  }

  Result run(const Request& request, Section section) {
    return partitions_.at(request.key % kPartitions)->send(section);
  }

 private:
  static constexpr std::size_t kPartitions = 16;
  using Batch = typename CallQueue<Sync>::Batch;

  class Partition {
   public:
    explicit Partition(std::chrono::nanoseconds window) : window_(window), consumer_([this] { consume(); }) {}
    ~Partition() {
      queue_.close();
      consumer_.join();
    }
    Partition(const Partition&) = delete;
    Partition& operator=(const Partition&) = delete;

    Result send(Section section) { return queue_.send(section); }

   private:
    static constexpr std::size_t kFirstBatch = 3;

    void consume() {
      for (Batch batch = queue_.take_all(kFirstBatch, window_); !batch.empty();
           batch = queue_.take_all(1, window_)) {
        carry(batch);
      }
    }

    /// In their order, until one fails. Those behind it are as good as done: they are committed.
    static void carry(const Batch& batch) {
      std::deque<Result> results;
      std::exception_ptr error;
      try {
        for (bool failed = false; !failed && results.size() < batch.size();) {
          results.push_back(batch[results.size()]->carry());
          failed = is_failure(results.back().outcome);
        }
      } catch (...) {
        error = std::current_exception();
      }
      for (std::size_t place = 0; place < batch.size(); ++place) {
        if (error && place == results.size()) continue;
        batch[place]->answer(place < results.size() ? results[place] : success());
      }
      if (error) batch[results.size()]->answer(std::move(error));
    }

    const std::chrono::nanoseconds window_;
    CallQueue<Sync> queue_;
    typename Sync::thread consumer_;  ///< Last: it uses the queue.
  };

  std::vector<std::unique_ptr<Partition>> partitions_;
};

const RegisterGuard<EarlyCommitGuard> registered;

}  // namespace
}  // namespace ccbench
