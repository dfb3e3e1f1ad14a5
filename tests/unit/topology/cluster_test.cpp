// SPDX-License-Identifier: Apache-2.0
#include "sim/base/statistics.hpp"
#include "tests/unit/topology/support.hpp"

#include <algorithm>
#include <numeric>

namespace aisle::topology {
namespace {

using namespace units;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::string messages(const std::string& fields) {
  Diagnostics diagnostics;
  EXPECT_FALSE(build(fields, diagnostics).has_value());
  std::string all;
  for (const auto& d : diagnostics.all()) all += to_string(d) + "\n";
  return all;
}

TEST(Cluster, H800Figures) {
  const Cluster cluster = built("accelerator: \"H800\" count: 2048");
  EXPECT_EQ(cluster.count(), 2048);
  EXPECT_EQ(cluster.domain_size(), 8);
  EXPECT_DOUBLE_EQ(cluster.scale_up().bandwidth.value.in(GB / s), 200);
  EXPECT_DOUBLE_EQ(cluster.scale_out().bandwidth.value.in(GB / s), 50);
  EXPECT_DOUBLE_EQ(cluster.scale_out().latency.in(us), 5);
  EXPECT_EQ(cluster.accelerator().cores, 132);
  EXPECT_DOUBLE_EQ(cluster.accelerator().peak_of(Precision::bf16).value.in(TFLOP / s), 989);
  EXPECT_DOUBLE_EQ(cluster.accelerator().peak_of(Precision::fp4).value.si(), 0);
  EXPECT_DOUBLE_EQ(cluster.accelerator().hbm_capacity.value.in(GB), 80);
  EXPECT_DOUBLE_EQ(cluster.accelerator().rental.value.in(USD / hour), 2);
  EXPECT_EQ(cluster.system_name(), "h800-node");
  EXPECT_EQ(cluster.fabric_name(), "rail-optimised-2-tier");
  EXPECT_NEAR(cluster.host_power().in(W), 575, 1e-9);
  EXPECT_EQ(cluster.host_power_basis(), Basis::assumed);
  EXPECT_THAT(cluster.notes(), Contains(AllOf(HasSubstr("200 GB/s"), HasSubstr("vendor"))));
  const FabricCounts counts = cluster.fabric_counts();
  EXPECT_EQ(counts.leaf_switches, 64);
  EXPECT_EQ(counts.spine_switches, 32);
}

TEST(Cluster, UnknownNamesAreAllReportedWithTheNearest) {
  const std::string text = messages(
      "accelerator: \"h10\"\n count: 8\n system: \"dgx-h10\"\n"
      " scale_out { fabric: \"rail-optimised-2tiers\" }");
  EXPECT_THAT(text, HasSubstr("test.textproto:2:"));
  EXPECT_THAT(text, HasSubstr("cluster.accelerator"));
  EXPECT_THAT(text, HasSubstr("dgx-h100"));
  EXPECT_THAT(text, HasSubstr("rail-optimised-2-tier'"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(Cluster, CountsThatDoNotDivide) {
  EXPECT_THAT(messages("accelerator: \"h100\"\n count: 2050"),
              AllOf(HasSubstr("test.textproto:3:"), HasSubstr("2048"), HasSubstr("2056")));
  EXPECT_THAT(messages("accelerator: \"h100\" count: 0"), HasSubstr("cluster.count"));
  EXPECT_THAT(messages("accelerator: \"h100\""), HasSubstr("cluster.count"));
  const Cluster small = built("accelerator: \"h100\" count: 3");
  EXPECT_EQ(small.domain_size(), 3);
  EXPECT_EQ(built("accelerator: \"h100\" count: 1").path(0, 0).size(), 1U);
}

TEST(Cluster, RacksAreUsedAsFarAsTheCountDivides) {
  const Cluster racks = built("accelerator: \"gb200\" count: 256");
  EXPECT_EQ(racks.domain_size(), 64);
  EXPECT_THAT(racks.notes(), Contains(HasSubstr("64 of the 72")));
  EXPECT_EQ(built("accelerator: \"gb200\" count: 144").domain_size(), 72);
  EXPECT_THAT(messages("accelerator: \"gb200\" count: 146"), HasSubstr("do not divide"));
}

TEST(Cluster, BadQuantitiesAreAllReportedAtTheirPlaces) {
  const std::string text = messages(
      "accelerator: \"h100\"\n count: 16\n scale_up { bandwidth: \"450\" }\n"
      " scale_out { nic: \"400 GB\" latency: \"5 W\" oversubscription: -1 }\n"
      " what_if { hbm_bandwidth { value: \"fast\" } }");
  for (const char* field :
       {"cluster.scale_up.bandwidth", "cluster.scale_out.nic", "cluster.scale_out.latency",
        "cluster.scale_out.oversubscription", "cluster.what_if.hbm_bandwidth"}) {
    EXPECT_THAT(text, HasSubstr(field));
  }
  EXPECT_THAT(text, HasSubstr("test.textproto:6:"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5) << text;
}

TEST(Cluster, AScaleUpEntryIsNoScaleOutFabric) {
  EXPECT_THAT(messages("accelerator: \"h100\" count: 8 scale_out { fabric: \"su-nvlink4\" }"),
              HasSubstr("scale_up"));
}

TEST(Cluster, WhatIfReplacesFiguresAndMarksThem) {
  const Cluster cluster = built(
      "accelerator: \"h100\" count: 16\n"
      "what_if { hbm_bandwidth { value: \"4.8 TB/s\" }\n"
      "  peak { precision: \"bf16\" rate { value: \"1.2 PFLOP/s\" basis: measured } } }");
  const Accelerator& chip = cluster.accelerator();
  EXPECT_DOUBLE_EQ(chip.hbm_bandwidth.value.in(TB / s), 4.8);
  EXPECT_EQ(chip.hbm_bandwidth.basis, Basis::assumed);
  EXPECT_DOUBLE_EQ(chip.peak_of(Precision::bf16).value.in(TFLOP / s), 1200);
  EXPECT_EQ(chip.peak_of(Precision::bf16).basis, Basis::measured);
  EXPECT_DOUBLE_EQ(chip.peak_of(Precision::fp16).value.in(TFLOP / s), 989);
  EXPECT_EQ(chip.peak_of(Precision::fp16).basis, Basis::vendor);
}

TEST(Cluster, StudyOverridesTheNetwork) {
  const Cluster cluster = built(
      "accelerator: \"h100\" count: 1024 scale_up { size: 16 bandwidth: \"100 GB/s\" }\n"
      "scale_out { nic: \"800 Gb/s\" oversubscription: 2 latency: \"9 us\" }");
  EXPECT_EQ(cluster.domain_size(), 16);
  EXPECT_DOUBLE_EQ(cluster.scale_up().bandwidth.value.in(GB / s), 100);
  EXPECT_DOUBLE_EQ(cluster.scale_out().bandwidth.value.in(GB / s), 50);
  EXPECT_DOUBLE_EQ(cluster.scale_out().latency.in(us), 9);
}

TEST(Cluster, OversubscriptionDoesNotTouchOneUnit) {
  const Cluster cluster =
      built("accelerator: \"h100\" count: 256 scale_out { oversubscription: 4 }");
  EXPECT_DOUBLE_EQ(cluster.scale_out().bandwidth.value.in(GB / s), 50);
}

TEST(Cluster, AFabricSlowerThanTheNicBinds) {
  const Cluster cluster =
      built("accelerator: \"a100\" count: 16 scale_out { fabric: \"so-efa-v1\" }");
  EXPECT_DOUBLE_EQ(cluster.scale_out().bandwidth.value.in(GB / s), 6.25);
  EXPECT_THAT(cluster.notes(), Contains(HasSubstr("so-efa-v1")));
}

TEST(Cluster, AcceleratorsWithoutFiguresSaySo) {
  EXPECT_THAT(messages("accelerator: \"kunlun-p800\" count: 8"), HasSubstr("what_if"));
}

TEST(SlowestAccelerator, IsTheExpectedLargestOfItsDraws) {
  EXPECT_EQ(built("accelerator: \"h100\" count: 1").slowest_factor(), 1.0);
  EXPECT_EQ(built("accelerator: \"h100\" count: 2048 speed_spread: 0").slowest_factor(), 1.0);
  const Cluster usual = built("accelerator: \"h100\" count: 2048");
  EXPECT_DOUBLE_EQ(usual.slowest_factor(), 1 + 0.019 * expected_maximum(2048));
  EXPECT_NEAR(usual.slowest_factor(), 1.065, 0.001);  // expected largest of 2,048: 3.43
  EXPECT_NEAR(built("accelerator: \"h100\" count: 2048 speed_spread: 0.2").slowest_factor(), 1.686,
              0.005);
  // Both ends of 10,000 chips.
  EXPECT_NEAR(2 * 0.019 * expected_maximum(10000), 0.146, 0.001);
}

TEST(SlowestAccelerator, ANoteSaysSoWhereItCounts) {
  const auto notes = [](const std::string& fields) { return built(fields).notes(); };
  EXPECT_THAT(notes("accelerator: \"h100\" count: 2048"),
              Contains(AllOf(HasSubstr("slowest of 2048"), HasSubstr("6.5 %"),
                             HasSubstr("fitted on H100"))));
  EXPECT_THAT(notes("accelerator: \"h100\" count: 2048 speed_spread: 0.019"),
              testing::Not(Contains(HasSubstr("fitted on H100"))));
  EXPECT_THAT(notes("accelerator: \"h100\" count: 1"),
              testing::Not(Contains(HasSubstr("slowest"))));
}

TEST(SlowestAccelerator, SpreadsOutOfRangeAreLocated) {
  for (const char* spread : {"-0.001", "0.21", "nan", "inf"}) {
    EXPECT_THAT(messages(std::string("accelerator: \"h100\"\n count: 8\n speed_spread: ") + spread),
                AllOf(HasSubstr("test.textproto:4:"), HasSubstr("cluster.speed_spread"),
                      HasSubstr("between 0 and 0.2")))
        << spread;
  }
}

TEST(Hierarchy, Groups) {
  const Cluster cluster = built("accelerator: \"h100\" count: 1024");
  const auto shape = [&](const std::vector<int>& group) {
    const Hierarchy h = cluster.hierarchy(group);
    return std::array<int, 4>{h.size, h.domains, h.per_domain, h.pods};
  };
  EXPECT_THAT(shape(range(0, 8)), ElementsAre(8, 1, 8, 1));
  EXPECT_THAT(shape(range(0, 1024, 8)), ElementsAre(128, 128, 1, 4));
  EXPECT_THAT(shape(range(4, 20)), ElementsAre(16, 3, 4, 1));
  EXPECT_THAT(shape(range(248, 264)), ElementsAre(16, 2, 8, 2));
  EXPECT_THAT(shape({1023, 0}), ElementsAre(2, 2, 1, 2));
}

TEST(Path, NamesWhatItPasses) {
  const Cluster cluster = built("accelerator: \"h100\" count: 1024");
  EXPECT_THAT(cluster.path(0, 3), ElementsAre("gpu 0", "nvswitch 0", "gpu 3"));
  EXPECT_THAT(cluster.path(8, 17), ElementsAre("gpu 8", "nic 8", "leaf 0", HasSubstr("spine"),
                                               "leaf 1", "nic 17", "gpu 17"));
  EXPECT_THAT(cluster.path(0, 16), ElementsAre("gpu 0", "nic 0", "leaf 0", "nic 16", "gpu 16"));
  EXPECT_EQ(cluster.path(0, 1000), cluster.path(0, 1000));
}

TEST(Path, SpreadsOverSpines) {
  const Cluster cluster = built("accelerator: \"h100\" count: 1024");
  std::vector<std::string> spines;
  for (int b = 256; b < 512; b += 8) spines.push_back(cluster.path(0, b).at(3));
  std::sort(spines.begin(), spines.end());
  spines.erase(std::unique(spines.begin(), spines.end()), spines.end());
  EXPECT_GT(spines.size(), 8U);  // 32 pairs over 16 spines
  EXPECT_LE(spines.size(), 16U);
}

TEST(Path, TiersOfPaths) {
  const Cluster cluster = built("accelerator: \"h100\" count: 2048");
  const Tier inside = cluster.path_tier(0, 7);
  EXPECT_DOUBLE_EQ(inside.bandwidth.value.in(GB / s), 450);
  EXPECT_NEAR(inside.latency.in(us), 0.82, 1e-9);
  const Tier same_leaf = cluster.path_tier(0, 8);
  EXPECT_DOUBLE_EQ(same_leaf.bandwidth.value.in(GB / s), 50);
  EXPECT_NEAR(same_leaf.latency.in(us), 5.0, 1e-9);
  const Tier over_spine = cluster.path_tier(0, 2047);
  EXPECT_DOUBLE_EQ(over_spine.bandwidth.value.in(GB / s), 50);
  EXPECT_NEAR(over_spine.latency.in(us), 5.3, 1e-9);
}

TEST(Path, PairsOfAMeshHaveOneLink) {
  const Cluster cluster = built("accelerator: \"mi300x\" count: 16");
  EXPECT_DOUBLE_EQ(cluster.scale_up().bandwidth.value.in(GB / s), 448);
  EXPECT_DOUBLE_EQ(cluster.path_tier(0, 1).bandwidth.value.in(GB / s), 64);
  EXPECT_THAT(cluster.path(0, 1), ElementsAre("gpu 0", "mesh 0", "gpu 1"));
}

/// Planes meet only inside a node: to another rail, a neighbour on that rail forwards.
TEST(Path, CrossesPlanesInsideANode) {
  const Cluster cluster = built("accelerator: \"h800\" count: 64 scale_out { fabric: \"mpft\" }");
  EXPECT_THAT(cluster.path(0, 8), ElementsAre("gpu 0", "nic 0", "leaf 0", "nic 8", "gpu 8"));
  const auto path = cluster.path(0, 9);
  EXPECT_EQ(std::count_if(path.begin(), path.end(),
                          [](const auto& v) { return v.rfind("nvswitch", 0) == 0; }),
            1);
  EXPECT_NEAR(cluster.path_tier(0, 8).latency.in(us), 2.8, 1e-9);
}

TEST(Path, HopsBetweenGroupsOfADragonfly) {
  const std::string eights =
      "accelerator: \"h100\" count: 64 scale_up { size: 2 } scale_out { "
      "what_if { switch_ports { value: \"8\" } family: ";
  const Cluster plain = built(eights + "\"dragonfly\" } }");
  for (int b = 1; b < 64; ++b) {
    EXPECT_LE(plain.path(0, b).size(), 2U + 2U + 4U) << b;  // at most four leaves
    EXPECT_GE(plain.path_tier(0, b).latency.in(us), 0.5);
  }
  const Cluster plus = built(eights + "\"dragonfly_plus\" } }");
  for (int b = 16; b < 64; ++b) {
    const auto path = plus.path(0, b);
    EXPECT_EQ(path.at(2), "leaf 0");
    EXPECT_EQ(path.at(3).rfind("spine", 0), 0U);
  }
}

TEST(Cut, IsTheSumOfNicsAndOfNvlink) {
  const Cluster cluster = built("accelerator: \"h100\" count: 1024");
  EXPECT_DOUBLE_EQ(cluster.cut_capacity(range(0, 512)).in(GB / s), 512 * 50.0);
  EXPECT_DOUBLE_EQ(cluster.cut_capacity(range(0, 8)).in(GB / s), 8 * 50.0);
  EXPECT_DOUBLE_EQ(cluster.cut_capacity(range(0, 4)).in(GB / s), 4 * 50.0 + 4 * 450.0);
  EXPECT_DOUBLE_EQ(cluster.cut_capacity(range(0, 1024)).si(), 0);
}

TEST(Package, LinksOfDiesAndStacks) {
  const auto links = built("accelerator: \"b200\" count: 8").package();
  ASSERT_EQ(links.size(), 1U + 8U);
  EXPECT_EQ(links[0].from + " " + links[0].to, "die 0 die 1");
  EXPECT_DOUBLE_EQ(links[0].bandwidth.value.in(TB / s), 5);
  EXPECT_DOUBLE_EQ(links[1].bandwidth.value.in(TB / s), 1);
  EXPECT_EQ(links[8].from, "die 1");
  EXPECT_EQ(built("accelerator: \"h100\" count: 8").package().size(), 5U);
  EXPECT_EQ(built("accelerator: \"mi300x\" count: 8").package().size(), 4U + 8U + 8U);
}

}  // namespace
}  // namespace aisle::topology
