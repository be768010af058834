// Where this machine can see a race: trials without a guard over windows, requests and start modes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "report/sink.h"
#include "stats/estimate.h"

namespace ccbench {

/// One setting, and in how many of its trials the race was lost.
struct PowerCell {
  std::size_t configuration = 0;  ///< index into `RunResult::configurations`
  std::uint64_t trials = 0;
  std::uint64_t broken = 0;
  Interval rate = {};  ///< of a trial to break, at 95 %
};

/// One for each configuration, in their order.
std::vector<PowerCell> power_of(const RunResult& run);

/// The cells by their windows, and by all that is swept besides.
struct PowerGrid {
  struct Row {
    std::vector<std::string> values;              ///< of `settings`
    std::vector<std::optional<PowerCell>> cells;  ///< by window; none where no configuration is both
  };

  std::vector<std::string> settings;
  std::vector<Nanos> windows;  ///< ascending
  std::vector<Row> rows;       ///< in the order of the configurations
};
PowerGrid power_grid_of(const RunResult& run);

/// `none`, `10us`: a window as a user would type it.
std::string window_text(Nanos window);

/// What the cells come to, in sentences.
std::string power_summary(const RunResult& run);

std::unique_ptr<Sink> power_text_sink(TextStyle style);  ///< for people
std::unique_ptr<Sink> power_csv_sink();                  ///< schema ccbench.power/1

}  // namespace ccbench
