// trace.json of runs put together by hand, read back as its readers read it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "report/sink.h"

namespace ccbench {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 2> kSteps = {"validate", "payment"};

const ScenarioPlugin& scenario() {
  static const ScenarioPlugin kPlugin = [] {
    ScenarioPlugin made;
    made.info.name = "lotto-purchase";
    made.info.key_name = "ticket";
    made.info.steps = kSteps;
    return made;
  }();
  return kPlugin;
}

struct Times {
  std::optional<Nanos> start, enter, leave, end;
};

/// Adds a request with its steps, which take turns.
void add_request(TrialResult& trial, std::uint32_t thread, Key key, const Times& times,
                 std::initializer_list<Nanos> steps = {}) {
  RequestRow row{.request = trial.requests.size(),
                 .thread = times.start ? std::optional(thread) : std::nullopt,
                 .key = key,
                 .outcome = times.end ? std::optional(Outcome::success) : std::nullopt,
                 .start = times.start,
                 .enter = times.enter,
                 .leave = times.leave,
                 .end = times.end,
                 .arrival = {},
                 .first_step = static_cast<std::uint32_t>(trial.steps.size()),
                 .step_count = static_cast<std::uint32_t>(steps.size())};
  StepId step = 0;
  for (const Nanos at : steps) trial.steps.push_back({.step = step++ % kSteps.size(), .at = at});
  trial.requests.push_back(row);
}

TrialResult trial_of(std::string guard, std::uint64_t number, Verdict verdict = Verdict::ok) {
  TrialResult trial;
  trial.guard = std::move(guard);
  trial.trial = number;
  trial.verdict = verdict;
  trial.reason_texts = {""};
  return trial;
}

RunResult run_of(std::vector<TrialResult> trials) {
  RunResult run{.run_id = "run-7",
                .machine = {.host = "box", .cpu_model = "Fast", .kernel = "6.1", .cpus = 2},
                .build = {.version = "0.1.0",
                          .compiler = "g++",
                          .build_type = "Release",
                          .sanitizer = "none",
                          .optimized = true},
                .configurations = {{.experiment = {.scenario = &scenario(),
                                                   .parameters = {},
                                                   .guards = {},
                                                   .left_out = {},
                                                   .zipf = {},
                                                   .window = {},
                                                   .snapshots = {},
                                                   .snapshot_at = {},
                                                   .config = {},
                                                   .params = {}}}},
                .trials = std::move(trials),
                .guards = {},
                .stacks = {},
                .warnings = {},
                .shrunk = {}};
  for (const TrialResult& trial : run.trials) {
    const auto is_same = [&](const GuardResult& guard) {
      return guard.guard == trial.guard && guard.configuration == trial.configuration;
    };
    if (std::ranges::any_of(run.guards, is_same)) continue;
    run.guards.push_back({.guard = trial.guard,
                          .configuration = trial.configuration,
                          .role = trial.role,
                          .sentence = {},
                          .trials = {},
                          .lacking = {},
                          .noisy = {}});
  }
  return run;
}

Json trace_of(const RunResult& run) {
  std::ostringstream out;
  trace_sink()->write(run, out);
  return Json::parse(out.str()).at("traceEvents");
}

Json trace_of(TrialResult trial) { return trace_of(run_of({std::move(trial)})); }

/// As Perfetto's importer reads a time.
Nanos nanos_of(const Json& time) { return std::llround(time.get<double>() * 1000); }

std::vector<Json> events_of(const Json& trace, std::string_view phase, std::string_view name = {}) {
  std::vector<Json> events;
  for (const Json& event : trace) {
    if (event.at("ph") == phase && (name.empty() || event.at("name") == name)) events.push_back(event);
  }
  return events;
}

Nanos begin_of(const Json& slice) { return nanos_of(slice.at("ts")); }
Nanos end_of(const Json& slice) { return begin_of(slice) + nanos_of(slice.at("dur")); }

/// `waiting 10..20`
std::vector<std::string> texts_of(const std::vector<Json>& slices) {
  std::vector<std::string> texts;
  for (const Json& slice : slices) {
    texts.push_back(slice.at("name").get<std::string>() + " " + std::to_string(begin_of(slice)) + ".." +
                    std::to_string(end_of(slice)));
  }
  return texts;
}

/// The first slice that does not lie inside those that are open when it begins; empty: all nest. In the
/// order in which Perfetto looks at them: by time, the longer first.
std::string badly_nested(const Json& trace) {
  std::map<std::pair<Json, Json>, std::vector<Json>> tracks;
  for (const Json& slice : events_of(trace, "X")) tracks[{slice.at("pid"), slice.at("tid")}].push_back(slice);
  for (auto& [track, slices] : tracks) {
    std::ranges::sort(slices, {}, [](const Json& slice) {
      return std::tuple(begin_of(slice), begin_of(slice) - end_of(slice));
    });
    std::vector<Nanos> open;
    for (const Json& slice : slices) {
      while (!open.empty() && open.back() <= begin_of(slice)) open.pop_back();
      if (end_of(slice) < begin_of(slice) || (!open.empty() && end_of(slice) > open.back()))
        return slice.dump();
      open.push_back(end_of(slice));
    }
  }
  return {};
}

/// Two requests queue for a key behind a third; another key is nobody's.
TrialResult queue() {
  TrialResult trial = trial_of("synchronized", 7);
  add_request(trial, 0, 0, {.start = 10, .enter = 20, .leave = 1'000'020, .end = 1'000'030}, {25, 600'000});
  add_request(trial, 1, 0, {.start = 15, .enter = 1'000'520, .leave = 2'000'000, .end = 2'000'001},
              {1'000'600});
  add_request(trial, 2, 0, {.start = 16, .enter = 2'000'000, .leave = 3'000'000, .end = 3'000'000},
              {2'000'000});
  add_request(trial, 3, 1, {.start = 17, .enter = 18, .leave = 19, .end = 20});
  return trial;
}

TEST(Trace, HasASliceForEachPartOfARequest) {
  TrialResult trial = queue();
  trial.requests.resize(1);
  EXPECT_EQ(texts_of(events_of(trace_of(trial), "X")),
            (std::vector<std::string>{"request 0 10..1000030", "waiting 10..20", "holding 20..1000020",
                                      "validate 25..600000", "payment 600000..1000020"}));
}

TEST(Trace, SaysWhoseASliceIsAndWhatCameOfIt) {
  TrialResult trial = trial_of("cas", 1);
  add_request(trial, 4, 2, {.start = 1, .enter = {}, .leave = {}, .end = 9});
  trial.requests[0].outcome = Outcome::turned_away;
  trial.requests[0].reason = 1;
  trial.reason_texts = {"", "the flag is set"};
  const Json trace = trace_of(trial);
  const Json request = events_of(trace, "X", "request 0").at(0);
  EXPECT_EQ(
      request.at("args"),
      (Json{{"request", 0}, {"key", "ticket-3"}, {"outcome", "turned_away"}, {"reason", "the flag is set"}}));
  EXPECT_EQ(texts_of(events_of(trace, "X", "waiting")), std::vector<std::string>{"waiting 1..9"});
  EXPECT_TRUE(events_of(trace, "X", "holding").empty());
  const auto threads = events_of(trace, "M", "thread_name");
  const auto named =
      std::ranges::find(threads, request.at("tid"), [](const Json& event) { return event.at("tid"); });
  ASSERT_NE(named, threads.end());
  EXPECT_EQ(named->at("args").at("name"), "T4");
}

TEST(Trace, NestsTheSlicesOfATrack) {
  const Json trace = trace_of(queue());
  EXPECT_EQ(badly_nested(trace), "");
  Json overlapping = trace;
  overlapping.push_back(events_of(trace, "X", "holding").at(0));
  overlapping.back()["dur"] = 1000.011;  // A nanosecond longer than the request.
  EXPECT_NE(badly_nested(overlapping), "");
}

TEST(Trace, NestsWhateverTheRecordsOfACrashHold) {
  std::mt19937 random(1);
  const auto time = [&]() -> std::optional<Nanos> {
    if (random() % 4 == 0) return std::nullopt;
    return static_cast<Nanos>(random() % 9) - 2;
  };
  for (int i = 0; i < 2000; ++i) {
    TrialResult trial = trial_of("none", 1, Verdict::crashed);
    add_request(trial, 0, 0, {.start = time(), .enter = time(), .leave = time(), .end = time()},
                {time().value_or(0), time().value_or(0), time().value_or(0)});
    ASSERT_EQ(badly_nested(trace_of(trial)), "") << i;
  }
}

TEST(Trace, PutsWhatBeginsWhereAnotherEndsBesideIt) {
  TrialResult trial = trial_of("none", 1);
  add_request(trial, 0, 0, {.start = 10, .enter = 10, .leave = 30, .end = 30}, {10, 20, 20});
  add_request(trial, 0, 0, {.start = 30, .enter = 40, .leave = 40, .end = 50}, {40});
  const Json trace = trace_of(trial);
  EXPECT_EQ(badly_nested(trace), "");
  // Without length and between neighbours, `waiting`, a step and the step of nothing would be inside them.
  EXPECT_EQ(
      texts_of(events_of(trace, "X")),
      (std::vector<std::string>{"request 0 10..30", "holding 10..30", "validate 10..20", "validate 20..30",
                                "request 1 30..50", "waiting 30..40", "holding 40..40"}));
}

TEST(Trace, IsExactToTheNanosecond) {
  TrialResult trial = trial_of("none", 1);
  std::set<std::pair<Nanos, Nanos>> expected;
  std::mt19937_64 random(7);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const auto start = static_cast<Nanos>(random() % (Nanos{24} * 3600 * kSecond)) - 5;
    const auto end = start + static_cast<Nanos>(random() % (i % 2 == 0 ? 3000 : Nanos{3600} * kSecond));
    add_request(trial, i, 0, {.start = start, .enter = {}, .leave = {}, .end = end});
    expected.emplace(start, end);
  }
  std::set<std::pair<Nanos, Nanos>> found;
  for (const Json& slice : events_of(trace_of(trial), "X")) found.emplace(begin_of(slice), end_of(slice));
  EXPECT_EQ(found, expected);
}

TEST(Trace, WritesThreeDigitsBehindThePoint) {
  TrialResult trial = trial_of("none", 1);
  add_request(trial, 0, 0, {.start = -20, .enter = {}, .leave = {}, .end = 86'400'000'000'001});
  std::ostringstream out;
  trace_sink()->write(run_of({trial}), out);
  EXPECT_NE(out.str().find("\"ts\":-0.020,\"dur\":86400000000.021,"), std::string::npos) << out.str();
}

TEST(Trace, DrawsAnArrowFromWhoLeavesToWhoWaitedForIt) {
  const Json trace = trace_of(queue());
  const auto starts = events_of(trace, "s");
  const auto ends = events_of(trace, "f");
  ASSERT_EQ(starts.size(), 2U);
  ASSERT_EQ(ends.size(), 2U);
  const auto holding = events_of(trace, "X", "holding");
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const Json& from = holding.at(i);
    const Json& to = holding.at(i + 1);
    EXPECT_EQ(starts[i].at("id"), ends[i].at("id"));
    EXPECT_EQ(starts[i].at("tid"), from.at("tid"));
    EXPECT_EQ(ends[i].at("tid"), to.at("tid"));
    EXPECT_EQ(from.at("args").at("key"), to.at("args").at("key"));
    // In the last nanosecond of the one, at the beginning of the other: where readers bind it to them.
    EXPECT_EQ(nanos_of(starts[i].at("ts")), end_of(from) - 1);
    EXPECT_EQ(nanos_of(ends[i].at("ts")), begin_of(to));
    EXPECT_LE(end_of(from), begin_of(to));
    EXPECT_EQ(ends[i].at("bp"), "e");
  }
  EXPECT_NE(starts[0].at("id"), starts[1].at("id"));
}

TEST(Trace, DrawsNoArrowWhereNothingIsHandedOver) {
  TrialResult trial = trial_of("none", 1);
  add_request(trial, 0, 0, {.start = 10, .enter = 20, .leave = 50, .end = 55});
  add_request(trial, 1, 0, {.start = 10, .enter = 30, .leave = 60, .end = 61});   // While another is inside.
  add_request(trial, 2, 0, {.start = 62, .enter = 70, .leave = 80, .end = 81});   // Came after it had left.
  add_request(trial, 3, 1, {.start = 12, .enter = 90, .leave = 99, .end = 100});  // Another key.
  add_request(trial, 4, 0, {.start = 63, .enter = {}, .leave = {}, .end = 100});  // Was never let in.
  EXPECT_TRUE(events_of(trace_of(trial), "s").empty());
  add_request(trial, 5, 0, {.start = 63, .enter = 90, .leave = {}, .end = {}});
  // When all that is known ends, but the one before it has not left.
  add_request(trial, 6, 0, {.start = 63, .enter = 100, .leave = {}, .end = {}});
  const Json trace = trace_of(trial);
  ASSERT_EQ(events_of(trace, "s").size(), 1U);
  EXPECT_EQ(nanos_of(events_of(trace, "f").at(0).at("ts")), 90);
}

TEST(Trace, EndsWhatNeverEndedWithTheTrialAndSaysSo) {
  TrialResult trial = trial_of("faulty-abandon", 3, Verdict::hung);
  trial.sentence = "stalled";
  add_request(trial, 0, 0, {.start = 10, .enter = {}, .leave = {}, .end = {}});
  add_request(trial, 1, 0, {.start = 11, .enter = 12, .leave = {}, .end = {}}, {13});
  add_request(trial, 2, 0, {.start = 11, .enter = 12, .leave = 14, .end = {}}, {13});
  add_request(trial, 3, 0, {.start = 11, .enter = 12, .leave = 14, .end = {}}, {13, 15});  // Let in again.
  add_request(trial, 4, 0, {.start = {}, .enter = {}, .leave = {}, .end = {}});
  trial.snapshots = {{.at = 900,
                      .capture = 1,
                      .resolve = {},
                      .mode = "published",
                      .threads = {},
                      .locks = {},
                      .cycles = {}}};
  const Json trace = trace_of(trial);
  EXPECT_EQ(badly_nested(trace), "");
  std::vector<std::string> cut;
  std::vector<std::string> whole;
  for (const Json& slice : events_of(trace, "X")) {
    const bool unfinished = slice.at("args").value("unfinished", false);
    (unfinished ? cut : whole).push_back(texts_of({slice}).front());
  }
  EXPECT_EQ(cut, (std::vector<std::string>{"request 0 10..900", "waiting 10..900", "request 1 11..900",
                                           "holding 12..900", "validate 13..900", "request 2 11..900",
                                           "request 3 11..900", "holding 12..900", "payment 15..900"}));
  EXPECT_EQ(whole, (std::vector<std::string>{"waiting 11..12", "waiting 11..12", "holding 12..14",
                                             "validate 13..14", "waiting 11..12", "validate 13..15"}));
  const Json end = events_of(trace, "i", "end of trial").at(0);
  EXPECT_EQ(nanos_of(end.at("ts")), 900);
  EXPECT_EQ(end.at("args"), (Json{{"verdict", "HUNG"},
                                  {"sentence", "stalled"},
                                  {"never_started", 1},
                                  {"not_recorded", 0},
                                  {"not_shown", 0}}));
}

TEST(Trace, ShowsTheFirstRequestsAndWhoNeverEnded) {
  TrialResult trial = trial_of("synchronized", 1);
  for (Nanos i = 0; i < static_cast<Nanos>(kMostDrawn) + 2; ++i)
    add_request(trial, 0, 0, {.start = 10 * i, .enter = {}, .leave = {}, .end = 10 * i + 9});
  const Nanos last = 10 * static_cast<Nanos>(kMostDrawn);
  add_request(trial, 1, 0, {.start = last, .enter = {}, .leave = {}, .end = {}});
  add_request(trial, 2, 0, {.start = {}, .enter = {}, .leave = {}, .end = {}});
  // Read as text: to parse so much takes a sanitizer a minute.
  std::ostringstream out;
  trace_sink()->write(run_of({std::move(trial)}), out);
  const std::string text = out.str();
  constexpr std::string_view kSlice = R"({"ph":"X","name":"request )";
  std::size_t shown = 0;
  for (auto at = text.find(kSlice); at != std::string::npos; at = text.find(kSlice, at + 1)) ++shown;
  EXPECT_EQ(shown, kMostDrawn + 1);
  EXPECT_EQ(text.find(fmt::format("{}{}\"", kSlice, kMostDrawn)), std::string::npos);
  EXPECT_NE(text.find(fmt::format("{}{}\"", kSlice, kMostDrawn + 2)), std::string::npos) << "it never ended";
  EXPECT_NE(text.find(R"("not_shown":2)"), std::string::npos);
  EXPECT_NE(text.find(R"("never_started":1)"), std::string::npos);
}

