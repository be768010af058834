// faulty-no-expiry: a cache that knows a time to live and never looks at it.
//
// What is wrong: a result is given for ever, where the guard promises to give it for the time to live
// alone. (Nothing is removed either, so that memory grows with the keys.) What ccbench shows: VIOLATION
// with an answer older than promised: 20 requests arrive over 200 ms, and all that come more than 20 ms
// after the first answer get it still.
//
//   $ ccbench --guard=faulty-no-expiry --scenario=vm-lookup --call=5ms --ttl=20ms --rate=100
#include <array>
#include <map>
#include <mutex>
#include <optional>

#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "ttl",
     .about = "how long what is kept stays valid",
     .type = Parameter::Type::period,
     .initial = "60s"},
}};

template <class Sync>
class NoExpiryGuard {
 public:
  static constexpr GuardInfo kInfo{.name = "faulty-no-expiry",
                                   .about = "wrong: a cache with a time to live that nobody looks at",
                                   .promises = {.shares = true, .per_key = true, .stale_for = 60 * kSecond},
                                   .parameters = kParameters,
                                   .shown_by = "--scenario=vm-lookup --call=5ms --ttl=20ms --rate=100"};

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.stale_for = context.parameters.at("ttl");
    return promises;
  }

  explicit NoExpiryGuard(const GuardContext& /*context*/) {}

  Result run(const Request& request, Section section) {
    if (const auto kept = find(request.key)) return shared(*kept);
    const Result result = section(Entry{});
    if (result.outcome == Outcome::success) keep(request.key, result);
    return result;
  }

 private:
  std::optional<Result> find(Key key) {
    const std::lock_guard lock(mutex_);
    const auto found = results_.find(key);
    return found == results_.end() ? std::nullopt : std::optional(found->second);
  }

  void keep(Key key, const Result& result) {
    const std::lock_guard lock(mutex_);
    results_[key] = result;
  }

  typename Sync::mutex mutex_;
  std::map<Key, Result> results_;
};

const RegisterGuard<NoExpiryGuard> registered;

}  // namespace
}  // namespace ccbench
