#include "core/promises.h"

#include <array>
#include <utility>

namespace ccbench {
namespace {

constexpr std::array<std::pair<bool Promises::*, std::string_view>, 12> kNames = {{
    {&Promises::exclusive, "exclusive"},
    {&Promises::once, "once"},
    {&Promises::shares, "shares"},
    {&Promises::retries, "retries"},
    {&Promises::cancels, "cancels"},
    {&Promises::waits, "waits"},
    {&Promises::gives_up, "gives up"},
    {&Promises::reentrant, "reentrant"},
    {&Promises::per_key, "per key"},
    {&Promises::serializable, "serializable"},
    {&Promises::fifo, "fifo"},
    {&Promises::independent, "independent"},
}};

std::string admits(int count) { return "admits " + std::to_string(count); }

}  // namespace

std::vector<std::string> names_of(const Promises& promises) {
  std::vector<std::string> names;
  for (const auto& [member, name] : kNames) {
    if (!(promises.*member)) continue;
    names.emplace_back(name);
    if (member == &Promises::once && promises.once_for > 0)
      names.back() += " for " + to_text(promises.once_for);
  }
  if (promises.admits > 0) names.push_back(admits(promises.admits));
  if (promises.stale_for > 0) names.push_back("stale for " + to_text(promises.stale_for));
  return names;
}

std::vector<std::string> missing(const Promises& needs, const Promises& promises) {
  std::vector<std::string> names;
  for (const auto& [member, name] : kNames) {
    if (member == &Promises::serializable && promises.exclusive) continue;
    if (needs.*member && !(promises.*member)) names.emplace_back(name);
  }
  // Exclusive is the strictest bound on the number inside.
  if (needs.admits > 0 && !promises.exclusive && (promises.admits == 0 || promises.admits > needs.admits)) {
    names.push_back(admits(needs.admits));
  }
  return names;
}

}  // namespace ccbench