TEST(Trace, CountsWhoIsInFlightAndWhoWaits) {
  TrialResult trial = trial_of("synchronized", 1);
  add_request(trial, 0, 0, {.start = 10, .enter = 10, .leave = 30, .end = 40});
  add_request(trial, 1, 0, {.start = 10, .enter = 40, .leave = 50, .end = 60});
  add_request(trial, 2, 0, {.start = 20, .enter = {}, .leave = {}, .end = 40});
  add_request(trial, 3, 0, {.start = 45, .enter = {}, .leave = {}, .end = {}});
  add_request(trial, 4, 0, {.start = 60, .enter = {}, .leave = {}, .end = 70});  // Starts as another ends.
  const Json trace = trace_of(trial);
  const auto counts = [&](std::string_view name) {
    std::vector<std::pair<Nanos, int>> found;
    for (const Json& event : events_of(trace, "C", name))
      found.emplace_back(nanos_of(event.at("ts")), event.at("args").at("requests"));
    return found;
  };
  EXPECT_EQ(counts("in flight"),
            (std::vector<std::pair<Nanos, int>>{{10, 2}, {20, 3}, {40, 1}, {45, 2}, {70, 1}}));
  EXPECT_EQ(counts("waiting"),
            (std::vector<std::pair<Nanos, int>>{{10, 1}, {20, 2}, {40, 0}, {45, 1}, {60, 2}, {70, 1}}));
}

