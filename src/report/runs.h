// Several runs beside each other.
#pragma once

#include <span>
#include <string>

#include "driver/run_result.h"

namespace ccbench {

/// Every guard under every setting, run by run: verdict, time, and its ratio to the reference of its own run.
/// Times of different runs stand there to be seen and are not compared. `names`: what each run is called.
std::string runs_text(std::span<const RunResult> runs, std::span<const std::string> names);

}  // namespace ccbench
