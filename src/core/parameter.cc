#include "core/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace ccbench {
namespace {

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

bool is_time(Parameter::Type type) {
  return type == Parameter::Type::delay || type == Parameter::Type::limit || type == Parameter::Type::period;
}

}  // namespace

std::string range_of(const Parameter& parameter) {
  switch (parameter.type) {
    case Parameter::Type::delay:
    case Parameter::Type::limit:
    case Parameter::Type::period: return "0 to " + std::string(kLongestDurationText);
    case Parameter::Type::choice: return {};
    case Parameter::Type::count:
      return std::to_string(parameter.least) + " to " + std::to_string(parameter.most);
    case Parameter::Type::ratio: return "0 to 1";
  }
  throw std::logic_error("parameter of unknown type");
}

ParameterValues::ParameterValues(std::span<const Parameter> parameters)
    : parameters_(parameters), values_(parameters.size()) {
  for (const Parameter& parameter : parameters) {
    if (!set(parameter.name, parameter.initial).empty()) {
      throw std::logic_error("bad default of parameter " + std::string(parameter.name));
    }
  }
}

std::size_t ParameterValues::index_of(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  if (found == parameters_.end()) throw std::logic_error("parameter not declared: " + std::string(name));
  return static_cast<std::size_t>(found - parameters_.begin());
}

std::string ParameterValues::set(std::string_view name, std::string_view text) {
  const std::size_t index = index_of(name);
  const Parameter& parameter = parameters_[index];
  std::int64_t& value = values_[index];
  switch (parameter.type) {
    case Parameter::Type::delay:
    case Parameter::Type::limit:
    case Parameter::Type::period: {
      const auto duration = parse_duration(text);
      if (!duration || *duration > kLongestDuration) {
        return "a duration from " + range_of(parameter) + " with its unit (500ms, 1s, 50us) or 0";
      }
      value = *duration;
      return {};
    }
    case Parameter::Type::choice: {
      const auto choice = std::ranges::find(parameter.choices, text);
      if (choice == parameter.choices.end()) return "one of " + joined(parameter.choices);
      value = choice - parameter.choices.begin();
      return {};
    }
    case Parameter::Type::count: {
      std::int64_t number = 0;
      const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (status != std::errc{} || end != text.data() + text.size() || number < parameter.least ||
          number > parameter.most) {
        return "a whole number from " + range_of(parameter);
      }
      value = number;
      return {};
    }
    case Parameter::Type::ratio: {
      double number = 0;
      const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool whole = status == std::errc{} && end == text.data() + text.size();
      const bool share = number >= 0 && number <= 1;  // Which no NaN is.
      if (!whole || !share) {
        return "a number from " + range_of(parameter);
      }
      value = std::llround(number * kRatioUnit);
      return {};
    }
  }
  throw std::logic_error("parameter of unknown type");
}

std::string ParameterValues::scale_delays(double factor) {
  auto scaled = values_;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!is_time(parameters_[i].type)) continue;
    const double product = static_cast<double>(values_[i]) * factor;
    if (product > static_cast<double>(kLongestDuration)) return std::string(parameters_[i].name);
    scaled[i] = std::llround(product);
  }
  values_ = std::move(scaled);
  return {};
}

std::int64_t ParameterValues::at(std::string_view name) const { return values_[index_of(name)]; }

Nanos ParameterValues::section() const {
  Nanos sum = 0;
  for (const Parameter& parameter : parameters_) {
    if (parameter.type == Parameter::Type::delay) sum += at(parameter.name);
  }
  return sum;
}

Nanos ParameterValues::longest_step() const {
  Nanos longest = 0;
  for (const Parameter& parameter : parameters_) {
    if (parameter.type == Parameter::Type::delay || parameter.type == Parameter::Type::limit)
      longest = std::max(longest, at(parameter.name));
  }
  return longest;
}

std::map<std::string, std::string> ParameterValues::changed() const {
  const ParameterValues defaults(parameters_);
  std::map<std::string, std::string> changes;
  for (const Parameter& parameter : parameters_) {
    if (at(parameter.name) != defaults.at(parameter.name)) {
      changes[std::string(parameter.name)] = text_of(parameter);
    }
  }
  return changes;
}

std::string ParameterValues::text_of(const Parameter& parameter) const {
  const std::int64_t value = at(parameter.name);
  switch (parameter.type) {
    case Parameter::Type::delay:
    case Parameter::Type::limit:
    case Parameter::Type::period: return to_text(value);
    case Parameter::Type::choice: return std::string(parameter.choices[static_cast<std::size_t>(value)]);
    case Parameter::Type::count: return std::to_string(value);
    case Parameter::Type::ratio: return fmt::format("{}", static_cast<double>(value) / kRatioUnit);
  }
  throw std::logic_error("parameter of unknown type");
}

}  // namespace ccbench
