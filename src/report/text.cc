// The tables that people read, and below them the sentences that belong to them.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "report/comparison.h"
#include "report/cost_table.h"
#include "report/layout.h"
#include "report/remarks.h"
#include "report/sink.h"
#include "report/topics.h"
#include "report/verdict_table.h"

namespace ccbench {
namespace {

/// `wait p50 and p99 are left out to fit 80 columns; --csv has them`
Topic about_width(const std::vector<std::string>& missed, std::size_t width) {
  constexpr std::string_view kWait = "wait ";
  std::string what;
  for (const std::string& full : missed) {
    std::string_view title = full;
    if (what.find(kWait) != std::string::npos) title.remove_prefix(kWait.size());
    if (!what.empty()) what += &full == &missed.back() ? " and " : ", ";
    what += title;
  }
  const bool one = missed.size() == 1;
  return {"width",
          {{{},
            fmt::format("{} {} left out to fit {} columns; --csv has {}", what, one ? "is" : "are", width,
                        one ? "it" : "them")}}};
}

void write_title(const RunResult& run, std::size_t width, std::ostream& out) {
  const Experiment& experiment = run.experiment();
  for (const std::string& line : wrapped(headline(run), width)) out << line << '\n';
  if (!experiment.params.empty()) {
    std::string with = "with";
    for (const auto& [name, value] : experiment.params) with += fmt::format(" {}={}", name, value);
    for (const std::string& line : wrapped(with, width)) out << line << '\n';
  }
  out << '\n';
}

class Text final : public Sink {
 public:
  explicit Text(TextStyle style) : style_(style) {}

  void write(const RunResult& run, std::ostream& out) const override {
    if (!style_.quiet) write_title(run, style_.width, out);
    const std::vector<Comparison> comparisons = compare(run);
    const std::vector<std::string> missed = write_verdicts(run, comparisons, style_, out);
    if (style_.quiet) return;
    write_costs(run, comparisons, style_, out);
    std::vector<Topic> topics = remarks_on(run);
    if (!missed.empty()) topics.push_back(about_width(missed, style_.width));
    write_topics(topics, style_.width, out);
  }

 private:
  TextStyle style_;
};

}  // namespace

std::unique_ptr<Sink> text_sink(TextStyle style) { return std::make_unique<Text>(style); }

}  // namespace ccbench
