#include "core/relation.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ccbench {
namespace {

using Written = std::pair<std::string_view, Relation>;
/// What begins like another comes before it.
constexpr auto kWritten = std::to_array<Written>({
    {"<=", Relation::at_most},
    {"<", Relation::less},
    {">=", Relation::at_least},
    {">", Relation::more},
    {"==", Relation::equal},
    {"!=", Relation::unequal},
});

}  // namespace

std::string_view text_of(Relation relation) {
  return std::ranges::find(kWritten, relation, &Written::second)->first;
}

std::optional<Relation> take_relation(std::string_view& text) {
  for (const auto& [written, relation] : kWritten) {
    if (!text.starts_with(written)) continue;
    text.remove_prefix(written.size());
    return relation;
  }
  return std::nullopt;
}

}  // namespace ccbench
