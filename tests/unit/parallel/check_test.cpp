// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::ground;

/// Fields of all errors of a training that must be refused.
std::vector<std::string> refused(const Ground& on, const std::string& training) {
  Diagnostics diagnostics;
  EXPECT_FALSE(test::placed(on, training, diagnostics).has_value());
  std::vector<std::string> fields;
  for (const Diagnostic& d : diagnostics.all()) {
    if (d.severity != Severity::error) continue;
    EXPECT_EQ(d.place.file, "test.textproto") << to_string(d);
    EXPECT_GT(d.place.line, 0) << to_string(d);
    fields.push_back(d.field.substr(std::string("workload.training.").size()));
  }
  return fields;
}

bool has(const std::vector<std::string>& fields, const std::string& field) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

class Checks : public testing::Test {
 protected:
  Ground dense_ = ground("llama-3.1-70b", "h100-sxm", 64);
  Ground moe_ = ground("deepseek-v3", "h800-sxm", 64);
};

TEST_F(Checks, LayoutThatDoesNotFillTheCluster) {
  EXPECT_TRUE(
      has(refused(dense_, "global_batch: 64 parallel { tensor: 8 pipeline: 3 }"), "parallel"));
  EXPECT_TRUE(
      has(refused(dense_, "global_batch: 64 parallel { tensor: 8 data: 4 }"), "parallel.data"));
}

TEST_F(Checks, BatchThatDoesNotDivide) {
  EXPECT_TRUE(has(refused(dense_, "global_batch: 63 parallel { tensor: 8 }"), "global_batch"));
  EXPECT_TRUE(has(refused(dense_, "parallel { tensor: 8 }"), "global_batch"));
}

TEST_F(Checks, SeveralErrorsAtOnce) {
  const auto fields = refused(
      moe_,
      "global_batch: 63\n precision: \"fp4\"\n parallel {\n expert: 7\n schedule: dual_pipe\n "
      "virtual_stages: 2\n stage_layers: [3, 4]\n }");
  EXPECT_TRUE(has(fields, "precision"));
  EXPECT_TRUE(has(fields, "global_batch"));
  EXPECT_TRUE(has(fields, "parallel.expert"));
  EXPECT_TRUE(has(fields, "parallel.virtual_stages"));
  EXPECT_TRUE(has(fields, "parallel.stage_layers"));
}

TEST_F(Checks, CutsOfTheModel) {
  const Ground odd = ground("llama-3.1-70b", "h100-sxm", 48);
  EXPECT_TRUE(has(refused(odd, "global_batch: 48 parallel { tensor: 3 }"), "parallel.tensor"));
  EXPECT_TRUE(
      has(refused(dense_, "sequence: 4095 global_batch: 64 parallel { tensor: 2 }"), "sequence"));
  EXPECT_TRUE(has(refused(dense_, "global_batch: 64 parallel { expert: 2 }"), "parallel.expert"));
}

TEST_F(Checks, PrecisionNamesWhatTheChipHas) {
  Diagnostics diagnostics;
  test::placed(dense_, "global_batch: 64 precision: \"fp4\" parallel { tensor: 8 }", diagnostics);
  ASSERT_TRUE(diagnostics.has_errors());
  EXPECT_NE(diagnostics.all().front().hint.find("bf16"), std::string::npos);
  EXPECT_NE(diagnostics.all().front().hint.find("fp8"), std::string::npos);
}

TEST_F(Checks, Schedules) {
  EXPECT_TRUE(
      has(refused(moe_,
                  "global_batch: 64 precision: \"fp8\" scaling: blocks parallel { pipeline: 8 "
                  "expert: 8 schedule: dual_pipe }"),
          "global_batch"));
  EXPECT_TRUE(has(refused(dense_,
                          "global_batch: 64 parallel { pipeline: 8 data: 8 virtual_stages: "
                          "2 }"),
                  "parallel.virtual_stages"));
  EXPECT_TRUE(has(refused(dense_,
                          "global_batch: 88 parallel { pipeline: 8 schedule: interleaved "
                          "virtual_stages: 2 }"),
                  "global_batch"));
  EXPECT_TRUE(
      has(refused(moe_,
                  "global_batch: 256 precision: \"fp8\" scaling: blocks parallel { pipeline: 8 "
                  "expert: 8 zero: 3 schedule: dual_pipe }"),
          "parallel.zero"));
}

TEST_F(Checks, NonsenseSizes) {
  const auto fields = refused(
      dense_, "global_batch: 0 micro_batch: -1 parallel { tensor: 0 zero: 5 pipeline: -3 }");
  for (const char* field :
       {"global_batch", "micro_batch", "parallel.tensor", "parallel.zero", "parallel.pipeline"}) {
    EXPECT_TRUE(has(fields, field)) << field;
  }
}

TEST_F(Checks, SpreadOfExpertLoads) {
  const std::string good =
      "global_batch: 64 precision: \"fp8\" scaling: blocks parallel { expert: 64 } ";
  for (const char* spread : {"-0.001", "1.001", "nan", "inf"}) {
    const auto fields = refused(moe_, good + "expert_load_spread: " + spread);
    EXPECT_EQ(fields, std::vector<std::string>{"expert_load_spread"}) << spread;
  }
  for (const char* spread : {"0", "1"}) {
    Diagnostics diagnostics;
    test::placed(moe_, good + "expert_load_spread: " + spread, diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << spread;
  }
}

TEST_F(Checks, StageLayersMayBeEmptyStages) {
  const auto result =
      test::plan_of(dense_,
                    "sequence: 2048 global_batch: 64 parallel { tensor: 8 pipeline: 4 zero: 1 "
                    "stage_layers: [0, 40, 40, 0] }");
  EXPECT_EQ(result.layout.stage_layers.front(), 0);
  EXPECT_FALSE(test::unit_times(result.plan).empty());
}

}  // namespace
}  // namespace aisle::workloads
