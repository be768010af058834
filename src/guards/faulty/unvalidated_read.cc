// faulty-unvalidated-read: stamped, whose reads take a stamp and never ask whether it still holds.
//
// What is wrong: an optimistic read keeps nobody out. What it returned is right only if nobody has written
// since its stamp was given, and only `validate` knows; here nobody asks. The guard holds the window open: a
// read enters 5 ms after a write has begun, or after a second without one. What ccbench shows: VIOLATION, of
// the reads alone. No increment is lost, and several of some ten reads answer a counter that changed under
// them.
//
//   $ ccbench --guard=faulty-unvalidated-read --scenario=counter --requests=20 --keys=2 --read-ratio=0.5
//         --work=60ms --work-kind=sleep
#include "guards/faulty/fault_window.h"
#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stamped_lock.h"

namespace ccbench {
namespace {

template <class Sync>
class UnvalidatedReadGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-unvalidated-read",
      .about = "wrong: a stamped lock per key, whose optimistic reads are not validated",
      .promises = {.exclusive = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--scenario=counter --requests=20 --keys=2 --read-ratio=0.5 --work=60ms --work-kind=sleep"};

  explicit UnvalidatedReadGuard(const GuardContext& context)
      : write_(context, std::chrono::seconds(1)), middle_(context, std::chrono::milliseconds(5)) {}

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    if (request.kind == Kind::read) {
      const Stamp stamp = lock.try_optimistic_read();
      // Elsewhere a few instructions of the section lie here.
      write_.hold_until([&] { return !lock.validate(stamp); });
      middle_.hold();
      return section(Entry{});
    }
    const Writing writing(lock);
    return section(Entry{});
  }

 private:
  using Lock = StampedLock<Sync>;

  class Writing {
   public:
    explicit Writing(Lock& lock) : lock_(lock), stamp_(lock.write_lock()) {}
    // NOLINTNEXTLINE(bugprone-exception-escape): its own stamp is never refused.
    ~Writing() { lock_.unlock_write(stamp_); }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    Lock& lock_;
    const Stamp stamp_;
  };

  const FaultWindow<Sync> write_;   ///< until one has begun
  const FaultWindow<Sync> middle_;  ///< until it is well under way
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<UnvalidatedReadGuard> registered;

}  // namespace
}  // namespace ccbench
