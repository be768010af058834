#include "core/promises.h"

#include <array>
#include <utility>

namespace ccbench {
namespace {

constexpr std::array<std::pair<bool Promises::*, std::string_view>, 8> kNames = {{
    {&Promises::exclusive, "exclusive"},
    {&Promises::once, "once"},
    {&Promises::shares, "shares"},
    {&Promises::retries, "retries"},
    {&Promises::cancels, "cancels"},
    {&Promises::waits, "waits"},
    {&Promises::reentrant, "reentrant"},
    {&Promises::per_key, "per key"},
}};

std::string admits(int count) { return "admits " + std::to_string(count); }

}  // namespace

std::vector<std::string> names_of(const Promises& promises) {
  std::vector<std::string> names;
  for (const auto& [member, name] : kNames) {
    if (promises.*member) names.emplace_back(name);
  }
  if (promises.admits > 0) names.push_back(admits(promises.admits));
  return names;
}

std::vector<std::string> missing(const Promises& needs, const Promises& promises) {
  std::vector<std::string> names;
  for (const auto& [member, name] : kNames) {
    if (needs.*member && !(promises.*member)) names.emplace_back(name);
  }
  // Exclusive is the strictest bound on the number inside.
  if (needs.admits > 0 && !promises.exclusive && (promises.admits == 0 || promises.admits > needs.admits)) {
    names.push_back(admits(needs.admits));
  }
  return names;
}

}  // namespace ccbench
