// What a report must have whatever it is made of: put together by hand, and checked on the page's text. That
// a browser shows it is html_page_test.py's part.
#include "report/html.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "report/chart.h"
#include "report/columns.h"
#include "report/command.h"
#include "report/markup.h"
#include "report/page_fixture.h"
#include "report/sink.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 1> kParameters = {{{.name = "payment", .about = "", .initial = "1s"}}};
constexpr std::array<std::string_view, 2> kSteps = {"validate", "payment"};
constexpr std::array<std::string_view, 1> kFacts = {"payments"};
constexpr std::string_view kHostile = "<script>alert(1)</script> & \"quotes\" 'too' \x01\xff";

const ScenarioPlugin& scenario() {
  static const ScenarioPlugin kPlugin = [] {
    ScenarioPlugin made;
    made.info.name = "lotto-purchase";
    made.info.key_name = "ticket";
    made.info.parameters = kParameters;
    made.info.steps = kSteps;
    made.info.facts = kFacts;
    return made;
  }();
  return kPlugin;
}

constexpr Nanos kWall = 1'000'100'200;

/// The first of four succeeds, the others wait for it.
TrialResult trial_of(std::uint64_t number, int round, const std::string& guard, Verdict verdict, Nanos wall) {
  TrialResult trial;
  trial.trial = number;
  trial.round = round;
  trial.guard = guard;
  trial.verdict = verdict;
  trial.role = guard == "none" ? Role::control : Role::guard;
  trial.tally.requests = 4;
  trial.tally.outcomes = {1, 0, 3};
  trial.tally.facts_of_key = {{1}};
  trial.expected_success = 1;
  trial.wall = wall;
  trial.wait = {.samples = 4, .p50 = 700'000'123, .p99 = {}, .max = 1'000'000'456};
  trial.started_unix_ns = 1'700'000'000'000'000'000;
  trial.reason_texts = {""};
  for (std::uint64_t i = 0; i < 4; ++i) {
    const Nanos enter = i == 0 ? 100 : kWall - 1000 + static_cast<Nanos>(i);
    trial.requests.push_back({.request = i,
                              .thread = static_cast<std::uint32_t>(i),
                              .outcome = i == 0 ? Outcome::success : Outcome::refused,
                              .start = static_cast<Nanos>(10 * i),
                              .enter = enter,
                              .leave = i == 0 ? kWall - 2000 : enter + 10,
                              .end = i == 0 ? kWall - 1500 : enter + 20,
                              .arrival = {},
                              .first_step = static_cast<std::uint32_t>(trial.steps.size()),
                              .step_count = i == 0 ? 2U : 0U});
    if (i == 0) trial.steps = {{.step = 0, .at = 200}, {.step = 1, .at = 300}};
  }
  trial.snapshots = {{.at = 500 * kMillisecond,
                      .capture = 900,
                      .resolve = {},
                      .mode = "published",
                      .threads = {{.thread = 0, .tid = 71, .place = Place::in_step(1, 0)},
                                  {.thread = 1, .tid = 72, .place = Place::in_guard(0)}},
                      .locks = {},
                      .cycles = {}}};
  return trial;
}

GuardResult guard_of(const std::string& name, Verdict verdict, std::vector<std::size_t> trials) {
  return {.guard = name,
          .role = name == "none" ? Role::control : Role::guard,
          .verdict = verdict,
          .sentence = name + " says so",
          .trials = std::move(trials),
          .lacking = {},
          .noisy = {}};
}

Experiment experiment(std::uint64_t requests) {
  return {.scenario = &scenario(),
          .parameters = ParameterValues(kParameters),
          .guards = {},
          .left_out = {},
          .requests = requests,
          .threads = static_cast<std::uint32_t>(requests),
          .zipf = {},
          .seed = 7,
          .window = {},
          .snapshots = {},
          .snapshot_at = {},
          .config = {{"guard", "cas,wrong,slow"}, {"requests", std::to_string(requests)}, {"seed", "7"}},
          .params = {}};
}

/// A control, two guards that are OK, and one that is not and would be the fastest.
RunResult small_run() {
  RunResult run{
      .run_id = "run-7",
      .machine = {.host = "box", .cpu_model = "Fast", .kernel = "6.1", .cpus = 2},
      .build = {.version = "0.1.0", .compiler = "g++", .build_type = "Release", .sanitizer = "none"},
      .configurations = {{.experiment = experiment(4)}},
      .trials = {trial_of(1, 0, "none", Verdict::violation, kWall),
                 trial_of(2, 0, "slow", Verdict::ok, kWall + 777'777'777),
                 trial_of(3, 0, "wrong", Verdict::violation, kWall - 99),
                 trial_of(4, 0, "cas", Verdict::ok, kWall)},
      .guards = {guard_of("none", Verdict::violation, {0}), guard_of("slow", Verdict::ok, {1}),
                 guard_of("wrong", Verdict::violation, {2}), guard_of("cas", Verdict::ok, {3})},
      .stacks = {},
      .warnings = {std::string(kHostile)},
      .shrunk = {}};
  run.trials[2].tally.reasons = {{{Outcome::error, std::string(kHostile)}, 2}};
  run.trials[2].sentence = kHostile;
  run.guards[2].sentence = kHostile;
  run.guards[3].noisy = kHostile;
  run.machine.host = kHostile;
  return run;
}

RunResult swept_run() {
  RunResult run = small_run();
  run.configurations.push_back({.experiment = experiment(40)});
  for (std::size_t i = 0; i < 4; ++i) {
    run.trials.push_back(run.trials[i]);
    run.trials.back().trial += 4;
    run.trials.back().configuration = 1;
    run.guards.push_back(run.guards[i]);
    run.guards.back().configuration = 1;
    run.guards.back().trials = {i + 4};
  }
  return run;
}

std::string page_of(const RunResult& run) {
  std::ostringstream out;
  html_sink()->write(run, out);
  return out.str();
}

constexpr std::array kSections = {"verdicts", "remarks", "outcomes", "cost",     "time",    "timeline",
                                  "blocked",  "waiting", "order",    "distrust", "options", "trials"};

/// Everything that a page of a single run must have, and what it must never have. Empty: all is well.
std::string fault_of(const std::string& page) {
  if (const std::string fault = fault_in(page); !fault.empty()) return fault;
  std::size_t before = 0;
  for (const std::string id : kSections) {
    const std::size_t at = page.find("<section id=\"" + id + "\">");
    if (at == std::string::npos) return "no section " + id;
    if (at < before) return "out of order: " + id;
    before = at;
    const bool is_chart = id == "outcomes" || id == "cost" || id == "timeline" || id == "blocked" ||
                          id == "waiting" || id == "order";
    const std::string section = section_of(page, id);
    if (is_chart && !(has(section, "<svg") && has(section, "<figcaption>") && has(section, "<title>") &&
                      has(section, "<desc>") && has(section, "<path")))
      return "no picture in " + id;
  }
  for (const std::string_view foreign :
       {"<script", "<link", "<img", "url(", "@import", "//", "javascript:"}) {
    if (has(page, foreign)) return "has " + std::string(foreign);
  }
  const std::string verdicts = section_of(page, "verdicts");
  const std::size_t line = verdicts.find("not ranked");
  if (line == std::string::npos) return "no line";
  for (const std::string name : {"cas", "slow"}) {
    if (verdicts.find(">" + name) > line) return name + " is below the line";
  }
  for (const std::string name : {"wrong", "none (control)"}) {
    if (verdicts.find(">" + name) < line) return name + " is above the line";
  }
  return "";
}

TEST(Html, IsWholeAndEscaped) {
  const std::string page = page_of(small_run());
  EXPECT_EQ(fault_of(page), "");
  EXPECT_TRUE(has(page,
                  "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; &#39;too&#39; "
                  "\xef\xbf\xbd\xef\xbf\xbd"));
}

TEST(Html, IsCheckedByWhatFindsFaults) {
  const std::string page = page_of(small_run());
  const std::array<std::pair<std::string, std::string>, 14> faults = {{
      {"</figure>", ""},
      {"</figure>", "</figure></figure>"},
      {"<figcaption>", "<figcaption><b>"},
      {"<figcaption>", "<figcaption>&"},
      {"<figcaption>", "<figcaption>\x01"},
      {"<figcaption>", "<figcaption class=x>"},
      {"<figcaption>", R"(<figcaption class="x" class="y">)"},
      {"<!DOCTYPE html>", ""},
      {"&lt;script&gt;", "<script>"},
      {"<figcaption>", "<figcaption><script></script>"},
      {"<figcaption>", "<figcaption>https://example.org"},
      {"<section id=\"waiting\">", "<section id=\"x\">"},
      {"not ranked", "ranked"},
      {">cas", ">wrong</th><th>cas"},
  }};
  for (const auto& [from, to] : faults)
    EXPECT_NE(fault_of(replaced(page, from, to)), "") << from << " → " << to;
}

TEST(Html, NeverRanksAGuardThatIsNotOk) {
  RunResult run = small_run();
  for (const Verdict verdict :
       {Verdict::violation, Verdict::hung, Verdict::crashed, Verdict::inconclusive, Verdict::error}) {
    run.guards[2].verdict = verdict;
    EXPECT_EQ(fault_of(page_of(run)), "") << name_of(verdict);
  }
  run.guards[2].verdict = Verdict::ok;  // The fastest: had it held, it would be the first.
  EXPECT_EQ(fault_of(page_of(run)), "wrong is above the line");
}

TEST(Html, SaysFiguresAsTrialsCsvDoes) {
  const RunResult run = small_run();
  const std::string page = page_of(run);
  const std::string verdicts = section_of(page, "verdicts");
  EXPECT_TRUE(has(verdicts, "median 1000100200 ns of 1 trial"));
  EXPECT_TRUE(has(verdicts, "median 1777877977 ns of 1 trial"));
  EXPECT_TRUE(has(verdicts, "median 700000123 ns, 700000123 ns to 700000123 ns\">700 ms<"));
  EXPECT_TRUE(has(section_of(page, "cost"), "cas: median 100200 ns of 1 trial"));
  const std::string trials = section_of(page, "trials");
  for (const TrialResult& trial : run.trials) {
    for (const Column<TrialRow>& column : trial_columns()) {
      const Cell value = column.value(TrialRow{run, trial});
      const auto number = integer_of(value);
      if (!number) continue;
      const std::string cell = fmt::format("<td>{}</td>", *number);
      const std::string once = fmt::format("<code>{}={}</code>", column.name, *number);
      EXPECT_TRUE(has(trials, cell) || has(trials, once)) << column.name;
    }
  }
}

TEST(Html, IsWholeWhereLittleWasMeasured) {
  RunResult run = small_run();
  for (TrialResult& trial : run.trials) {
    trial.requests.clear();
    trial.steps.clear();
    trial.snapshots.clear();
    trial.wall.reset();
  }
  EXPECT_EQ(fault_in(page_of(run)), "");
  run.trials.clear();
  for (GuardResult& guard : run.guards) {
    guard.trials.clear();
    guard.verdict = Verdict::inconclusive;
  }
  EXPECT_EQ(fault_in(page_of(run)), "");
  run.guards.clear();
  EXPECT_EQ(fault_in(page_of(run)), "");
}

TEST(Html, DrawsRequestsThatNeverEnteredOrEnded) {
  RunResult run = small_run();
  TrialResult& trial = run.trials[3];
  trial.requests[1].enter.reset();
  trial.requests[1].leave.reset();
  trial.requests[1].end.reset();
  trial.requests[2].leave.reset();
  trial.requests[2].end.reset();
  trial.requests[3].start.reset();
  trial.tally.outcomes = {1};
  const std::string page = page_of(run);
  EXPECT_EQ(fault_of(page), "");
  EXPECT_TRUE(has(section_of(page, "timeline"), "3 requests, 3 unfinished"));
}

/// How far up, in per cent, the curve of the guard goes that has this title.
double top_of_curve(const std::string& page, const std::string& title) {
  const std::string section = section_of(page, "waiting");
  const auto at = section.find("<title>" + title);
  if (at == std::string::npos) return -1;
  const auto begin = section.rfind(" d=\"", at);
  const std::string path = section.substr(begin, at - begin);
  const auto vertical = path.rfind('V');
  constexpr double kTop = 22;
  constexpr double kBottom = 282;
  return vertical == std::string::npos
             ? 0
             : 100 * (kBottom - std::stod(path.substr(vertical + 1))) / (kBottom - kTop);
}

TEST(Html, KeepsTheCurveBelowWhoNeverGotFurther) {
  RunResult run = small_run();
  EXPECT_NEAR(top_of_curve(page_of(run), "cas: 4 requests waited"), 100, 0.1);
  for (const std::size_t i : {1U, 2U, 3U}) {
    run.trials[3].requests[i].enter.reset();
    run.trials[3].requests[i].end.reset();
  }
  const std::string page = page_of(run);
  EXPECT_NEAR(top_of_curve(page, "cas: 1 request waited"), 25, 0.1);
  EXPECT_TRUE(has(section_of(page, "waiting"), "cas, 3 of 4 never got further"));
  EXPECT_FALSE(has(section_of(page, "waiting"), "slow, "));
}

TEST(Html, CountsWaitingFromTheArrival) {
  RunResult run = small_run();
  TrialResult& trial = run.trials[3];
  for (RequestRow& row : trial.requests) {
    row.enter = *row.start + 40;
    row.arrival = row.start;
    row.start = *row.start + 5;
  }
  trial.requests[3].arrival = 10;
  trial.requests[3].enter = 10 + 7000;
  trial.requests[3].start = 6000;
  const std::string page = page_of(run);
  EXPECT_TRUE(has(section_of(page, "waiting"), "cas: 4 requests waited from 40 ns to 7000 ns"));
  EXPECT_TRUE(has(section_of(page, "blocked"), "trial 4, at most 4 waiting"));
}

/// A pool whose requests take a microsecond of a second, and were not all recorded.
RunResult long_run() {
  RunResult run = small_run();
  run.configurations.front().experiment.duration = kSecond;
  TrialResult& trial = run.trials[3];
  trial.requests.clear();
  trial.steps.clear();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto start = static_cast<Nanos>(i) * kMillisecond + 500;
    trial.requests.push_back({.request = i,
                              .thread = 0,
                              .outcome = Outcome::success,
                              .start = start,
                              .enter = start + 100,
                              .leave = start + 900,
                              .end = start + 1000,
                              .arrival = {}});
  }
  trial.lost_events = 3000;
  return run;
}

