// What a guard is, for its author and for the driver.
#pragma once

#include <concepts>
#include <string_view>

#include "core/promises.h"
#include "core/request.h"

namespace ccbench {

struct GuardInfo {
  std::string_view name;   ///< the file's name with dashes: `single_flight.cc` is `single-flight`
  std::string_view about;  ///< one line for `ccbench list`
  Promises promises;

  /// Deliberately wrong guards, for tests and teaching, are named so and are never part of `all`.
  constexpr bool faulty() const { return name.starts_with("faulty-"); }
};

/// A guard decides which of the simultaneous requests run the section, when, and what the others get.
///
/// `run` is called by many threads at once. It calls the section at most once, unless the guard
/// retries, and returns what the request got. An exception of the section passes through `run` to the
/// caller and must leave the guard usable; the driver counts it as `error`.
template <class G>
concept Guard = std::default_initializable<G> && requires(G& guard, const Request& request, Section section) {
  { G::kInfo } -> std::convertible_to<GuardInfo>;
  { guard.run(request, section) } -> std::same_as<Result>;
};

/// A guard with its type erased: what the driver holds. One virtual call per request.
class AnyGuard {
 public:
  AnyGuard() = default;
  AnyGuard(const AnyGuard&) = delete;
  AnyGuard& operator=(const AnyGuard&) = delete;
  virtual ~AnyGuard() = default;
  virtual Result run(const Request& request, Section section) = 0;
};

template <Guard G>
class ErasedGuard final : public AnyGuard {
 public:
  Result run(const Request& request, Section section) override { return guard_.run(request, section); }

 private:
  G guard_;
};

}  // namespace ccbench
