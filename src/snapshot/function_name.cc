#include "snapshot/function_name.h"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace ccbench {
namespace {

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : symbol;
}

void erase_all(std::string& text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at))
    text.erase(at, what.size());
}

/// Cuts every list of parameters: what stands in parentheses, unless that is a name (`operator()`).
std::string without_parameters(std::string_view text) {
  constexpr std::string_view kCall = "operator()";
  std::string kept;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (depth == 0 && text.substr(i).starts_with(kCall)) {
      kept += kCall;
      i += kCall.size() - 1;
      continue;
    }
    if (text[i] == '(') ++depth;
    if (depth == 0) kept += text[i];
    if (text[i] == ')') --depth;
  }
  erase_all(kept, " const");
  return kept;
}

/// A template's function is demangled with the type that it returns in front.
std::string_view without_return_type(std::string_view text) {
  constexpr std::string_view kOperator = "operator";
  int depth = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == '>') ++depth;
    if (text[i] == '<') --depth;
    if (depth == 0 && text[i] == ' ' && !text.substr(0, i).ends_with(kOperator)) return text.substr(i + 1);
  }
  return text;
}

}  // namespace

std::string readable_name(const std::string& symbol) {
  // Versions of dynamic symbols: `pthread_mutex_lock@@GLIBC_2.2.5`.
  std::string name = demangled(symbol.substr(0, symbol.find('@')));
  erase_all(name, "(anonymous namespace)::");
  erase_all(name, "ccbench::");
  name = without_parameters(name);
  name.resize(
      std::min(name.size(), name.find(" [clone")));  // A copy that the compiler has made for some calls.
  for (auto at = name.find("> >"); at != std::string::npos; at = name.find("> >", at)) name.erase(at + 1, 1);
  return std::string(without_return_type(name));
}

bool is_harness(std::string_view function) {
  constexpr std::array<std::string_view, 3> kParts = {"Trial::", "WorkerThreads::", "FunctionRef<"};
  constexpr std::array<std::string_view, 5> kRoots = {"start_thread", "clone3", "clone", "__clone3",
                                                      "__clone"};
  return std::ranges::find(kRoots, function) != kRoots.end() ||
         std::ranges::any_of(
             kParts, [&](std::string_view part) { return function.find(part) != std::string_view::npos; });
}

bool is_harness_source(std::string_view file) {
  constexpr std::array<std::string_view, 3> kFiles = {"function_ref.h", "invoke.h", "std_function.h"};
  return std::ranges::find(kFiles, file) != kFiles.end();
}

}  // namespace ccbench