TEST(Html, DrawsAPartInWhichRequestsCanBeSeenAndSaysHowManyWereRecorded) {
  const std::string page = page_of(long_run());
  EXPECT_EQ(fault_in(page), "");
  const std::string timeline = section_of(page, "timeline");
  EXPECT_TRUE(
      has(timeline,
          "trial 4, 40 requests after the first 100, from 100 ms to 140 ms of 999 ms; 1000 of 4000 requests "
          "were recorded"));
  EXPECT_TRUE(has(section_of(page, "waiting"), "cas, 1000 of 4000 requests were recorded"));
  const std::string blocked = section_of(page, "blocked");
  EXPECT_TRUE(has(blocked, "cas, trial 4: 1000 of 4000 requests were recorded"));
  EXPECT_FALSE(has(blocked, "over time: cas"));
  EXPECT_TRUE(has(blocked, "over time: slow"));
}

TEST(Html, HasOneColourForTheInsideWhereNoStepWasRecorded) {
  RunResult run = small_run();
  EXPECT_TRUE(has(section_of(page_of(run), "timeline"), "before its first step"));
  for (TrialResult& trial : run.trials) {
    trial.steps.clear();
    for (RequestRow& row : trial.requests) row.step_count = 0;
  }
  const std::string timeline = section_of(page_of(run), "timeline");
  EXPECT_FALSE(has(timeline, "step") || has(timeline, "early"));
  EXPECT_TRUE(has(timeline, "bar inside"));
}

