// The flags of `ccbench explore`, beside those of `run` that say what is explored.
#pragma once

#include <array>

#include "cli/flags.h"

namespace ccbench {

inline constexpr std::string_view kExploreGroup = "How to explore";

inline constexpr std::array<Flag, 13> kExploreFlags = {{
    {"strategy", "auto|random|pct|dfs|dpor", "auto", kExploreGroup,
     "auto: at random, then the shortest failure, or dpor; pct: random priorities; dfs: every schedule; "
     "dpor: one of "
     "each class that cannot be told apart"},
    {"schedules", "N", "0", kExploreGroup,
     "at most so many, 1 to 1000000000000; 0: no limit, of random ones 1000"},
    {"budget", "D", "60s", kExploreGroup, "at most so long for each guard, 1ms to 24h; 0: no limit"},
    {"preemptions", "N", "", kExploreGroup,
     "with dfs: leave a task that could go on at most so often, 0 to 1000 [no limit]"},
    {"depth", "N", "3", kExploreGroup, "with pct: orders that a fault takes, 1 to 100"},
    {"time", "configured|free", "configured", kExploreGroup,
     "sleeps and timeouts end in the order of their lengths, or in any"},
    {"spurious", "N", "0", kExploreGroup,
     "so often a wait on a condition ends unasked, in each request, 0 to 100"},
    {"memory-model", "sequential|release-acquire", "release-acquire", kExploreGroup,
     "loads of data see the last value; or also the oldest that locks and memory orders allow"},
    {"symmetry", "auto|off", "auto", kExploreGroup,
     "auto: where requests are alike, only one order of their firsts"},
    {"steps", "N", "5000", kExploreGroup, "a schedule that is longer does not end: HUNG, 10 to 1000000"},
    {"backend", "fibers|threads", "", kExploreGroup,
     "what tasks run on [fibers; a sanitizer's build: threads]"},
    {"require", "exhaustive", "", kExploreGroup, "OK (bounded) is INCONCLUSIVE"},
    {"replay", "TEXT", "", kExploreGroup, "one schedule again, as a failure was printed"},
}};

}  // namespace ccbench
