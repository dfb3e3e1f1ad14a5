// SPDX-License-Identifier: Apache-2.0
#include "topology/cluster.hpp"

#include <gtest/gtest.h>

namespace aisle::topology {
namespace {

TEST(Precision, NamesReadBack) {
  for (int i = 0; i < kPrecisions; ++i) {
    const auto precision = static_cast<Precision>(i);
    EXPECT_EQ(parse_precision(to_string(precision)), precision);
    EXPECT_GT(size_of(precision).si(), 0);
  }
}

TEST(Precision, OtherSpellings) {
  EXPECT_EQ(parse_precision("BFloat16"), Precision::bf16);
  EXPECT_EQ(parse_precision("half"), Precision::fp16);
  EXPECT_EQ(parse_precision("fp8_e4m3"), Precision::fp8);
  EXPECT_EQ(parse_precision("NVFP4"), Precision::fp4);
  EXPECT_EQ(parse_precision("fp7"), std::nullopt);
}

TEST(Precision, Sizes) {
  EXPECT_DOUBLE_EQ(size_of(Precision::bf16).si(), 2);
  EXPECT_DOUBLE_EQ(size_of(Precision::fp6).si(), 0.75);
  EXPECT_DOUBLE_EQ(size_of(Precision::fp4).si(), 0.5);
}

}  // namespace
}  // namespace aisle::topology
