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

void exchange(ExceptionState& with) {
  auto* globals = reinterpret_cast<ExceptionState*>(__cxxabiv1::__cxa_get_globals());
  std::swap(*globals, with);
}

class Fibers final : public Contexts {
 public:
  explicit Fibers(Body body) : body_(std::move(body)) {}
  ~Fibers() override {
    // Each stands between two bodies, or was abandoned: nothing to unwind.
    ending_ = true;
    for (Fiber& fiber : fibers_) {
      if (fiber.self) static_cast<void>(std::move(fiber.self).resume());
    }
  }

  void resume(Task task) override {
    Fiber& fiber = fibers_[task];
    if (!fiber.self) fiber.self = make(task);
    exchange(fiber.exceptions);
    fiber.self = std::move(fiber.self).resume();
    exchange(fiber.exceptions);
  }

  void suspend(Task task) override {
    Fiber& fiber = fibers_[task];
    fiber.main = std::move(fiber.main).resume();
  }

  void abandon(Task task) override {
    Fiber& fiber = fibers_[task];
    // Its end would unwind the stack, for which it was abandoned because that is impossible.
    new context::fiber(std::move(fiber.self));
    fiber.exceptions = {};
  }

 private:
  struct Fiber {
    context::fiber self;
    context::fiber main;
    ExceptionState exceptions;
  };

  context::fiber make(Task task) {
    return context::fiber(std::allocator_arg, context::fixedsize_stack(kStack),
                          [this, task](context::fiber&& main) {
                            fibers_[task].main = std::move(main);
                            while (!ending_) {
                              body_(task);
                              suspend(task);
                            }
                            return std::move(fibers_[task].main);
                          });
  }

  const Body body_;
  bool ending_ = false;
  std::array<Fiber, kMostTasks> fibers_;
};

}  // namespace

std::unique_ptr<Contexts> fibers(Contexts::Body body) { return std::make_unique<Fibers>(std::move(body)); }

}  // namespace ccbench::explore
