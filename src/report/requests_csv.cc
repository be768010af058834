// requests.csv: one row per request, of the trials that kept them.
#include <fmt/format.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "report/columns.h"
#include "report/sink.h"

namespace ccbench {
namespace {

using std::string_view_literals::operator""sv;

struct Row {
  const RunResult& run;
  const TrialResult& trial;
  const RequestRow& request;
};

Cell outcome(const Row& row) { return row.request.outcome ? Cell{name_of(*row.request.outcome)} : Cell{}; }

Cell reason(const Row& row) { return std::string_view(row.trial.reason_texts.at(row.request.reason)); }

/// `payment@1234;purchase@5678`: when it entered each step, since the release.
Cell steps(const Row& row) {
  const auto names = row.run.experiment_of(row.trial).scenario->info.steps;
  const RequestRow& request = row.request;
  std::string text;
  for (const StepEntry& step :
       std::span(row.trial.steps)
           .subspan(request.step_count == 0 ? 0 : request.first_step, request.step_count)) {
    if (!text.empty()) text += ';';
    text += fmt::format("{}@{}", names[step.step], step.at);
  }
  return text.empty() ? Cell{} : Cell{std::move(text)};
}

// clang-format off: one line per column, in the order of the file. New ones only at the end.
constexpr auto kColumns = std::to_array<Column<Row>>({
    {"schema", [](const Row&) -> Cell { return "ccbench.requests/1"sv; }},
    {"run_id", [](const Row& row) -> Cell { return std::string_view(row.run.run_id); }},
    {"trial", [](const Row& row) { return cell(row.trial.trial); }},
    {"request", [](const Row& row) { return cell(row.request.request); }},
    {"thread", [](const Row& row) { return cell(row.request.thread); }},
    {"key", [](const Row& row) { return cell(row.request.key); }},
    {"kind", [](const Row& row) -> Cell { return row.request.kind == Kind::write ? "write"sv : "read"sv; }},
    {"outcome", outcome},
    {"reason", reason},
    {"start_ns", [](const Row& row) { return cell(row.request.start); }},
    {"enter_ns", [](const Row& row) { return cell(row.request.enter); }},
    {"leave_ns", [](const Row& row) { return cell(row.request.leave); }},
    {"end_ns", [](const Row& row) { return cell(row.request.end); }},
    {"steps", steps},
    {"arrival_ns", [](const Row& row) { return cell(row.request.arrival); }},
});
// clang-format on

class RequestsCsv final : public Sink {
 public:
  void write(const RunResult& run, std::ostream& out) const override {
    constexpr std::span<const Column<Row>> kAll = kColumns;
    write_csv_header(kAll, out);
    std::string line;
    for (const TrialResult& trial : run.trials) {
      for (const RequestRow& request : trial.requests)
        write_csv_row(kAll, Row{run, trial, request}, line, out);
    }
  }
};

}  // namespace

std::unique_ptr<Sink> requests_csv_sink() { return std::make_unique<RequestsCsv>(); }

}  // namespace ccbench
