// What the tests of pages look with. For tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ccbench {

inline bool has(std::string_view page, std::string_view text) {
  return page.find(text) != std::string_view::npos;
}

inline std::string section_of(const std::string& page, const std::string& id) {
  const auto begin = page.find("<section id=\"" + id + "\">");
  return begin == std::string::npos ? "" : page.substr(begin, page.find("</section>", begin) - begin);
}

/// The first command to be copied, as it is copied.
inline std::string command_in(const std::string& html) {
  constexpr std::string_view kBegin = "<pre class=\"scroll\"><code>";
  const auto begin = html.find(kBegin);
  if (begin == std::string::npos) return "";
  const auto end = html.find("</code>", begin);
  static const std::regex kTag("<[^>]*>");
  return std::regex_replace(html.substr(begin, end - begin), kTag, "");
}

inline bool has_twice(const std::string& attributes) {
  static const std::regex kName(R"re( ([a-zA-Z-]+)=")re");
  std::set<std::string> names;
  for (std::sregex_iterator one(attributes.begin(), attributes.end(), kName), last; one != last; ++one) {
    if (!names.insert((*one)[1]).second) return true;
  }
  return false;
}

/// What is wrong with the page as XML: elements that are not closed in their order, attributes without quotes
/// or twice, text that is not escaped. Empty: nothing.
inline std::string fault_in(const std::string& page) {
  static const std::regex kTag(R"re(<(/?)([a-zA-Z][a-zA-Z0-9]*)((?: [a-zA-Z-]+="[^"<]*")*)( ?/)?>)re");
  static const std::regex kEntity("&(?:lt|gt|amp|quot|#39);");
  constexpr auto kHere = std::regex_constants::match_continuous;
  std::vector<std::string> open;
  std::size_t at = page.starts_with("<!DOCTYPE html>\n") ? 16 : 0;
  if (at == 0) return "no document type";
  for (; at < page.size(); ++at) {
    const char* const rest = page.data() + at;
    std::cmatch match;
    const auto byte = static_cast<unsigned char>(*rest);
    if (byte < ' ' && byte != '\n') return "a control character";
    if (*rest == '&' && !std::regex_search(rest, match, kEntity, kHere)) return "a bare ampersand";
    if (*rest != '<') continue;
    const char* const end = page.data() + std::min(page.size(), page.find('>', at) + 1);
    if (!std::regex_search(rest, end, match, kTag, kHere)) return "no tag: " + page.substr(at, 40);
    const std::string name = match[2];
    const std::string attributes = match[3];
    if (has_twice(attributes)) return "an attribute twice: " + attributes;
    if (match[1].length() > 0) {
      if (open.empty() || open.back() != name) return "closed out of order: " + name;
      open.pop_back();
    } else if (match[4].length() == 0) {
      open.push_back(name);
    }
    at += static_cast<std::size_t>(match[0].length()) - 1;
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace ccbench
