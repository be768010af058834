// A fixed number of places for what serves many keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/request.h"

namespace ccbench {

/// The slot of `count` that a key hashes to, of at most 2^32. Neighbouring keys lie in different ones, as far
/// as there are enough.
///
/// Algorithm: a Fibonacci hash (D. Knuth, "The Art of Computer Programming", vol. 3, 6.4), mapped to any
/// number of slots by a multiplication (D. Lemire, "Fast random integer generation in an interval", 2019).
constexpr std::size_t slot_of(Key key, std::size_t count) {
  const std::uint64_t hash = key * 0x9e3779b97f4a7c15 >> 32;
  return hash * count >> 32;
}

/// `count` objects, made by default construction. A slot is always the same object.
///
/// Who waits: nobody. What is ordered: the making of an object happens before every use of it.
template <class Sync, class T>
class Slots {
 public:
  explicit Slots(std::size_t count) : slots_(count) {}

  std::size_t size() const { return slots_.size(); }
  /// Of a number below `size()`.
  T& operator[](std::size_t slot) { return slots_[slot]; }
  /// That of all keys which hash to it.
  T& of(Key key) { return slots_[slot_of(key, slots_.size())]; }

 private:
  std::vector<T> slots_;
};

}  // namespace ccbench
