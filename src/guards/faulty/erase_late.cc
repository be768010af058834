// faulty-erase-late: single flight that completes a call before it removes it from the map.
//
// What is wrong: between the two, who looks the key up finds a call that has ended, and gets a result
// that was finished, and given to others, before it came. The guard holds that window open until
// somebody has come into it, for at most 200 ms. What ccbench shows: VIOLATION with stale answers: of
// 20 requests by four workers up to 16, from one call.
//
//   $ ccbench --guard=faulty-erase-late --scenario=vm-lookup --call=50ms --threads=4
#include <exception>
#include <map>
#include <memory>
#include <mutex>

#include "guards/faulty/fault_window.h"
#include "sync/register.h"

namespace ccbench {
namespace {

template <class Sync>
class EraseLateGuard {
 public:
  static constexpr GuardInfo kInfo{
      .name = "faulty-erase-late",
      .about = "wrong: single flight that completes a call before it takes it from the map",
      .promises = {.exclusive = true, .shares = true, .waits = true, .per_key = true},
      .parameters = kFaultWindowOnly,
      .shown_by = "--scenario=vm-lookup --call=50ms --threads=4"};

  explicit EraseLateGuard(const GuardContext& context) : window_(context, std::chrono::milliseconds(200)) {}

  Result run(const Request& request, Section section) {
    const auto [call, leads] = join(request.key);
    if (!leads) return follow(*call);
    complete(*call, section);
    publish(*call);
    window_.hold_until([&] { return call->late.load() != 0; });
    remove(request.key);
    return result_of(*call);
  }

 private:
  struct Call {
    typename Sync::template atomic<int> finished{0};
    typename Sync::template atomic<int> late{0};  ///< somebody has come since then
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
    if (call.finished.load() == 1) call.late.store(1);
    call.finished.wait(0);
    return shared(result_of(call));
  }

  const FaultWindow<Sync> window_;
  typename Sync::mutex mutex_;
  std::map<Key, std::shared_ptr<Call>> in_flight_;
};

const RegisterGuard<EraseLateGuard> registered;

}  // namespace
}  // namespace ccbench
