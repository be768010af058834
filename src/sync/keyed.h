// A map from keys to the state that a guard keeps for each of them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/request.h"

namespace ccbench {

/// `at(key)` makes the key's `T` on first use, by default construction, and answers the same object ever
/// after: entries never move and are never removed before the map.
///
/// Who waits: nobody, ever. Who asks for a known key reads a few pointers; who asks for a new one adds it
/// with one compare-and-swap, and repeats only where another thread has just added an entry.
/// What is ordered: the making of a `T` happens before every use of it. Nothing else.
/// Errors: std::bad_alloc on first use of a key; the map is unchanged.
/// Memory: 8 KiB, and for each key ever used one allocation of the `T` and 40 bytes (from the C library 64
/// bytes for a flag, 96 for a mutex), freed with the map.
///
/// Algorithm: a hash trie of four children per entry under 1024 roots (after C. Wellons, "An
/// easy-to-implement, arena-friendly hash map", nullprogram.com, 2023). It grows one entry at a time and
/// never reorganises, so a look-up needs no lock. A thousand keys are at most a few entries deep, a million
/// about 6; the hash loses no bit of the key, so no choice of keys makes it deeper than 28.
template <class Sync, class T>
class Keyed {
 public:
  Keyed() = default;
  Keyed(const Keyed&) = delete;
  Keyed& operator=(const Keyed&) = delete;
  /// No other thread may be using the map.
  ~Keyed() {
    for (Link& root : roots_) free_tree(root);
  }

  T& at(Key key) {
    Path path(key);
    Link* link = &roots_[path.take(kRootBits)];
    // Acquire pairs with the release in `add`: who finds an entry sees what it was made with.
    while (Node* node = link->load(std::memory_order_acquire)) {
      if (node->key == key) return node->value;
      link = &node->children[path.take(kChildBits)];
    }
    return add(key, path, link);
  }

 private:
  static constexpr unsigned kRootBits = 10;
  static constexpr unsigned kChildBits = 2;

  struct Node;
  using Link = typename Sync::template atomic<Node*>;

  /// The state comes first and the links last: two entries made one after the other have their states at
  /// least a cache line apart, so that locks of different keys do not slow each other down. Aligning entries
  /// to lines would make the C library take twice the memory and five times the time.
  struct Node {
    explicit Node(Key its_key) : key(its_key) {}

    T value{};
    const Key key;
    std::array<Link, 1 << kChildBits> children{};
  };

  /// The way to a key: its hash, consumed from the high end. Multiplication by an odd number maps no two keys
  /// to one hash, and by this one (2^64 divided by the golden ratio) spreads neighbours apart.
  class Path {
   public:
    explicit Path(Key key) : bits_(key * 0x9e3779b97f4a7c15) {}
    std::size_t take(unsigned bits) {
      const std::uint64_t taken = bits_ >> (64 - bits);
      bits_ <<= bits;
      return taken;
    }

   private:
    std::uint64_t bits_;
  };

  /// Adds the key at `link` or below it. If another thread adds the same key first, that entry is the one.
  T& add(Key key, Path path, Link* link) {
    auto fresh = std::make_unique<Node>(key);
    for (;;) {
      Node* present = nullptr;
      if (link->compare_exchange_strong(present, fresh.get(), std::memory_order_release,
                                        std::memory_order_acquire)) {
        return fresh.release()->value;
      }
      if (present->key == key) return present->value;
      link = &present->children[path.take(kChildBits)];
    }
  }

  static void free_tree(Link& link) {
    // Relaxed: whoever made the last thread end has ordered its work before this.
    const std::unique_ptr<Node> node(link.load(std::memory_order_relaxed));
    if (!node) return;
    for (Link& child : node->children) free_tree(child);
  }

  std::array<Link, 1 << kRootBits> roots_{};
};

}  // namespace ccbench
