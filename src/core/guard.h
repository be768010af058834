// What a guard is, for its author and for the driver.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/parameter.h"
#include "core/promises.h"
#include "core/request.h"

namespace ccbench {

struct GuardInfo {
  std::string_view name;   ///< the file's name with dashes: `single_flight.cc` is `single-flight`
  std::string_view about;  ///< one line for `ccbench list`
  Promises promises;
  std::span<const Parameter> parameters = {};
  /// Of a faulty guard: the flags, `--guard` aside, with which `ccbench` shows what is wrong. Where only
  /// `ccbench explore` does, its name stands before them.
  std::string_view shown_by = {};
  /// What every key that was ever used takes of the heap at most, until the guard's end, beside what all keys
  /// share: by default a mutex in a `Keyed`. 0: memory does not grow with the keys.
  std::uint32_t bytes_per_key = 96;
  /// Why `ccbench explore` cannot run it, as a clause; empty: it can.
  std::string_view not_explorable = {};
  /// Requests of one key are not alike to it: it looks at who they are or what number they have.
  bool tells_apart = false;

  /// Deliberately wrong guards, for tests and teaching, are named so and are never part of `all`.
  constexpr bool faulty() const { return name.starts_with("faulty-"); }
};

/// What a guard gets to know about the trial it is made for. Outlives the guard.
struct GuardContext {
  /// Every setting at its default.
  explicit GuardContext(const GuardInfo& info) : parameters(info.parameters) {}

  std::uint64_t requests = 1;  ///< 0: as many as come
  Key keys = 1;
  std::uint64_t seed = 0;
  ParameterValues parameters;
};

/// A guard decides which of the simultaneous requests run the section, when, and what the others get.
///
/// `run` is called by many threads at once. It calls the section at most once, unless the guard retries, on
/// whatever thread but before it returns; and it returns what the request got. An exception of the section
/// passes through `run` to the caller and must leave the guard usable; the driver counts it as `error`.
///
/// Made without anything, or of its context if it has settings. Where settings change what it promises,
/// `static Promises promises(const GuardContext&)` says what, and `kInfo.promises` what the defaults do.
template <class G>
concept Guard = (std::default_initializable<G> || std::constructible_from<G, const GuardContext&>) &&
                requires(G& guard, const Request& request, Section section) {
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
  explicit ErasedGuard(const GuardContext& /*context*/) {}
  explicit ErasedGuard(const GuardContext& context)
    requires std::constructible_from<G, const GuardContext&>
      : guard_(context) {}

  Result run(const Request& request, Section section) override { return guard_.run(request, section); }

 private:
  G guard_;
};

}  // namespace ccbench