TEST(Html, DrawsRequestsThatAreStillQueued) {
  RunResult run = small_run();
  run.configurations.front().experiment.rate = 1000;
  RequestRow& row = run.trials[3].requests[3];
  row = {.request = 3,
         .thread = {},
         .outcome = {},
         .start = {},
         .enter = {},
         .leave = {},
         .end = {},
         .arrival = 40};
  const std::string page = page_of(run);
  EXPECT_TRUE(has(section_of(page, "timeline"), "bar queued"));
  EXPECT_TRUE(has(section_of(page, "timeline"), "queued, no worker free"));
}

TEST(Html, IsGreyWhereAGuardIsNotRanked) {
  const std::string page = page_of(small_run());
  for (const std::string id : {"cost", "waiting", "order"}) {
    const std::string section = section_of(page, id);
    EXPECT_TRUE(has(section, "unranked\"")) << id;
    EXPECT_FALSE(has(section, "control unranked")) << id;
  }
  EXPECT_TRUE(has(section_of(page, "waiting"), "wrong, VIOLATION"));
  EXPECT_TRUE(has(section_of(page, "outcomes"), ">VIOLATION<"));
}

TEST(Html, ShowsTheRankedFigureInTheOrderOfTrials) {
  RunResult run = small_run();
  EXPECT_TRUE(has(section_of(page_of(run), "order"), "trial 4, cas: 1000100200 ns"));
  run.configurations.front().experiment.duration = kSecond;
  EXPECT_TRUE(has(section_of(page_of(run), "order"), "trial 4, cas: 250025050 ns"));
  EXPECT_TRUE(has(section_of(page_of(run), "order"), "time per request"));
}

