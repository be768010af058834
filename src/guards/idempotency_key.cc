// idempotency-key: a flag with a time to live per key, as Redis's `SET key token NX PX ttl`. Who sets it
// enters; everybody else leaves at once. It stays set after a success until its time is over, so that a
// second click is turned away although the first has ended; after a failure it is released, so that the
// caller may try again.
//
// Who waits: nobody. Who is refused: every request that finds the flag set.
// What is promised holds for --ttl, counted from the entry. A section that takes longer loses its flag while
// it is still inside, and the next request enters beside it: exclusive and once are broken then, and the
// verdict shows it. The flag's holder does not notice. A release compares the token, as the script that
// deletes a key only if its value is still one's own does, so that who comes late does not release another's
// flag.
// Ordered: what a section that failed did happens before the next one of that key enters. A flag that expires
// orders nothing, and neither does being turned away.
// Memory: 160 KiB, and 64 bytes for every flag that is set. Flags whose time is over go when the next one is
// set in their stripe (of 256, by hash of the key): there are no more than were set in one time to live,
// beside what each stripe held when it was last used. The tables of the stripes keep 8 to 16 bytes for each
// of the most flags that they ever held.
//
// The pattern: https://redis.io/docs/latest/commands/set (NX, PX, and the compare-and-delete script there).
#include <array>
#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>
#include <cstdint>
#include <mutex>

#include "sync/register.h"
#include "sync/slots.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{{.name = "ttl",
                                                    .about = "how long what is kept stays valid",
                                                    .type = Parameter::Type::period,
                                                    .initial = "60s"}}};

template <class Sync>
class IdempotencyKeyGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "idempotency-key",
      .about = "a flag per key with a time to live: who sets it enters, the others leave at once",
      .promises = {.exclusive = true, .once = true, .per_key = true, .once_for = 60 * kSecond},
      .parameters = kParameters,
      .bytes_per_key = 80};

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.once_for = context.parameters.at("ttl");
    return promises;
  }

  explicit IdempotencyKeyGuard(const GuardContext& context) : ttl_(context.parameters.time("ttl")) {}

  Result run(const Request& request, Section section) {
    Claim claim(stripes_.of(request.key), request.key, ttl_);
    if (!claim.won()) return turned_away("the key is set");
    const Result result = section(Entry{});
    if (result.outcome == Outcome::success) claim.keep();
    return result;
  }

 private:
  /// Never the same twice in a stripe; 0 is nobody's.
  using Token = std::uint64_t;
  using Time = typename Sync::time_point;

  struct Flag {
    Key key;
    Token token;
    Time expires;
  };

  /// The flags of the keys that hash to it.
  class alignas(64) Stripe {
   public:
    /// The token of the new flag, or 0 if there is one that has not expired.
    Token set(Key key, std::chrono::nanoseconds ttl) {
      const std::lock_guard lock(mutex_);
      const Time now = Sync::now();
      remove_expired(now);
      if (!by_key().insert(Flag{.key = key, .token = last_ + 1, .expires = now + ttl}).second) return 0;
      return ++last_;
    }

    /// Removes the flag if it is still the one that the token was given for.
    void release(Key key, Token token) {
      const std::lock_guard lock(mutex_);
      const auto found = by_key().find(key);
      if (found != by_key().end() && found->token == token) by_key().erase(found);
    }

   private:
    /// All live equally long, so that the oldest is the first to go.
    void remove_expired(Time now) {
      auto& by_age = flags_.template get<1>();
      while (!by_age.empty() && by_age.front().expires <= now) by_age.pop_front();
    }

    auto& by_key() { return flags_.template get<0>(); }

    typename Sync::mutex mutex_;
    boost::multi_index_container<
        Flag, boost::multi_index::indexed_by<
                  boost::multi_index::hashed_unique<boost::multi_index::member<Flag, Key, &Flag::key>>,
                  boost::multi_index::sequenced<>>>
        flags_;
    Token last_ = 0;
  };

  /// Sets the flag if nobody else has; releases it at its end unless told to keep it.
  class Claim {
   public:
    Claim(Stripe& stripe, Key key, std::chrono::nanoseconds ttl)
        : stripe_(stripe), key_(key), token_(stripe.set(key, ttl)) {}
    ~Claim() {
      if (token_ != 0) stripe_.release(key_, token_);
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    bool won() const { return token_ != 0; }
    void keep() { token_ = 0; }

   private:
    Stripe& stripe_;
    const Key key_;
    Token token_;  ///< 0: not ours, or to be left set
  };

  const std::chrono::nanoseconds ttl_;
  Slots<Sync, Stripe> stripes_{256};
};

const RegisterGuard<IdempotencyKeyGuard> registered;

}  // namespace
}  // namespace ccbench
