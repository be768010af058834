// From argv and configuration files to flags by name: the only place that knows CLI11.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "cli/flags.h"
#include "cli/nearest.h"
#include "cli/options.h"

namespace ccbench {
namespace {

constexpr std::string_view kAbout =
    "Tells three things about the guard around a critical section: does it hold, what does it cost,\n"
    "and what were the other threads doing meanwhile?\n"
    "\n"
    "Commands: run (the default), list (guards and scenarios), bench (what guards cost uncontended\n"
    "and contended, through Google Benchmark; its own flags pass through), help (this text)";

constexpr std::string_view kExamples =
    "Durations carry units (500ms, 1s, 50us); lists take commas.\n"
    "\n"
    "Examples:\n"
    "  ccbench --guard=cas --requests=1000\n"
    "      1000 requests buy one ticket at once, guarded by a flag: does one succeed, and what did it cost?\n"
    "  ccbench --guard=all --payment=50ms --db=20ms --trials=10 --csv=trials.csv\n"
    "      compare every guard that fits, ten interleaved trials each\n"
    "  ccbench --scenario=counter --guard=none,synchronized,cas --requests=1000000 --threads=2\n"
    "      what a guard costs per request, on a pool of two threads\n"
    "\n"
    "Exit codes: 0 OK, 2 usage, 3 VIOLATION, 5 INCONCLUSIVE, 6 HUNG, 7 ERROR, 9 CRASHED, 130 interrupted";

/// Shows `--guard NAME[,NAME...]|all` where CLI11 would add how many values a flag takes.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? std::string{} : " " + option->get_type_name();
  }
};

/// The flags as CLI11 knows them: every value is text, and what it means is decided in options.cc.
class FlagParser {
 public:
  FlagParser() {
    app_.description(std::string(kAbout));
    app_.set_help_flag();  // Ours is a flag like the others.
    app_.allow_extras();
    app_.footer(std::string(kExamples));
    const auto formatter = std::make_shared<HelpFormatter>();
    formatter->column_width(31);
    app_.formatter(formatter);
    app_.name("ccbench [run | list | bench | help]");
    for (const Flag& flag : kFlags) add(flag);
    for (const ScenarioPlugin& scenario : scenarios().all()) {
      for (const Parameter& parameter : scenario.info.parameters) add(parameter, scenario.info.name);
    }
  }

  RawFlags parse(std::vector<std::string> arguments) {
    std::ranges::reverse(arguments);  // CLI11 takes them from the back.
    try {
      app_.parse(arguments);
    } catch (const CLI::ArgumentMismatch& mismatch) {
      const std::string_view what = mismatch.what();
      throw UsageError(missing_value(std::string(what.substr(0, what.find(':')))));
    } catch (const CLI::ParseError& error) {
      throw UsageError(one_sentence(error.what()));
    }
    refuse_extras();
    RawFlags flags = given();
    if (const auto file = flags.find("config"); file != flags.end()) add_file(file->second, flags);
    return flags;
  }

  std::string help() const {
    std::string text = app_.help();
    // CLI11 puts two empty lines between groups.
    for (auto gap = text.find("\n\n\n"); gap != std::string::npos; gap = text.find("\n\n\n"))
      text.erase(gap, 1);
    return text;
  }

 private:
  void add(const Flag& flag) {
    const std::string name = "--" + std::string(flag.name);
    names_.push_back(name);
    if (flag.value.empty()) {
      const std::string about(flag.about);
      app_.add_flag(flag.name == "help" ? "-h," + name : name, about)->group(std::string(flag.group));
      return;
    }
    std::string about(flag.about);
    if (!flag.initial.empty()) about += fmt::format(" [{}]", flag.initial);
    add_value(name, std::string(flag.value), about, std::string(flag.group));
  }

  void add(const Parameter& parameter, std::string_view scenario) {
    const std::string name = "--" + std::string(parameter.name);
    const std::string_view initial =
        parameter.initial_means.empty() ? parameter.initial : parameter.initial_means;
    const std::string range = range_of(parameter);
    const std::string about =
        fmt::format("{}: {}{}{} [{}]", scenario, parameter.about, range.empty() ? "" : ", ", range, initial);
    if (CLI::Option* other = app_.get_option_no_throw(name); other != nullptr) {
      other->description(other->get_description() + "; " + about);  // Two scenarios have one of this name.
      return;
    }
    names_.push_back(name);
    add_value(name, value_of(parameter), about, std::string(kScenarioGroup));
  }

  static std::string value_of(const Parameter& parameter) {
    switch (parameter.type) {
      case Parameter::Type::delay: return "D";
      case Parameter::Type::count: return "N";
      case Parameter::Type::choice: break;
    }
    return fmt::format("{}", fmt::join(parameter.choices, "|"));
  }

