// A guard that is slowed down on purpose, so that whatever is to notice a slower guard can be tested. No
// result is scaled: sections really last longer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/guard.h"

namespace ccbench {

inline constexpr double kMostPlanted = 1000;
inline constexpr std::uint64_t kRarestPlanted = 1'000'000;

/// How much slower: `1.5`, or `10/50` for every 50th section of a key alone.
struct Plant {
  double factor = 1;        ///< 1: nothing is added, and the guard is wrapped like the others
  std::uint64_t every = 1;  ///< so many sections of a key are one that is prolonged

  /// What it makes of the wall time of guards that let one in at a time.
  double mean() const { return 1 + (factor - 1) / static_cast<double>(every); }
  bool operator==(const Plant&) const = default;
};

/// Reads `F` or `F/N`, F from 1 to `kMostPlanted` and N from 1 to `kRarestPlanted`; nothing for anything
/// else.
std::optional<Plant> parse_plant(std::string_view text);

/// A form that `parse_plant` reads as the same.
std::string to_text(const Plant& plant);

/// What a plant has to know of the trial.
struct PlantGround {
  std::uint32_t threads = 1;
  Key keys = 1;           ///< 1 where requests of different keys wait for each other
  bool arrivals = false;  ///< an open loop: between two requests a worker may have nothing to do
};

/// The guard inside a plant. A request that enters stays inside the guard, after its section, for `factor`
/// minus 1 times the time since the guard was free for it: since the last section of its key that had ended
/// when it entered, the plant's part of that included, or since it came if that was later. So a line of
/// sections takes `factor` times as long, waits and hand-overs with it. A request comes when its worker is
/// back from the last one, in an open loop when it starts.
///
/// The time is spun; of what is longer than a millisecond all but the end is slept, as other sections may be
/// inside that need the CPU. The stamps of the driver and the scenario see none of it: a section has been
/// left when its prolongation begins. Sections inside of which the same worker enters the guard again are
/// prolonged once, at their end. The request is told to be in the guard meanwhile, so that the stall rule
/// sees it move.
///
/// What is measured is the time that passed, whoever had the CPU, so that the factor is that of the wall time
/// on a busy machine, too. It cannot be exact where a slower guard makes its requests meet more often: a lock
/// that hands over costs more than one that its last holder takes again.
///
/// Memory: a cache line for each key and each worker. Costs a request one look at the clock and two cache
/// lines, whatever the factor.
std::unique_ptr<AnyGuard> planted(std::unique_ptr<AnyGuard> guard, const Plant& plant,
                                  const PlantGround& ground);

}  // namespace ccbench
