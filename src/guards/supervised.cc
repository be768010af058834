// supervised: the requests of a key are children that succeed or fail each by itself. With --restarts a child
// that failed is started again, so many times at most.
//
// Who waits: nobody. Who is refused: nobody. A failure, an exception included, is its own request's and stops
// no other; the last attempt's is what the request gets.
// Ordered: a child's attempts, one after the other; nothing between children.
// Memory: none.
//
// The design is a supervisor's: Kotlin's supervisorScope, and with --restarts the strategy one_for_one of
// Erlang/OTP's supervisor, without its limit of restarts per time.
#include <array>

#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{
    {.name = "restarts",
     .about = "how often a child that failed is started again",
     .type = Parameter::Type::count,
     .initial = "0",
     .least = 0,
     .most = 1'000},
}};

template <class Sync>
class SupervisedGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "supervised",
      .about = "every request of a key succeeds or fails by itself, and may be started again",
      .promises = {.per_key = true, .independent = true},
      .parameters = kParameters,
      .bytes_per_key = 0};

  explicit SupervisedGuard(const GuardContext& context) : restarts_(context.parameters.at("restarts")) {}

  static Promises promises(const GuardContext& context) {
    Promises promises = kInfo.promises;
    promises.retries = context.parameters.at("restarts") > 0;
    return promises;
  }

  Result run(const Request& /*request*/, Section section) {
    for (std::int64_t left = restarts_;; --left) {
      try {
        const Result result = section(Entry{});
        if (!is_failure(result.outcome) || left == 0) return result;
      } catch (...) {
        if (left == 0) throw;
      }
    }
  }

 private:
  const std::int64_t restarts_;
};

const RegisterGuard<SupervisedGuard> registered;

}  // namespace
}  // namespace ccbench