TEST(Trace, MarksSnapshotsWithTheirStates) {
  TrialResult trial = trial_of("synchronized", 1);
  trial.snapshots = {
      {.at = 500,
       .capture = 1,
       .resolve = {},
       .mode = "kernel",
       .threads = {{.thread = 0, .place = Place::in_step(1, 0), .state = ThreadState::timed_waiting},
                   {.thread = 1, .place = Place::in_guard(0), .state = ThreadState::blocked},
                   {.thread = 2, .place = Place::in_guard(0), .state = ThreadState::blocked},
                   {.thread = 3, .place = Place::in_guard(0)}},
       .locks = {},
       .cycles = {}}};
  const Json mark = events_of(trace_of(trial), "i", "snapshot").at(0);
  EXPECT_EQ(nanos_of(mark.at("ts")), 500);
  EXPECT_EQ(mark.at("s"), "p");
  EXPECT_EQ(mark.at("args"), (Json{{"mode", "kernel"},
                                   {"states", {{"BLOCKED", 2}, {"TIMED_WAITING", 1}}},
                                   {"phases", {{"guard", 3}, {"step:payment", 1}}}}));
}

TEST(Trace, ShowsTheQueueOfAnOpenLoop) {
  TrialResult trial = trial_of("cas", 1);
  add_request(trial, 0, 0, {.start = 100, .enter = 110, .leave = 120, .end = 130});
  add_request(trial, 1, 1, {.start = 100, .enter = 110, .leave = 120, .end = 130});
  add_request(trial, 2, 0, {.start = {}, .enter = {}, .leave = {}, .end = {}});
  trial.requests[0].arrival = 40;
  trial.requests[1].arrival = 100;  // Taken at once.
  trial.requests[2].arrival = 90;   // Never taken.
  const Json trace = trace_of(trial);
  const auto begins = events_of(trace, "b", "queue");
  const auto ends = events_of(trace, "e", "queue");
  ASSERT_EQ(begins.size(), 2U);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(nanos_of(begins[0].at("ts")), 40);
  EXPECT_EQ(nanos_of(ends[0].at("ts")), 100);
  EXPECT_EQ(begins[0].at("id"), ends[0].at("id"));
  EXPECT_NE(begins[0].at("id"), begins[1].at("id"));
  EXPECT_EQ(begins[0].at("args"), (Json{{"request", 0}, {"key", "ticket-1"}}));
  EXPECT_EQ(nanos_of(ends[1].at("ts")), 130);
  EXPECT_EQ(begins[1].at("args"), (Json{{"request", 2}, {"key", "ticket-1"}, {"unfinished", true}}));
}

