#include "report/page.h"

#include <algorithm>
#include <array>

#include "report/html_style.h"

namespace ccbench {
namespace {

void write_head(std::string_view title, std::string_view style, Markup& out) {
  const auto head = out.open("head");
  out.leaf("meta", {{"charset", "utf-8"}});
  out.leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  out.leaf("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  // Nothing from outside is ever loaded or run, whatever a text that came in says.
  out.leaf("meta", {{"http-equiv", "Content-Security-Policy"},
                    {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  out.element("title", {}, title);
  const auto element = out.open("style");
  out.raw(kStyle);
  out.raw(style);
}

}  // namespace

void write_page(std::string_view title, std::string_view style, Markup& out,
                const std::function<void()>& write_main) {
  out.raw("<!DOCTYPE html>\n");
  {
    const auto html = out.open("html", {{"lang", "en"}});
    write_head(title, style, out);
    const auto body = out.open("body");
    const auto main = out.open("main");
    write_main();
  }
  out.raw("\n");
}

void write_section(const std::string& id, std::string_view title, Markup& out,
                   const std::function<void()>& write) {
  out.raw("\n");
  const auto section = out.open("section", {{"id", id}});
  out.element("h2", {}, title);
  write();
}

void write_command(std::string_view command, Markup& out) {
  const auto block = out.open("pre", {{"class", "scroll"}});
  const auto code = out.open("code");
  // A browser would end a line behind the hyphens of a flag.
  constexpr std::string_view kFlag = " --";
  for (std::size_t flag = command.find(kFlag); flag != std::string_view::npos; flag = command.find(kFlag)) {
    out.text(command.substr(0, flag + 1));
    command.remove_prefix(flag + 1);
    const std::size_t name = std::min(command.find_first_of("= "), command.size());
    out.element("span", {{"class", "flag"}}, command.substr(0, name));
    command.remove_prefix(name);
  }
  out.text(command);
}

void write_pair(std::string_view name, std::string_view value, Markup& out) {
  const auto row = out.open("tr");
  out.element("th", {{"scope", "row"}}, name);
  out.element("td", {}, value);
}

VerdictLook look_of(Verdict verdict) {
  constexpr std::array<VerdictLook, kVerdictNames.size()> kLooks = {
      {{"✓", "good"}, {"✗", "bad"}, {"‖", "bad"}, {"†", "bad"}, {"?", "unsure"}, {"!", "unsure"}}};
  return kLooks.at(static_cast<std::size_t>(verdict));
}

}  // namespace ccbench
