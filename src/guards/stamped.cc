// stamped: a stamped lock per key, made on the key's first use. A write holds it alone; a request of kind
// `read` runs without it and asks afterwards whether anybody has written meanwhile.
//
// Who waits: a write while anybody holds the key's lock; a read only where a write is inside, or has come
// while it ran: then it runs again, this time under a read lock, with what it threw or returned the first
// time thrown away. Who is refused: nobody. With --reads=read it takes the read lock at once, with
// --reads=write it is as a write. With --writes=read or optimistic a write begins in that mode and converts;
// where it cannot, it lets go first and then waits. What a section reads it reads after that, so it need not
// start over. Ordered: what a write did happens before every later section of the key; reads are not ordered
// among themselves. Fairness is that of the lock (sync/stamped_lock.h). Not re-entrant: who enters its own
// key again to write waits for ever. Memory: 112 bytes for every key ever used, freed with the guard.
//
// A read that runs beside a write must be able to bear it: it reads atomics alone, and what it does twice has
// no effect. Cost: a read writes nothing that another one reads, so that reads on different CPUs do not slow
// each other down, where those of rwlock all write its count of readers.
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "sync/keyed.h"
#include "sync/register.h"
#include "sync/stamped_lock.h"

namespace ccbench {
namespace {

enum class Mode : std::uint8_t { optimistic, read, write };

constexpr std::array<std::string_view, 3> kModes = {"optimistic", "read", "write"};
constexpr std::array<Parameter, 2> kParameters = {{
    {.name = "reads",
     .about = "the mode in which a request that reads enters",
     .type = Parameter::Type::choice,
     .initial = "optimistic",
     .choices = kModes},
    {.name = "writes",
     .about = "the mode in which a request that writes enters, before it converts",
     .type = Parameter::Type::choice,
     .initial = "write",
     .choices = kModes},
}};

template <class Sync>
class StampedGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "stamped",
      .about = "a stamped lock per key: a write enters alone, a read is checked afterwards",
      .promises = {.exclusive = true, .retries = true, .waits = true, .per_key = true},
      .parameters = kParameters,
      .bytes_per_key = 112};

  explicit StampedGuard(const GuardContext& context)
      : reads_(context.parameters.choice<Mode>("reads")),
        writes_(context.parameters.choice<Mode>("writes")) {}

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.retries = context.parameters.choice<Mode>("reads") == Mode::optimistic;
    return promises;
  }

  Result run(const Request& request, Section section) {
    Lock& lock = locks_.at(request.key);
    const bool reads = request.kind == Kind::read;
    if (!reads || reads_ == Mode::write) return write(lock, reads ? Mode::write : writes_, section);
    if (reads_ == Mode::optimistic) {
      if (const auto result = read_without(lock, section)) return *result;
    }
    const Held held(lock, lock.read_lock(), &Lock::unlock_read);
    return section(Entry{});
  }

 private:
  using Lock = StampedLock<Sync>;

  /// Leaves with its stamp, whether the section returns or throws.
  class Held {
   public:
    Held(Lock& lock, Stamp stamp, void (Lock::*leave)(Stamp)) : lock_(lock), stamp_(stamp), leave_(leave) {}
    ~Held() { (lock_.*leave_)(stamp_); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    Lock& lock_;
    const Stamp stamp_;
    void (Lock::* const leave_)(Stamp);
  };

  static Result write(Lock& lock, Mode from, Section section) {
    const Held held(lock, stamp_to_write(lock, from), &Lock::unlock_write);
    return section(Entry{});
  }

  static Stamp stamp_to_write(Lock& lock, Mode from) {
    if (from == Mode::write) return lock.write_lock();
    if (from == Mode::optimistic) {
      const Stamp stamp = lock.try_convert_to_write(lock.try_optimistic_read());
      return stamp != 0 ? stamp : lock.write_lock();
    }
    const Stamp read = lock.read_lock();
    if (const Stamp stamp = lock.try_convert_to_write(read); stamp != 0) return stamp;
    // Two that waited here without letting go would wait for each other.
    lock.unlock_read(read);
    return lock.write_lock();
  }

  /// Nothing if somebody has written meanwhile, or is writing: what the section saw may never have been there
  /// together, so that what it threw tells as little as what it returned.
  static std::optional<Result> read_without(const Lock& lock, Section section) {
    const Stamp stamp = lock.try_optimistic_read();
    if (stamp == 0) return std::nullopt;
    try {
      const Result result = section(Entry{});
      return lock.validate(stamp) ? std::optional(result) : std::nullopt;
    } catch (...) {
      if (lock.validate(stamp)) throw;
      return std::nullopt;
    }
  }

  const Mode reads_;
  const Mode writes_;
  Keyed<Sync, Lock> locks_;
};

const RegisterGuard<StampedGuard> registered;

}  // namespace
}  // namespace ccbench
