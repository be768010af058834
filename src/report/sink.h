// A sink turns the results of a run into bytes. It never measures and never judges.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>

#include "driver/run_result.h"

namespace ccbench {

class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;
  virtual void write(const RunResult& run, std::ostream& out) const = 0;
};

struct TextStyle {
  bool color = false;
  bool quiet = false;       ///< the table alone
  std::size_t width = 110;  ///< characters per line; the table leaves out columns until it fits
};

std::unique_ptr<Sink> text_sink(TextStyle style);  ///< for people
std::unique_ptr<Sink> trials_csv_sink();           ///< schema ccbench.trials/1
std::unique_ptr<Sink> requests_csv_sink();         ///< schema ccbench.requests/1
std::unique_ptr<Sink> snapshots_csv_sink();        ///< schema ccbench.snapshots/1
std::unique_ptr<Sink> json_sink();                 ///< schema ccbench.run/1
std::unique_ptr<Sink> html_sink();                 ///< a page of tables and pictures
std::unique_ptr<Sink> trace_sink();                ///< the timelines, in the Trace Event Format
std::unique_ptr<Sink> thread_dump_sink();          ///< every snapshot as text

}  // namespace ccbench
