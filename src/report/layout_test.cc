#include "report/layout.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ccbench {
namespace {

TEST(Human, WritesThreeSignificantDigits) {
  EXPECT_EQ(human(0), "0 ns");
  EXPECT_EQ(human(77), "77 ns");
  EXPECT_EQ(human(999), "999 ns");
  EXPECT_EQ(human(1'000), "1.00 µs");
  EXPECT_EQ(human(12'345), "12.3 µs");
  EXPECT_EQ(human(845'123), "845 µs");
  EXPECT_EQ(human(12'345'678), "12.3 ms");
  EXPECT_EQ(human(1'503'123'456), "1.50 s");
  EXPECT_EQ(human(60 * kSecond), "60.0 s");
  EXPECT_EQ(human(3600 * kSecond), "3600 s");
}

TEST(Human, NeverRoundsToAFourthDigit) {
  EXPECT_EQ(human(9'996), "10.0 µs");
  EXPECT_EQ(human(99'960), "100 µs");
  EXPECT_EQ(human(999'499), "999 µs");
  EXPECT_EQ(human(999'600), "1.00 ms");
  EXPECT_EQ(human(999'999'999), "1.00 s");
}

TEST(Human, WritesLessThanNothingInTheSameUnits) {
  EXPECT_EQ(human(-77), "-77 ns");
  EXPECT_EQ(human(-518'172), "-518 µs");
  EXPECT_EQ(human(-kSecond), "-1.00 s");
}

TEST(Counted, KnowsOneFromMany) {
  EXPECT_EQ(counted(1, "key"), "1 key");
  EXPECT_EQ(counted(0, "key"), "0 keys");
  EXPECT_EQ(counted(1000, "request"), "1000 requests");
}

TEST(WidthOf, CountsCharactersNotBytes) {
  EXPECT_EQ(width_of(""), 0U);
  EXPECT_EQ(width_of("845 µs"), 6U);
  EXPECT_EQ(width_of("… × ·"), 5U);
  EXPECT_EQ(padded("µs", 4), "µs  ");
  EXPECT_EQ(padded("µs", 4, Align::right), "  µs");
  EXPECT_EQ(padded("too long", 4), "too long");
}

TEST(Wrapped, BreaksAtSpaces) {
  EXPECT_EQ(wrapped("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("", 7), (std::vector<std::string>{""}));
  EXPECT_EQ(wrapped("  9 × refused", 40), (std::vector<std::string>{"  9 × refused"}));
}

TEST(Wrapped, LetsNoControlCharacterThrough) {
  EXPECT_EQ(wrapped("a\nb\x1b[31m\x7fµ", 40), (std::vector<std::string>{"a b [31m µ"}));
  // U+0080 and U+009F are the first and the last of their kind, U+009B is `ESC [` in one.
  EXPECT_EQ(wrapped("a\xc2\x80z\xc2\x9f\xc2\x9b[31m", 40), (std::vector<std::string>{"a z  [31m"}));
  EXPECT_EQ(wrapped("\xc2\xa0×\xc2", 40), (std::vector<std::string>{"\xc2\xa0×\xc2"}));
}

TEST(Wrapped, BreaksAWordOnlyIfNoLineHoldsIt) {
  EXPECT_EQ(wrapped("incomprehensible it is", 6),
            (std::vector<std::string>{"incomp", "rehens", "ible", "it is"}));
  EXPECT_EQ(wrapped("is comprehensible", 15), (std::vector<std::string>{"is", "comprehensible"}));
  EXPECT_EQ(wrapped("is twelve", 6), (std::vector<std::string>{"is", "twelve"}));
  EXPECT_EQ(wrapped("µ×…€ ü", 3), (std::vector<std::string>{"µ×…", "€ ü"}));
  EXPECT_EQ(wrapped("ab", 0), (std::vector<std::string>{"a", "b"}));
}

TEST(Clipped, CutsWhatIsTooWideByCharactersAndShowsThatItDid) {
  EXPECT_EQ(clipped("abcd", 4), "abcd");
  EXPECT_EQ(clipped("abcde", 4), "abc…");
  EXPECT_EQ(clipped("äöüß€", 5), "äöüß€");
  EXPECT_EQ(clipped("äöüß€", 4), "äöü…");
  EXPECT_EQ(clipped("ab", 1), "…");
}

TEST(TextTable, AlignsByWidthAndEndsNoLineWithASpace) {
  TextTable table;
  table.add_column("guard", Align::left);
  table.add_column("wait p50", Align::right);
  table.add_column("remark", Align::left);
  table.add_row({{.text = "cas"}, {.text = "845 µs"}, {.text = "x"}});
  table.add_row({{.text = "synchronized"}, {.text = "1 s"}, {.text = ""}});
  std::ostringstream out;
  table.write(out);
  EXPECT_EQ(out.str(),
            "                wait\n"
            "guard            p50  remark\n"
            "cas           845 µs  x\n"
            "synchronized     1 s\n");
}

TEST(TextTable, TellsHowWideItIs) {
  TextTable table;
  EXPECT_EQ(table.width(), 0U);
  table.add_column("guard", Align::left);
  EXPECT_EQ(table.width(), 5U);
  table.add_column("wait p50", Align::right);
  table.add_row({{.text = "cas"}, {.text = "845 µs"}});
  EXPECT_EQ(table.width(), 5U + 2 + 6);
  table.remove_column(0);
  EXPECT_EQ(table.width(), 6U);
  std::ostringstream out;
  table.write(out);
  EXPECT_EQ(out.str(), "  wait\n   p50\n845 µs\n");
}

TEST(TextTable, NeedsOneLineForTitlesOfOneWord) {
  TextTable table;
  table.add_column("guard", Align::left);
  table.add_column("wall", Align::right);
  std::ostringstream out;
  table.write(out);
  EXPECT_EQ(out.str(), "guard  wall\n");
}

TEST(TextTable, ColoursTextAndNotTheSpaceAroundIt) {
  TextTable table;
  table.add_column("verdict", Align::right);
  table.add_row({{.text = "OK", .style = fmt::fg(fmt::terminal_color::green)}});
  std::ostringstream out;
  table.write(out);
  EXPECT_EQ(out.str(), "verdict\n     \x1b[32mOK\x1b[0m\n");
}

TEST(HumanRate, HasThreeDigitsAndItsUnit) {
  EXPECT_EQ(human_rate(0), "0.00/s");
  EXPECT_EQ(human_rate(0.25), "0.250/s");
  EXPECT_EQ(human_rate(1), "1.00/s");
  EXPECT_EQ(human_rate(512), "512/s");
  EXPECT_EQ(human_rate(999.4), "999/s");
  EXPECT_EQ(human_rate(999.6), "1.00 k/s");
  EXPECT_EQ(human_rate(5'320'000), "5.32 M/s");
  EXPECT_EQ(human_rate(1.5e12), "1500 G/s");
}

}  // namespace
}  // namespace ccbench
