// How this program was built.
#pragma once

#include <string>

namespace ccbench {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

/// Whether frames hang on the frame pointer, which only a signal tells: stacks that are read from outside may
/// end early.
#if !defined(__OPTIMIZE__)
inline constexpr bool kFramesOnPointer = true;
#elif defined(__clang__)
inline constexpr bool kFramesOnPointer = kSanitized;
#else
inline constexpr bool kFramesOnPointer = false;
#endif

struct Build {
  std::string version;     ///< of ccbench
  std::string compiler;    ///< `g++ 12.2.0`
  std::string build_type;  ///< CMake's: `Release`
  std::string sanitizer;   ///< `address,undefined`, `thread` or `none`
  bool optimized = false;
};

Build this_build();

}  // namespace ccbench
