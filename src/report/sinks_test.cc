// The bytes that every sink makes of one small run, put together by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include "report/columns.h"
#include "report/comparison.h"
#include "report/layout.h"
#include "report/ranked_table.h"
#include "report/sink.h"

namespace ccbench {
namespace {

constexpr std::array<Parameter, 2> kParameters = {
    {{.name = "payment", .about = "", .initial = "1s"}, {.name = "db", .about = "", .initial = "500ms"}}};
constexpr std::array<std::string_view, 2> kSteps = {"validate", "payment"};
constexpr std::array<std::string_view, 2> kFacts = {"payments", "bills"};

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

/// All four requests, two per key, succeed without a guard. Kept request by request.
TrialResult control_trial() {
  TrialResult trial;
  trial.trial = 1;
  trial.role = Role::control;
  trial.guard = "none";
  trial.tally.requests = 4;
  trial.tally.keys = 2;
  trial.tally.outcomes = {4};
  trial.tally.facts_of_key = {{2, 2}, {2, 2}};
  trial.invariants = {{.name = "one success", .expected = 1, .observed = 2, .holds = false, .key = 0},
                      {.name = "one payment sent", .expected = 1, .observed = 2, .holds = false, .key = 0}};
  trial.expected_success = 2;
  trial.verdict = Verdict::violation;
  trial.wall = 1'500'100'200;
  trial.start = {.spread = 90'500, .first_gap = 31, .in_flight_peak = 4};
  trial.wait = {.samples = 4, .p50 = 77, .p99 = {}, .max = 12'345};
  trial.cpu = CpuReport{.user = 1000, .system = 2000, .voluntary_switches = 9, .involuntary_switches = 1};
  trial.load1 = 0.5;
  trial.reason_texts = {""};
  trial.requests = {{.request = 0,
                     .thread = 0,
                     .key = 0,
                     .outcome = Outcome::success,
                     .start = 10,
                     .enter = 20,
                     .leave = 1'500'000'000,
                     .end = 1'500'000'010,
                     .arrival = {}}};
  return trial;
}

/// One success per key, the others are refused.
TrialResult held_trial() {
  TrialResult trial;
  trial.trial = 2;
  trial.guard = "synchronized";
  trial.tally.promises = {.exclusive = true, .waits = true, .per_key = true};
  trial.tally.requests = 4;
  trial.tally.keys = 2;
  trial.tally.outcomes = {2, 0, 2};
  trial.tally.facts_of_key = {{1, 1}, {1, 1}};
  trial.tally.reasons = {{{Outcome::refused, "said \"no\", twice"}, 2}};
  trial.invariants = {{.name = "one payment sent", .expected = 1, .observed = 1, .key = {}}};
  trial.expected_success = 2;
  trial.verdict = Verdict::ok;
  trial.wall = 1'503'000'000;
  trial.start = {.spread = 845'123, .first_gap = 29, .in_flight_peak = 4};
  trial.wait = {.samples = 4, .p50 = 700'000, .p99 = {}, .max = 1'502'000'000};
  trial.fairness = 0.98765;
  trial.blocked_peak = 2;
  trial.snapshots = {
      {.at = 500 * kMillisecond,
       .capture = 900,
       .resolve = {},
       .mode = "published",
       .threads = {{.thread = 0, .tid = 71, .place = Place::in_step(1, 0)},
                   {.thread = 1, .tid = 72, .place = Place::in_guard(1)},
                   {.thread = 2, .tid = 73, .place = Place::in_step(1, 1)},
                   {.thread = 3, .tid = 0, .place = Place::finished(), .state = ThreadState::terminated}},
       .locks = {},
       .cycles = {}}};
  trial.reason_texts = {"", "said \"no\", twice"};
  trial.requests = {{.request = 3,
                     .thread = 2,
                     .key = 1,
                     .kind = Kind::read,
                     .outcome = Outcome::refused,
                     .reason = 1,
                     .start = 30,
                     .enter = 40,
                     .leave = 50,
                     .end = 60,
                     .arrival = {}}};
  return trial;
}

/// The holder of the first key ends without releasing it: one request of four ends.
TrialResult hung_trial() {
  TrialResult trial;
  trial.trial = 3;
  trial.guard = "faulty-abandon";
  trial.tally.promises = {.exclusive = true, .waits = true, .per_key = true};
  trial.tally.requests = 4;
  trial.tally.keys = 2;
  trial.tally.outcomes = {1};
  trial.tally.facts_of_key = {{1, 0}, {1, 0}};
  trial.verdict = Verdict::hung;
  trial.sentence = "stalled";
  trial.start = {.spread = 40'000, .first_gap = 30, .in_flight_peak = 4};
  trial.hang = Hang{.kind = "stalled", .sentence = "no worker moved for 3.5s", .cycle = {}};
  for (const Nanos at : {500, 1000, 1500, 2000, 3500}) {
    trial.snapshots.push_back({.at = at * kMillisecond,
                               .capture = 100,
                               .resolve = {},
                               .mode = "published",
                               .threads = {{.thread = 0, .tid = 81, .place = Place::in_guard(0)}},
                               .locks = {},
                               .cycles = {}});
  }
  trial.reason_texts = {""};
  trial.requests = {{.request = 1,
                     .thread = 1,
                     .key = 0,
                     .outcome = {},
                     .start = 35,
                     .enter = {},
                     .leave = {},
                     .end = {},
                     .arrival = {}}};
  return trial;
}

RunResult small_run() {
  RunResult run{
      .run_id = "run-7",
      .machine = {.host = "box", .cpu_model = "Fast, 2 GHz", .kernel = "6.1", .cpus = 2},
      .build = {.version = "0.1.0",
                .compiler = "g++ 12.2.0",
                .build_type = "Release",
                .sanitizer = "none",
                .optimized = true},
      .configurations =
          {{.experiment = {.scenario = &scenario(),
                           .parameters = ParameterValues(kParameters),
                           .guards = {},
                           .left_out = {{"rwlock", {"exclusive", "once"}}},
                           .requests = 4,
                           .threads = 4,
                           .keys = 2,
                           .zipf = {},
                           .seed = 18'446'744'073'709'551'615U,
                           .window = {},
                           .snapshots = {},
                           .snapshot_at = {},
                           .config = {{"guard", "synchronized,faulty-abandon"}, {"seed", "1"}},
                           .params = {{"db", "500ms"}, {"start", "latch"}}},
            .control = {.trials = 1, .broken = 1, .sentence = "the control broke in 1 of 1 trials"}}},
      .trials = {control_trial(), held_trial(), hung_trial()},
      .guards = {},
      .stacks = {},
      .warnings = {"a debug build"},
      .shrunk = {}};
  run.trials[1].started_unix_ns = 1'700'000'000'000'000'001;
  run.guards = {{.guard = "none",
                 .role = Role::control,
                 .verdict = Verdict::violation,
                 .sentence = "one payment sent: 2 instead of 1 on ticket-1",
                 .trials = {0},
                 .lacking = {"exclusive"},
                 .noisy = {}},
                {.guard = "synchronized",
                 .role = Role::guard,
                 .verdict = Verdict::ok,
                 .sentence = "held",
                 .trials = {1},
                 .lacking = {},
                 .noisy = {}},
                {.guard = "faulty-abandon",
                 .role = Role::guard,
                 .verdict = Verdict::hung,
                 .sentence = "no worker moved for 3.5s",
                 .trials = {2},
                 .lacking = {"once"},
                 .noisy = {}}};
  return run;
}

ThreadRow sleeper(std::uint32_t thread, Place place, ThreadState state, std::uint32_t lock) {
  return {.thread = thread,
          .tid = static_cast<int>(80 + thread),
          .place = place,
          .state = state,
          .stable = true,
          .lock = lock,
          .stack = 0};
}

LockRow waited_for(std::uint64_t address, LockKind kind, std::optional<std::uint32_t> owner,
                   std::optional<Place> place) {
  return {.address = address,
          .kind = kind,
          .waiters = 1,
          .owner_tid = owner ? static_cast<int>(80 + *owner) : 0,
          .owner = owner,
          .place = place};
}

/// T0 and T1 in a deadlock; T2 waits for a lock that T4, which has finished, still holds, T3 to write where
/// others read, T5 sleeps on something unknown, and T6 is awake.
Snapshot deadlock() {
  Snapshot snapshot{
      .at = 600 * kMillisecond,
      .capture = 400,
      .resolve = 5000,
      .mode = "kernel",
      .threads = {sleeper(0, Place::in_guard(1), ThreadState::blocked, 1),
                  sleeper(1, Place::in_guard(0), ThreadState::blocked, 0),
                  sleeper(2, Place::in_guard(2), ThreadState::blocked, 2),
                  sleeper(3, Place::in_guard(3), ThreadState::blocked, 3),
                  sleeper(4, Place::finished(), ThreadState::terminated, kNoIndex),
                  sleeper(5, Place::in_step(1, 0), ThreadState::waiting, 4),
                  sleeper(6, Place::in_guard(0), ThreadState::runnable, kNoIndex)},
      .locks = {waited_for(0xa0, LockKind::mutex, 0, Place::in_guard(0)),
                waited_for(0xb0, LockKind::recursive_mutex, 1, Place::in_guard(1)),
                waited_for(0xc0, LockKind::mutex, 4, Place::in_guard(2)),
                waited_for(0xd0, LockKind::shared_mutex, {}, Place::in_guard(3)),
                waited_for(0xe0, LockKind::futex, {}, {})},
      .cycles = {{{.thread = 0, .holds = 0, .waits_for = 1}, {.thread = 1, .holds = 1, .waits_for = 0}}}};
  snapshot.locks[1].depth = 2;
  snapshot.locks[3].readers = 3;
  snapshot.threads[1].stack = 1;
  snapshot.threads[4].stack = kNoIndex;
  snapshot.threads[4].tid = 0;
  snapshot.threads[6].stable = false;
  snapshot.threads[6].stack = kNoIndex;
  return snapshot;
}

/// The same run with a kernel's view of its last trial, which ends in a deadlock.
RunResult deadlocked_run() {
  RunResult run = small_run();
  TrialResult& trial = run.trials[2];
  trial.snapshots = {deadlock()};
  trial.hang =
      Hang{.kind = "deadlock", .sentence = "deadlock: T0 and T1", .cycle = trial.snapshots[0].cycles.front()};
  run.guards[2].sentence = trial.hang->sentence;
  const Frame wait{.address = 0x7f01, .function = "__lll_lock_wait", .module = "libc.so.6", .file = ""};
  const Frame guard{.address = 0x4010,
                    .function = "SynchronizedGuard<StdSync>::run",
                    .module = "ccbench",
                    .file = "synchronized.cc",
                    .line = 24};
  const Frame work{.address = 0x4020,
                   .function = "Trial::work",
                   .module = "ccbench",
                   .file = "trial.cc",
                   .line = 99,
                   .harness = true};
  const Frame nameless{.address = 0x7f02, .function = "", .module = "", .file = ""};
  run.stacks = {{.frames = {wait, guard, work}, .complete = true}, {.frames = {nameless}}};
  return run;
}

std::string written(const std::unique_ptr<Sink>& sink, const RunResult& run) {
  std::ostringstream out;
  sink->write(run, out);
  return out.str();
}

TEST(TrialsCsv, IsTheContractsHeaderAndOneRowPerTrial) {
  // New columns come only at the end.
  const std::vector<std::string> wanted = {
      "schema,run_id,trial,role,guard,scenario,store,processes,requests,threads,keys,seed,section_ns,verdict,"
      "success,shared,refused,turned_away,cancelled,timed_out,error,expected_success,violations,effects,wall_"
      "ns,"
      "cpu_user_ns,cpu_sys_ns,ctx_voluntary,ctx_involuntary,start_spread_ns,in_flight_peak,wait_p50_ns,"
      "wait_p99_ns,wait_max_ns,hold_p50_ns,latency_p50_ns,latency_p99_ns,latency_max_ns,blocked_peak,"
      "fairness_jain,exit_code,started_unix_ns,load1,cpus,compiler,build_type,sanitizer,version,unfinished,"
      "params,"
      "pair,rep,order,host,cpu_model,perturbed",
      "ccbench.trials/1,run-7,1,control,none,lotto-purchase,memory,1,4,4,2,18446744073709551615,1500000000,"
      "VIOLATION,4,0,0,0,0,0,0,2,2,4,1500100200,1000,2000,9,1,90500,4,77,,12345,,,,,,,3,0,0.50,2,g++ 12.2.0,"
      "Release,none,0.1.0,0,db=500ms;start=latch,,,,box,\"Fast, 2 GHz\",0",
      "ccbench.trials/"
      "1,run-7,2,guard,synchronized,lotto-purchase,memory,1,4,4,2,18446744073709551615,1500000000,"
      "OK,2,0,2,0,0,0,0,2,0,2,1503000000,,,,,845123,4,700000,,1502000000,,,,,2,0.9877,0,1700000000000000001,"
      "0.00,"
      "2,g++ 12.2.0,Release,none,0.1.0,0,db=500ms;start=latch,,,,box,\"Fast, 2 GHz\",0",
      "ccbench.trials/1,run-7,3,guard,faulty-abandon,lotto-purchase,memory,1,4,4,2,18446744073709551615,"
      "1500000000,HUNG,1,0,0,0,0,0,0,,0,1,,,,,,40000,4,,,,,,,,,,6,0,0.00,2,g++ 12.2.0,Release,none,0.1.0,3,"
      "db=500ms;start=latch,,,,box,\"Fast, 2 GHz\",0"};
  std::istringstream lines(written(trials_csv_sink(), small_run()));
  std::size_t found = 0;
  for (std::string line; std::getline(lines, line); ++found)
    EXPECT_TRUE(line.starts_with(wanted.at(found) + ",")) << line;
  EXPECT_EQ(found, wanted.size());
}

TEST(TrialsCsv, LeavesEmptyWhatAnUnstartedTrialNeverMeasured) {
  RunResult run = small_run();
  TrialResult refused;
  refused.verdict = Verdict::error;
  refused.tally.requests = 4;
  run.trials = {refused};
  const std::string csv = written(trials_csv_sink(), run);
  // expected_success to in_flight_peak: only the violations were counted.
  EXPECT_NE(csv.find(",ERROR,0,0,0,0,0,0,0,,0,,,,,,,,,,,"), std::string::npos) << csv;
}

TEST(RequestsCsv, HasOneRowPerRequestAndNoEndForTheUnfinished) {
  EXPECT_EQ(
      written(requests_csv_sink(), small_run()),
      "schema,run_id,trial,request,thread,key,kind,outcome,reason,start_ns,enter_ns,leave_ns,end_ns,steps,"
      "arrival_ns\n"
      "ccbench.requests/1,run-7,1,0,0,0,write,success,,10,20,1500000000,1500000010,,\n"
      "ccbench.requests/1,run-7,2,3,2,1,read,refused,\"said \"\"no\"\", twice\",30,40,50,60,,\n"
      "ccbench.requests/1,run-7,3,1,1,0,write,,,35,,,,,\n");
}

TEST(RequestsCsv, NamesNoThreadForARequestThatNobodyTook) {
  RunResult run = small_run();
  run.trials.resize(1);
  run.trials[0].requests = {{.request = 2,
                             .thread = {},
                             .key = 1,
                             .outcome = {},
                             .start = {},
                             .enter = {},
                             .leave = {},
                             .end = {},
                             .arrival = {}}};
  const std::string csv = written(requests_csv_sink(), run);
  EXPECT_TRUE(csv.ends_with("\nccbench.requests/1,run-7,1,2,,1,write,,,,,,,,\n")) << csv;
}

TEST(SnapshotsCsv, HasOneRowPerThreadAndNamesTheLockThatAWorkerWaitsFor) {
  RunResult run = small_run();
  run.trials[2].snapshots.resize(2);
  EXPECT_EQ(written(snapshots_csv_sink(), run),
            "schema,run_id,trial,snapshot,t_ns,thread,tid,state,java_state,phase,lock,lock_kind,owner_thread,"
            "stable,"
            "stack\n"
            "ccbench.snapshots/1,run-7,2,1,500000000,0,71,,,step:payment,,,,,\n"
            "ccbench.snapshots/1,run-7,2,1,500000000,1,72,,,guard,synchronized[ticket-2],,,,\n"
            "ccbench.snapshots/1,run-7,2,1,500000000,2,73,,,step:payment,,,,,\n"
            "ccbench.snapshots/1,run-7,2,1,500000000,3,,TERMINATED,TERMINATED,finished,,,,,\n"
            "ccbench.snapshots/1,run-7,3,1,500000000,0,81,,,guard,faulty-abandon[ticket-1],,,,\n"
            "ccbench.snapshots/1,run-7,3,2,1000000000,0,81,,,guard,faulty-abandon[ticket-1],,,,\n");
}

TEST(SnapshotsCsv, HasStatesLocksOwnersAndStacksWhereTheKernelWasAsked) {
  const std::string csv = written(snapshots_csv_sink(), deadlocked_run());
  const std::string row = "ccbench.snapshots/1,run-7,3,1,600000000,";
  EXPECT_EQ(
      csv.substr(csv.find("\n" + row + "0,") + 1),
      row +
          "0,80,BLOCKED,BLOCKED (on object monitor),guard,faulty-abandon[ticket-2],recursive_mutex,1,1,0\n" +
          row + "1,81,BLOCKED,BLOCKED (on object monitor),guard,faulty-abandon[ticket-1],mutex,0,1,1\n" +
          row + "2,82,BLOCKED,BLOCKED (on object monitor),guard,faulty-abandon[ticket-3],mutex,4,1,0\n" +
          row + "3,83,BLOCKED,WAITING (parking),guard,faulty-abandon[ticket-4],shared_mutex,,1,0\n" + row +
          "4,,TERMINATED,TERMINATED,finished,,,,1,\n" + row +
          "5,85,WAITING,WAITING (parking),step:payment,futex 0xe0,futex,,1,0\n" + row +
          "6,86,RUNNABLE,RUNNABLE,guard,,,,0,\n");
}

TEST(LockOf, SaysNoMoreThanTheGuardPromises) {
  const RunResult run = small_run();
  TrialResult trial = run.trials[1];
  EXPECT_EQ(lock_of(run, trial, Place::in_guard(0)), "synchronized[ticket-1]");
  EXPECT_EQ(lock_of(run, trial, Place::in_section(0)), "");
  trial.tally.promises.per_key = false;
  EXPECT_EQ(lock_of(run, trial, Place::in_guard(0)), "synchronized");
  trial.tally.promises.waits = false;
  EXPECT_EQ(lock_of(run, trial, Place::in_guard(0)), "");
}

TEST(EffectsOf, IsNothingBeforeTheScenarioHasSettled) {
  RunResult run = small_run();
  EXPECT_EQ(effects_of(run, run.trials[1]), 2);  // Counted as it happens.
  ScenarioPlugin at_end = scenario();
  at_end.info.facts_at_end = true;
  run.configurations[0].experiment.scenario = &at_end;
  EXPECT_EQ(effects_of(run, run.trials[1]), std::nullopt);
  run.trials[1].tally.settled = true;
  EXPECT_EQ(effects_of(run, run.trials[1]), 2);
  const auto trials = nlohmann::ordered_json::parse(written(json_sink(), run))["trials"];
  EXPECT_EQ(trials[0]["facts"].dump(), "{}");
  EXPECT_TRUE(trials[0]["effects"].is_null());
  EXPECT_EQ(trials[1]["facts"].dump(), R"({"payments":2,"bills":2})");
}

TEST(CsvCells, AreQuotedOnlyWhereTheyMustBe) {
  const auto csv = [](const Cell& cell) {
    std::string line;
    append_csv(cell, line);
    return line;
  };
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(csv({}), "");
  EXPECT_EQ(csv("plain µ text"sv), "plain µ text");
  EXPECT_EQ(csv("a,b"sv), "\"a,b\"");
  EXPECT_EQ(csv("a\nb\r"sv), "\"a\nb\r\"");
  EXPECT_EQ(csv("\"a\""sv), "\"\"\"a\"\"\"");
  EXPECT_EQ(csv(cell(std::int64_t{-5})), "-5");
  EXPECT_EQ(csv(Decimal{.value = 1, .places = 2}), "1.00");
}

TEST(SpreadOf, FoldsTheTrialsOfAGuardThatMeasuredTheColumn) {
  RunResult run = small_run();
  run.guards[1].trials = {0, 1, 2};
  EXPECT_EQ(spread_of(run, run.guards[1], "success"), (Spread{.least = 1, .median = 2, .most = 4}));
  EXPECT_EQ(spread_of(run, run.guards[1], "wall_ns"),
            (Spread{.least = 1'500'100'200, .median = 1'500'100'200, .most = 1'503'000'000}));
  EXPECT_EQ(spread_of(run, run.guards[1], "latency_p99_ns"), std::nullopt);
  EXPECT_EQ(spread_of(run, run.guards[1], "seed"), std::nullopt);  // Does not fit a signed number.
  EXPECT_THROW(spread_of(run, run.guards[1], "wall"), std::logic_error);
}

std::vector<std::string> keys_of(const nlohmann::ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(Json, HasTheContractsMembersInItsOrder) {
  const std::string text = written(json_sink(), small_run());
  EXPECT_TRUE(text.starts_with(
      "{\n  \"schema\": \"ccbench.run/1\",\n  \"version\": \"0.1.0\",\n  \"host\": {\n    "));
  EXPECT_TRUE(text.ends_with("\n}\n"));
  const auto run = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(text, run.dump(2) + '\n');  // Written in pieces, and still as in one.
  const std::vector<std::string> of_the_contract = {"schema", "version",    "host",   "config",  "seed",
                                                    "trials", "comparison", "stacks", "warnings"};
  std::vector<std::string> first = keys_of(run);
  ASSERT_GT(first.size(), of_the_contract.size());
  first.resize(of_the_contract.size());
  EXPECT_EQ(first, of_the_contract);
  EXPECT_EQ(run["seed"].get<std::uint64_t>(), 18'446'744'073'709'551'615U);
  EXPECT_EQ(run["config"]["guard"], "synchronized,faulty-abandon");
  EXPECT_EQ(run["comparison"][2]["verdict"], "HUNG");
  EXPECT_EQ(run["comparison"][2]["success"]["max"], 1);
  EXPECT_TRUE(run["comparison"][2]["wall_ns"].is_null());
}

TEST(Json, CarriesTheColumnsOfTrialsCsvWithTheSameValues) {
  const RunResult result = small_run();
  const auto run = nlohmann::ordered_json::parse(written(json_sink(), result));
  ASSERT_EQ(run["trials"].size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<std::string> names;
    for (const auto& column : trial_columns()) {
      names.emplace_back(column.name);
      std::string csv;
      append_csv(column.value(TrialRow{result, result.trials[i]}), csv);
      const auto& value = run["trials"][i][names.back()];
      EXPECT_EQ(csv.empty(), value.is_null()) << names.back();
      if (value.is_number_integer()) {
        EXPECT_EQ(csv, value.dump()) << names.back();
      }
      if (value.is_number_float()) {
        EXPECT_EQ(std::stod(csv), value.get<double>()) << names.back();
      }
    }
    for (const char* name : {"reasons", "facts", "invariants", "arrivals", "snapshots", "hang", "workers",
                             "sentence", "first_gap_ns", "configuration", "elapsed_ns"}) {
      names.emplace_back(name);
    }
    EXPECT_EQ(keys_of(run["trials"][i]), names);
  }
}

TEST(Json, TellsReasonsFactsInvariantsAndHangs) {
  const auto run = nlohmann::ordered_json::parse(written(json_sink(), small_run()));
  const auto& control = run["trials"][0];
  EXPECT_EQ(control["facts"].dump(), R"({"payments":4,"bills":4})");
  EXPECT_EQ(control["invariants"][1].dump(),
            R"({"name":"one payment sent","expected":1,"observed":2,"holds":false,"key":0})");
  EXPECT_EQ(control["reasons"].dump(), "{}");
  EXPECT_TRUE(control["hang"].is_null());
  const auto& held = run["trials"][1];
  EXPECT_EQ(held["reasons"].dump(), R"({"refused: said \"no\", twice":2})");
  EXPECT_TRUE(held["invariants"][0]["key"].is_null());
  EXPECT_EQ(run["trials"][2]["hang"].dump(),
            R"({"kind":"stalled","cycle":[],"sentence":"no worker moved for 3.5s"})");
}

TEST(Json, CountsPhasesAndWaitersOfASnapshot) {
  const auto run = nlohmann::ordered_json::parse(written(json_sink(), small_run()));
  auto snapshot = run["trials"][1]["snapshots"][0];
  EXPECT_EQ(snapshot["threads"].size(), 4U);
  EXPECT_EQ(
      snapshot["threads"][3].dump(),
      R"({"schema":"ccbench.snapshots/1","run_id":"run-7","trial":2,"snapshot":1,"t_ns":500000000,"thread":3,)"
      R"("tid":null,"state":"TERMINATED","java_state":"TERMINATED","phase":"finished","lock":null,"lock_kind":null,)"
      R"("owner_thread":null,"stable":null,"stack":null,"key":null,"limited":false,"system_call":null,"still_for":0,)"
      R"("lock_index":null})");
  snapshot["threads"] = nullptr;
  EXPECT_EQ(
      snapshot.dump(),
      R"({"at_ns":500000000,"capture_ns":900,"resolve_ns":null,"mode":"published","states":{"TERMINATED":1},)"
      R"("threads":null,"locks":[{"name":"synchronized[ticket-2]","kind":null,"owner":null,"waiters":1,)"
      R"("owner_tid":null,"depth":null,"readers":null,"address":null}],)"
      R"("cycles":[],"phases":{"finished":1,"guard":1,"step:payment":2}})");
}

TEST(Json, NamesLocksOwnersAndCyclesWhereTheKernelWasAsked) {
  const std::string text = written(json_sink(), deadlocked_run());
  const auto run = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(text, run.dump(2) + '\n');
  auto snapshot = run["trials"][2]["snapshots"][0];
  EXPECT_EQ(
      snapshot["threads"][0].dump(),
      R"({"schema":"ccbench.snapshots/1","run_id":"run-7","trial":3,"snapshot":1,"t_ns":600000000,"thread":0,)"
      R"-("tid":80,"state":"BLOCKED","java_state":"BLOCKED (on object monitor)","phase":"guard",)-"
      R"("lock":"faulty-abandon[ticket-2]","lock_kind":"recursive_mutex","owner_thread":1,"stable":1,"stack":0,)"
      R"("key":1,"limited":false,"system_call":null,"still_for":0,"lock_index":1})");
  snapshot["threads"] = nullptr;
  EXPECT_EQ(
      snapshot.dump(),
      R"({"at_ns":600000000,"capture_ns":400,"resolve_ns":5000,"mode":"kernel",)"
      R"("states":{"BLOCKED":4,"TERMINATED":1,"WAITING":1,"RUNNABLE":1},"threads":null,"locks":[)"
      R"({"name":"faulty-abandon[ticket-1]","kind":"mutex","owner":0,"waiters":1,)"
      R"("owner_tid":80,"depth":null,"readers":null,"address":"0xa0"},)"
      R"({"name":"faulty-abandon[ticket-2]","kind":"recursive_mutex","owner":1,"waiters":1,)"
      R"("owner_tid":81,"depth":2,"readers":null,"address":"0xb0"},)"
      R"({"name":"faulty-abandon[ticket-3]","kind":"mutex","owner":4,"waiters":1,)"
      R"("owner_tid":84,"depth":null,"readers":null,"address":"0xc0"},)"
      R"({"name":"faulty-abandon[ticket-4]","kind":"shared_mutex","owner":null,"waiters":1,)"
      R"("owner_tid":null,"depth":null,"readers":3,"address":"0xd0"},)"
      R"({"name":"futex 0xe0","kind":"futex","owner":null,"waiters":1,)"
      R"("owner_tid":null,"depth":null,"readers":null,"address":"0xe0"}],)"
      R"("cycles":[[{"thread":0,"holds":"faulty-abandon[ticket-1]","waits_for":"faulty-abandon[ticket-2]"},)"
      R"({"thread":1,"holds":"faulty-abandon[ticket-2]","waits_for":"faulty-abandon[ticket-1]"}]],)"
      R"("phases":{"finished":1,"guard":5,"step:payment":1}})");
  EXPECT_EQ(run["trials"][2]["hang"].dump(),
            R"({"kind":"deadlock","cycle":[)"
            R"({"thread":0,"holds":"faulty-abandon[ticket-1]","waits_for":"faulty-abandon[ticket-2]"},)"
            R"({"thread":1,"holds":"faulty-abandon[ticket-2]","waits_for":"faulty-abandon[ticket-1]"}],)"
            R"("sentence":"deadlock: T0 and T1"})");
  EXPECT_EQ(
      run["stacks"].dump(),
      R"([{"complete":true,"frames":[)"
      R"({"function":"__lll_lock_wait","file":null,"line":null,"module":"libc.so.6","address":"0x7f01",)"
      R"("harness":false,"inlined":false},)"
      R"({"function":"SynchronizedGuard<StdSync>::run","file":"synchronized.cc","line":24,)"
      R"("module":"ccbench","address":"0x4010","harness":false,"inlined":false},)"
      R"({"function":"Trial::work","file":"trial.cc","line":99,"module":"ccbench","address":"0x4020",)"
      R"("harness":true,"inlined":false}]},)"
      R"({"complete":false,"frames":[{"function":null,"file":null,"line":null,"module":null,)"
      R"("address":"0x7f02","harness":false,"inlined":false}]}])");
}

TEST(Json, StaysReadableWhenAReasonIsNotUtf8) {
  RunResult run = small_run();
  run.trials[1].tally.reasons = {{{Outcome::error, "caf\xe9"}, 1}};
  const auto json = nlohmann::ordered_json::parse(written(json_sink(), run));
  EXPECT_EQ(keys_of(json["trials"][1]["reasons"]), std::vector<std::string>{"error: caf\xef\xbf\xbd"});
}

/// Remembers the longest piece that was written at once.
class LongestPiece final : public std::streambuf {
 public:
  std::streamsize longest = 0;
  std::streamsize all = 0;

 private:
  std::streamsize xsputn(const char* /*text*/, std::streamsize size) override {
    longest = std::max(longest, size);
    all += size;
    return size;
  }
  int_type overflow(int_type c) override {
    ++all;
    return c;
  }
};

TEST(Json, KeepsNoMoreThanOneSnapshotInMemory) {
  RunResult run = small_run();
  const Snapshot snapshot = run.trials[1].snapshots[0];
  run.trials[1].snapshots.assign(100, snapshot);
  LongestPiece pieces;
  std::ostream out(&pieces);
  json_sink()->write(run, out);
  EXPECT_GT(pieces.all, 100'000);
  EXPECT_LT(pieces.longest, 10'000);
}

TEST(Json, IsWholeWithoutATrial) {
  RunResult run = small_run();
  run.trials.clear();
  run.guards.clear();
  EXPECT_EQ(nlohmann::ordered_json::parse(written(json_sink(), run))["trials"].dump(), "[]");
}

// clang-format off
constexpr std::string_view kText =
    "ccbench 0.1.0 · lotto-purchase · 4 requests, 4 threads, 2 keys, 1 trial · seed 18446744073709551615\n"
    "with db=500ms start=latch\n"
    "\n"
    "                                             turned                                  wait  wait     wait\n"
    "guard           verdict    success  refused    away  unfinished  payments    wall     p50   p99      max\n"
    "synchronized    OK               2        2       0           0         2  1.50 s  700 µs     -   1.50 s\n"
    "── not ranked: not shown to hold ───────────────────────────────────────────────────────────────────────\n"
    "faulty-abandon  HUNG             1        0       0           3         1       -       -     -        -\n"
    "none (control)  VIOLATION        4        0       0           0         4  1.50 s   77 ns     -  12.3 µs\n"
    "\n"
    "                 beyond      CPU      CPU   switches     switches\n"
    "guard           section     user   system  voluntary  involuntary\n"
    "synchronized    3.00 ms        -        -          -            -\n"
    "── not ranked: not shown to hold ────────────────────────────────\n"
    "faulty-abandon        -        -        -          -            -\n"
    "none (control)   100 µs  1.00 µs  2.00 µs          9            1\n"
    "\n"
    "verdict    faulty-abandon  no worker moved for 3.5s\n"
    "           synchronized: held\n"
    "start      first two 29 ns apart, last 40.0 µs after the first, 4 in flight at the peak\n"
    "machine    2 CPUs, 2 threads per CPU, load 0.50, Release build\n"
    "control    the control broke in 1 of 1 trials\n"
    "failures   synchronized  2 × refused: said \"no\", twice\n"
    "snapshots  synchronized    at 500 ms: 2 in step payment, 1 finished, 1 waiting for synchronized[ticket-2]\n"
    "           faulty-abandon  at 500 ms: 1 waiting for faulty-abandon[ticket-1]\n"
    "                           at 1.00 s: 1 waiting for faulty-abandon[ticket-1]\n"
    "                           … 2 more\n"
    "                           at 3.50 s: 1 waiting for faulty-abandon[ticket-1]\n"
    "hang       faulty-abandon  stalled\n"
    "repeat     faulty-abandon  ccbench --guard=faulty-abandon --requests=4 --keys=2 --db=500ms --start=latch --seed=0\n"
    "left out   rwlock  does not promise: exclusive, once\n"
    "misfit     faulty-abandon  does not promise: once\n"
    "warning    a debug build\n";
// clang-format on

TEST(Text, IsTheTableAndWhatThereIsToSay) { EXPECT_EQ(written(text_sink({}), small_run()), kText); }

std::size_t widest_line(const std::string& text) {
  std::istringstream in(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(in, line);) {
    // A command is copied from one line, however long.
    if (line.find(" ccbench --") == std::string::npos) widest = std::max(widest, width_of(line));
  }
  return widest;
}

/// The lines from one topic to the next.
std::string said_between(const std::string& text, std::string_view topic, std::string_view next) {
  const auto begin = text.find("\n" + std::string(topic)) + 1;
  return text.substr(begin, text.find("\n" + std::string(next), begin) + 1 - begin);
}

TEST(Text, NamesHoldersStatesAndTheStacksOfAHangWhereTheyAreKnown) {
  RunResult run = deadlocked_run();
  EXPECT_EQ(
      said_between(written(text_sink({}), run), "snapshots", "repeat"),
      "snapshots  synchronized    at 500 ms: 2 in step payment, 1 finished, 1 waiting for "
      "synchronized[ticket-2]\n"
      "           faulty-abandon  at 600 ms: 2 waiting for faulty-abandon[ticket-1] held by T0, 1 finished, "
      "1 in step\n"
      "                           payment, 1 waiting for faulty-abandon[ticket-2] held by T1, 1 waiting for\n"
      "                           faulty-abandon[ticket-3], held by T4 which has finished and 1 more place "
      "(4\n"
      "                           BLOCKED, 1 RUNNABLE, 1 WAITING, 1 TERMINATED)\n"
      "hang       faulty-abandon  deadlock\n"
      "                           4 × at __lll_lock_wait (libc.so.6)\n"
      "                               at SynchronizedGuard<StdSync>::run (synchronized.cc:24)\n"
      "                           1 × at 0x7f02\n"
      "                           --thread-dump has all\n");
  run.trials[2].snapshots[0].threads.resize(5);
  run.trials[2].snapshots[0].threads.erase(run.trials[2].snapshots[0].threads.begin());
  for (ThreadRow& row : run.trials[2].snapshots[0].threads) row.stack = kNoIndex;
  run.guards[2].sentence = "1 of 2 trials: something else";
  EXPECT_NE(written(text_sink({}), run).find("hang       faulty-abandon  deadlock: T0 and T1\nrepeat "),
            std::string::npos);
}

TEST(Text, ClaimsNoOwnerButThoseThatAreKnown) {
  RunResult run = deadlocked_run();
  auto& threads = run.trials[2].snapshots[0].threads;
  threads[0].lock = threads[1].lock = 2;
  threads[6] = threads[5] = threads[3];
  EXPECT_NE(
      written(text_sink({.width = 300}), run)
          .find("at 600 ms: 3 waiting for faulty-abandon[ticket-3], held by T4 which has finished, 3 waiting "
                "for faulty-abandon[ticket-4] held by 3 readers, 1 finished (6 BLOCKED, 1 TERMINATED)\n"),
      std::string::npos);
}

TEST(Text, TakesTheWordOfWhoIsAwakeInTheGuardUnlessHeHoldsTheLock) {
  RunResult run = deadlocked_run();
  auto& threads = run.trials[2].snapshots[0].threads;
  threads.erase(threads.begin() + 1, threads.begin() + 6);
  threads[0].state = ThreadState::runnable;  // Has just got the lock that it still says it waits for.
  threads[0].lock = kNoIndex;
  threads[0].place = Place::in_guard(0);
  threads.push_back(threads[1]);
  threads.back().place = Place::in_guard(9);
  EXPECT_NE(
      written(text_sink({.width = 300}), run)
          .find(
              "at 600 ms: 1 in guard faulty-abandon, 1 waiting for faulty-abandon[ticket-10], 1 waiting for "
              "faulty-abandon[ticket-1] held by T0 (3 RUNNABLE)\n"),
      std::string::npos);
}

TEST(Text, StaysShortHoweverManyThreadsHang) {
  RunResult run = deadlocked_run();
  auto& threads = run.trials[2].snapshots[0].threads;
  for (std::uint32_t thread = 7; thread < 1000; ++thread) {
    threads.push_back(threads[0]);
    threads.back().thread = thread;
    threads.back().place = Place::in_guard(thread);
    threads.back().lock = kNoIndex;
    threads.back().stack = 2 + thread % 20;
  }
  for (int stack = 0; stack < 20; ++stack) {
    run.stacks.push_back(run.stacks[0]);
    for (int i = 0; i < 10; ++i) {
      run.stacks.back().frames[0].function = "f" + std::to_string(stack);
      run.stacks.back().frames.push_back(run.stacks[0].frames[1]);
      run.stacks.back().frames.back().function = "Guard<" + std::string(200, 'x') + ">::run";
    }
  }
  const std::string text = written(text_sink({}), run);
  EXPECT_LT(std::ranges::count(text, '\n'), 65);
  EXPECT_LE(widest_line(text), 110U);
  EXPECT_NE(text.find("\n                           50 × at f7 (libc.so.6)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("                                at Guard<" + std::string(41, 'x') +
                      "… (synchronized.cc:24)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("                                … 6 more\n"), std::string::npos) << text;
  EXPECT_NE(text.find("                           and 18 more stacks; --thread-dump has all\n"),
            std::string::npos)
      << text;
}

TEST(Text, SaysNothingBelowTheTableButWhatTheTrialsProve) {
  RunResult run = small_run();
  run.trials[1].tally.reasons.clear();
  run.trials[1].snapshots.clear();
  run.trials[1].start = {};
  run.trials = {run.trials[1]};
  run.guards = {run.guards[1]};
  run.guards[0].trials = {0};
  run.configurations[0].experiment.left_out.clear();
  run.configurations[0].control = {};
  run.warnings.clear();
  const std::string text = written(text_sink({}), run);
  const std::string table = written(text_sink({.color = false, .quiet = true}), run);
  EXPECT_NE(text.find(table), std::string::npos) << text;
  EXPECT_TRUE(
      text.ends_with("synchronized  3.00 ms\n\nverdict    synchronized: held\n"
                     "machine    2 CPUs, 2 threads per CPU, load 0.00, Release build\n"))
      << text;
}

TEST(Text, IsTheTableAloneWhenQuiet) {
  const std::string loud = written(text_sink({}), small_run());
  const std::string quiet = written(text_sink({.color = false, .quiet = true}), small_run());
  EXPECT_EQ(std::ranges::count(quiet, '\n'), 6);  // Two lines of titles, three guards, and one between.
  EXPECT_NE(loud.find(quiet), std::string::npos);
}

/// The words of the table's two lines of titles.
std::string titles(const RunResult& run, std::size_t width) {
  const std::string table = written(text_sink({.color = false, .quiet = true, .width = width}), run);
  return table.substr(0, table.find("\nsynchronized") + 1);
}

TEST(Text, FitsANarrowTerminal) {
  RunResult run = small_run();
  run.warnings = {std::string(200, 'x')};
  for (const std::size_t width : {80U, 100U, 110U, 200U}) {
    EXPECT_LE(widest_line(written(text_sink({.width = width}), run)), width);
  }
  EXPECT_GT(widest_line(written(text_sink({.width = 200}), run)), 110U);
  // Where nothing is left to leave out, it is as narrow as can be.
  EXPECT_LT(widest_line(written(text_sink({.width = 1}), run)), 80U);
}

TEST(Text, LeavesOutZerosBeforeWaits) {
  RunResult run = small_run();
  const std::size_t all = widest_line(titles(run, 1000));
  const auto has = [&](std::size_t narrower, std::string_view title) {
    return titles(run, all - narrower).find(title) != std::string::npos;
  };
  EXPECT_TRUE(has(0, "errors"));
  EXPECT_FALSE(has(1, "errors"));
  EXPECT_TRUE(has(1, "shared"));
  EXPECT_FALSE(has(9, "shared"));
  EXPECT_TRUE(has(9, "away"));
  EXPECT_FALSE(has(17, "away"));
  EXPECT_TRUE(has(17, "p99"));
  EXPECT_FALSE(has(25, "p99"));
  EXPECT_TRUE(has(25, "p50"));
  EXPECT_FALSE(has(31, "p50"));
  EXPECT_TRUE(has(31, "max"));
  EXPECT_FALSE(has(39, "max"));
  for (const char* title : {"success", "refused", "unfinished", "payments"})
    EXPECT_TRUE(has(all, title)) << title;
  run.trials[1].tally.outcomes[index_of(Outcome::error)] = 1;
  EXPECT_TRUE(has(all, "errors"));  // Not zero: nobody may miss it.
}

TEST(Text, SaysWhichTimesItLeavesOut) {
  const RunResult run = small_run();
  const std::size_t all = widest_line(titles(run, 1000));
  const auto said = [&](std::size_t width) {
    const std::string text = written(text_sink({.width = width}), run);
    const auto begin = text.find("\nwidth ");
    return begin == std::string::npos ? "" : text.substr(begin + 1);
  };
  EXPECT_EQ(said(all - 24), "");  // Only zeros are missing.
  EXPECT_EQ(said(95), "width      wait p99 is left out to fit 95 columns; --csv has it\n");
  EXPECT_EQ(said(89), "width      wait p50 and p99 are left out to fit 89 columns; --csv has them\n");
  EXPECT_EQ(said(80), "width      wait p50, p99 and max are left out to fit 80 columns; --csv has them\n");
  EXPECT_EQ(
      said(70),
      "width      wall, wait p50, p99 and max are left out to fit 70 columns;\n           --csv has them\n");
}

TEST(Text, ShowsHowFairlySectionsWereSharedWhereThereWereEnough) {
  RunResult run = small_run();
  run.trials[1].workers = {{.sections = 10}, {.sections = 9}};
  EXPECT_EQ(written(text_sink({}), run).find("(Jain)"), std::string::npos);
  run.trials[1].workers = {{.sections = 10}, {.sections = 10}};
  EXPECT_NE(written(text_sink({}), run).find("(Jain)"), std::string::npos);
  EXPECT_NE(written(text_sink({}), run).find("0.988"), std::string::npos);
}

TEST(Text, ShowsFairnessAsAReportOfTheFilesDoes) {
  RunResult run = small_run();
  run.trials[1].workers = {{.sections = 10}, {.sections = 10}};
  run.trials[1].fairness = 0.62048;
  const std::string measured = written(text_sink({}), run);
  run.trials[1].fairness = 0.6205;  // What trials.csv and run.json hold of it.
  EXPECT_EQ(written(text_sink({}), run), measured);
  run.trials[1].fairness = 0.6215;
  EXPECT_NE(written(text_sink({}), run), measured);
}

TEST(Text, RanksNobodyWhereNobodyHolds) {
  RunResult run = small_run();
  run.guards[1].verdict = run.trials[1].verdict = Verdict::inconclusive;
  const std::string text = written(text_sink({.quiet = true}), run);
  EXPECT_LT(text.find("not ranked"), text.find("synchronized")) << text;
  run.guards.pop_back();
  EXPECT_EQ(written(text_sink({.quiet = true}), run).find("not ranked"), std::string::npos)
      << "one alone is not ranked anyway";
}

TEST(Text, OfASweepSaysWhichRowsItIsAbout) {
  RunResult run = small_run();
  run.configurations[0].experiment.config["window"] = "0";
  run.configurations.push_back(run.configurations[0]);
  run.configurations[1].experiment.config["window"] = "1us";
  run.guards[1].noisy = "the spread";
  const std::string text = written(text_sink({}), run);
  EXPECT_NE(text.find("1 of 2 rows (synchronized window=0): held\n"), std::string::npos) << text;
  EXPECT_NE(text.find("noisy      synchronized window=0  the spread\n"), std::string::npos) << text;
}

TEST(Text, SaysThatTheReferenceDoesNotHold) {
  RunResult run = small_run();
  const GuardPlugin wanted = {.info = {.name = "faulty-abandon", .about = "", .promises = {}}, .make = {}};
  run.configurations[0].experiment.reference = &wanted;
  const std::string text = written(text_sink({}), run);
  EXPECT_NE(text.find("reference  faulty-abandon was not shown to hold: there are no ratios to it\n"),
            std::string::npos)
      << text;
}

TEST(Text, RepeatsWhatFailedSometimesUntilItDoes) {
  RunResult run = small_run();
  run.guards[2].trials = {1, 2};  // Of which the first held.
  EXPECT_NE(written(text_sink({}), run).find("--seed=0 --until-fail --trials=38\n"), std::string::npos)
      << written(text_sink({}), run);
}

TEST(Text, SaysThatThereWasNothingToShrink) {
  RunResult run = small_run();
  run.configurations[0].experiment.config["shrink"] = "true";
  EXPECT_NE(written(text_sink({}), run).find("shrink     interrupted: nothing was tried\n"),
            std::string::npos);
  run.guards.pop_back();
  EXPECT_NE(written(text_sink({}), run).find("shrink     no trial failed: nothing to shrink\n"),
            std::string::npos);
}

Shrunk small_shrunk() {
  Shrunk shrunk{.smallest = small_run().experiment(), .seed = 9, .steps = {}, .trials_at_first = 51};
  const static GuardPlugin kGuard = {.info = {.name = "unlucky", .about = "", .promises = {}}, .make = {}};
  shrunk.smallest.guards = {&kGuard};
  shrunk.smallest.requests = 2;
  shrunk.smallest.threads = 2;
  shrunk.smallest.window.length = 7'812'500;
  shrunk.steps = {{.requests = 1, .window = 7'812'500, .trials = 152, .failed = false},
                  {.requests = 2, .window = 7'812'500, .trials = 3, .failed = true}};
  shrunk.confirmations = {{.requests = 2, .window = 7'812'500, .trials = 10, .failed = 4}};
  return shrunk;
}

std::string said_of(const Shrunk& shrunk) {
  RunResult run = small_run();
  run.shrunk = shrunk;
  const std::string text = written(text_sink({}), run);
  const auto begin = text.find("shrink ");
  return text.substr(begin, text.find("left out") - begin);
}

TEST(Text, SaysHowTheSmallestSettingWasFoundAndHowOftenItFails) {
  Shrunk shrunk = small_shrunk();
  const std::string steps =
      "shrink     1 request, window 7.81 ms: held in 152 trials, below 2 % per trial at 95 %\n"
      "           2 requests, window 7.81 ms: failed in trial 3\n";
  const std::string command =
      "           ccbench --guard=unlucky --requests=2 --keys=2 --db=500ms --start=latch --seed=9 ";
  EXPECT_EQ(said_of(shrunk), steps +
                                 "           2 requests, window 7.81 ms: run again, failed in 4 of 10 "
                                 "trials, 12 to 74 % per trial at 95 %\n"
                                 "           the smallest that still fails: 2 requests, window 7.81 ms\n" +
                                 command + "--until-fail --trials=10\n");
  shrunk.confirmations.clear();
  shrunk.cut_short = true;
  EXPECT_EQ(
      said_of(shrunk),
      steps +
          "           interrupted: smaller ones may fail, too; seen to fail: 2 requests, window 7.81 ms\n" +
          command + "--until-fail --trials=57\n");
}

TEST(Ratio, HasThreeSignificantDigits) {
  const std::vector<std::pair<double, std::string>> known = {{0, "0.00"},        {0.000'012'34, "0.0000123"},
                                                             {0.0123, "0.0123"}, {0.999'4, "0.999"},
                                                             {0.9996, "1.00"},   {1, "1.00"},
                                                             {9.994, "9.99"},    {9.996, "10.0"},
                                                             {99.94, "99.9"},    {99.96, "100"},
                                                             {1234.5, "1234"}};
  for (const auto& [ratio, text] : known) EXPECT_EQ(as_ratio(ratio), text);
}

TEST(Text, SaysFirstThatTheRunWasInterrupted) {
  RunResult run = small_run();
  run.interrupted_by = SIGINT;
  run.planned_trials = 50;
  const auto said = [&] {
    const std::string text = written(text_sink({}), run);
    const auto begin = text.find("\n\ninterrupted");
    return begin == std::string::npos ? "" : text.substr(begin + 2, text.find('\n', begin + 2) - begin - 2);
  };
  EXPECT_EQ(said(), "interrupted  by SIGINT after 3 of 50 trials");
  run.trials.back().sentence = "interrupted";  // Did not end by itself.
  EXPECT_EQ(said(), "interrupted  by SIGINT after 2 of 50 trials");
  run.trials.back().sentence = "one payment sent: 2 instead of 1; interrupted";
  run.interrupted_by = SIGTERM;
  EXPECT_EQ(said(), "interrupted  by SIGTERM after 2 of 50 trials");
  run.trials.clear();
  run.guards.clear();
  EXPECT_EQ(said(), "interrupted  by SIGTERM after 0 of 50 trials");
  run.interrupted_by = 0;
  EXPECT_EQ(said(), "");
}

TEST(Text, SaysThatAWorkerIsAtTheBarrierAlsoOfAPool) {
  RunResult run = small_run();
  run.configurations[0].experiment.requests = 8;
  run.trials[1].snapshots[0].threads = {{.thread = 0, .tid = 71, .place = Place::at_barrier()}};
  const std::string text = written(text_sink({}), run);
  EXPECT_NE(text.find("at 500 ms: 1 at the start barrier\n"), std::string::npos) << text;
}

TEST(Text, ColoursOnlyWhenAskedTo) {
  EXPECT_EQ(written(text_sink({}), small_run()).find('\x1b'), std::string::npos);
  const std::string text = written(text_sink({.color = true, .quiet = true}), small_run());
  EXPECT_NE(text.find("\x1b[32mOK\x1b[0m"), std::string::npos);
  EXPECT_NE(text.find("\x1b[31mHUNG\x1b[0m"), std::string::npos);
  EXPECT_NE(text.find("\x1b[2mVIOLATION\x1b[0m"), std::string::npos);  // The control's draws no eye.
}

TEST(Text, ShowsRangesAndMediansOverTrials) {
  RunResult run = small_run();
  run.configurations[0].experiment.trials = 2;
  run.guards = {run.guards[1]};
  run.guards[0].trials = {0, 1};
  const std::string text = written(text_sink({.color = false, .quiet = true}), run);
  EXPECT_NE(text.find("synchronized  OK          2..4       0     0..2"), std::string::npos) << text;
  EXPECT_NE(text.find("median"), std::string::npos);
}

TEST(Text, SaysHowManyReasonsAndPlacesItLeavesOut) {
  RunResult run = small_run();
  for (int i = 0; i < 10; ++i) {
    run.trials[1].tally.reasons[{Outcome::error, "reason " + std::to_string(i)}] = 1;
  }
  auto& threads = run.trials[1].snapshots[0].threads;
  for (Key key = 0; key < 6; ++key) threads.push_back({.thread = 0, .tid = 1, .place = Place::in_guard(key)});
  const std::string text = written(text_sink({}), run);
  EXPECT_NE(text.find("and 3 more reasons\n"), std::string::npos) << text;
  EXPECT_NE(text.find("and 3 more"), text.rfind("and 3 more")) << text;  // Reasons, and then places.
}

/// The line that begins with this topic.
std::string line_of(const RunResult& run, std::string_view topic) {
  const std::string text = written(text_sink({.width = 300}), run);
  const auto begin = text.find("\n" + std::string(topic)) + 1;
  return begin == 0 ? std::string() : text.substr(begin, text.find('\n', begin) - begin);
}

TEST(Text, SaysWhatMachineAndHarnessTheFiguresAreOf) {
  RunResult run = small_run();
  run.machine.cpus_online = 8;
  run.machine.core_of_cpu = {0, 0};
  run.machine.cpu_quota = 1.5;
  run.machine.governor = "powersave";
  run.machine.hypervisor = "KVM";
  run.calibration = {.clock_read = 21.4, .harness = 1230};
  run.trials[0].elapsed = kSecond;
  run.trials[0].steal = 168 * kMillisecond;
  EXPECT_EQ(
      line_of(run, "machine"),
      "machine    2 of 8 CPUs on 1 core, 2 threads per CPU, quota 1.5, load 0.50, steal 2.1 %, clock 21 ns, "
      "harness 1.23 µs per request, Release build, governor powersave, virtual (KVM)");
  run.machine.hypervisor = "unknown";
  EXPECT_TRUE(line_of(run, "machine").ends_with(", virtual"));
  run.configurations.push_back(run.configurations[0]);  // The threads may differ.
  EXPECT_EQ(line_of(run, "machine").find("per CPU"), std::string::npos);
}

TEST(Text, MarksTimesThatAreNotToBeTrusted) {
  RunResult run = small_run();
  run.guards[1].noisy = "drifts";
  EXPECT_EQ(line_of(run, "noisy"), "noisy      synchronized  drifts");
  const std::string text = written(text_sink({.width = 300}), run);
  EXPECT_NE(text.find(" 1.50 s ~ "), std::string::npos) << text;   // of the table
  EXPECT_NE(text.find(" 3.00 ms ~ "), std::string::npos) << text;  // of what it costs
  EXPECT_EQ(std::ranges::count(text, '~'), 2) << text;
  EXPECT_EQ(line_of(small_run(), "noisy"), "");
  EXPECT_EQ(written(text_sink({}), small_run()).find('~'), std::string::npos);
}

TEST(TrialsCsv, EndsWithWhatTheHostTookAway) {
  RunResult run = small_run();
  run.trials[0].steal = 30 * kMillisecond;
  const std::string csv = written(trials_csv_sink(), run);
  // Of the other trials it was not counted.
  EXPECT_NE(csv.find(",30000000,"), std::string::npos) << csv;
}

TEST(TrialsCsv, EndsWithHowManyCameAndHowFast) {
  RunResult run = small_run();
  Experiment& experiment = run.configurations[0].experiment;
  TrialResult& trial = run.trials[0];
  trial.seed = 7;
  trial.lost_events = 5;
  trial.wall = 2 * kSecond;
  trial.tally.requests = 1001;
  trial.tally.outcomes.fill(0);
  trial.tally.outcomes[0] = 1001;
  run.trials.resize(1);
  EXPECT_TRUE(written(trials_csv_sink(), run).ends_with(",7,0,,,500.5,5\n"))
      << written(trials_csv_sink(), run);
  experiment.requests = 0;
  experiment.duration = 2 * kSecond;
  experiment.rate = 1000.5;
  experiment.window.length = 3;
  const std::string csv = written(trials_csv_sink(), run);
  EXPECT_TRUE(csv.ends_with(",7,3,2000000000,1000.500,500.5,5\n")) << csv;
  // How many were taken differs from trial to trial; the configuration does not.
  EXPECT_NE(csv.find(",lotto-purchase,memory,1,,"), std::string::npos) << csv;
  trial.wall = 5;
  EXPECT_TRUE(written(trials_csv_sink(), run).ends_with(",500.5,5\n"))
      << "nobody came later, and time went on";
  experiment.duration = 0;
  experiment.requests = 2002;
  experiment.rate = 1001;
  EXPECT_TRUE(written(trials_csv_sink(), run).ends_with(",500.5,5\n")) << "they come within 2 s";
}

TEST(Json, HasWhatThereIsToDistrust) {
  RunResult run = small_run();
  run.machine.cpus_online = 8;
  run.machine.core_of_cpu = {0, 4};
  run.machine.threads_per_core = 2;
  run.machine.cpu_quota = 1.5;
  run.machine.governor = "powersave";
  run.machine.turbo = false;
  run.machine.hypervisor = "KVM";
  run.calibration = {.clock_read = 21.3, .harness = 105.4};
  run.distrust = {{.what = "load 3", .spoils = "waits"}};
  run.guards[1].noisy = "drifts";
  const auto known = nlohmann::ordered_json::parse(written(json_sink(), run));
  EXPECT_EQ(
      known["host"].dump(),
      R"({"name":"box","cpu_model":"Fast, 2 GHz","kernel":"6.1","cpus":2,"cpus_online":8,"cores":2,)"
      R"("threads_per_core":2,"cpu_quota":1.5,"governor":"powersave","turbo":false,"hypervisor":"KVM"})");
  EXPECT_EQ(known["calibration"].dump(), R"({"clock_read_ns":21.3,"harness_ns":105.4})");
  EXPECT_EQ(known["distrust"].dump(), R"([{"what":"load 3","spoils":"waits"}])");
  EXPECT_EQ(known["comparison"][1]["noisy"], "drifts");
  const auto unknown = nlohmann::ordered_json::parse(written(json_sink(), small_run()));
  EXPECT_EQ(
      unknown["host"].dump(),
      R"({"name":"box","cpu_model":"Fast, 2 GHz","kernel":"6.1","cpus":2,"cpus_online":null,"cores":null,)"
      R"("threads_per_core":null,"cpu_quota":null,"governor":null,"turbo":null,"hypervisor":null})");
  EXPECT_EQ(unknown["calibration"].dump(), R"({"clock_read_ns":null,"harness_ns":null})");
  EXPECT_EQ(unknown["distrust"].dump(), "[]");
  EXPECT_TRUE(unknown["comparison"][1]["noisy"].is_null());
}

}  // namespace
}  // namespace ccbench
