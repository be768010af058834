// Tasks as fibers of one thread, switched without the kernel.
#include <cxxabi.h>

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <cstring>
#include <utility>
#include <vector>

#include "schedule/contexts.h"

namespace ccbench::explore {
namespace {

namespace context = boost::context;

/// Deep enough for exceptions and for what prints; pages that are never touched cost nothing.
constexpr std::size_t kStack = std::size_t{256} * 1024;

/// libstdc++ keeps what is caught and being thrown per thread of the kernel: what the Itanium C++ ABI (2.2.2)
/// calls
/// __cxa_eh_globals. Every fiber has its own.
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

ExceptionState& exceptions_of_this_thread() {
  return *reinterpret_cast<ExceptionState*>(__cxxabiv1::__cxa_get_globals());
}

class Fibers final : public Contexts {
 public:
  explicit Fibers(Body body) : body_(std::move(body)) {}
  ~Fibers() override {
    // Each stands between two bodies, or was abandoned: nothing to unwind.
    ending_ = true;
    for (Task task = 0; task < kMostTasks; ++task) {
      if (fibers_[task].self) switch_to(task);
    }
  }

  void switch_to(Task other) override {
    Fiber& next = fibers_[other];
    if (!next.self) next.self = make(other);
    running_->exceptions = std::exchange(exceptions_, next.exceptions);
    left_ = std::exchange(running_, &next);
    context::fiber left = std::move(next.self).resume();
    left_->self.swap(left);
  }

  void abandon(Task task) override {
    Fiber& fiber = fibers_[task];
    // Its end would unwind the stack, for which it was abandoned because that is impossible.
    new context::fiber(std::move(fiber.self));
    fiber.exceptions = {};
  }

 private:
  struct Fiber {
    context::fiber self;  ///< empty: it runs, or has never done so
    ExceptionState exceptions;
  };

  /// Not inlined, so that what follows the first time saves no registers for it.
  [[gnu::noinline]] context::fiber make(Task task) {
    return context::fiber(std::allocator_arg, context::fixedsize_stack(kStack),
                          [this, task](context::fiber&& left) {
                            left_->self.swap(left);
                            while (!ending_) switch_to(body_(task));
                            left_ = std::exchange(running_, &fibers_[kNoTask]);
                            return std::move(running_->self);
                          });
  }

  const Body body_;
  ExceptionState& exceptions_ = exceptions_of_this_thread();
  bool ending_ = false;
  std::array<Fiber, kMostTasks + 1> fibers_;  ///< and the main one
  Fiber* running_ = &fibers_[kNoTask];
  Fiber* left_ = nullptr;  ///< by the last switch; who is switched to gets it
};

}  // namespace

std::unique_ptr<Contexts> fibers(Contexts::Body body) { return std::make_unique<Fibers>(std::move(body)); }

}  // namespace ccbench::explore
