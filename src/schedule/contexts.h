// Threads of control that run one at a time and hand over by name.
#pragma once

#include <functional>
#include <memory>

#include "schedule/operation.h"

namespace ccbench::explore {

/// Who makes them is the main one, and `kNoTask` its name. A task begins with `body(task)` when it is
/// switched to for the first time, and again after `body` has returned, which answers who goes on.
///
/// The state of exceptions (what is caught and being thrown) is each one's own. Nothing else is: a
/// `thread_local` of a program is one for all tasks on fibers, and one for each on threads.
class Contexts {
 public:
  using Body = std::function<Task(Task)>;

  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  virtual ~Contexts() = default;

  /// Goes on with another one; returns when somebody switches to the caller.
  virtual void switch_to(Task other) = 0;
  /// From the main one: a task that has begun will never be switched to. What is on its stack is lost; its
  /// number begins anew.
  virtual void abandon(Task task) = 0;
};

enum class Backend : std::uint8_t { fibers, threads };

/// Sanitizers do not follow fibers: their builds take threads.
inline constexpr Backend kDefaultBackend =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    Backend::threads;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    Backend::threads;
#else
    Backend::fibers;
#endif
#else
    Backend::fibers;
#endif

std::unique_ptr<Contexts> threads(Contexts::Body body);

}  // namespace ccbench::explore
