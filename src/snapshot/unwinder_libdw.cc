// With libdw of elfutils.
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unordered_map>

#include "snapshot/function_name.h"
#include "snapshot/unwinder.h"

namespace ccbench {
namespace {

/// Registers as DWARF numbers them on this processor.
#if defined(__x86_64__)
constexpr bool kKnownProcessor = true;
constexpr int kFramePointer = 6;
constexpr int kStackPointer = 7;
constexpr int kReturnAddress = 16;
#elif defined(__aarch64__)
constexpr bool kKnownProcessor = true;
constexpr int kFramePointer = 29;
constexpr int kStackPointer = 31;
constexpr int kReturnAddress = 30;
#else
constexpr bool kKnownProcessor = false;
constexpr int kFramePointer = -1;
constexpr int kStackPointer = -1;
constexpr int kReturnAddress = -1;
#endif

/// Deeper stacks are cut.
constexpr std::size_t kMostFrames = 512;

/// How to get from one frame to the one that called it, at one address.
struct Rule {
  enum class Kind : std::uint8_t {
    unknown,  ///< no information, or none that this reader understands
    frame,
    last,  ///< the thread's first function: nobody called it
  };
  Kind kind = Kind::unknown;
  bool from_frame_pointer = false;  ///< else from the stack pointer
  std::int64_t to_caller = 0;       ///< from that register to the caller's stack pointer (the CFA)
  std::int64_t return_address = 0;  ///< where it is saved, from the CFA
  std::optional<std::int64_t>
      saved_frame;  ///< where the caller's frame pointer is saved, from the CFA; else kept
};

/// A place in memory as `dwarf_frame_register` describes it.
struct Saved {
  enum class Kind : std::uint8_t { undefined, same, at, other };
  Kind kind = Kind::other;
  std::int64_t offset = 0;  ///< from the CFA
};

Saved saved_register(Dwarf_Frame* frame, int number) {
  std::array<Dwarf_Op, 3> memory{};
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_register(frame, number, memory.data(), &operations, &count) != 0) return {};
  if (count == 0) return {.kind = operations == nullptr ? Saved::Kind::same : Saved::Kind::undefined};
  if (operations[0].atom != DW_OP_call_frame_cfa) return {};
  if (count == 1) return {.kind = Saved::Kind::at};
  if (count == 2 && operations[1].atom == DW_OP_plus_uconst) {
    return {.kind = Saved::Kind::at, .offset = static_cast<std::int64_t>(operations[1].number)};
  }
  return {};
}

Rule rule_from(Dwarf_Frame* frame) {
  Rule rule;
  const Saved caller = saved_register(frame, kReturnAddress);
  if (caller.kind == Saved::Kind::undefined) {
    rule.kind = Rule::Kind::last;
    return rule;
  }
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  if (caller.kind != Saved::Kind::at || dwarf_frame_cfa(frame, &operations, &count) != 0) return rule;
  if (count != 1 || operations[0].atom != DW_OP_bregx) return rule;
  const auto base = static_cast<int>(operations[0].number);
  if (base != kStackPointer && base != kFramePointer) return rule;
  const Saved pointer = saved_register(frame, kFramePointer);
  if (pointer.kind == Saved::Kind::other) return rule;
  rule.kind = Rule::Kind::frame;
  rule.from_frame_pointer = base == kFramePointer;
  rule.to_caller = static_cast<std::int64_t>(operations[0].number2);
  rule.return_address = caller.offset;
  if (pointer.kind == Saved::Kind::at) rule.saved_frame = pointer.offset;
  return rule;
}

/// The debug information that is in the files themselves is enough; looking for more may go to the network.
int no_separate_debug_file(Dwfl_Module* /*module*/, void** /*user*/, const char* /*name*/,
                           Dwarf_Addr /*base*/, const char* /*file*/, const char* /*link*/,
                           GElf_Word /*checksum*/, char** /*found*/) {
  return -1;
}

constexpr Dwfl_Callbacks kCallbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                       .find_debuginfo = no_separate_debug_file,
                                       .section_address = nullptr,
                                       .debuginfo_path = nullptr};

std::string last_part(const char* path) {
  return path == nullptr ? std::string{} : std::filesystem::path(path).filename().string();
}

