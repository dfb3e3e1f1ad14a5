// SPDX-License-Identifier: Apache-2.0
#include "sim/base/csv.hpp"

#include "tests/command.hpp"

#include <gtest/gtest.h>

namespace {

using aisle::CsvTable;
using aisle::Diagnostics;

std::vector<std::string> texts(const std::vector<CsvTable::Cell>& row) {
  std::vector<std::string> out;
  for (const CsvTable::Cell& cell : row) out.push_back(cell.text);
  return out;
}

std::vector<std::string> errors(const std::string& text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(aisle::parse_csv(text, "t.csv", diagnostics)) << text;
  std::vector<std::string> out;
  for (const auto& diagnostic : diagnostics.all()) out.push_back(to_string(diagnostic));
  return out;
}

TEST(Csv, ReadsQuotesLineBreaksAndBlanks) {
  Diagnostics diagnostics;
  const auto table = aisle::parse_csv(
      "\xEF\xBB\xBFid, note ,n\r\n"
      "a,\"one, two\",1\r\n"
      "\r\n"
      "b,\"line\nbreak, \"\"quoted\"\"\",\n"
      " c ,,3",
      "t.csv", diagnostics);
  ASSERT_TRUE(table) << to_string(diagnostics.all().front());
  EXPECT_THAT(table->header, testing::ElementsAre("id", "note", "n"));
  ASSERT_EQ(table->rows.size(), 3U);
  EXPECT_THAT(texts(table->rows[0]), testing::ElementsAre("a", "one, two", "1"));
  EXPECT_THAT(texts(table->rows[1]), testing::ElementsAre("b", "line\nbreak, \"quoted\"", ""));
  EXPECT_THAT(texts(table->rows[2]), testing::ElementsAre("c", "", "3"));
  EXPECT_EQ(table->column("n"), 2);
  EXPECT_EQ(table->column("absent"), -1);
}

TEST(Csv, KnowsWhereCellsStart) {
  Diagnostics diagnostics;
  const auto table = aisle::parse_csv("a,b\n1,\"x\ny\"\n33,  4\n", "t.csv", diagnostics);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows[0][1].line, 2);
  EXPECT_EQ(table->rows[0][1].column, 3);
  EXPECT_EQ(table->rows[1][0].line, 4);
  EXPECT_EQ(table->rows[1][1].column, 6);
}

TEST(Csv, SaysWhatIsMalformedAndWhere) {
  EXPECT_THAT(errors(""), testing::ElementsAre(testing::HasSubstr("t.csv:1:1: error: the file")));
  EXPECT_THAT(errors("a,a\n1,2\n"), testing::ElementsAre(testing::HasSubstr("t.csv:1:3:")));
  EXPECT_THAT(errors("a,b\n1\n1,2,3\n"),
              testing::ElementsAre(testing::HasSubstr("t.csv:2:1: error: a row of 1"),
                                   testing::HasSubstr("t.csv:3:5: error: a row of 3")));
  EXPECT_THAT(errors("a,b\n1,x\"y\n1,\"z\"q\n"),
              testing::ElementsAre(testing::HasSubstr("t.csv:2:4: error: a quote inside"),
                                   testing::HasSubstr("t.csv:3:6: error: text after")));
  EXPECT_THAT(errors("a,b\n1,\"x\n"),
              testing::ElementsAre(testing::HasSubstr("t.csv:2:3: error: a quoted cell")));
  EXPECT_THAT(errors(std::string("a,b\n\0", 5)),
              testing::ElementsAre(testing::HasSubstr("t.csv:2:1: error: this is not text")));
}

TEST(Csv, NamesFilesThatCannotBeRead) {
  const aisle::tests::Folder folder;
  Diagnostics diagnostics;
  EXPECT_FALSE(aisle::read_csv((folder / "none.csv").string(), diagnostics));
  EXPECT_FALSE(aisle::read_csv(folder.string(), diagnostics));
  EXPECT_EQ(diagnostics.error_count(), 2);
  const std::string file = folder.write("t.csv", "a\n1\n");
  EXPECT_TRUE(aisle::read_csv(file, diagnostics));
}

// The text in blocks of a few bytes, so that every record crosses some.
std::vector<std::string> streamed(const std::string& text, std::size_t block) {
  std::size_t at = 0;
  aisle::CsvStream stream(
      [&](char* to, std::size_t size) {
        const std::size_t taken = std::min({size, block, text.size() - at});
        std::copy_n(text.data() + at, taken, to);
        at += taken;
        return taken;
      },
      "t.csv");
  std::vector<std::string> out;
  std::vector<aisle::CsvTable::Cell> record;
  for (;;) {
    const auto got = stream.next(record);
    if (got == aisle::CsvStream::Got::end) return out;
    std::string line = std::to_string(stream.place().line) + ":";
    if (got == aisle::CsvStream::Got::malformed) line += " malformed";
    for (const auto& cell : record) {
      if (got == aisle::CsvStream::Got::record) line += " [" + cell.text + "]";
    }
    out.push_back(line);
  }
}

TEST(Csv, StreamsRecordsAndGoesOnBehindMalformedOnes) {
  const std::string text =
      "\xEF\xBB\xBF"
      "a,b\r\n\n1,\"x\ny \"\"z\"\"\"\n2,x\"y\n3\n4,\"5\"6\n7,\"\"\n8,\"never "
      "closed\n9,9\n";
  for (const std::size_t block : {1UL, 2UL, 3UL, 7UL, 1000UL}) {
    EXPECT_THAT(streamed(text, block),
                testing::ElementsAre("1: [a] [b]", "3: [1] [x\ny \"z\"]", "5: malformed", "6: [3]",
                                     "7: malformed", "8: [7] []", "9: malformed", "10: [9] [9]"));
  }
}

TEST(Csv, StreamsPastLinesWithoutEnd) {
  const std::string endless(3 * aisle::CsvStream::kLongest, 'x');
  EXPECT_THAT(streamed("a,b\n" + endless + "\n1,2\n", 4096),
              testing::ElementsAre("1: [a] [b]", "2: malformed", "3: [1] [2]"));
  EXPECT_THAT(streamed("a,\"" + endless + "\n1,2\n", 4096),
              testing::ElementsAre("1: malformed", "2: [1] [2]"));
}

}  // namespace