TEST(Trace, SurvivesHostileTexts) {
  TrialResult trial = trial_of("cas", 1, Verdict::crashed);
  trial.sentence = "a \"quote\"\n\x01 and \xff";
  add_request(trial, 0, 0, {.start = 1, .enter = {}, .leave = {}, .end = 2});
  trial.reason_texts = {"", "\"},{\\ \x80\xfe \t"};
  trial.requests[0].reason = 1;
  const Json trace = trace_of(trial);
  EXPECT_EQ(events_of(trace, "X", "request 0").at(0).at("args").at("reason"), "\"},{\\ \uFFFD\uFFFD \t");
  EXPECT_EQ(events_of(trace, "i", "end of trial").at(0).at("args").at("sentence"),
            "a \"quote\"\n\x01 and \uFFFD");
}

TEST(Trace, HoldsTheLastTrialOfEachGuardAndOfEachConfiguration) {
  TrialResult control = trial_of("none", 1, Verdict::violation);
  control.role = Role::control;
  add_request(control, 0, 0, {.start = 1, .enter = 2, .leave = 3, .end = 4});
  TrialResult early = trial_of("cas", 2);
  add_request(early, 0, 0, {.start = 1, .enter = 2, .leave = 3, .end = 4});
  TrialResult late = trial_of("cas", 3);
  add_request(late, 0, 0, {.start = 5, .enter = 6, .leave = 7, .end = 8});
  TrialResult other = trial_of("cas", 4);
  other.configuration = 1;
  add_request(other, 0, 0, {.start = 5, .enter = 6, .leave = 7, .end = 8});
  RunResult run = run_of({control, early, late, other});
  run.configurations.push_back(run.configurations.front());
  run.configurations[0].experiment.config["requests"] = "1";
  run.configurations[1].experiment.config["requests"] = "20";
  const Json trace = trace_of(run);
  std::vector<std::string> names;
  for (const Json& event : events_of(trace, "M", "process_name"))
    names.push_back(event.at("args").at("name"));
  EXPECT_EQ(names, (std::vector<std::string>{"none (control) · requests=1 · trial 1 · VIOLATION",
                                             "cas · requests=1 · trial 3 · OK",
                                             "cas · requests=20 · trial 4 · OK"}));
  EXPECT_EQ(events_of(trace, "X", "request 0").size(), 3U);
  std::set<std::uint64_t> numbers;  // Readers look threads up by their number alone.
  for (const Json& event : events_of(trace, "M", "process_name"))
    numbers.insert(event.at("pid").get<std::uint64_t>());
  for (const Json& event : events_of(trace, "M", "thread_name"))
    numbers.insert(event.at("tid").get<std::uint64_t>());
  EXPECT_EQ(numbers.size(), 6U);
  EXPECT_EQ(numbers.count(0), 0U);
  run.configurations.pop_back();
  run.trials.pop_back();
  run.guards.pop_back();
  EXPECT_EQ(events_of(trace_of(run), "M", "process_name").at(1).at("args").at("name"), "cas · trial 3 · OK");
}

TEST(Trace, OfNothingParses) {
  EXPECT_TRUE(trace_of(run_of({})).empty());
  EXPECT_TRUE(events_of(trace_of(trial_of("cas", 1, Verdict::error)), "X").empty());
}

}  // namespace
}  // namespace ccbench
