// From argv and configuration files to flags by name: the only place that knows CLI11.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "cli/explore_flags.h"
#include "cli/flags.h"
#include "cli/gate_flags.h"
#include "cli/nearest.h"
#include "cli/options.h"

namespace ccbench {
namespace {

constexpr std::string_view kAbout =
    "Tells three things about the guard around a critical section: does it hold, what does it cost,\n"
    "and what were the other threads doing meanwhile?\n"
    "\n"
    "Commands: run (the default), power (where this machine can see a race at all: windows, requests and\n"
    "start modes without a guard), report DIR... (shows again what --out has written, several runs beside\n"
    "each other), gate (is a change wrong or slower than what was? see ccbench gate --help), explore (every\n"
    "order of steps of a few requests: does any break the guard? see ccbench explore --help), list (guards\n"
    "and scenarios), bench (what guards cost uncontended and contended, through Google Benchmark; its own\n"
    "flags pass through), help (this text)";

constexpr std::string_view kAboutGate =
    "Decides in CI whether a change made a guard wrong or slower. Base and candidate run trial by trial in\n"
    "turns, in fresh processes: what the machine does meanwhile it does to both. Correctness comes first; "
    "the\n"
    "times of an arm that does not hold are not judged. Without --scenario the workload is counter, by 4\n"
    "threads, with as many requests as take some 20 ms; every flag of ccbench run that says what to run "
    "works\n"
    "here, too (ccbench --help).";

constexpr std::string_view kGateExamples =
    "Examples:\n"
    "  ccbench gate --base=build/base/ccbench --guard=synchronized,cas --junit=gate.xml\n"
    "      is this ccbench as good as the old one?\n"
    "  ccbench gate --base-guard=synchronized --candidate-guard=fair --threads=8\n"
    "      what would another guard cost here?\n"
    "  ccbench gate --baseline=results/baseline.csv\n"
    "      does everything still do what it did, at the same cost beside each other?\n"
    "  ccbench gate --self-test\n"
    "      can the gate see anything on this machine?\n"
    "  ccbench gate init\n"
    "      write a workflow for a repository of your own\n"
    "\n"
    "Exit codes: 0 pass or improved, 2 usage, 3 VIOLATION, 4 a regression, 5 INCONCLUSIVE (correctness; "
    "times\n"
    "only with --inconclusive=fail), 6 HUNG, 7 something is missing or unusable, 9 CRASHED, 130 interrupted";

constexpr std::string_view kAboutExplore =
    "Runs a few requests one step at a time, in every order that can make a difference, instead of waiting "
    "for\n"
    "the right one to come by: finds the order that breaks a guard, and shows it, or proves that there is\n"
    "none. The code is that of ccbench run, on the explorer's locks, atomics and clock. Atomics are\n"
    "sequentially consistent; by their memory orders and by locks it is known which loads of data may see "
    "an\n"
    "older value, and the oldest is tried. No control is needed. Of the flags of ccbench run it takes those\n"
    "that say what a request and its guard do, and --csv, --json and --html.";

constexpr std::string_view kExploreExamples =
    "Examples:\n"
    "  ccbench explore --guard=cas\n"
    "      does any order of three purchases break the flag?\n"
    "  ccbench explore --scenario=counter --guard=all --require=exhaustive\n"
    "      every guard that fits, proven for three requests\n"
    "  ccbench explore --guard=cas,none --html=explore.html\n"
    "      the same as a page, on which every failure is a picture\n"
    "  ccbench explore --guard=faulty-lost-wakeup --replay=1:0.lock+...\n"
    "      a schedule again, as it was printed\n"
    "\n"
    "Exit codes: 0 OK, 2 usage, 3 VIOLATION, 5 INCONCLUSIVE, 6 HUNG, 7 ERROR, 130 interrupted";

constexpr std::string_view kExamples =
    "Durations carry units (500ms, 1s, 50us); lists take commas. --requests, --threads, --duration, --rate,\n"
    "--keys, --reenter, --start, --window, --time-scale and the settings of scenarios take lists, too: a "
    "sweep\n"
    "over all their combinations, interleaved in one run.\n"
    "\n"
    "Examples:\n"
    "  ccbench --guard=cas --requests=1000\n"
    "      1000 requests buy one ticket at once, guarded by a flag: does one succeed, and what did it cost?\n"
    "  ccbench --guard=all --payment=50ms --db=20ms --trials=10 --csv=trials.csv\n"
    "      compare every guard that fits, ten interleaved trials each\n"
    "  ccbench --scenario=counter --guard=none,synchronized,cas --requests=1000000 --threads=2\n"
    "      what a guard costs per request, on a pool of two threads\n"
    "  ccbench --guard=cas,synchronized --trials=20 --requests=2,20,200 --window=0,10us --dry-run\n"
    "      what a sweep would run, and how long it would take\n"
    "  ccbench --guard=faulty-load-store --payment=0 --db=0 --shrink\n"
    "      the smallest setting in which a guard fails, and the command that repeats it\n"
    "\n"
    "Exit codes: 0 OK, 2 usage, 3 VIOLATION, 5 INCONCLUSIVE, 6 HUNG, 7 ERROR,\n"
    "8 an --expect is not met, 9 CRASHED, 130 interrupted";

/// Shows `--guard NAME[,NAME...]|all` where CLI11 would add how many values a flag takes.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? std::string{} : " " + option->get_type_name();
  }

