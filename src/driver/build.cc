#include "driver/build.h"

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
  const std::string sanitizer = CCBENCH_SANITIZER;
  std::string compiler = kCompiler;
  // `clang++ 19.1.7 (3~deb12u1)`: the version is enough.
  if (const auto detail = compiler.find(" ("); detail != std::string::npos) compiler.erase(detail);
  return {.version = CCBENCH_VERSION,
          .compiler = compiler,
          .build_type = CCBENCH_BUILD_TYPE,
          .sanitizer = sanitizer.empty() ? "none" : sanitizer,
          .optimized = kOptimized};
}

}  // namespace ccbench
