// Tasks as fibers of one thread, switched without the kernel.
#pragma once

#include <cxxabi.h>

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "schedule/contexts.h"

namespace ccbench::explore {

/// A template over what the tasks do, and all of it here, so that a switch is inlined both into what decides
/// on it and into what a task does at its end. A processor foresees returns by the calls that it has seen,
/// which a switch makes those of another task: every return that follows is foreseen wrongly.
template <class Work>
class Fibers final : public Contexts {
 public:
  explicit Fibers(Work work) : work_(work) {}
  ~Fibers() override {
    // Each stands between two bodies, or was abandoned: nothing to unwind.
    ending_ = true;
    for (Task task = 0; task < kMostTasks; ++task) {
      if (fibers_[task].self) switch_to(task);
    }
  }

  void switch_to(Task other) override {
    Fiber& next = fibers_[other];
    if (!next.self) [[unlikely]]
      next.self = make(other);
    running_->exceptions = std::exchange(exceptions_, next.exceptions);
    left_ = std::exchange(running_, &next);
    boost::context::fiber left = std::move(next.self).resume();
    left_->self.swap(left);
  }

  void abandon(Task task) override {
    Fiber& fiber = fibers_[task];
    // Its end would unwind the stack, for which it was abandoned because that is impossible.
    new boost::context::fiber(std::move(fiber.self));
    fiber.exceptions = {};
  }

 private:
  /// Deep enough for exceptions and for what prints; pages that are never touched cost nothing.
  static constexpr std::size_t kStack = std::size_t{256} * 1024;

  /// libstdc++ keeps what is caught and being thrown per thread of the kernel: what the Itanium C++ ABI
  /// (2.2.2) calls __cxa_eh_globals. Every fiber has its own.
  struct ExceptionState {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  struct Fiber {
    boost::context::fiber self;  ///< empty: it runs, or has never done so
    ExceptionState exceptions;
  };

  static ExceptionState& exceptions_of_this_thread() {
    return *reinterpret_cast<ExceptionState*>(__cxxabiv1::__cxa_get_globals());
  }

  /// Not inlined, so that what follows the first time saves no registers for it.
  [[gnu::noinline]] boost::context::fiber make(Task task) {
    return boost::context::fiber(std::allocator_arg, boost::context::fixedsize_stack(kStack),
                                 [this, task](boost::context::fiber&& left) {
                                   left_->self.swap(left);
                                   while (!ending_) switch_to(work_(task));
                                   left_ = std::exchange(running_, &fibers_[kNoTask]);
                                   return std::move(running_->self);
                                 });
  }

  const Work work_;
  ExceptionState& exceptions_ = exceptions_of_this_thread();
  bool ending_ = false;
  std::array<Fiber, kMostTasks + 1> fibers_;  ///< and the main one
  Fiber* running_ = &fibers_[kNoTask];
  Fiber* left_ = nullptr;  ///< by the last switch; who is switched to gets it
};

}  // namespace ccbench::explore
