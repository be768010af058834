#include "schedule/operation.h"

#include <algorithm>

namespace ccbench::explore {
namespace {

constexpr std::array<std::string_view, 21> kWords = {
    "lock",  "try_lock", "lock_until", "unlock",     "lock_shared", "try_lock_shared", "unlock_shared",
    "wait",  "wake",     "notify_one", "notify_all", "load",        "store",           "modify",
    "watch", "sleep",    "yield",      "spawn",      "join",        "arrive",          "expire"};

}  // namespace

std::string_view to_text(OperationKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

bool parse(std::string_view text, OperationKind& kind) {
  const auto* const found = std::ranges::find(kWords, text);
  if (found == kWords.end()) return false;
  kind = static_cast<OperationKind>(found - kWords.begin());
  return true;
}

}  // namespace ccbench::explore
