// faulty-dead-consumer: the queue guard with a consumer that does not outlive an exception.
//
// What is wrong: the `try` stands around the consumer's loop instead of in it. The first section that throws
// ends the loop: its own caller gets the exception, and everybody behind it, and everybody who comes later to
// a key of the partition, waits for a consumer that is gone. A broker would give the partition to another
// one, which would die of the same request: a poison message. What ccbench shows: HUNG. The first request of
// each key is an error, as it would be under any guard, and the rest wait: 2 errors, 18 unfinished.
//
//   $ ccbench --guard=faulty-dead-consumer --requests=20 --keys=2 --payment=20ms --db=10ms --failure-rate=1
//       --failure=throws --stall=200ms
#include <array>
#include <exception>
#include <utility>

#include "guards/faulty/call_queue.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class DeadConsumerGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-dead-consumer",
      .about = "wrong: a queue per partition, whose consumer ends with the first exception",
      .promises = {.exclusive = true, .waits = true, .fifo = true},
      .shown_by =
          "--requests=20 --keys=2 --payment=20ms --db=10ms --failure-rate=1 --failure=throws "
          "--stall=200ms"};

  Result run(const Request& request, Section section) {
    return partitions_.at(request.key % partitions_.size()).send(section);
  }

 private:
  class Partition {
   public:
    Partition() : consumer_([this] { consume(); }) {}
    ~Partition() {
      queue_.close();
      consumer_.join();
    }
    Partition(const Partition&) = delete;
    Partition& operator=(const Partition&) = delete;

    Result send(Section section) { return queue_.send(section); }

   private:
    void consume() {
      Call<Sync>* call = nullptr;
      std::exception_ptr error;
      try {
        while ((call = queue_.take()) != nullptr) call->answer(call->carry());
      } catch (...) {
        error = std::current_exception();
      }
      if (error) call->answer(std::move(error));
    }

    CallQueue<Sync> queue_;
    typename Sync::thread consumer_;  ///< Last: it uses the queue.
  };

  std::array<Partition, 16> partitions_;
};

const RegisterGuard<DeadConsumerGuard> registered;

}  // namespace
}  // namespace ccbench
