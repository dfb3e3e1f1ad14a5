// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/base/utf8.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace aisle {
namespace {

TEST(Table, NumbersToTheRightTextToTheLeft) {
  Table table({"chip", "count", "note"});
  table.add({"h800", "2048", "measured"});
  table.add({"mi300x", "8", ""});
  table.add({"caf\xC3\xA9", "-", "x"});
  EXPECT_EQ(table.to_string(),
            "chip    count  note\n"
            "h800     2048  measured\n"
            "mi300x      8\n"
            "caf\xC3\xA9        -  x\n");
}

TEST(Csv, QuotesWhereNeeded) {
  EXPECT_EQ(csv_row({"a", "b,c", "say \"hi\"", "two\nlines", ""}),
            "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",\n");
  EXPECT_EQ(csv_row({}), "\n");
}

TEST(Json, WritesKeysInOrder) {
  JsonWriter json;
  json.begin_object().key("b").value(1).key("a").begin_array().value("x").value(true).null();
  json.end_array().key("e").begin_object().end_object().end_object();
  EXPECT_EQ(json.take(),
            "{\n  \"b\": 1,\n  \"a\": [\n    \"x\",\n    true,\n    null\n  ],\n  \"e\": {}\n}\n");
}

TEST(Json, CompactWithoutIndent) {
  JsonWriter json(0);
  json.begin_object().key("a").value(std::int64_t{5}).key("b").value(std::size_t{6}).end_object();
  EXPECT_EQ(json.take(), "{\"a\":5,\"b\":6}\n");
}

TEST(Json, DoublesReadBackAndNonFiniteIsNull) {
  JsonWriter json(0);
  json.begin_array().value(0.1).value(1.0).value(1e300).value(19.926).value(-0.0);
  json.value(std::numeric_limits<double>::infinity()).value(std::nan("")).end_array();
  EXPECT_EQ(json.take(), "[0.1,1,1e+300,19.926,-0,null,null]\n");
}

TEST(Json, EscapesTextAndReplacesBrokenBytes) {
  JsonWriter json(0);
  json.value("a\"\\\n\t\x01 \xC3\xA9 \xff");
  EXPECT_EQ(json.take(), "\"a\\\"\\\\\\n\\t\\u0001 \xC3\xA9 \xEF\xBF\xBD\"\n");
}

TEST(Utf8, KnowsCharactersFromOtherBytes) {
  EXPECT_EQ(utf8_character("a", 0), 1U);
  EXPECT_EQ(utf8_character("\xC3\xA9", 0), 2U);
  EXPECT_EQ(utf8_character("\xE2\x82\xAC", 0), 3U);
  EXPECT_EQ(utf8_character("\xF0\x9F\x98\x80", 0), 4U);
  EXPECT_EQ(utf8_character("\xC3", 0), 0U) << "cut off";
  EXPECT_EQ(utf8_character("\xA9", 0), 0U) << "continuation without a lead";
  EXPECT_EQ(utf8_character("\xC0\xAF", 0), 0U) << "overlong";
  EXPECT_EQ(utf8_character("\xE0\x80\xAF", 0), 0U) << "overlong";
  EXPECT_EQ(utf8_character("\xED\xA0\x80", 0), 0U) << "surrogate";
  EXPECT_EQ(utf8_character("\xF4\x90\x80\x80", 0), 0U) << "beyond U+10FFFF";
  EXPECT_EQ(utf8_character("", 0), 0U);
}

}  // namespace
}  // namespace aisle
