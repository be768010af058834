// Topics as lines of text below a table.
#pragma once

#include <cstddef>
#include <ostream>
#include <vector>

#include "report/remarks.h"

namespace ccbench {

/// A label, whom it is about, and sentences, wrapped to the width; an empty line before the first. Copied
/// texts and names stand as they are: who passes them sees to it that they hold no control character.
void write_topics(const std::vector<Topic>& topics, std::size_t width, std::ostream& out);

}  // namespace ccbench
