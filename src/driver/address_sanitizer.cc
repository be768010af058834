// What AddressSanitizer is told about this program, by a name that it looks for; part of no other build.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

const char* __asan_default_options();

/// Every trial is a copy of the process, and of all the freed memory that is kept back in it: 256 MiB, if
/// nothing else is said, take longer to copy than a trial.
const char* __asan_default_options() { return "quarantine_size_mb=8"; }
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
