#include "report/power.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "report/columns.h"
#include "report/layout.h"
#include "report/remarks.h"
#include "report/sweep.h"
#include "stats/rate.h"

namespace ccbench {
namespace {

using std::string_view_literals::operator""sv;

std::string_view name_of(StartMode mode) { return mode == StartMode::aligned ? "aligned" : "latch"; }
std::string_view name_of(Window::Kind kind) { return kind == Window::Kind::fixed ? "fixed" : "jittered"; }

struct Row {
  const RunResult& run;
  const Experiment& experiment;
  const PowerCell& cell;
};

Cell share(double value) { return Decimal{.value = value, .places = 4}; }

// clang-format off: one line per column, in the order of the file. New ones only at the end.
constexpr auto kColumns = std::to_array<Column<Row>>({
    {"schema", [](const Row&) -> Cell { return "ccbench.power/1"sv; }},
    {"run_id", [](const Row& row) -> Cell { return std::string_view(row.run.run_id); }},
    {"scenario", [](const Row& row) -> Cell { return row.experiment.scenario->info.name; }},
    {"start", [](const Row& row) -> Cell { return name_of(row.experiment.start); }},
    {"requests", [](const Row& row) { return cell(row.experiment.requests); }},
    {"threads", [](const Row& row) { return cell(row.experiment.threads); }},
    {"window_ns", [](const Row& row) { return cell(row.experiment.window.length); }},
    {"window_kind", [](const Row& row) -> Cell { return name_of(row.experiment.window.kind); }},
    {"trials", [](const Row& row) { return cell(row.cell.trials); }},
    {"broken", [](const Row& row) { return cell(row.cell.broken); }},
    {"low", [](const Row& row) { return share(row.cell.rate.low); }},
    {"high", [](const Row& row) { return share(row.cell.rate.high); }},
});
// clang-format on

class PowerCsv final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    constexpr std::span<const Column<Row>> kAll = kColumns;
    write_csv_header(kAll, out);
    std::string line;
    for (const PowerCell& cell : power_of(run)) {
      write_csv_row(kAll, Row{run, run.configurations[cell.configuration].experiment, cell}, line, out);
    }
  }
};

fmt::text_style style_of(const PowerCell& cell) {
  if (cell.broken == 0) return fmt::fg(fmt::terminal_color::red);
  if (cell.broken < cell.trials) return fmt::fg(fmt::terminal_color::yellow);
  return fmt::fg(fmt::terminal_color::green);
}

class PowerText final : public Sink {
 public:
  explicit PowerText(TextStyle style) : style_(style) {}

  void write(const RunResult& run, std::ostream& out) const override {
    if (!style_.quiet) write_title(run, out);
    write_table(run, out);
    if (style_.quiet) return;
    out << '\n';
    write_wrapped(power_summary(run), out);
  }

 private:
  void write_title(const RunResult& run, std::ostream& out) const {
    const Experiment& experiment = run.experiment();
    write_wrapped(
        fmt::format("ccbench {} · power · {} · {} per cell, without a guard · seed {}", run.build.version,
                    experiment.scenario->info.name,
                    counted(static_cast<std::uint64_t>(experiment.trials), "trial"), experiment.seed),
        out);
    write_wrapped(fmt::format("trials that broke '{}', by the window between check and act",
                              experiment.scenario->info.breakable),
                  out);
    out << '\n';
  }

  void write_wrapped(const std::string& text, std::ostream& out) const {
    for (const std::string& line : wrapped(text, style_.width)) out << line << '\n';
  }

  void write_table(const RunResult& run, std::ostream& out) const {
    const PowerGrid grid = power_grid_of(run);
    TextTable table;
    for (const std::string& setting : grid.settings) table.add_column(setting, Align::left);
    for (const Nanos window : grid.windows) table.add_column(window_text(window), Align::right);
    for (const PowerGrid::Row& row : grid.rows) {
      std::vector<TextCell> line;
      line.reserve(row.values.size() + row.cells.size());
      for (const std::string& value : row.values) line.push_back({.text = value});
      for (const auto& cell : row.cells) line.push_back(cell ? cell_of(*cell) : TextCell{.text = ""});
      table.add_row(std::move(line));
    }
    table.write(out);
  }

  TextCell cell_of(const PowerCell& cell) const {
    if (cell.trials == 0) return {.text = "-"};  // An interruption came first.
    TextCell text{.text = fmt::format("{}/{}", cell.broken, cell.trials)};
    if (style_.color) text.style = style_of(cell);
    return text;
  }

  TextStyle style_;
};

}  // namespace

std::vector<PowerCell> power_of(const RunResult& run) {
  std::vector<PowerCell> cells;
  for (std::size_t i = 0; i < run.configurations.size(); ++i) {
    const ControlReport& control = run.configurations[i].control;
    cells.push_back({.configuration = i,
                     .trials = control.trials,
                     .broken = control.broken,
                     .rate = rate_interval(control.broken, control.trials)});
  }
  return cells;
}

PowerGrid power_grid_of(const RunResult& run) {
  PowerGrid grid;
  grid.settings = swept_settings(run);
  std::erase(grid.settings, "window");
  for (const Configuration& configuration : run.configurations)
    grid.windows.push_back(configuration.experiment.window.length);
  std::ranges::sort(grid.windows);
  const auto [first, last] = std::ranges::unique(grid.windows);
  grid.windows.erase(first, last);
  for (const PowerCell& cell : power_of(run)) {
    const Configuration& configuration = run.configurations[cell.configuration];
    std::vector<std::string> values;
    values.reserve(grid.settings.size());
    for (const std::string& setting : grid.settings) values.push_back(value_of(configuration, setting));
    auto row = std::ranges::find(grid.rows, values, &PowerGrid::Row::values);
    if (row == grid.rows.end()) {
      grid.rows.push_back({.values = std::move(values), .cells = {}});
      row = grid.rows.end() - 1;
      row->cells.resize(grid.windows.size());
    }
    const auto window = std::ranges::lower_bound(grid.windows, configuration.experiment.window.length);
    row->cells.at(static_cast<std::size_t>(window - grid.windows.begin())) = cell;
  }
  return grid;
}

std::string window_text(Nanos window) { return window == 0 ? "none" : to_text(window); }

std::string power_summary(const RunResult& run) {
  std::size_t always = 0;
  std::uint64_t blind = 0;
  std::uint64_t trials = 0;  // Of a blind cell, the fewest.
  const std::vector<PowerCell> cells = power_of(run);
  for (const PowerCell& cell : cells) {
    if (cell.trials == 0) continue;
    if (cell.broken == cell.trials) ++always;
    if (cell.broken > 0) continue;
    trials = blind++ == 0 ? cell.trials : std::min(trials, cell.trials);
  }
  std::string text =
      fmt::format("{} of {} settings lost the race in every trial, {} in none.", always, cells.size(), blind);
  if (blind == 0) return text;
  return text + fmt::format(
                    " Where it was lost in none of {}, a guard that holds has shown nothing: a rate of up to "
                    "{:.2g} % per trial fits that.",
                    trials, 100 * rate_interval(0, trials).high);
}

std::unique_ptr<Sink> power_text_sink(TextStyle style) { return std::make_unique<PowerText>(style); }
std::unique_ptr<Sink> power_csv_sink() { return std::make_unique<PowerCsv>(); }

}  // namespace ccbench
