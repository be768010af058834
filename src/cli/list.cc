// What `ccbench list` says.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/options.h"
#include "report/layout.h"

namespace ccbench {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view otherwise) {
  return words.empty() ? std::string(otherwise) : fmt::format("{}", fmt::join(words, ", "));
}

/// Text in lines that fit into a width.
class Lines {
 public:
  explicit Lines(std::size_t width) : width_(width) {}

  /// Of what needs several, the others begin under the first one's words.
  void add(std::string_view margin, std::string_view words) {
    const std::size_t indent = width_of(margin);
    std::string first(margin);
    for (const std::string& line : wrapped(words, std::max(width_, indent + kLeastWords) - indent)) {
      text_ += std::exchange(first, std::string(indent, ' ')) + line + '\n';
    }
  }

  /// For a shell, which takes several lines for one where they end so.
  void add_command(std::string_view command) {
    constexpr std::string_view kGoesOn = " \\";
    const std::size_t room = width_ - std::min(width_, kCommandIndent + kGoesOn.size());
    const std::vector<std::string> lines = wrapped(command, std::max(room, kLeastWords));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      text_ += std::string(i == 0 ? kEntryIndent : kCommandIndent, ' ') + lines[i];
      text_ += fmt::format("{}\n", i + 1 < lines.size() ? kGoesOn : "");
    }
  }

  void add_line(std::string_view line) { text_ += fmt::format("{}\n", line); }
  const std::string& text() const { return text_; }

 private:
  static constexpr std::size_t kEntryIndent = 4;
  static constexpr std::size_t kCommandIndent = 8;
  static constexpr std::size_t kLeastWords = 30;

  const std::size_t width_;
  std::string text_;
};

void add_parameter(const Parameter& parameter, Lines& lines) {
  const std::string_view initial =
      parameter.initial_means.empty() ? parameter.initial : parameter.initial_means;
  std::string about(parameter.about);
  if (!parameter.choices.empty()) about += fmt::format(": {}", fmt::join(parameter.choices, " or "));
  lines.add(fmt::format("    --{:<16} ", parameter.name), fmt::format("{} [{}]", about, initial));
}

std::string memory_of(const GuardInfo& guard) {
  return guard.bytes_per_key == 0
             ? "does not grow with the keys"
             : fmt::format("up to {} bytes for every key ever used", guard.bytes_per_key);
}

std::string command_that_shows(const GuardInfo& guard) {
  constexpr std::string_view kExplore = "explore ";
  const bool explored = guard.shown_by.starts_with(kExplore);
  return fmt::format("ccbench {}--guard={} {}", explored ? kExplore : "", guard.name,
                     guard.shown_by.substr(explored ? kExplore.size() : 0));
}

void add_guard(const GuardInfo& guard, Lines& lines) {
  lines.add(fmt::format("  {:<24} ", guard.name), guard.about);
  lines.add(fmt::format("  {:<24} promises: ", ""), joined(names_of(guard.promises), "nothing"));
  if (!guard.faulty()) lines.add(fmt::format("  {:<24} memory: ", ""), memory_of(guard));
  for (const Parameter& parameter : guard.parameters) add_parameter(parameter, lines);
  if (guard.faulty()) lines.add_command(command_that_shows(guard));
}

void add_faulty_guards(Lines& lines) {
  lines.add("", "Guards that are wrong on purpose, for tests and teaching; all does not include them");
  for (const GuardPlugin& guard : guards().all()) {
    if (guard.info.faulty()) add_guard(guard.info, lines);
  }
}

void add_scenario(const ScenarioInfo& scenario, Lines& lines) {
  lines.add("  ", scenario.name);
  lines.add("    ", scenario.about);
  std::string needs = joined(names_of(scenario.needs), "nothing");
  if (scenario.or_needs) needs += fmt::format("; or {}", joined(names_of(*scenario.or_needs), "nothing"));
  lines.add("    needs: ", needs);
  lines.add("    without a guard it breaks: ",
            scenario.breakable.empty() ? "nothing (no control possible)" : scenario.breakable);
  std::vector<std::string> fitting;
  std::vector<std::string> unfit;
  for (const GuardPlugin& guard : guards().all()) {
    if (guard.info.faulty()) continue;
    const std::vector<std::string> lacking =
        ccbench::lacking(scenario, guard.promises(GuardContext(guard.info)));
    (lacking.empty() ? fitting : unfit).emplace_back(guard.info.name);
  }
  lines.add("    guards that fit: ", joined(fitting, "none"));
  lines.add("    guards that do not: ", joined(unfit, "none"));
  for (const Parameter& parameter : scenario.parameters) add_parameter(parameter, lines);
}

}  // namespace

std::string list_faulty_text(std::size_t width) {
  Lines lines(width);
  add_faulty_guards(lines);
  return lines.text();
}

std::string list_text(std::size_t width) {
  Lines lines(width);
  lines.add_line("Guards (--guard)");
  for (const GuardPlugin& guard : guards().all()) {
    if (!guard.info.faulty()) add_guard(guard.info, lines);
  }
  lines.add_line("");
  add_faulty_guards(lines);
  lines.add_line("\nScenarios (--scenario)");
  for (const ScenarioPlugin& scenario : scenarios().all()) add_scenario(scenario.info, lines);
  return lines.text();
}

}  // namespace ccbench
