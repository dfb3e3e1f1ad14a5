// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <gmock/gmock.h>

namespace aisle::topology {
namespace {

using namespace units;
using testing::Contains;
using testing::HasSubstr;

Accelerator chip(const std::string& what_if, const std::string& name = "b200-sxm") {
  return built("accelerator: \"" + name + "\" count: 16 what_if { " + what_if + " }").accelerator();
}

std::string errors(const std::string& what_if, const std::string& name = "b200-sxm") {
  Diagnostics diagnostics;
  build("accelerator: \"" + name + "\" count: 16\nwhat_if { " + what_if + " }", diagnostics);
  std::string text;
  for (const auto& d : diagnostics.all()) text += to_string(d) + "\n";
  return text;
}

TEST(AnotherPackage, TwiceTheDies) {
  const Accelerator sold = chip("");
  const Accelerator four = chip("package { compute_dies { value: \"4\" } }");
  EXPECT_DOUBLE_EQ(four.silicon, 2);
  EXPECT_DOUBLE_EQ(four.peak_of(Precision::bf16).value / sold.peak_of(Precision::bf16).value, 2);
  EXPECT_DOUBLE_EQ(four.peak_of(Precision::fp8).value / sold.peak_of(Precision::fp8).value, 2);
  EXPECT_EQ(four.cores, 2 * sold.cores);
  EXPECT_EQ(four.peak_of(Precision::bf16).basis, Basis::assumed);
  EXPECT_DOUBLE_EQ(four.hbm_bandwidth.value / sold.hbm_bandwidth.value, 1);
  // Each die brings its edge; of four dies' memory three quarters are another's.
  EXPECT_DOUBLE_EQ(four.die_to_die.value / sold.die_to_die.value, 2);
  EXPECT_DOUBLE_EQ(four.die_crossing, 0.75);
  // 8 TB/s at 32 pJ/B stay, the rest of 1,000 W doubles.
  EXPECT_NEAR(four.tdp.value.in(W), 2 * (1000 - 256) + 256, 1e-6);
}

TEST(AnotherPackage, StacksAndGenerations) {
  const Accelerator twelve = chip("package { hbm_stacks { value: \"12\" } }");
  EXPECT_DOUBLE_EQ(twelve.hbm_bandwidth.value.in(TB / s), 12);
  EXPECT_DOUBLE_EQ(twelve.hbm_capacity.value.in(GB), 270);
  EXPECT_DOUBLE_EQ(twelve.silicon, 1);
  // What was announced of the first chip with eight stacks of HBM4: 13 TB/s and 288 GB.
  const Accelerator hbm4 = chip("package { hbm_generation: \"HBM4\" }");
  EXPECT_NEAR(hbm4.hbm_bandwidth.value.in(TB / s), 13, 0.4);
  EXPECT_NEAR(hbm4.hbm_capacity.value.in(GB), 288, 20);
}

TEST(AnotherPackage, WhatTheStudyStatesStands) {
  const Accelerator stated = chip(
      "hbm_bandwidth { value: \"10 TB/s\" } tdp { value: \"900 W\" } peak { precision: \"bf16\" "
      "rate "
      "{ value: \"3 PFLOP/s\" } } package { compute_dies { value: \"4\" } hbm_stacks { value: "
      "\"16\" "
      "} }");
  EXPECT_DOUBLE_EQ(stated.hbm_bandwidth.value.in(TB / s), 10);
  EXPECT_DOUBLE_EQ(stated.hbm_capacity.value.in(GB), 360);
  EXPECT_DOUBLE_EQ(stated.tdp.value.in(W), 900);
  EXPECT_DOUBLE_EQ(stated.peak_of(Precision::bf16).value.in(PFLOP / s), 3);
}

TEST(AnotherPackage, SmallerDies) {
  const Accelerator half = chip("package { die_area { value: \"407 mm2\" } }", "h100");
  EXPECT_DOUBLE_EQ(half.silicon, 0.5);
  EXPECT_DOUBLE_EQ(half.peak_of(Precision::bf16).value.in(TFLOP / s), 494.5);
  EXPECT_EQ(half.cores, 66);
  EXPECT_NEAR(half.tdp.value.in(W), (700 - 107.2) / 2 + 107.2, 0.1);
}

TEST(AnotherPackage, NotesSayWhatFollows) {
  EXPECT_THAT(built("accelerator: \"b200-sxm\" count: 16 what_if { package { hbm_stacks { value: "
                    "\"12\" } } }")
                  .notes(),
              Contains(AllOf(HasSubstr("HBM 12 TB/s"), HasSubstr("reticle fields"),
                             HasSubstr("more stacks (12)"))));
}

TEST(AnotherPackage, Errors) {
  EXPECT_THAT(errors("package { compute_dies { value: \"0\" } }"), HasSubstr("at least one"));
  EXPECT_THAT(errors("package { hbm_generation: \"HBM9\" }"), HasSubstr("HBM9"));
  EXPECT_THAT(errors("package { die_area { value: \"8 cm\" } }"), HasSubstr("no area"));
  EXPECT_THAT(errors("package { hbm_stacks { value: \"8\" } }", "tpu-v5p"),
              HasSubstr("not published"));
}

}  // namespace
}  // namespace aisle::topology