  /// Many scenarios and guards may share a flag, so that what is said of it needs several lines.
  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    for (std::size_t line = 0; text.size() - line > kAboutWidth;) {
      const std::size_t space = text.rfind(' ', line + kAboutWidth);
      if (space == std::string::npos || space <= line) break;
      text[space] = '\n';
      line = space + 1;
    }
    return text;
  }

  static constexpr std::size_t kNameWidth = 31;
  static constexpr std::size_t kAboutWidth = 79;
};

/// What a command has of its own.
struct CommandTexts {
  std::string_view usage;
  std::string_view about;
  std::string_view examples;
  std::span<const Flag> flags = {};
  Command help = Command::help;
};

CommandTexts texts_of(Command command) {
  if (command == Command::gate)
    return {"ccbench gate [init [DIR]]", kAboutGate, kGateExamples, kGateFlags, Command::gate_help};
  if (command == Command::explore)
    return {"ccbench explore", kAboutExplore, kExploreExamples, kExploreFlags, Command::explore_help};
  return {"ccbench [run | power | report DIR... | gate | explore | list [--faulty] | bench | help]", kAbout,
          kExamples};
}

/// The flags as CLI11 knows them: every value is text, and what it means is decided in options.cc.
class FlagParser {
 public:
  explicit FlagParser(Command command = Command::run) {
    const CommandTexts texts = texts_of(command);
    app_.description(std::string(texts.about));
    app_.set_help_flag();  // Ours is a flag like the others.
    app_.allow_extras();
    app_.footer(std::string(texts.examples));
    const auto formatter = std::make_shared<HelpFormatter>();
    formatter->column_width(HelpFormatter::kNameWidth);
    app_.formatter(formatter);
    app_.name(std::string(texts.usage));
    for (const Flag& flag : texts.flags) add(flag);
    for (const Flag& flag : kFlags) add(flag);
    for (const ScenarioPlugin& scenario : scenarios().all()) {
      for (const Parameter& parameter : scenario.info.parameters)
        add(parameter, scenario.info.name, kScenarioGroup);
    }
    // Those that are wrong on purpose after those whose settings they share.
    for (const bool faulty : {false, true}) {
      for (const GuardPlugin& guard : guards().all()) {
        if (guard.info.faulty() != faulty) continue;
        for (const Parameter& parameter : guard.info.parameters) add(parameter, guard.info.name, kGuardGroup);
      }
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
    RawFlags flags = given();
    if (const auto file = flags.find("config"); file != flags.end()) add_file(file->second, flags);
    return flags;
  }

  /// What stands alone and is no flag; throws for a flag that there is none of.
  std::vector<std::string> words() const {
    std::vector<std::string> words = app_.remaining();
    for (const std::string& word : words) {
      if (!word.starts_with('-')) continue;
      const std::string flag = word.substr(0, word.find('='));
      throw UsageError(fmt::format("there is no flag {}; {}", flag, flag_suggestion(flag)));
    }
    return words;
  }

  /// `groups`: the text has these, or all if there are none.
  std::string help(std::span<const std::string_view> groups = {}) {
    for (CLI::Option* option : app_.get_options()) {
      if (!groups.empty() && std::ranges::find(groups, option->get_group()) == groups.end())
        option->group("");
    }
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

  void add(const Parameter& parameter, std::string_view owner, std::string_view group) {
    const std::string name = "--" + std::string(parameter.name);
    const std::string_view initial =
        parameter.initial_means.empty() ? parameter.initial : parameter.initial_means;
    const std::string range = range_of(parameter);
    const std::string what =
        fmt::format(": {}{}{} [{}]", parameter.about, range.empty() ? "" : ", ", range, initial);
    const std::string about = std::string(owner) + what;
    // Two may have one of this name.
    if (CLI::Option* other = app_.get_option_no_throw(name); other != nullptr) {
      std::string text = other->get_description();
      if (text.ends_with(what)) {
        text.insert(text.size() - what.size(), ", " + std::string(owner));
      } else {
        text += "; " + about;
      }
      other->description(text);
      return;
    }
    names_.push_back(name);
    add_value(name, value_of(parameter), about, std::string(group));
  }

  static std::string value_of(const Parameter& parameter) {
    switch (parameter.type) {
      case Parameter::Type::delay:
      case Parameter::Type::limit:
      case Parameter::Type::period: return "D";
      case Parameter::Type::count: return "N";
      case Parameter::Type::ratio: return "F";
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
      } else if (option->count() > 1 && name != "guard" && name != "expect") {
        throw UsageError(fmt::format("--{} is given twice", name));
      } else {
        flags[name] = fmt::format("{}", fmt::join(option->results(), ","));
      }
    }
    return flags;
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
    std::string text;
    std::vector<CLI::ConfigItem> items;
    try {
      text.assign(std::istreambuf_iterator<char>(in), {});
      std::istringstream lines(text);
      items = CLI::ConfigTOML().from_config(lines);
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
      const bool list = item.inputs.size() > 1 && (!takes_list(name) || lines_with(name, text) > 1);
      if (!seen.insert(name).second || list) {
        throw UsageError(fmt::format("--config: {}: '{}' is given twice", path, name));
      }
      flags.emplace(name, fmt::format("{}", fmt::join(item.inputs, ",")));
    }
  }

  /// How many lines of the file set it.
  static std::size_t lines_with(std::string_view name, const std::string& text) {
    std::istringstream in(text);
    std::size_t count = 0;
    for (std::string line; std::getline(in, line);) {
      const auto equals = line.find('=');
      const auto begin = line.find_first_not_of(" \t");
      if (equals == std::string::npos || begin >= equals) continue;
      const auto end = line.find_last_not_of(" \t", equals - 1);
      if (std::string_view(line).substr(begin, end + 1 - begin) == name) ++count;
    }
    return count;
  }

  static bool takes_list(std::string_view name) {
    return name == "guard" || name == "expect" || name == "snapshot" || name == "snapshot-at" ||
           is_sweepable(name);
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

const std::vector<std::string> kCommands = {"run",     "power", "report", "gate",
                                            "explore", "list",  "bench",  "help"};

bool asks_for_help(const std::string& word) { return word == "--help" || word == "-h"; }

Options command_of(const std::string& word, std::vector<std::string> rest) {
  Options options;
  if (word == "help" || (word == "list" && std::ranges::any_of(rest, asks_for_help))) {
    options.command = Command::help;
  } else if (word == "list") {
    options.command = Command::list;
    options.faulty_only = rest == std::vector<std::string>{"--faulty"};
    if (!rest.empty() && !options.faulty_only)
      throw UsageError(fmt::format("list takes --faulty and nothing else, not '{}'", fmt::join(rest, " ")));
  } else if (word == "bench") {
    options.command = Command::bench;
    options.bench_flags = std::move(rest);
  } else {
    throw UsageError(fmt::format("there is no command '{}'; {}", word, suggestion(word, kCommands)));
  }
  return options;
}

/// A command that takes the flags of `run`.
std::optional<Command> command_with_flags(std::string_view word) {
  constexpr auto kWords =
      std::to_array<std::pair<std::string_view, Command>>({{"run", Command::run},
                                                           {"power", Command::power},
                                                           {"report", Command::report},
                                                           {"gate", Command::gate},
                                                           {"explore", Command::explore}});
  for (const auto& [name, command] : kWords) {
    if (name == word) return command;
  }
  return std::nullopt;
}

RawFlags flags_of_file(const std::string& path) {
  RawFlags flags = FlagParser().parse({"--config=" + path});
  flags.erase("config");
  return flags;
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
  std::vector<std::string> words(arguments.begin() + std::min<std::ptrdiff_t>(1, std::ssize(arguments)),
                                 arguments.end());
  Command command = Command::run;
  if (!words.empty() && !words.front().starts_with('-')) {
    const std::string word = words.front();
    words.erase(words.begin());
    const std::optional<Command> measures = command_with_flags(word);
    if (!measures) return command_of(word, std::move(words));
    command = *measures;
  }
  FlagParser parser(command);
  const RawFlags flags = parser.parse(std::move(words));
  const std::vector<std::string> rest = parser.words();
  Options options;
  if (flags.contains("help") || flags.contains("version")) {
    const Command help = texts_of(command).help;
    options.command = flags.contains("help") ? help : Command::version;
    return options;
  }
  if (command == Command::report) return resolve_report(flags, rest);
  if (command == Command::gate) return resolve_gate(flags, rest, flags_of_file);
  if (!rest.empty()) throw UsageError(fmt::format("'{}' belongs to no flag", rest.front()));
  if (command == Command::explore) return resolve_explore(flags);
  options = resolve_options(command == Command::power ? with_power_defaults(flags) : flags);
  options.command = command;
  return options;
}

std::string help_text() { return FlagParser().help(); }

std::string gate_help_text() {
  constexpr std::array<std::string_view, 3> kGroups = {kGateGroup, kGateRulesGroup, kGateOutputGroup};
  return FlagParser(Command::gate).help(kGroups);
}

std::string explore_help_text() {
  constexpr std::array<std::string_view, 1> kGroups = {kExploreGroup};
  return FlagParser(Command::explore).help(kGroups);
}

}  // namespace ccbench
