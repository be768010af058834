#include "report/html.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "report/charts.h"
#include "report/html_tables.h"
#include "report/layout.h"
#include "report/page.h"
#include "report/remarks.h"
#include "report/runs.h"
#include "report/sink.h"
#include "report/sweep.h"

namespace ccbench {
namespace {

/// Of one configuration.
struct Section {
  std::string_view id;
  std::string_view title;
  void (*write)(const View&, Markup&);
};
constexpr auto kCharts = std::to_array<Section>({
    {"outcomes", "Outcomes by guard", draw_outcomes},
    {"cost", "What each guard costs", draw_cost},
    {"time", "Where the time went", write_costs},
    {"timeline", "Timeline of one trial", draw_timelines},
    {"blocked", "Waiting and inside over time", draw_blocked},
    {"waiting", "Distribution of waiting", draw_waiting},
    {"order", "The trials in order", draw_order},
});

/// Of a whole run, below its charts.
struct RunSection {
  std::string_view id;
  std::string_view title;
  void (*write)(const RunResult&, Markup&);
};
constexpr auto kTables = std::to_array<RunSection>({
    {"distrust", "What to distrust", write_distrust},
    {"options", "Options", write_options},
    {"trials", "Trials", write_trials},
});

/// Names of all guards, sorted: a guard's place among them is its colour, in every run.
std::vector<std::string> guard_names(std::span<const RunResult> runs) {
  std::vector<std::string> names;
  for (const RunResult& run : runs) {
    for (const GuardResult& guard : run.guards) {
      if (guard.role == Role::guard) names.push_back(guard.guard);
    }
  }
  std::ranges::sort(names);
  const auto [first, last] = std::ranges::unique(names);
  names.erase(first, last);
  return names;
}

std::vector<View> views_of(const RunResult& run, const std::vector<Comparison>& comparisons,
                           const std::vector<std::string>& names) {
  std::vector<View> views;
  for (const Comparison& comparison : comparisons) {
    View view{.run = &run, .comparison = &comparison, .guards = {}};
    for (const Cost& cost : comparison.costs) {
      const GuardResult& guard = run.guards.at(cost.guard);
      const auto color = std::ranges::lower_bound(names, guard.guard) - names.begin();
      view.guards.push_back({.guard = &guard, .cost = &cost, .color = static_cast<std::size_t>(color)});
    }
    // Not by the order of `costs` alone: a wrong guard above the line would be the worst of all mistakes.
    std::ranges::sort(view.guards, {}, [](const GuardView& guard) {
      const bool control = guard.guard->role == Role::control;
      return std::tuple(!guard.ranked(), control, guard.cost->rank, guard.cost->guard);
    });
    views.push_back(std::move(view));
  }
  return views;
}

std::string date_of(const RunResult& run) {
  if (run.trials.empty()) return "no trial";
  const std::time_t seconds = run.trials.front().started_unix_ns / kSecond;
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(seconds));
}

/// The scenario, and the guards that ran.
std::string name_of_run(const RunResult& run) {
  std::string guards;
  std::vector<std::string> said;
  for (const GuardResult& guard : run.guards) {
    if (guard.role == Role::control || std::ranges::find(said, guard.guard) != said.end()) continue;
    guards += (guards.empty() ? "" : ", ") + guard.guard;
    said.push_back(guard.guard);
  }
  std::string text(run.experiment().scenario->info.name);
  if (!guards.empty()) text += " · " + guards;
  return text;
}

/// What tells runs apart: that, and the settings that are not at their defaults.
std::string told_apart(const RunResult& run) {
  std::string text = name_of_run(run) + " · ";
  text += run.sweeps() ? counted(run.configurations.size(), "configuration") : size_of(run.experiment());
  for (const auto& [name, value] : run.experiment().params) text += fmt::format(", {}={}", name, value);
  return text;
}

/// `number`: of the run in a page of several; 0: it is the only one.
void write_header(const RunResult& run, std::size_t number, Markup& out) {
  const auto header = out.open("header");
  out.element("h1", {},
              number == 0 ? std::string(run.experiment().scenario->info.name)
                          : fmt::format("Run {}: {}", number, name_of_run(run)));
  out.element("p", {{"class", "lead"}}, headline(run));
  std::string with;
  for (const auto& [name, value] : run.experiment().params) with += fmt::format(" {}={}", name, value);
  if (!with.empty() && !run.sweeps()) out.element("p", {{"class", "lead"}}, "with" + with);
  out.element("p", {{"class", "lead"}},
              fmt::format("{} · {} · {} · {} · run {}", run.machine.host, run.machine.cpu_model,
                          counted(static_cast<std::uint64_t>(std::max(run.machine.cpus, 0)), "CPU"),
                          date_of(run), run.run_id));
}

class Page {
 public:
  Page(std::span<const RunResult> runs, Markup& out) : runs_(runs), names_(guard_names(runs)), out_(out) {}