  void add_value(const std::string& name, const std::string& value, const std::string& about,
                 const std::string& group) {
    app_.add_option(name, about)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)  // given() knows which may be given twice.
        ->type_name(value)
        ->group(group);
  }

  std::string missing_value(const std::string& flag) const {
    const CLI::Option* option = app_.get_option_no_throw(flag);
    if (option == nullptr) return fmt::format("{}: its value is missing", flag);
    return fmt::format("{}: its value is missing: {}", flag, option->get_type_name());
  }

  RawFlags given() const {
    RawFlags flags;
    for (const CLI::Option* option : app_.get_options()) {
      if (option->count() == 0) continue;
      const std::string name = option->get_lnames().front();
      if (option->get_expected_min() == 0) {
        flags[name] = option->results().back();  // `--quiet` is true, `--quiet=false` says so.
      } else if (option->count() > 1 && name != "guard") {
        throw UsageError(fmt::format("--{} is given twice", name));
      } else {
        flags[name] = fmt::format("{}", fmt::join(option->results(), ","));
      }
    }
    return flags;
  }

  void refuse_extras() const {
    const std::vector<std::string> extras = app_.remaining();
    if (extras.empty()) return;
    const std::string& extra = extras.front();
    if (!extra.starts_with('-')) throw UsageError(fmt::format("'{}' belongs to no flag", extra));
    const std::string flag = extra.substr(0, extra.find('='));
    throw UsageError(fmt::format("there is no flag {}; {}", flag, flag_suggestion(flag)));
  }

  std::string flag_suggestion(const std::string& flag) const {
    const std::vector<std::string> near = nearest(flag, names_);
    return near.empty() ? "ccbench --help lists them"
                        : fmt::format("did you mean {}?", fmt::join(near, " or "));
  }

  /// Adds what the file says and the command line does not.
  void add_file(const std::string& path, RawFlags& flags) const {
    std::ifstream in(path);
    if (!in) throw UsageError(fmt::format("--config: {} cannot be read: {}", path, std::strerror(errno)));
    std::vector<CLI::ConfigItem> items;
    try {
      items = CLI::ConfigTOML().from_config(in);
    } catch (const std::exception& error) {
      throw UsageError(
          fmt::format("--config: {} cannot be understood: {}", path, one_sentence(error.what())));
    }
    if (in.bad())
      throw UsageError(fmt::format("--config: {} cannot be read: {}", path, std::strerror(errno)));
    std::set<std::string> seen;
    for (const CLI::ConfigItem& item : items) {
      const std::string name = key_of(item, path);
      // CLI11 makes one item of equal keys in adjacent lines, as if they were a list.
      if (!seen.insert(name).second || (item.inputs.size() > 1 && !takes_list(name))) {
        throw UsageError(fmt::format("--config: {}: '{}' is given twice", path, name));
      }
      flags.emplace(name, fmt::format("{}", fmt::join(item.inputs, ",")));
    }
  }

  static bool takes_list(std::string_view name) {
    return name == "guard" || name == "snapshot" || name == "snapshot-at";
  }

  std::string key_of(const CLI::ConfigItem& item, const std::string& path) const {
    if (!item.parents.empty()) {
      throw UsageError(
          fmt::format("--config: {} has a section [{}]; keys stand alone, one name = value per line", path,
                      fmt::join(item.parents, ".")));
    }
    if (item.name == "config" || item.name == "help" || item.name == "version") {
      throw UsageError(
          fmt::format("--config: {} has the key '{}'; a config file can neither name another one nor ask for "
                      "help or version",
                      path, item.name));
    }
    if (app_.get_option_no_throw("--" + item.name) == nullptr) {
      throw UsageError(fmt::format("--config: {} has an unknown key '{}'; {}", path, item.name,
                                   flag_suggestion("--" + item.name)));
    }
    return item.name;
  }

  /// CLI11 spreads some of its messages over lines.
  static std::string one_sentence(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
  }

  CLI::App app_;
  std::vector<std::string> names_;
};

const std::vector<std::string> kCommands = {"run", "list", "bench", "help"};

bool asks_for_help(const std::string& word) { return word == "--help" || word == "-h"; }

Options command_of(const std::string& word, std::vector<std::string> rest) {
  Options options;
  if (word == "help" || (word == "list" && std::ranges::any_of(rest, asks_for_help))) {
    options.command = Command::help;
  } else if (word == "list") {
    if (!rest.empty()) throw UsageError(fmt::format("list takes no '{}'", rest.front()));
    options.command = Command::list;
  } else if (word == "bench") {
    options.command = Command::bench;
    options.bench_flags = std::move(rest);
  } else {
    throw UsageError(fmt::format("there is no command '{}'; {}", word, suggestion(word, kCommands)));
  }
  return options;
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
  std::vector<std::string> words(arguments.begin() + std::min<std::ptrdiff_t>(1, std::ssize(arguments)),
                                 arguments.end());
  if (!words.empty() && !words.front().starts_with('-')) {
    const std::string word = words.front();
    words.erase(words.begin());
    if (word != "run") return command_of(word, std::move(words));
  }
  const RawFlags flags = FlagParser().parse(std::move(words));
  Options options;
  if (flags.contains("help") || flags.contains("version")) {
    options.command = flags.contains("help") ? Command::help : Command::version;
    return options;
  }
  return resolve_options(flags);
}

std::string help_text() { return FlagParser().help(); }

}  // namespace ccbench
