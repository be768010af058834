// faulty-first-part: coalescing of look-ups that name a prefix and a type, by the prefix alone.
//
// What is wrong: a caller that asks for another type of the same prefix joins the call for the first type and
// gets its answer. What ccbench shows: VIOLATION with wrong answers. Of 20 requests that come at once for two
// types under each of two prefixes, 10 get the answer for the other type, from 2 calls instead of 4.
//
//   $ ccbench --guard=faulty-first-part --scenario=vm-lookup --key-parts=two --call=100ms --keys=4
#include <exception>
#include <map>
#include <memory>
#include <mutex>

#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class FirstPartGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-first-part",
      .about = "wrong: shares the calls of keys that have only their first part in common",
      .promises = {.exclusive = true, .shares = true, .waits = true, .per_key = true},
      .shown_by = "--scenario=vm-lookup --key-parts=two --call=100ms --keys=4"};

  Result run(const Request& request, Section section) {
    const auto [call, leads] = join(request.parts.first);
    if (!leads) return follow(*call);
    complete(*call, section);
    remove(request.parts.first);
    publish(*call);
    return result_of(*call);
  }

 private:
  struct Call {
    typename Sync::template atomic<int> finished{0};
    Result result;
    std::exception_ptr error;
  };
  struct Joined {
    std::shared_ptr<Call> call;
    bool leads;
  };

  Joined join(Key key) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Call>& call = in_flight_[key];
    const bool leads = call == nullptr;
    if (leads) call = std::make_shared<Call>();
    return {.call = call, .leads = leads};
  }

  void remove(Key key) {
    const std::lock_guard lock(mutex_);
    in_flight_.erase(key);
  }

  static void complete(Call& call, Section section) {
    try {
      call.result = section(Entry{});
    } catch (...) {
      call.error = std::current_exception();
    }
  }

  static void publish(Call& call) {
    call.finished.store(1);
    call.finished.notify_all();
  }

  static Result result_of(const Call& call) {
    if (call.error) std::rethrow_exception(call.error);
    return call.result;
  }

  static Result follow(Call& call) {
    call.finished.wait(0);
    return shared(result_of(call));
  }

  typename Sync::mutex mutex_;
  std::map<Key, std::shared_ptr<Call>> in_flight_;
};

const RegisterGuard<FirstPartGuard> registered;

}  // namespace
}  // namespace ccbench
