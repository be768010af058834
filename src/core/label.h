// Text that both a trial process and its parent can read by address.
#pragma once

#include <string_view>

namespace ccbench {

/// A pointer to text that outlives every trial. A trial is forked, never exec'ed, so the address of a
/// string literal means the same in parent and child: a label costs one word in a shared record, needs
/// no table and survives the death of the process that wrote it.
class Label {
 public:
  constexpr Label() = default;
  /// Literals only, checked at compile time: a temporary's text would be gone when the parent reads it.
  consteval Label(const char* literal) : text_(literal) {}  // NOLINT(google-explicit-constructor)

  /// For text kept elsewhere; the caller promises that `text` stays mapped, at this address, in every
  /// process that will read the label.
  static constexpr Label lasting(const char* text) {
    Label label;
    label.text_ = text;
    return label;
  }

  constexpr const char* address() const { return text_; }
  constexpr bool empty() const { return text_ == nullptr; }
  constexpr std::string_view text() const { return empty() ? std::string_view{} : std::string_view(text_); }

 private:
  const char* text_ = nullptr;
};

/// Why a request failed: `illegal state: publish is not WAITING`.
using Reason = Label;

}  // namespace ccbench