/// Scopes as libdw gives them, which it wants freed.
class Scopes {
 public:
  Scopes() = default;
  ~Scopes() { std::free(dies_); }  // NOLINT(cppcoreguidelines-no-malloc): libdw says so.
  Scopes(const Scopes&) = delete;
  Scopes& operator=(const Scopes&) = delete;
  Dwarf_Die** out() { return &dies_; }
  Dwarf_Die* at(int i) { return dies_ + i; }

 private:
  Dwarf_Die* dies_ = nullptr;
};

Dwarf_Word number_of(Dwarf_Die* die, unsigned attribute) {
  Dwarf_Attribute found{};
  Dwarf_Word number = 0;
  if (dwarf_attr(die, attribute, &found) == nullptr || dwarf_formudata(&found, &number) != 0) return 0;
  return number;
}

/// By its symbol where the debug information has that, else the bare name.
std::string function_of(Dwarf_Die* die) {
  Dwarf_Attribute found{};
  if (dwarf_attr_integrate(die, DW_AT_linkage_name, &found) != nullptr) {
    if (const char* symbol = dwarf_formstring(&found); symbol != nullptr) return readable_name(symbol);
  }
  const char* name = dwarf_diename(die);
  return name == nullptr ? std::string{} : name;
}

bool is_library(std::string_view function) {
  return function.starts_with("std::") || function.starts_with("__");
}

/// The functions that were inlined at the address into the one that `frame` names, then that one; each with
/// the line at which it is, which for all but the innermost is where it calls.
std::vector<Frame> with_inlined(Dwfl_Module* module, std::uint64_t inside, Frame frame) {
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, inside, &bias);
  Scopes innermost;
  if (unit == nullptr || dwarf_getscopes(unit, inside - bias, innermost.out()) <= 0) return {frame};
  // Behind an inlined function those are the scopes of its source; its parents are the scopes of its code.
  Scopes scopes;
  const int count = dwarf_getscopes_die(innermost.at(0), scopes.out());
  Dwarf_Files* files = nullptr;
  if (count <= 0 || dwarf_getsrcfiles(unit, &files, nullptr) != 0) return {frame};
  std::vector<Frame> frames;
  for (int i = 0; i < count; ++i) {
    Dwarf_Die* scope = scopes.at(i);
    if (dwarf_tag(scope) != DW_TAG_inlined_subroutine) continue;
    Frame inlined = frame;
    inlined.inlined = true;
    inlined.function = function_of(scope);
    frame.file = last_part(dwarf_filesrc(files, number_of(scope, DW_AT_call_file), nullptr, nullptr));
    frame.line = static_cast<int>(number_of(scope, DW_AT_call_line));
    inlined.harness = frame.harness || is_harness_source(inlined.file);
    // The insides of the standard library say nothing that what is called of it does not.
    if (is_library(inlined.function) && !frames.empty() && is_library(frames.back().function))
      frames.pop_back();
    frames.push_back(std::move(inlined));
  }
  frames.push_back(std::move(frame));
  return frames;
}

/// A return address may lie behind the end of a function, if that calls one that never returns.
std::uint64_t address_inside(std::uint64_t address, bool innermost) {
  return innermost ? address : address - 1;
}

}  // namespace

class Unwinder::Modules {
 public:
  Modules() : dwfl_(dwfl_begin(&kCallbacks)) {
    if (dwfl_ == nullptr) return;
    if (dwfl_linux_proc_report(dwfl_, getpid()) == 0 && dwfl_report_end(dwfl_, nullptr, nullptr) == 0) return;
    dwfl_end(dwfl_);
    dwfl_ = nullptr;
  }
  ~Modules() {
    if (dwfl_ != nullptr) dwfl_end(dwfl_);
  }
  Modules(const Modules&) = delete;
  Modules& operator=(const Modules&) = delete;

  bool readable() const { return dwfl_ != nullptr; }

  const Rule& rule_at(std::uint64_t address) {
    const auto [known, is_new] = rules_.try_emplace(address);
    if (is_new) known->second = find_rule(address);
    return known->second;
  }

  const std::string& function(std::uint64_t inside) {
    const auto [known, is_new] = functions_.try_emplace(inside);
    if (is_new) {
      Dwfl_Module* module = dwfl_addrmodule(dwfl_, inside);
      const char* symbol = module == nullptr ? nullptr : dwfl_module_addrname(module, inside);
      if (symbol != nullptr) known->second = readable_name(symbol);
    }
    return known->second;
  }

