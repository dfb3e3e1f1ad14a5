// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/json_stream.hpp"

#include <gtest/gtest.h>

namespace aisle::workloads::traces {
namespace {

using Item = JsonStream::Item;

struct Walk {
  std::string batches, members;
  int lost = 0;
  bool failed = false;
  Diagnostics diagnostics;
};

Walk walk(const std::string& text, bool singles = false) {
  Walk seen;
  Source source = Source::over(text, "a.json");
  JsonStream stream(source, "nodes", seen.diagnostics);
  for (Item item = stream.next(); item != Item::end; item = stream.next()) {
    if (item == Item::lost) ++seen.lost;
    if (item == Item::member)
      seen.members += std::string(stream.name()) + "=" + std::string(stream.text()) + ";";
    if (item != Item::batch) continue;
    if (singles && !stream.single())
      stream.one_by_one(0);
    else
      seen.batches += std::string(stream.text());
  }
  seen.failed = stream.failed();
  return seen;
}

TEST(JsonStream, HandsOutRecordsAndMembers) {
  const Walk seen = walk(R"( {"a": {"b": [1, "]}"]}, "nodes" : [{"x": 1}, {"y": [2]}], "c":3 })");
  EXPECT_EQ(seen.members, R"(a={"b": [1, "]}"]};c=3;)");
  EXPECT_EQ(seen.batches, R"([{"x": 1}, {"y": [2]}])");
  EXPECT_TRUE(seen.diagnostics.all().empty());
}

TEST(JsonStream, BareArrayAndScalars) {
  EXPECT_EQ(walk("[1, \"a]\", {}]").batches, "[1, \"a]\", {}]");
  EXPECT_EQ(walk("[1, 2]").batches, "[1, 2]");
  EXPECT_EQ(walk("[]").batches, "");
  EXPECT_EQ(walk("\xEF\xBB\xBF[{}]").batches, "[{}]");
}

TEST(JsonStream, OneByOne) {
  EXPECT_EQ(walk(R"([{"x": "}"}, 17,null , [3], "a,b"])", true).batches,
            R"([{"x": "}"}][17][null][[3]]["a,b"])");
}

TEST(JsonStream, ManyBatchesKeepEveryRecordAndPlace) {
  std::string text = "{\"nodes\": [";
  constexpr int kRecords = 40'000;
  for (int i = 0; i < kRecords; ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += R"({"id": "\\\"[{)" + std::to_string(i) + "\"}";
  }
  text += "\n]}";
  Diagnostics diagnostics;
  Source source = Source::over(text, "a.json");
  JsonStream stream(source, "nodes", diagnostics);
  int records = 0, batches = 0;
  for (Item item = stream.next(); item != Item::end; item = stream.next()) {
    ASSERT_EQ(item, Item::batch);
    ++batches;
    EXPECT_EQ(stream.place(1).line, records + 2);
    EXPECT_EQ(stream.place(1).column, 1);
    for (const char byte : stream.text()) records += byte == '\n' ? 1 : 0;
    ++records;  // the last line break of a batch is behind it
  }
  EXPECT_EQ(records, kRecords);
  EXPECT_GT(batches, 1);
  EXPECT_TRUE(diagnostics.all().empty());
}

TEST(JsonStream, RecordBeyondTheWindowIsLost) {
  const std::string text =
      "[{\"a\": 1}, {\"b\": \"" + std::string(kWindow + 100, 'x') + "\"}, {\"c\": 2}]";
  const Walk seen = walk(text);
  EXPECT_EQ(seen.batches, "[{\"a\": 1}][{\"c\": 2}]");
  EXPECT_EQ(seen.lost, 1);
  EXPECT_EQ(seen.diagnostics.all().size(), 1U);
}

TEST(JsonStream, DamageIsLocated) {
  EXPECT_TRUE(walk("hello").failed);
  EXPECT_TRUE(walk("").failed);
  for (const char* text : {"[{}, {", "[{}", "{\"nodes\": [{}]", "[{}] x", "{\"nodes\": [{}}", "{,",
                           "{\"a\"", "{\"a\": [}", "{\"a\": tru", "{a: 1}", "[}"}) {
    SCOPED_TRACE(text);
    const Walk seen = walk(text);
    EXPECT_FALSE(seen.failed);
    ASSERT_FALSE(seen.diagnostics.all().empty());
    EXPECT_GT(seen.diagnostics.all()[0].place.line, 0);
  }
  EXPECT_EQ(walk("[{}, {").lost, 1);
}

TEST(JsonStream, DepthCostsNoStack) {
  const std::string deep(1 << 20, '[');
  EXPECT_EQ(walk(deep).lost, 1);
  std::string often = "{";
  for (int i = 0; i < 100'000; ++i) often += "\"nodes\": [], ";
  EXPECT_TRUE(walk(often + "\"a\": 1}").diagnostics.all().empty());
}

}  // namespace
}  // namespace aisle::workloads::traces
