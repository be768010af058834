// fair: a ticket lock per key, made on the key's first use. It is handed to who has waited longest.
//
// Who waits: every request of a key while another of the same key is inside or waits. Who is refused: nobody.
// Ordered: what one section of a key did happens before the next one of that key enters, and requests enter
// in the order in which they took their tickets, which is the first thing that they do; who comes later never
// goes first, not even while the next one is still waking up. Not re-entrant.
// Waiters sleep, each on a word of its own, and who leaves wakes the next one alone.
// Memory: 128 bytes for every key ever used, freed with the guard; a waiter's word is on its own stack.
//
// Algorithm: the ticket lock (J. Mellor-Crummey, M. Scott, "Algorithms for scalable synchronization on
// shared-memory multiprocessors", ACM TOCS 9, 1991), with a word for each waiter as in the queue lock of the
// same paper (MCS), slept on instead of spun on.
#include <cstdint>
#include <mutex>

#include "sync/keyed.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class TicketLock {
 private:
  using Ticket = std::uint64_t;

 public:
  /// Holds the lock from the end of its making to its own.
  class Turn {
   public:
    explicit Turn(TicketLock& lock) : lock_(lock), ticket_(lock.next_.fetch_add(1)) {
      if (lock_.serving_.load() != ticket_) wait();
    }
    ~Turn() {
      lock_.serving_.store(ticket_ + 1);
      // Who has slept goes through the mutex in any case: who woke it may still be in there with its word.
      if (has_slept_ || lock_.next_.load() != ticket_ + 1) lock_.wake(ticket_ + 1);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    friend class TicketLock;

    void wait() {
      {
        const std::lock_guard lock(lock_.mutex_);
        // Either this sees that it is its turn, or who leaves sees that there is a next one and finds it
        // here.
        if (lock_.serving_.load() == ticket_) return;
        lock_.enqueue(*this);
      }
      has_slept_ = true;
      turn_.wait(0, std::memory_order_acquire);
    }

    TicketLock& lock_;
    const Ticket ticket_;
    bool has_slept_ = false;
    typename Sync::template atomic<int> turn_{0};
    Turn* earlier_ = nullptr;  ///< under the mutex, as are all links
    Turn* later_ = nullptr;
  };

 private:
  /// In order of tickets. Two that come at once may get here in either order.
  void enqueue(Turn& turn) {
    turn.earlier_ = last_;
    while (turn.earlier_ != nullptr && turn.earlier_->ticket_ > turn.ticket_) {
      turn.later_ = turn.earlier_;
      turn.earlier_ = turn.earlier_->earlier_;
    }
    (turn.earlier_ != nullptr ? turn.earlier_->later_ : first_) = &turn;
    (turn.later_ != nullptr ? turn.later_->earlier_ : last_) = &turn;
  }

  /// Lets go of the one with this ticket. Who is not here yet will see that it is its turn.
  void wake(Ticket ticket) {
    const std::lock_guard lock(mutex_);
    Turn* const turn = first_;
    if (turn == nullptr || turn->ticket_ != ticket) return;
    first_ = turn->later_;
    (first_ != nullptr ? first_->earlier_ : last_) = nullptr;
    turn->turn_.store(1, std::memory_order_release);
    turn->turn_.notify_one();
  }

  // Sequentially consistent both: who takes a ticket looks at `serving_` next, and who leaves at `next_`.
  typename Sync::template atomic<Ticket> next_{0};
  typename Sync::template atomic<Ticket> serving_{0};
  typename Sync::mutex mutex_;
  Turn* first_ = nullptr;
  Turn* last_ = nullptr;
};

template <class Sync>
class FairGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "fair",
      .about = "a ticket lock per key: requests of a key enter in the order in which they came",
      .promises = {.exclusive = true, .waits = true, .per_key = true, .fifo = true},
      .bytes_per_key = 128};

  Result run(const Request& request, Section section) {
    const typename TicketLock<Sync>::Turn turn(locks_.at(request.key));
    return section(Entry{});
  }

 private:
  Keyed<Sync, TicketLock<Sync>> locks_;
};

const RegisterGuard<FairGuard> registered;

}  // namespace
}  // namespace ccbench
