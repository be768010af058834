// How a figure is compared with a bound: `<`, `>=` and so on, as a user types them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ccbench {

enum class Relation : std::uint8_t { less, at_most, more, at_least, equal, unequal };

/// What a sentence lists.
inline constexpr std::string_view kRelations = "< <= > >= == !=";

std::string_view text_of(Relation relation);

/// Takes the relation that the text begins with off it; nothing, and the text is as it was, if there is none.
std::optional<Relation> take_relation(std::string_view& text);

template <class Value>
bool holds(const Value& value, Relation relation, const Value& bound) {
  switch (relation) {
    case Relation::less: return value < bound;
    case Relation::at_most: return value <= bound;
    case Relation::more: return value > bound;
    case Relation::at_least: return value >= bound;
    case Relation::equal: return value == bound;
    case Relation::unequal: return value != bound;
  }
  return false;
}

}  // namespace ccbench