  void write() {
    write_page(title(), {}, out_, [this] {
      if (runs_.size() != 1) write_contents();
      for (std::size_t i = 0; i < runs_.size(); ++i) write_run(i);
    });
  }

 private:
  std::string title() const {
    if (runs_.size() != 1) return "ccbench: " + counted(runs_.size(), "run");
    return headline(runs_.front());
  }

  void write_contents() {
    out_.element("h1", {}, title());
    write_list();
    write_beside();
  }

  void write_list() {
    const auto list = out_.open("ul");
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const auto item = out_.open("li");
      out_.element("a", {{"href", fmt::format("#run{}", i + 1)}},
                   fmt::format("Run {}: {} · {} · {}", i + 1, told_apart(runs_[i]), runs_[i].machine.host,
                               date_of(runs_[i])));
    }
  }

  /// The table of the terminal, as it stands there.
  void write_beside() {
    if (runs_.empty()) return;
    std::vector<std::string> names;
    names.reserve(runs_.size());
    for (std::size_t i = 0; i < runs_.size(); ++i) names.push_back(fmt::format("run {}", i + 1));
    const auto section = out_.open("section", {{"id", "beside"}});
    const auto block = out_.open("pre", {{"class", "scroll as-is"}});
    out_.lines(runs_text(runs_, names));
  }

  /// Unique in the page.
  std::string id_of(std::string_view section, std::size_t run) const {
    return runs_.size() == 1 ? std::string(section) : fmt::format("run{}-{}", run + 1, section);
  }

  template <class Write>
  void write_part(std::string_view id, std::string_view title, std::size_t run, Write write) {
    write_section(id_of(id, run), title, out_, write);
  }

  void write_run(std::size_t index) {
    const RunResult& run = runs_[index];
    const std::vector<Comparison> comparisons = compare(run);
    const std::vector<View> views = views_of(run, comparisons, names_);
    const auto article = out_.open("article", {{"id", fmt::format("run{}", index + 1)}});
    write_header(run, runs_.size() == 1 ? 0 : index + 1, out_);
    if (run.sweeps()) {
      write_sweep(run, views, index);
    } else {
      write_single(run, views, index);
    }
    for (const RunSection& section : kTables)
      write_part(section.id, section.title, index, [&] { section.write(run, out_); });
  }

  void write_single(const RunResult& run, const std::vector<View>& views, std::size_t index) {
    for (const View& view : views) {
      write_part("verdicts", "Verdicts", index, [&] { write_verdicts(view, out_); });
      write_part("remarks", "In words", index, [&] { write_remarks(run, out_); });
      for (const Section& section : kCharts)
        write_part(section.id, section.title, index, [&] { section.write(view, out_); });
    }
  }

  void write_sweep(const RunResult& run, const std::vector<View>& views, std::size_t index) {
    write_part("power", "Where the race can be seen", index, [&] { draw_power(run, out_); });
    // Of trials without a guard alone, the settings are all there is to see.
    if (!names_.empty() && names_ != std::vector<std::string>{"none"}) {
      write_part("sweep", "Time against the settings", index, [&] { draw_sweep(views, out_); });
      write_part("remarks", "In words", index, [&] { write_remarks(run, out_); });
    }
    write_part("overview", "Every guard under every setting", index, [&] { write_overview(views, out_); });
    write_part("configurations", "Configurations", index, [&] {
      for (const View& view : views) {
        const auto details = out_.open("details", {{"class", "configuration"}});
        write_summary(view, out_);
        write_verdicts(view, out_);
        for (const Section& section : kCharts) {
          out_.element("h3", {}, section.title);
          section.write(view, out_);
        }
      }
    });
  }

  std::span<const RunResult> runs_;
  std::vector<std::string> names_;
  Markup& out_;
};

class Html final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override { write_html({&run, 1}, out); }
};

class HtmlOfSeveral final : public Sink {
 public:
  explicit HtmlOfSeveral(std::span<const RunResult> runs) : runs_(runs) {}
  void write(const RunResult& /*one*/, std::ostream& out) const override { write_html(runs_, out); }

 private:
  std::span<const RunResult> runs_;
};

}  // namespace

void write_html(std::span<const RunResult> runs, std::ostream& out) {
  Markup markup(out);
  Page(runs, markup).write();
}

std::unique_ptr<Sink> html_sink() { return std::make_unique<Html>(); }

std::unique_ptr<Sink> html_sink_of(std::span<const RunResult> runs) {
  return std::make_unique<HtmlOfSeveral>(runs);
}

}  // namespace ccbench
