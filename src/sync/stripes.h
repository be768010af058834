// A fixed number of parts, each of which serves the keys that hash to it.
#pragma once

#include <array>
#include <cstddef>

#include "core/request.h"

namespace ccbench {

inline constexpr std::size_t kStripes = 256;

/// Below `kStripes`: the high byte of a Fibonacci hash (D. Knuth, "The Art of Computer Programming", vol. 3,
/// 6.4), so that neighbouring keys lie in different stripes.
constexpr std::size_t stripe_of(Key key) { return key * 0x9e3779b97f4a7c15 >> 56; }

/// `at(key)` answers the `T` of the key's stripe, always the same object. All are made by default
/// construction with the map.
///
/// Who waits: nobody. What is ordered: the making of a `T` happens before every use of it.
template <class Sync, class T>
class Stripes {
 public:
  T& at(Key key) { return stripes_[stripe_of(key)]; }

 private:
  std::array<T, kStripes> stripes_;
};

}  // namespace ccbench
