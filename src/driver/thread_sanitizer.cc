// What ThreadSanitizer is told about this program, by names that it looks for, and what is done for it before
// `main`; part of no other build.
#include <sanitizer/common_interface_defs.h>

#include <array>

#include "driver/trial.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

const char* __tsan_default_options();
const char* __tsan_default_suppressions();

/// A trial may end while its workers stand still: there is nothing to wait for, and no leak.
const char* __tsan_default_options() { return "atexit_sleep_ms=0:report_thread_leaks=0"; }

/// Boost.Lockfree's free list writes a node's link plainly while another thread that has just lost the
/// race for the node may still read it; that thread then finds the node's tag changed and drops what it
/// has read. By the name of the file, too: where it is inlined its functions have no more than their own
/// names.
const char* __tsan_default_suppressions() { return "race:boost::lockfree\nrace:boost/lockfree/\n"; }
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

/// To suppress a report by name takes names, and to have them all of the program's debug information must be
/// read. Once, before there are trials: each is a process, and would do so for itself.
[[maybe_unused]] const bool names_are_read = [] {
  std::array<char, 1024> name{};
  __sanitizer_symbolize_pc(reinterpret_cast<void*>(&ccbench::run_trial_process), "%f", name.data(),
                           name.size());
  return true;
}();

}  // namespace
