// What every page for a browser is made of: its frame, sections, the look of verdicts, tables of pairs.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/verdict.h"
#include "report/markup.h"

namespace ccbench {

/// A whole page, with what `write_main` writes in it. No script, no font, no picture from elsewhere; light or
/// dark as the reader has it, light on paper. `style`: rules of its own, beside those of all pages
/// (report/html_style.h); this program is their author.
void write_page(std::string_view title, std::string_view style, Markup& out,
                const std::function<void()>& write_main);

/// A part of the page under a heading, with what `write` writes in it. `id` is unique in the page.
void write_section(const std::string& id, std::string_view title, Markup& out,
                   const std::function<void()>& write);

/// A command line, to be copied.
void write_command(std::string_view command, Markup& out);

/// A row of a table of class `pairs`.
void write_pair(std::string_view name, std::string_view value, Markup& out);

struct VerdictLook {
  std::string_view symbol;     ///< for who cannot tell the colours apart
  std::string_view css_class;  ///< `good`, `bad`, `unsure`
};
VerdictLook look_of(Verdict verdict);

}  // namespace ccbench