TEST(Html, ShowsFairnessAsTheFilesDoAndNotOfFewSections) {
  RunResult run = small_run();
  TrialResult& trial = run.trials[3];
  trial.fairness = 0.87654321;
  trial.workers = {{.requests = 10, .sections = 10}, {.requests = 10, .sections = 10}};
  EXPECT_TRUE(has(section_of(page_of(run), "time"), "median 0.8765 of 1 trial"));
  trial.workers.front().sections = 9;
  EXPECT_FALSE(has(section_of(page_of(run), "time"), "0.87"));
}

TEST(Html, ShowsSmallRatiosWithThreeDigits) {
  RunResult run = small_run();
  run.trials[1].wall = kWall * 1000;
  run.trials[3].wall = 123'456'789;
  EXPECT_TRUE(has(section_of(page_of(run), "verdicts"), ">0.000123<"));
}

TEST(Html, HasTheLineAlsoWhereNobodyIsRanked) {
  RunResult run = small_run();
  for (GuardResult& guard : run.guards) guard.verdict = Verdict::inconclusive;
  const std::string verdicts = section_of(page_of(run), "verdicts");
  EXPECT_LT(verdicts.find("not ranked"), verdicts.find("scope=\"row\""));
}

TEST(Html, OfASweepHasAShortTableAndNamesWhoIsNotDrawn) {
  const std::string page = page_of(swept_run());
  const std::string overview = section_of(page, "overview");
  for (const std::string text : {"requests=4<", "requests=40<", "VIOLATION", "ratio", "1.78 s"})
    EXPECT_TRUE(has(overview, text)) << text;
  EXPECT_TRUE(has(section_of(page, "sweep"), "not ranked under any setting: wrong."));
  RunResult good = swept_run();
  for (GuardResult& guard : good.guards) guard.verdict = Verdict::ok;
  EXPECT_FALSE(has(section_of(page_of(good), "sweep"), "not ranked under any"));
}

