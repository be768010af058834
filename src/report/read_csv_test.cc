#include "report/read_csv.h"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <string>

namespace ccbench {
namespace {

constexpr std::string_view kSchema = "ccbench.x/1";

/// What the reader says of the text, read to its end; empty: nothing.
std::string complaint(const std::string& text) {
  std::istringstream in(text);
  try {
    CsvReader csv(in, kSchema);
    while (csv.next()) {
      csv.text("a");
      csv.number<int>("n");
    }
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

TEST(CsvReader, ReadsFieldsByTheNamesOfTheirColumns) {
  std::istringstream in(
      "schema,n,a\nccbench.x/1,7,plain\nccbench.x/1,,\"said \"\"no\"\", twice\nand left\"\n");
  CsvReader csv(in, kSchema);
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(csv.text("a"), "plain");
  EXPECT_EQ(csv.number<int>("n"), 7);
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(csv.text("a"), "said \"no\", twice\nand left");
  EXPECT_EQ(csv.number<int>("n"), std::nullopt);
  EXPECT_TRUE(csv.has("n"));
  EXPECT_FALSE(csv.has("m"));
  EXPECT_FALSE(csv.next());
}

TEST(CsvReader, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(complaint("schema,a,n\nccbench.x/1,b,3\n"), "");
  EXPECT_EQ(complaint(""), "it is empty");
  EXPECT_EQ(complaint("a,n\n"), "its header has no column schema");
  EXPECT_EQ(complaint("schema,a,n\nccbench.x/1,b\n"), "line 2 has 2 fields instead of 3");
  EXPECT_EQ(complaint("schema,a,n\nccbench.x/2,b,3\n"),
            "line 2 is of schema 'ccbench.x/2' and not ccbench.x/1");
  EXPECT_EQ(complaint("schema,a,n\nccbench.x/1,b,3\nccbench.x/1,b,"), "its last line, 3, has no end");
  EXPECT_EQ(complaint("schema,a,n\nccbench.x/1,\"b,3\n"), "it ends inside quotes that begin before line 3");
  EXPECT_EQ(complaint("schema,a,n\nccbench.x/1,b,3x\n"), "line 2: n is '3x' and not a number");
  EXPECT_EQ(complaint("schema,a\nccbench.x/1,b\n"), "it has no column n");
}

}  // namespace
}  // namespace ccbench
