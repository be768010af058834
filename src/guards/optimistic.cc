// optimistic: everybody enters; who has read what another changed since does not commit, and tries again.
//
// Who waits: who tries again, after a pause that is drawn anew each time: from 0 to 50 µs before the first
// retry and to twice as much before each further one, at most --backoff. Nobody waits for a request that is
// inside. Who is refused: a request whose last retry met a conflict too, with the conflict. One commit ends
// at most one attempt of every other request, so a wave of N requests on a key needs no more than N - 1
// retries. Ordered: by the store. What a commit changed happens before every later commit of a request of
// this guard. Only what goes through the store is protected: what a section does outside (a payment) it does
// once for every attempt. Memory: none, neither for keys nor for requests.
//
// Algorithm: backward validation of H. T. Kung and J. T. Robinson, "On optimistic methods for concurrency
// control" (ACM TODS 6, 1981), which the store does by versions, as `UPDATE ... WHERE version = ?` does. The
// pause is the "full jitter" of M. Brooker, "Exponential backoff and jitter" (AWS, 2015): without it the
// losers of one round meet again in the next.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "sync/register.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 2> kParameters = {{
    {.name = "retries",
     .about = "after so many a request ends with its conflict",
     .type = Parameter::Type::count,
     .initial = "1000",
     .least = 0,
     .most = 1'000'000},
    {.name = "backoff",
     .about = "the longest pause before a retry",
     .type = Parameter::Type::limit,
     .initial = "10ms"},
}};

template <class Sync>
class OptimisticGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "optimistic",
      .about = "no lock: a commit checks the versions of what was read, and a conflict is tried again",
      .promises = {.retries = true, .per_key = true, .serializable = true},
      .parameters = kParameters,
      .bytes_per_key = 0,
      .tells_apart = true};

  explicit OptimisticGuard(const GuardContext& context)
      : retries_(context.parameters.at("retries")),
        longest_pause_(context.parameters.time("backoff")),
        seed_(typename Sync::random(context.seed)()) {}

  Result run(const Request& request, Section section) {
    typename Sync::random random(seed_ ^ request.index);
    std::chrono::nanoseconds bound = kFirstPause;
    for (std::int64_t retry = 0;; ++retry) {
      const Result result = section(Entry{.policy = {.check_versions = true}});
      if (!result.conflict || retry == retries_) return result;
      bound = std::min(bound, longest_pause_);
      pause(random(), bound);
      bound *= 2;
    }
  }

 private:
  static constexpr std::chrono::microseconds kFirstPause{50};

  static void pause(std::uint64_t drawn, std::chrono::nanoseconds bound) {
    const auto most = static_cast<std::uint64_t>(bound.count());
    if (most > 0) Sync::sleep_for(std::chrono::nanoseconds(static_cast<std::int64_t>(drawn % (most + 1))));
  }

  const std::int64_t retries_;
  const std::chrono::nanoseconds longest_pause_;
  const std::uint64_t seed_;  ///< scrambled: else a seed's neighbours would draw each other's pauses
};

const RegisterGuard<OptimisticGuard> registered;

}  // namespace
}  // namespace ccbench