TEST(Html, OfASweepHasAPictureAndEveryConfiguration) {
  const std::string page = page_of(swept_run());
  EXPECT_EQ(fault_in(page), "");
  EXPECT_TRUE(has(section_of(page, "sweep"), "--requests"));
  EXPECT_TRUE(has(section_of(page, "sweep"), "cas, requests 40"));
  EXPECT_FALSE(has(section_of(page, "sweep"), "wrong, requests"));
  const std::string configurations = section_of(page, "configurations");
  EXPECT_TRUE(has(configurations, "<b>requests=4</b>") && has(configurations, "<b>requests=40</b>"));
  EXPECT_EQ(command_in(page), "ccbench --guard=cas,wrong,slow --requests=4,40 --seed=7");
}

TEST(Html, ShowsSeveralRunsWithAnchorsOfTheirOwn) {
  const std::vector<RunResult> runs = {small_run(), swept_run()};
  std::ostringstream out;
  write_html(runs, out);
  const std::string page = out.str();
  EXPECT_EQ(fault_in(page), "");
  EXPECT_TRUE(has(page, "href=\"#run2\"") && has(page, "id=\"run1-verdicts\"") &&
              has(page, "id=\"run2-sweep\""));
  EXPECT_TRUE(has(page, "Run 1: lotto-purchase · slow, wrong, cas · 4 requests"));
  EXPECT_TRUE(has(page, "Run 2: lotto-purchase · slow, wrong, cas · 2 configurations"));
  EXPECT_TRUE(has(page, "<h1>Run 1: lotto-purchase · slow, wrong, cas</h1>"));
  const auto beside = page.find("<section id=\"beside\">");
  EXPECT_LT(beside, page.find("<article"));
  EXPECT_TRUE(has(page.substr(beside, page.find("</section>", beside) - beside), "run 2"));
  static const std::regex kId(R"re( id="([^"]*)")re");
  std::set<std::string> ids;
  for (std::sregex_iterator one(page.begin(), page.end(), kId), last; one != last; ++one)
    EXPECT_TRUE(ids.insert((*one)[1]).second) << (*one)[1];
}

TEST(Html, StaysSmallWithManyRequests) {
  RunResult run = small_run();
  for (TrialResult& trial : run.trials) {
    const RequestRow row = trial.requests[1];
    for (std::uint64_t i = 0; i < 100'000; ++i) {
      trial.requests.push_back(row);
      trial.requests.back().start = static_cast<Nanos>(i * 9973 % 100'003) * 1000;
      trial.requests.back().enter = *trial.requests.back().start + static_cast<Nanos>(i) * 7919;
    }
  }
  EXPECT_LT(page_of(run).size(), 2'000'000U);
}

TEST(Markup, EscapesWhatIsNoTextInXml) {
  EXPECT_EQ(escaped("a<b>\"c\"&'d'"), "a&lt;b&gt;&quot;c&quot;&amp;&#39;d&#39;");
  EXPECT_EQ(escaped("µ → 𝄞"), "µ → 𝄞");
  EXPECT_EQ(escaped("a\nb\tc"), "a b c");
  const std::string no = "\xef\xbf\xbd";
  EXPECT_EQ(escaped("\x1b"), no);
  EXPECT_EQ(escaped("\x7f"), no);
  EXPECT_EQ(escaped("caf\xe9"), "caf" + no);                  // Latin-1.
  EXPECT_EQ(escaped("\xc0\xaf"), no + no);                    // Overlong.
  EXPECT_EQ(escaped("\xe0\x80\xaf"), no + no + no);           // Overlong.
  EXPECT_EQ(escaped("\xed\xa0\x80"), no + no + no);           // A surrogate.
  EXPECT_EQ(escaped("\xef\xbf\xbe"), no + no + no);           // U+FFFE.
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), no + no + no + no);  // Beyond U+10FFFF.
  EXPECT_EQ(escaped("\xc2\x85"), no + no);                    // A control character.
  EXPECT_EQ(escaped("\xe2\x82"), no + no);                    // Cut off.
}

TEST(Markup, RoundsPlacesToTenths) {
  EXPECT_EQ(coordinate(12), "12");
  EXPECT_EQ(coordinate(12.349), "12.3");
  EXPECT_EQ(coordinate(-0.04), "0");
  EXPECT_EQ(coordinate(-3.25), "-3.3");
  PathData path;
  path.rectangle(1, 2, 1.04, 3);
  EXPECT_TRUE(path.empty());
  path.rectangle(1, 2, 3.5, 3);
  EXPECT_EQ(path.text(), "M1 2h2.5v1h-2.5z");
}

TEST(Scale, GoesFromEndToEnd) {
  const Scale linear(Scale::Kind::linear, 0, 10, 100, 200);
  EXPECT_DOUBLE_EQ(linear(0), 100);
  EXPECT_DOUBLE_EQ(linear(5), 150);
  EXPECT_DOUBLE_EQ(linear(11), 200);
  EXPECT_EQ(linear.ticks(5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  const Scale logarithmic(Scale::Kind::logarithmic, 10, 100'000, 0, 4);
  EXPECT_DOUBLE_EQ(logarithmic(1000), 2);
  EXPECT_DOUBLE_EQ(logarithmic(0), 0);
  EXPECT_EQ(logarithmic.ticks(9), (std::vector<double>{10, 100, 1000, 10'000, 100'000}));
  // Where a step is too small for a double to add it.
  EXPECT_LT(Scale(Scale::Kind::linear, 1e18, 1e18 + 500, 0, 1).ticks(1000).size(), 10'000U);
  EXPECT_EQ(Scale(Scale::Kind::linear, 0.5, 2.5, 0, 1).ticks(9), (std::vector<double>{1, 2}));
  const Scale point(Scale::Kind::linear, 3, 3, 0, 1);
  EXPECT_DOUBLE_EQ(point(3), 0);
}

TEST(Scale, IsLogarithmicOnlyWhereItMayAndMust) {
  EXPECT_EQ(kind_for(std::vector<double>{1, 21}), Scale::Kind::logarithmic);
  EXPECT_EQ(kind_for(std::vector<double>{1, 19}), Scale::Kind::linear);
  EXPECT_EQ(kind_for(std::vector<double>{-1, 1000}), Scale::Kind::linear);
  EXPECT_EQ(kind_for(std::vector<double>{}), Scale::Kind::linear);
}

TEST(Ticks, LeaveOutZerosThatSayNothing) {
  EXPECT_EQ(time_tick(0), "0");
  EXPECT_EQ(time_tick(1.5e9), "1.5 s");
  EXPECT_EQ(time_tick(1e9), "1 s");
  EXPECT_EQ(time_tick(2e7), "20 ms");
  EXPECT_EQ(time_tick(-5e5), "−500 µs");
  EXPECT_EQ(time_tick(70.104e6, 1e3), "70.104 ms");
  EXPECT_EQ(time_tick(1.5002e9, 1e5), "1.5002 s");
  EXPECT_EQ(time_tick(1.5e9, 5e8), "1.5 s");
  EXPECT_EQ(count_tick(0.6000000000000001, 0.2), "0.6");
  EXPECT_EQ(count_tick(1000), "1000");
  EXPECT_EQ(share_tick(20, 20), "20 %");
  EXPECT_EQ(human_range({.low = 70.1e6, .high = 70.2e6}), "70.1 – 70.2 ms");
  EXPECT_EQ(human_range({.low = 485e3, .high = 1.79e6}), "485 µs – 1.79 ms");
}

TEST(CommandOfARun, RepeatsItWhole) {
  RunResult run = small_run();
  EXPECT_EQ(command_of(run), "ccbench --guard=cas,wrong,slow --requests=4 --seed=7");
  Experiment& experiment = run.configurations.front().experiment;
  experiment.config.insert({{"scenario", "counter"},
                            {"keys", "2"},
                            {"trials", "9"},
                            {"until-fail", "true"},
                            {"timeout", "60s"},
                            {"snapshot-at", "blocked >= 2"},
                            {"threads", "2"}});
  experiment.params = {{"snapshot-at", "blocked >= 2"}};
  experiment.threads = 2;
  EXPECT_EQ(command_of(run),
            "ccbench --guard=cas,wrong,slow --keys=2 --requests=4 --scenario=counter --seed=7 "
            "--snapshot-at='blocked >= 2' --threads=2 --trials=9 --until-fail");
}

}  // namespace
}  // namespace ccbench
