// A moment to take a snapshot at, by where the workers are: `blocked >= 19`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/relation.h"

namespace ccbench {

struct SnapshotCondition {
  enum class Metric : std::uint8_t {
    blocked,   ///< workers inside the guard and not in a section
    inside,    ///< workers in a section
    finished,  ///< workers that have ended their last request
  };

  Metric metric = Metric::blocked;
  Relation relation = Relation::at_least;
  std::uint64_t value = 0;

  bool holds(std::uint64_t blocked, std::uint64_t inside, std::uint64_t finished) const;
  bool operator==(const SnapshotCondition&) const = default;
};

/// Reads `blocked|inside|finished OP N`, OP one of < <= > >= == !=, with or without spaces; nothing for
/// anything else.
std::optional<SnapshotCondition> parse_condition(std::string_view text);

/// `blocked>=19`, which `parse_condition` reads as the same. Without spaces: it stands in lists of settings.
std::string to_text(const SnapshotCondition& condition);

}  // namespace ccbench
