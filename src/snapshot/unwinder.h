// From a copy of a thread's stack to the functions that it is in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace ccbench {

struct Registers {
  std::uint64_t program_counter = 0;
  std::uint64_t stack_pointer = 0;
  /// Not known of a thread that sleeps: the kernel tells the other two only. Most frames do without.
  std::optional<std::uint64_t> frame_pointer;
};

struct Backtrace {
  /// Innermost first: the program counter, then return addresses.
  std::vector<std::uint64_t> addresses;
  bool complete = false;  ///< down to the thread's first function
  bool operator==(const Backtrace&) const = default;
};

/// Knows this program and the libraries that it has loaded, and so also those of a process that was forked
/// from it: both have them at the same addresses. Never reads from the network. One thread at a time.
///
/// Frames are found by the call frame information of the ELF files (DWARF 5, section 6.4), which libdw
/// (elfutils) reads; what it says of an address is kept, so that a thousand stacks cost little more than one.
/// Built without libdw, or for a processor that it is not taught, there is none (`available`).
class Unwinder {
 public:
  Unwinder();
  ~Unwinder();
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;

  bool available() const;

  /// `stack` holds what was in memory from the stack pointer on.
  Backtrace unwind(const Registers& registers, std::span<const std::byte> stack);

  /// The function that the address is in; empty if that has no symbol. Frames above the innermost one are
  /// taken for the call that they are in. Remembered: looking one up takes some 10 µs.
  const std::string& function(std::uint64_t address, bool innermost);

  /// All that is known of the address: the function that it is in, and before it those that were inlined
  /// there, innermost first, with their lines. Reading lines takes 0.1 s, once. Never empty.
  std::vector<Frame> name(std::uint64_t address, bool innermost);

 private:
  class Modules;
  std::unique_ptr<Modules> modules_;
};

}  // namespace ccbench
