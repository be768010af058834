#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "core/duration.h"
#include "core/parameter.h"
#include "core/promises.h"
#include "core/registry.h"
#include "core/tally.h"
#include "core/verdict.h"

namespace ccbench {
namespace {

TEST(Duration, ReadsNumbersWithUnits) {
  EXPECT_EQ(parse_duration("500ms"), 500 * kMillisecond);
  EXPECT_EQ(parse_duration("1s"), kSecond);
  EXPECT_EQ(parse_duration("1.5s"), 1500 * kMillisecond);
  EXPECT_EQ(parse_duration("50us"), 50 * kMicrosecond);
  EXPECT_EQ(parse_duration("50µs"), 50 * kMicrosecond);
  EXPECT_EQ(parse_duration("7ns"), 7);
  EXPECT_EQ(parse_duration("2m"), 120 * kSecond);
  EXPECT_EQ(parse_duration("1h"), 3600 * kSecond);
  EXPECT_EQ(parse_duration("0"), 0);
}

TEST(Duration, RefusesWhatHasNoUnitASignOrRubbish) {
  for (const char* text : {"", "5", "-1s", "+1s", "1 s", "1sec", "s", "1e3s", "1s ", "nan", "0x1s", "1.2.3s",
                           ".5s", "99999999999999999999s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, IsWrittenAsItIsRead) {
  for (const Nanos duration : {Nanos{0}, Nanos{1}, Nanos{999}, kMicrosecond, 1500 * kMicrosecond,
                               kMillisecond, 1234 * kMillisecond, kSecond, 90 * kSecond, kSecond + 1}) {
    EXPECT_EQ(parse_duration(to_text(duration)), duration) << to_text(duration);
  }
  EXPECT_EQ(to_text(1500 * kMillisecond), "1.5s");
  EXPECT_EQ(to_text(500 * kMillisecond), "500ms");
}

constexpr std::array<std::string_view, 2> kColors = {"red", "green"};
constexpr std::array<Parameter, 3> kParameters = {{
    {.name = "pause", .about = "", .initial = "10ms"},
    {.name = "color", .about = "", .type = Parameter::Type::choice, .initial = "red", .choices = kColors},
    {.name = "size", .about = "", .type = Parameter::Type::count, .initial = "3", .least = 1, .most = 9},
}};

TEST(ParameterValues, StartAtTheirDefaultsAndNameWhatChanged) {
  ParameterValues values(kParameters);
  EXPECT_EQ(values.at("pause"), 10 * kMillisecond);
  EXPECT_EQ(values.at("color"), 0);
  EXPECT_EQ(values.at("size"), 3);
  EXPECT_TRUE(values.changed().empty());
  EXPECT_EQ(values.set("color", "green"), "");
  EXPECT_EQ(values.set("pause", "10000us"), "");
  EXPECT_EQ(values.changed(), (std::map<std::string, std::string>{{"color", "green"}}));
}

TEST(ParameterValues, SayWhatIsAllowedAndStayAsTheyWere) {
  ParameterValues values(kParameters);
  EXPECT_EQ(values.set("color", "blue"), "one of red, green");
  EXPECT_EQ(values.set("size", "10"), "a whole number from 1 to 9");
  EXPECT_EQ(values.set("size", "3x"), "a whole number from 1 to 9");
  EXPECT_NE(values.set("pause", "10"), "");
  EXPECT_TRUE(values.changed().empty());
}

TEST(ParameterValues, ScaleTheirDelaysAndNothingElse) {
  ParameterValues values(kParameters);
  EXPECT_EQ(values.scale_delays(0.5), "");
  EXPECT_EQ(values.section(), 5 * kMillisecond);
  EXPECT_EQ(values.longest_step(), 5 * kMillisecond);
  EXPECT_EQ(values.at("size"), 3);
}

TEST(ParameterValues, KeepDelaysWithinADayAlsoWhenScaled) {
  ParameterValues values(kParameters);
  EXPECT_EQ(values.set("pause", "24.001h"), "a duration from 0 to 24h with its unit (500ms, 1s, 50us) or 0");
  EXPECT_EQ(values.set("pause", "24h"), "");
  EXPECT_EQ(values.scale_delays(1), "");
  EXPECT_EQ(values.scale_delays(1000), "pause");
  EXPECT_EQ(values.section(), kLongestDuration);
}

TEST(ParameterValues, SayFromWhereToWhereTheyGo) {
  EXPECT_EQ(range_of(kParameters[0]), "0 to 24h");
  EXPECT_EQ(range_of(kParameters[1]), "");
  EXPECT_EQ(range_of(kParameters[2]), "1 to 9");
}

constexpr std::array<Parameter, 4> kTimes = {{
    {.name = "call", .about = "", .initial = "10ms"},
    {.name = "patience", .about = "", .type = Parameter::Type::limit, .initial = "30ms"},
    {.name = "ttl", .about = "", .type = Parameter::Type::period, .initial = "500ms"},
    {.name = "share", .about = "", .type = Parameter::Type::ratio, .initial = "0.25"},
}};

TEST(ParameterValues, TellTimesThatAreSpentFromThoseThatAreWaitedAndThoseThatPass) {
  const ParameterValues values(kTimes);
  EXPECT_EQ(values.section(), 10 * kMillisecond) << "only a delay is spent inside";
  EXPECT_EQ(values.longest_step(), 30 * kMillisecond) << "nobody waits for a period";
  EXPECT_EQ(values.time("ttl"), std::chrono::milliseconds(500));
}

TEST(ParameterValues, ScaleEveryKindOfTimeAndNoRatio) {
  ParameterValues values(kTimes);
  EXPECT_EQ(values.scale_delays(2), "");
  EXPECT_EQ(values.time("call"), std::chrono::milliseconds(20));
  EXPECT_EQ(values.time("patience"), std::chrono::milliseconds(60));
  EXPECT_EQ(values.time("ttl"), std::chrono::seconds(1));
  EXPECT_EQ(values.ratio("share"), 0.25);
  EXPECT_EQ(values.set("ttl", "24h"), "");
  EXPECT_EQ(values.scale_delays(1000), "ttl");
  EXPECT_EQ(values.time("call"), std::chrono::milliseconds(20)) << "all or none";
}

TEST(ParameterValues, ReadRatiosFromZeroToOne) {
  ParameterValues values(kTimes);
  for (const char* text : {"1.0001", "-0.1", "half", "0.5x", "nan", "inf", ""}) {
    EXPECT_EQ(values.set("share", text), "a number from 0 to 1") << text;
  }
  EXPECT_EQ(values.ratio("share"), 0.25);
  EXPECT_TRUE(values.changed().empty());
  for (const auto& [text, written, ratio] :
       {std::tuple("0", "0", 0.0), {"1", "1", 1.0}, {"0.50", "0.5", 0.5}, {"1e-3", "0.001", 0.001}}) {
    EXPECT_EQ(values.set("share", text), "");
    EXPECT_EQ(values.ratio("share"), ratio);
    EXPECT_EQ(values.changed(), (std::map<std::string, std::string>{{"share", written}}));
  }
  EXPECT_EQ(range_of(kTimes[3]), "0 to 1");
  EXPECT_EQ(range_of(kTimes[1]), "0 to 24h");
  EXPECT_EQ(range_of(kTimes[2]), "0 to 24h");
}

TEST(ParameterValues, AreWrittenAsTheyAreRead) {
  ParameterValues values(kTimes);
  EXPECT_EQ(values.set("patience", "0.5s"), "");
  EXPECT_EQ(values.set("ttl", "1000ms"), "");
  EXPECT_EQ(values.changed(), (std::map<std::string, std::string>{{"patience", "500ms"}, {"ttl", "1s"}}));
}

TEST(ParameterValues, DoNotKnowAnUndeclaredName) {
  ParameterValues values(kParameters);
  EXPECT_THROW((void)values.at("weight"), std::logic_error);
  EXPECT_THROW((void)values.set("weight", "1"), std::logic_error);
}

TEST(Promises, FitWhereEveryNeedIsPromised) {
  const Promises needs{.exclusive = true, .admits = 2};
  EXPECT_TRUE(missing(needs, {.exclusive = true}).empty());
  EXPECT_EQ(missing(needs, {.admits = 2}), (std::vector<std::string>{"exclusive"}));
  EXPECT_EQ(missing(needs, {.waits = true}), (std::vector<std::string>{"exclusive", "admits 2"}));
  EXPECT_EQ(names_of({.exclusive = true, .per_key = true}),
            (std::vector<std::string>{"exclusive", "per key"}));
}

TEST(Promises, AreNamedEachByItsOwnName) {
  EXPECT_EQ(names_of({.serializable = true, .fifo = true, .independent = true}),
            (std::vector<std::string>{"serializable", "fifo", "independent"}));
  EXPECT_EQ(names_of({.once = true, .shares = true, .retries = true, .cancels = true, .reentrant = true}),
            (std::vector<std::string>{"once", "shares", "retries", "cancels", "reentrant"}));
  EXPECT_EQ(names_of({.waits = true}), (std::vector<std::string>{"waits"}));
  EXPECT_EQ(names_of({.gives_up = true}), (std::vector<std::string>{"gives up"}));
  EXPECT_EQ(names_of({.admits = 3, .stale_for = 500 * kMillisecond}),
            (std::vector<std::string>{"admits 3", "stale for 500ms"}));
  EXPECT_TRUE(names_of({}).empty());
}

TEST(Promises, OfExclusiveIsSerializableToo) {
  const Promises needs{.serializable = true};
  EXPECT_TRUE(missing(needs, {.exclusive = true}).empty());
  EXPECT_TRUE(missing(needs, {.serializable = true}).empty());
  EXPECT_EQ(missing(needs, {.waits = true}), (std::vector<std::string>{"serializable"}));
  EXPECT_EQ(missing({.exclusive = true}, {.serializable = true}), (std::vector<std::string>{"exclusive"}));
  EXPECT_EQ(missing({.fifo = true}, {.exclusive = true}), (std::vector<std::string>{"fifo"}));
}

TEST(Promises, OfFewerInsideFitWhereMoreMayBe) {
  EXPECT_TRUE(missing({.admits = 3}, {.admits = 2}).empty());
  EXPECT_EQ(missing({.admits = 3}, {.admits = 4}), (std::vector<std::string>{"admits 3"}));
  EXPECT_TRUE(missing({.admits = 3}, {.exclusive = true}).empty());
}

ScenarioInfo needing(const Promises& needs, std::optional<Promises> or_needs = {}) {
  return {.name = "needing",
          .about = "",
          .key_name = "key",
          .needs = needs,
          .or_needs = or_needs,
          .breakable = "",
          .parameters = {},
          .steps = {},
          .facts = {}};
}

TEST(Lacking, IsWhatTheScenarioNeedsAndTheGuardDoesNotPromise) {
  const Promises needs{.exclusive = true, .waits = true};
  EXPECT_TRUE(lacking(needing(needs), {.exclusive = true, .waits = true, .per_key = true}).empty());
  EXPECT_EQ(lacking(needing(needs), {.exclusive = true}), (std::vector<std::string>{"waits"}));
}

TEST(Lacking, IsNothingWhereTheOtherKindOfGuardIsPromised) {
  const ScenarioInfo either = needing({.exclusive = true, .waits = true}, Promises{.cancels = true});
  EXPECT_TRUE(lacking(either, {.cancels = true}).empty());
  EXPECT_TRUE(lacking(either, {.exclusive = true, .waits = true}).empty());
  EXPECT_EQ(lacking(either, {.shares = true}), (std::vector<std::string>{"exclusive", "waits"}))
      << "of the first kind, which is the one it is made for";
}

TEST(Tally, KnowsWritesFromReadsWhereTheyWereCounted) {
  Tally tally;
  tally.successes_of_key = {5, 7};
  EXPECT_EQ(tally.writes_of(1), 7U);
  tally.reads_of_key = {2, 7};
  EXPECT_EQ(tally.writes_of(0), 3U);
  EXPECT_EQ(tally.writes_of(1), 0U);
  tally.facts_of_key = {{1, 2}};
  tally.forget_keys();
  EXPECT_TRUE(tally.reads_of_key.empty());
}

Tally two_keys() {
  Tally tally;
  tally.requests = 4;
  tally.keys = 2;
  tally.requests_of_key = {4, 0};
  tally.successes_of_key = {1, 0};
  return tally;
}

TEST(EachKey, ExpectsTheNumberOnKeysThatWereAskedForAndZeroElsewhere) {
  EXPECT_TRUE(each_key("one", 1, {1, 0}, two_keys()).holds);
  EXPECT_FALSE(each_key("one", 1, {1, 1}, two_keys()).holds);
  EXPECT_FALSE(each_key("one", 1, {0, 0}, two_keys()).holds);
}

TEST(EachKey, TooManyIsBeyondRepairAndTooFewIsNot) {
  EXPECT_TRUE(each_key("one", 1, {2, 0}, two_keys()).beyond_repair);
  EXPECT_FALSE(each_key("one", 1, {0, 0}, two_keys()).beyond_repair);
}

TEST(EachKey, ShowsTheWorstKeyAndNeverHidesABreachBeyondRepair) {
  Tally tally = two_keys();
  tally.requests_of_key = {2, 2};
  const Invariant worst = each_key("one", 1, {7, 2}, tally);
  EXPECT_EQ(worst.observed, 7);
  EXPECT_EQ(worst.key, Key{0});
  const Invariant mixed = each_key("nine", 9, {0, 10}, tally);
  EXPECT_TRUE(mixed.beyond_repair);
  EXPECT_EQ(mixed.observed, 10);
  EXPECT_EQ(mixed.key, Key{1});
}

TEST(ExitCode, TheGravestOfSeveralWins) {
  const std::array<int, 12> gravest_first = {1, 130, 143, 2, 7, 3, 9, 6, 8, 4, 5, 0};
  for (std::size_t i = 0; i < gravest_first.size(); ++i) {
    for (std::size_t j = i; j < gravest_first.size(); ++j) {
      EXPECT_EQ(worse_exit_code(gravest_first[i], gravest_first[j]), gravest_first[i]);
      EXPECT_EQ(worse_exit_code(gravest_first[j], gravest_first[i]), gravest_first[i]);
    }
  }
}

TEST(Registry, RefusesANameThatIsTaken) {
  Registry<GuardPlugin> registry;
  registry.add({.info = {.name = "b", .about = "", .promises = {}}, .make = {}});
  registry.add({.info = {.name = "a", .about = "", .promises = {}}, .make = {}});
  EXPECT_THROW(registry.add({.info = {.name = "a", .about = "", .promises = {}}, .make = {}}),
               std::logic_error);
  EXPECT_EQ(registry.all().front().info.name, "a");
  EXPECT_NE(registry.find("b"), nullptr);
  EXPECT_EQ(registry.find("c"), nullptr);
}

}  // namespace
}  // namespace ccbench
