// What the flags of `ccbench explore` mean.
#pragma once

#include <string>
#include <vector>

#include "explore/search.h"

namespace ccbench {

struct ExploreOptions {
  std::vector<explore::ExploredTrial> trials;  ///< one for each guard
  explore::SearchOptions search;
  std::string settings;  ///< flags that repeat it, but for the guard
  std::string command;   ///< that repeats all of it
  /// Guards that `all` left out, and why.
  std::vector<std::string> left_out;
  bool require_exhaustive = false;
  std::string csv, json, html;
};

}  // namespace ccbench
