// coalesce: single flight as an engineer would write it over a library's map: look for the call in
// flight, register one if there is none, make it, remove it, complete it. What is in flight is known by
// what a request asks for: a key of one part, of two parts (prefix and type), or nothing at all (find
// all).
//
// Who waits: every caller while another's section for the same parts runs. Who is refused: nobody; a
// failure is shared like a success, and an exception of the section reaches every waiter as the same
// object.
// Ordered: what a section did happens before every return that shares its result, and before the next
// section of the same parts enters. Not re-entrant: a section that asks for its own parts again waits
// for itself, for ever.
// Memory: some 160 bytes for each call in flight, and the map's buckets for the most that were in
// flight at once. No result and no exception is kept after the last caller that shares it has returned.
//
// The map is oneTBB's concurrent_hash_map. Its locks spin, and yield after a while; they are held for a
// few instructions. They are the library's and not of `Sync`, so an explorer that schedules what `Sync`
// does would not see them: this guard is for measuring, `single-flight` for exploring.
//
// Beside single-flight, which keeps its calls for their next use in a list per stripe: as fast where
// many wait (`ccbench bench --benchmark_filter=^wake`), and 4.6 times the CPU time where nobody does,
// 149 ns to 32 ns, because a call and its place in the map are allocated anew each time. A map of std's
// futures under a mutex takes 257 ns.
#include <tbb/concurrent_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class CoalesceGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "coalesce",
      .about = "callers that ask for the same parts at once share one call; nothing is kept after it",
      .promises = {.exclusive = true, .shares = true, .waits = true, .per_key = true},
      .bytes_per_key = 0,
      .not_explorable = "its map is oneTBB's, whose steps the explorer cannot see"};

  Result run(const Request& request, Section section) {
    const auto [call, leads] = join(request.parts);
    return leads ? lead(request.parts, *call, section) : follow(*call);
  }

 private:
  struct Call {
    typename Sync::template atomic<int> finished{0};  ///< what followers sleep on: 1 once `result` is there
    Result result;
    std::exception_ptr error;
  };
  using SharedCall = std::shared_ptr<Call>;

  struct Joined {
    SharedCall call;
    bool leads;
  };

  struct ByParts {
    static bool equal(const KeyParts& a, const KeyParts& b) { return a == b; }
    /// The high half is folded down, because the map chooses by the low bits.
    static std::size_t hash(const KeyParts& parts) {
      const std::uint64_t mixed = (parts.first * kOdd + parts.second) * kOdd;
      return mixed ^ (mixed >> 32);
    }
    static constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  };
  /// With the allocator of std: the library's own may load another library, which keeps what is freed.
  using Map = tbb::concurrent_hash_map<KeyParts, SharedCall, ByParts,
                                       std::allocator<std::pair<const KeyParts, SharedCall>>>;

  /// The call in flight for these parts, which is a new one if there is none.
  Joined join(const KeyParts& parts) {
    {
      typename Map::const_accessor entry;
      if (in_flight_.find(entry, parts)) return {.call = entry->second, .leads = false};
    }
    const auto fresh = std::make_shared<Call>();
    typename Map::accessor entry;
    const bool leads = in_flight_.insert(entry, {parts, fresh});
    return {.call = entry->second, .leads = leads};
  }

  Result lead(const KeyParts& parts, Call& call, Section section) {
    try {
      call.result = section(Entry{});
    } catch (...) {
      call.error = std::current_exception();
    }
    // Removed before anybody returns, so that a later caller never gets what was finished before it came.
    in_flight_.erase(parts);
    // Sequentially consistent, because notify_all looks for sleepers next: were the store still on its way
    // then, a follower could miss both.
    call.finished.store(1);
    call.finished.notify_all();
    if (call.error) std::rethrow_exception(call.error);
    return call.result;
  }

  static Result follow(Call& call) {
    call.finished.wait(0, std::memory_order_acquire);
    if (call.error) std::rethrow_exception(call.error);
    return shared(call.result);
  }

  Map in_flight_;
};

const RegisterGuard<CoalesceGuard> registered;

}  // namespace
}  // namespace ccbench
