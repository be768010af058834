// What a person calls a function.
#pragma once

#include <string>
#include <string_view>

namespace ccbench {

/// Of a symbol, demangled, without its parameters and without the namespaces that are ours and anonymous:
/// `SynchronizedGuard<StdSync>::run`.
std::string readable_name(const std::string& symbol);

/// Whether a function, by its `readable_name`, is what carries every request or what threads begin with, and
/// not what anybody would look for in a stack.
bool is_harness(std::string_view function);

/// Likewise of an inlined function, of which there may be only a bare name: by the file of its source.
bool is_harness_source(std::string_view file);

}  // namespace ccbench