  std::vector<Frame> name(std::uint64_t inside) {
    Frame frame;
    frame.function = function(inside);
    frame.harness = is_harness(frame.function);
    Dwfl_Module* module = dwfl_addrmodule(dwfl_, inside);
    if (module == nullptr) return {frame};
    frame.module =
        last_part(dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
    if (Dwfl_Line* line = dwfl_module_getsrc(module, inside); line != nullptr) {
      frame.file = last_part(dwfl_lineinfo(line, nullptr, &frame.line, nullptr, nullptr, nullptr));
    }
    return with_inlined(module, inside, frame);
  }

 private:
  Rule find_rule(std::uint64_t address) const {
    Dwfl_Module* module = dwfl_addrmodule(dwfl_, address);
    if (module == nullptr) return {};
    for (const auto information : {dwfl_module_eh_cfi, dwfl_module_dwarf_cfi}) {
      Dwarf_Addr bias = 0;
      Dwarf_CFI* cfi = information(module, &bias);
      Dwarf_Frame* frame = nullptr;
      if (cfi == nullptr || dwarf_cfi_addrframe(cfi, address - bias, &frame) != 0) continue;
      const Rule rule = rule_from(frame);
      std::free(frame);  // NOLINT(cppcoreguidelines-no-malloc): libdw says so.
      return rule;
    }
    return {};
  }

  Dwfl* dwfl_;
  std::unordered_map<std::uint64_t, Rule> rules_;
  std::unordered_map<std::uint64_t, std::string> functions_;
};

Unwinder::Unwinder() {
  if (!kKnownProcessor) return;
  modules_ = std::make_unique<Modules>();
  if (!modules_->readable()) modules_.reset();
}

Unwinder::~Unwinder() = default;

bool Unwinder::available() const { return modules_ != nullptr; }

Backtrace Unwinder::unwind(const Registers& registers, std::span<const std::byte> stack) {
  Backtrace trace;
  if (!available()) return trace;
  const auto word_at = [&](std::uint64_t address) -> std::optional<std::uint64_t> {
    const std::uint64_t offset = address - registers.stack_pointer;
    std::uint64_t word = 0;
    if (offset > stack.size() || stack.size() - offset < sizeof word) return std::nullopt;
    std::memcpy(&word, stack.data() + offset, sizeof word);
    return word;
  };
  std::uint64_t address = registers.program_counter;
  std::uint64_t stack_pointer = registers.stack_pointer;
  std::optional<std::uint64_t> frame_pointer = registers.frame_pointer;
  while (address != 0 && trace.addresses.size() < kMostFrames) {
    trace.addresses.push_back(address);
    const Rule& rule = modules_->rule_at(address_inside(address, trace.addresses.size() == 1));
    if (rule.kind == Rule::Kind::last) {
      trace.complete = true;
      break;
    }
    if (rule.kind == Rule::Kind::unknown || (rule.from_frame_pointer && !frame_pointer)) break;
    const std::uint64_t base = rule.from_frame_pointer ? *frame_pointer : stack_pointer;
    const std::uint64_t caller = base + static_cast<std::uint64_t>(rule.to_caller);
    const auto next = word_at(caller + static_cast<std::uint64_t>(rule.return_address));
    if (!next || caller <= stack_pointer) break;  // Every caller is further up, or this is no stack.
    if (rule.saved_frame) frame_pointer = word_at(caller + static_cast<std::uint64_t>(*rule.saved_frame));
    stack_pointer = caller;
    address = *next;
  }
  trace.complete = trace.complete || (address == 0 && !trace.addresses.empty());
  return trace;
}

const std::string& Unwinder::function(std::uint64_t address, bool innermost) {
  static const std::string kUnknown;
  return available() ? modules_->function(address_inside(address, innermost)) : kUnknown;
}

std::vector<Frame> Unwinder::name(std::uint64_t address, bool innermost) {
  std::vector<Frame> frames(1);
  if (available()) frames = modules_->name(address_inside(address, innermost));
  for (Frame& frame : frames) frame.address = address;
  return frames;
}

}  // namespace ccbench
