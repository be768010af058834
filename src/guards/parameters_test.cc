// One flag is of one kind, whoever has it; of guards, which run beside each other, it has one default, too.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry.h"

namespace ccbench {
namespace {

struct Declared {
  std::string_view owner;
  Parameter parameter;
};

template <class Plugin>
void add(const std::vector<Plugin>& plugins, std::vector<Declared>& all) {
  for (const Plugin& plugin : plugins) {
    for (const Parameter& parameter : plugin.info.parameters) all.push_back({plugin.info.name, parameter});
  }
}

bool same_kind(const Parameter& a, const Parameter& b) {
  return a.type == b.type && a.least == b.least && a.most == b.most &&
         std::ranges::equal(a.choices, b.choices);
}

bool same(const Parameter& a, const Parameter& b) {
  return same_kind(a, b) && a.initial == b.initial && a.initial_means == b.initial_means;
}

using Agree = bool (*)(const Parameter&, const Parameter&);

/// The flags of which two do not agree, with who they are.
std::vector<std::string> disagreements(std::span<const Declared> all, Agree agree) {
  std::map<std::string_view, Declared> first;
  std::vector<std::string> found;
  for (const Declared& declared : all) {
    const Declared& other = first.try_emplace(declared.parameter.name, declared).first->second;
    if (!agree(other.parameter, declared.parameter)) {
      found.push_back("--" + std::string(declared.parameter.name) + ": " + std::string(other.owner) +
                      " and " + std::string(declared.owner));
    }
  }
  return found;
}

TEST(Parameters, OfOneNameAreTheSameInEveryGuard) {
  std::vector<Declared> all;
  add(guards().all(), all);
  EXPECT_FALSE(all.empty());
  EXPECT_EQ(disagreements(all, same), std::vector<std::string>{});
}

TEST(Parameters, OfOneNameAreOfOneKindInEveryPlugin) {
  std::vector<Declared> all;
  add(guards().all(), all);
  add(scenarios().all(), all);
  EXPECT_EQ(disagreements(all, same_kind), std::vector<std::string>{});
}

TEST(Parameters, ThatDifferAreFound) {
  static constexpr std::array<std::string_view, 2> kColors = {"red", "green"};
  static constexpr std::array<std::string_view, 2> kOthers = {"red", "blue"};
  const Parameter time{.name = "ttl", .about = "", .initial = "1s"};
  const Parameter count{
      .name = "n", .about = "", .type = Parameter::Type::count, .initial = "1", .least = 1, .most = 9};
  const Parameter color{
      .name = "color", .about = "", .type = Parameter::Type::choice, .initial = "red", .choices = kColors};
  const auto differ = [](const Parameter& parameter, auto change, Agree agree = same) {
    Parameter other = parameter;
    change(other);
    const std::array<Declared, 2> both = {{{"a", parameter}, {"b", other}}};
    return disagreements(both, agree).size();
  };
  EXPECT_EQ(differ(time, [](Parameter& other) { other.about = "in other words"; }), 0U);
  EXPECT_EQ(differ(time, [](Parameter& other) { other.initial = "2s"; }), 1U);
  EXPECT_EQ(differ(time, [](Parameter& other) { other.initial = "2s"; }, same_kind), 0U);
  EXPECT_EQ(differ(time, [](Parameter& other) { other.type = Parameter::Type::period; }), 1U);
  EXPECT_EQ(differ(time, [](Parameter& other) { other.type = Parameter::Type::period; }, same_kind), 1U);
  EXPECT_EQ(differ(time, [](Parameter& other) { other.initial_means = "a while"; }), 1U);
  EXPECT_EQ(differ(count, [](Parameter& other) { other.least = 0; }), 1U);
  EXPECT_EQ(differ(count, [](Parameter& other) { other.most = 8; }), 1U);
  EXPECT_EQ(differ(color, [](Parameter& other) { other.choices = kOthers; }), 1U);
  EXPECT_EQ(differ(color, [](Parameter& other) { other.name = "colour"; }), 0U);
}

}  // namespace
}  // namespace ccbench
