// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aisle {
namespace {

using testing::HasSubstr;

std::string explain(std::string_view path, Diagnostics& diagnostics) {
  return explain_field(path, "aisle.pb.Scenario", AISLE_BINARY_DIR "/aisle.desc", diagnostics)
      .value_or("");
}

std::string explain(std::string_view path) {
  Diagnostics diagnostics;
  const std::string text = explain(path, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << path;
  return text;
}

TEST(Explain, FieldHasTypeCommentAndDefault) {
  const std::string text = explain("cluster.scale_out.nic");
  EXPECT_THAT(text, HasSubstr("cluster.scale_out.nic: text\n"));
  EXPECT_THAT(text, HasSubstr("\"400 Gb/s\""));
  EXPECT_THAT(explain("workload.training.sequence"), HasSubstr("default: 4096\n"));
  EXPECT_THAT(explain("cluster.site.tariff"), HasSubstr("default: \"0.08 USD/kWh\"\n"));
  EXPECT_THAT(explain("workload.training.parallel.overlap"), HasSubstr("default: true\n"));
}

TEST(Explain, ChoiceListsItsValuesWithTheirMeaning) {
  const std::string text = explain("workload.training.recompute");
  EXPECT_THAT(text, HasSubstr("default: none\n"));
  EXPECT_THAT(text, HasSubstr("  selective  norms, activation functions"));
}

TEST(Explain, MessageListsItsFields) {
  const std::string text = explain("cluster.scale_up");
  EXPECT_THAT(text, HasSubstr("cluster.scale_up: ScaleUp\n"));
  EXPECT_THAT(text, HasSubstr("\n  size        whole number: Accelerators in one scale-up domain"));
  EXPECT_THAT(explain("reference[0].metric"), HasSubstr("Metric name as in results"));
  EXPECT_THAT(explain("reference"), HasSubstr("list of Reference\n"));
  EXPECT_THAT(explain(""), HasSubstr("One study"));
}

TEST(Explain, UnknownPathNamesTheNearest) {
  Diagnostics diagnostics;
  EXPECT_EQ(explain("cluster.scale_out.nick", diagnostics), "");
  EXPECT_EQ(explain("title.x", diagnostics), "");
  EXPECT_EQ(explain("a..b", diagnostics), "");
  ASSERT_EQ(diagnostics.error_count(), 3);
  EXPECT_EQ(to_string(diagnostics.all()[0]),
            "error: cluster.scale_out.nick: unknown field (did you mean 'nic'?)");
}

TEST(Explain, MissingDescriptorsAreAnError) {
  Diagnostics diagnostics;
  EXPECT_FALSE(explain_field("title", "aisle.pb.Scenario", "no such file", diagnostics));
  EXPECT_EQ(diagnostics.error_count(), 1);
}

}  // namespace
}  // namespace aisle
