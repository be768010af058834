#include "driver/build.h"

#include <string_view>

namespace ccbench {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang++ " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

#ifdef __OPTIMIZE__
constexpr bool kOptimized = true;
#else
constexpr bool kOptimized = false;
#endif

}  // namespace

Build this_build() {
  constexpr std::string_view kSanitizer = CCBENCH_SANITIZER;
  std::string compiler = kCompiler;
  // `clang++ 19.1.7 (3~deb12u1)`: the version is enough.
  if (const auto detail = compiler.find(" ("); detail != std::string::npos) compiler.erase(detail);
  return {.version = CCBENCH_VERSION,
          .compiler = compiler,
          .build_type = CCBENCH_BUILD_TYPE,
          .sanitizer = std::string(kSanitizer.empty() ? "none" : kSanitizer),
          .optimized = kOptimized};
}

}  // namespace ccbench
