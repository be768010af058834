// What the page of an exploration must have: of failures that were really found, checked on the page's text.
// That a browser shows it is html_page_test.py's part.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "explore/sinks.h"
#include "explore/trace_picture.h"
#include "explore/trial_fixture.h"
#include "explore/words.h"
#include "report/markup.h"
#include "report/page_fixture.h"

namespace ccbench::explore {
namespace {

constexpr std::string_view kHostile = "<script>alert(1)</script> & \"quotes\" 'too' \x01\xff";
constexpr std::string_view kHostileEscaped =
    "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; &#39;too&#39; \xef\xbf\xbd\xef\xbf\xbd";

std::string page_of(const std::vector<SearchResult>& results, const ExplorePage& page = {}) {
  std::ostringstream out;
  write_html(results, page, out);
  return out.str();
}

/// As soon as it is found, and not the shortest: sanitizers' builds explore slowly.
SearchResult failure_of(const ExploredTrial& trial) {
  return search(trial, {.strategy = SearchStrategy::random});
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string between(std::string_view text, std::string_view begin, std::string_view end) {
  const auto at = text.find(begin);
  if (at == std::string_view::npos) return {};
  return std::string(text.substr(at, text.find(end, at) - at));
}

std::string picture_of(const std::string& page, const std::string& guard) {
  const std::string section = section_of(page, "guard-" + guard);
  return between(section, "<div class=\"lanes\"", "</svg>");
}

std::string table_of(const std::string& page, const std::string& guard) {
  return between(section_of(page, "guard-" + guard), "<details>", "</details>");
}

/// What is wrong with how a page shows this failure; empty: nothing. Every step once, in its order, with the
/// words for it, and the one that breaks marked, and no other.
std::string fault_of(const std::string& page, const SearchResult& result) {
  if (const std::string fault = fault_in(page); !fault.empty()) return fault;
  const Found& found = *result.found;
  const std::string guard(result.trial.guard->info.name);
  const std::string picture = picture_of(page, guard);
  const std::string table = table_of(page, guard);
  if (!has(picture, "<title>") || !has(picture, "<desc>") || !has(picture, "role=\"img\"")) return "no title";
  const std::size_t steps = found.trace.size();
  if (count_of(picture, "<g class=\"step\">") != steps) return "as many boxes as there are no steps";
  if (count_of(table, "<tr>") != 1 + steps + found.blocked.size() + 1) return "other rows than steps";
  std::size_t before = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    const TraceStep& step = found.trace[i];
    const std::string begin = fmt::format("<title>step {}: request {}, {}", i + 1, step.task, in_words(step));
    if (count_of(picture, begin) != 1) return "not once: " + begin;
    const std::string box = between(picture, begin, "</g>");
    if (!has(box, ">" + operation_of(step) + "<")) return "no words in " + box;
    if (has(box, "box breaks") != step.breaks || has(box, kBreaks) != step.breaks)
      return "wrongly marked: " + box;
    const std::string row = fmt::format("<th scope=\"row\" class=\"number\">{}</th>", i + 1);
    const std::size_t at = table.find(row);
    if (count_of(table, row) != 1 || at < before) return "no row for " + begin;
    before = at;
    if (!has(between(table.substr(at), row, "</tr>"), ">" + in_words(step) + "<"))
      return "no words in " + row;
  }
  const auto breaking = static_cast<std::size_t>(std::ranges::count(found.trace, true, &TraceStep::breaks));
  if (count_of(table, fmt::format("← {}", kBreaks)) != breaking) return "the table marks others";
  if (count_of(picture, "class=\"box blocked\"") != found.blocked.size()) return "others are blocked";
  if (count_of(picture, "class=\"box foot\"") != found.results.size())
    return "not every request has a result";
  return "";
}

TEST(ExplorePage, ShowsEveryStepOfAViolationOnce) {
  const SearchResult result = failure_of(trial_of("none", "lotto-purchase", 3));
  ASSERT_TRUE(result.found);
  ASSERT_EQ(std::ranges::count(result.found->trace, true, &TraceStep::breaks), 1);
  const std::string page = page_of(
      {result}, {.command = "ccbench explore --requests=3", .settings = " --requests=3", .left_out = {}});
  EXPECT_EQ(fault_of(page, result), "");
  const std::string section = section_of(page, "guard-none");
  EXPECT_TRUE(has(section, escaped(result.sentence)));
  EXPECT_EQ(command_in(section),
            "ccbench explore --guard=none --requests=3 --replay=" + result.found->replay);
  EXPECT_EQ(command_in(section_of(page, "options")), "ccbench explore --requests=3");
  EXPECT_TRUE(has(section, "<span class=\"flag\">--replay</span>="));
}

TEST(ExplorePage, IsCheckedByWhatFindsFaults) {
  const SearchResult result = failure_of(trial_of("none", "lotto-purchase", 2));
  ASSERT_TRUE(result.found);
  const std::string page = page_of({result});
  ASSERT_EQ(fault_of(page, result), "");
  const std::string step = between(page, "<g class=\"step\"><title>step 3:", "</g>") + "</g>";
  EXPECT_NE(fault_of(replaced(page, step, ""), result), "");
  EXPECT_NE(fault_of(replaced(page, step, step + step), result), "");
  EXPECT_NE(fault_of(replaced(page, "<rect class=\"box breaks\"", "<rect class=\"box \""), result), "");
  EXPECT_NE(fault_of(replaced(page, "<rect class=\"box \"", "<rect class=\"box breaks\""), result), "");
  const std::string row = between(page, "<tr><th scope=\"row\" class=\"number\">2</th>", "</tr>") + "</tr>";
  EXPECT_NE(fault_of(replaced(page, row, ""), result), "");
  for (std::size_t i = 0; i < result.found->trace.size(); ++i) {
    SearchResult shorter = result;
    shorter.found->trace.erase(shorter.found->trace.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_NE(fault_of(page_of({shorter}), result), "") << i;
  }
}

TEST(ExplorePage, ShowsWhoIsInsideAtOnce) {
  const SearchResult result = failure_of(trial_of("none", "lotto-purchase", 2));
  ASSERT_TRUE(result.found);
  const std::vector<TraceStep>& trace = result.found->trace;
  EXPECT_TRUE(
      std::ranges::all_of(trace, [](const TraceStep& step) { return step.inside.contains(step.task); }));
  EXPECT_EQ(trace.front().inside.size(), 1U);
  EXPECT_TRUE(std::ranges::any_of(trace, [](const TraceStep& step) { return step.inside.size() == 2; }));
  const std::string bands = between(picture_of(page_of({result}), "none"), "class=\"area inside\"", "/>");
  EXPECT_EQ(count_of(bands, "M"), 2U) << bands;
}

TEST(ExplorePage, ShowsNobodyInsideOutsideOfSections) {
  const SearchResult result = failure_of(trial_of("faulty-load-store", "lotto-purchase", 2));
  ASSERT_TRUE(result.found);
  EXPECT_EQ(fault_of(page_of({result}), result), "");
  for (const TraceStep& step : result.found->trace) {
    EXPECT_TRUE(step.place.empty() || step.inside.contains(step.task)) << in_words(step);
  }
  // The flag is looked at before the section.
  EXPECT_TRUE(result.found->trace.front().inside.empty());
}

TEST(ExplorePage, ShowsWhatEachWaitsForInADeadlock) {
  ExploredTrial trial = trial_of("faulty-lock-order", "lotto-purchase", 2);
  trial.keys = 2;
  const SearchResult result = failure_of(trial);
  ASSERT_EQ(result.verdict, Verdict::hung) << result.sentence;
  ASSERT_EQ(result.found->blocked.size(), 2U);
  EXPECT_TRUE(has(result.found->blocked[0].why, "held by request 1")) << result.found->blocked[0].why;
  const std::string page = page_of({result});
  EXPECT_EQ(fault_of(page, result), "");
  EXPECT_TRUE(has(section_of(page, "guard-faulty-lock-order"), "deadlock: request 0 waits for "));
  EXPECT_TRUE(has(picture_of(page, "faulty-lock-order"), ">ticket-2<"));
}

TEST(ExplorePage, LeavesABandOpenWhereARequestWaitsInItsSection) {
  ExploredTrial trial = trial_of("synchronized", "lotto-purchase", 1);
  trial.reenter = 1;
  const SearchResult result = failure_of(trial);
  ASSERT_EQ(result.verdict, Verdict::hung);
  ASSERT_EQ(result.found->blocked.size(), 1U);
  EXPECT_TRUE(result.found->blocked[0].inside);
  EXPECT_FALSE(result.found->trace.back().inside.contains(0));
  const std::string page = page_of({result});
  EXPECT_EQ(fault_of(page, result), "");
  EXPECT_TRUE(has(picture_of(page, "synchronized"), "class=\"area inside\""));
}

TEST(ExplorePage, PutsThreadsThatOnlyWaitIntoOneLane) {
  const SearchResult result = failure_of(trial_of("faulty-two-consumers", "lotto-purchase", 2));
  ASSERT_TRUE(result.found);
  const std::string page = page_of({result});
  EXPECT_EQ(fault_in(page), "");
  const std::string picture = picture_of(page, "faulty-two-consumers");
  EXPECT_EQ(count_of(picture, "<g class=\"step\">"), result.found->trace.size());
  EXPECT_EQ(count_of(picture, ">other threads<"), 1U);
  EXPECT_LT(count_of(picture, "\"middle lane\""), tasks_in(result, *result.found) / 2);
}

TEST(ExplorePage, SaysNothingButTheClaimOfWhatHolds) {
  const SearchResult result =
      search(trial_of("cas", "lotto-purchase", 2), {.strategy = SearchStrategy::dpor});
  const std::string page = page_of({result}, {.command = "", .settings = "", .left_out = {"queue: why"}});
  EXPECT_EQ(fault_in(page), "");
  EXPECT_FALSE(has(page, "<svg"));
  EXPECT_TRUE(has(
      section_of(page, "verdicts"),
      fmt::format("✓ OK</span> exhaustive: {} classes, sequentially consistent, symmetric", result.classes)));
  EXPECT_TRUE(has(section_of(page, "left-out"), "<li>queue: why</li>"));
}

TEST(ExplorePage, SaysWhichValuesALoadMaySee) {
  const ExploredTrial trial = trial_of("cas", "lotto-purchase", 2);
  const std::string settings = "<th scope=\"row\">memory model</th>";
  for (const auto& [older, model] :
       {std::pair(true, "release and acquire"), std::pair(false, "sequential")}) {
    const std::string page =
        page_of({search(trial, {.strategy = SearchStrategy::dpor, .older_values = older})});
    EXPECT_EQ(fault_in(page), "");
    EXPECT_TRUE(has(between(page, settings, "</tr>"), model)) << between(page, settings, "</tr>");
  }
}

TEST(ExplorePage, MarksNoStepWhereTheEndShowsIt) {
  const SearchResult result = failure_of(trial_of("none", "counter", 2));
  ASSERT_TRUE(result.found);
  ASSERT_EQ(std::ranges::count(result.found->trace, true, &TraceStep::breaks), 0);
  const std::string page = page_of({result});
  EXPECT_EQ(fault_of(page, result), "");
  EXPECT_TRUE(has(section_of(page, "guard-none"), "No step is marked"));
}

TEST(ExplorePage, EscapesWhatComesIn) {
  SearchResult result = failure_of(trial_of("none", "lotto-purchase", 2));
  ASSERT_TRUE(result.found);
  result.sentence = kHostile;
  result.found->sentence = kHostile;
  result.found->replay = kHostile;
  result.found->results[0] = "a<b";
  result.found->trace[0].object = "<b>";
  result.found->trace[1].place = "\"<b>";
  result.found->blocked = {{.task = 1, .why = "&amp;", .inside = false}};
  const std::string hostile(kHostile);
  const std::string page =
      page_of({result}, {.command = hostile, .settings = hostile, .left_out = {hostile}});
  EXPECT_EQ(fault_in(page), "");
  EXPECT_FALSE(has(page, "<script") || has(page, "<b>"));
  for (const std::string id : {"verdicts", "guard-none", "left-out", "options"})
    EXPECT_TRUE(has(section_of(page, id), kHostileEscaped)) << id;
  EXPECT_TRUE(has(picture_of(page, "none"), "&amp;amp;"));
}

SearchResult long_result(std::size_t steps, std::size_t breaking) {
  SearchResult result = failure_of(trial_of("none", "lotto-purchase", 2));
  std::vector<TraceStep>& trace = result.found->trace;
  trace.assign(steps, {.task = 0, .operation = "load", .object = "cell#1", .place = {}});
  trace.at(breaking).breaks = true;
  return result;
}

TEST(ExplorePage, DrawsOfALongScheduleItsEndAndWhatBreaks) {
  const SearchResult result = long_result(1000, 299);
  const std::string page = page_of({result});
  EXPECT_EQ(fault_in(page), "");
  const std::string picture = picture_of(page, "none");
  EXPECT_EQ(count_of(picture, "<g class=\"step\">"), kMostDrawn);
  for (const std::string title : {"step 300: ", "step 1000: "})
    EXPECT_EQ(count_of(picture, "<title>" + title), 1U) << title;
  EXPECT_EQ(count_of(picture, "<rect class=\"box breaks\""), 1U);
  EXPECT_TRUE(has(picture, "… 249 steps …") && has(picture, "… 551 steps …")) << picture.substr(0, 2000);
  EXPECT_TRUE(has(section_of(page, "guard-none"),
                  "Of 1000 steps, 200 are drawn: the last ones, and those about the one that is marked."));
  EXPECT_EQ(count_of(table_of(page, "none"), "<tr>"), 1 + 1000 + 1U);
}

TEST(ExplorePage, ShowsAsManyStepsAsItMay) {
  for (const std::size_t breaking : {0U, 1U, 49U, 50U, 700U, 750U, 799U, 800U, 999U}) {
    const SearchResult result = long_result(1000, breaking);
    std::size_t shown = 0;
    bool has_it = false;
    std::size_t before = 0;
    for (const auto [begin, end] : shown_of(*result.found, 200)) {
      EXPECT_TRUE(begin >= before && end > begin) << breaking;
      before = end;
      shown += end - begin;
      has_it = has_it || (begin <= breaking && breaking < end);
    }
    EXPECT_TRUE(has_it) << breaking;
    EXPECT_EQ(before, 1000U);
    EXPECT_LE(shown, 200U);
    EXPECT_GE(shown, 100U) << breaking;
  }
}

TEST(ExplorePage, IsWholeWhereNothingWasExplored) {
  const std::string page = page_of({}, {.command = "ccbench explore", .settings = "", .left_out = {"a: b"}});
  EXPECT_EQ(fault_in(page), "");
  EXPECT_TRUE(has(page, "Nothing to explore"));
}

}  // namespace
}  // namespace ccbench::explore
