// SPDX-License-Identifier: Apache-2.0
#include "topology/fabric.hpp"

#include "sim/base/random.hpp"
#include "tests/unit/topology/support.hpp"
#include "topology/catalogue/figures.hpp"

#include <chrono>
#include <set>

namespace aisle::topology {
namespace {

constexpr BytesPerSecond kNdr = 400.0 * units::Gb / units::s;

FabricShape rails_of_64_ports() {
  FabricShape shape;
  shape.rails = 8;
  return shape;
}

/// Switch counts of the published SuperPOD sizes: the sizes that fill whole units, and those one
/// node short of it.
TEST(Fabric, CountsOfPublishedSuperPods) {
  int compared = 0;
  for (const auto* entry : shipped().fabrics()) {
    const std::string& name = entry->name();
    const bool xdr = name.rfind("so-superpod-b300-xdr-", 0) == 0;
    if (!xdr && name.rfind("so-superpod-b200-", 0) != 0 &&
        name.rfind("so-superpod-h100-", 0) != 0) {
      continue;
    }
    // The page prints 9,216 for 18 units of 576; its own cable count gives 10,368.
    const int endpoints = name == "so-superpod-b300-xdr-18su"
                              ? 10368
                              : static_cast<int>(number_or(entry->max_endpoints(), 0));
    const Cluster cluster =
        built("accelerator: \"" + std::string(xdr ? "b300" : "h100") +
              "\" count: " + std::to_string(endpoints) + " scale_out { fabric: \"" + name + "\" }");
    const FabricCounts counts = cluster.fabric_counts();
    EXPECT_EQ(counts.leaf_switches, number_or(entry->leaf_switches(), -1)) << name;
    EXPECT_EQ(counts.spine_switches, number_or(entry->spine_switches(), -1)) << name;
    EXPECT_EQ(counts.core_switches, number_or(entry->core_switches(), 0)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 6 + 4 + 5);
}

/// Cables of SuperPOD H100 with 4 units: 1,016 of 127 nodes and 1,024 between leaves and spines.
TEST(Fabric, CablesOfFourUnits) {
  EXPECT_EQ(FabricPlan(1016, 8, rails_of_64_ports()).counts().links, 1016 + 1024);
  FabricShape three = rails_of_64_ports();
  three.tiers = 3;
  EXPECT_EQ(FabricPlan(4096, 8, three).counts().links, 3 * 4096);
}

/// The trees priced in arXiv 2505.09343: switches and cables between switches.
TEST(Fabric, CountsOfPricedTrees) {
  const auto check = [](const FabricShape& shape, int endpoints, int switches, int between) {
    const FabricCounts counts = FabricPlan(endpoints, 8, shape).counts();
    EXPECT_EQ(counts.leaf_switches + counts.spine_switches + counts.core_switches, switches);
    EXPECT_EQ(counts.links - endpoints, between);
  };
  FabricShape shape = rails_of_64_ports();
  check(shape, 2048, 96, 2048);
  shape.planes = 8;
  check(shape, 16384, 768, 16384);
  shape.planes = 1;
  shape.tiers = 3;
  check(shape, 65536, 5120, 131072);
}

/// The dragonfly of the same table: 511 groups of 32 switches.
TEST(Fabric, CountsOfThePricedDragonfly) {
  const Cluster cluster =
      built("accelerator: \"h100\" count: 261632 scale_out { fabric: \"so-cost-dragonfly\" }");
  EXPECT_EQ(cluster.fabric_counts().leaf_switches, 16352);
  EXPECT_EQ(cluster.fabric_counts().links - 261632, 384272);
}

/// Alibaba HPN 7.0: 16 top-of-rack switches per segment of 1,024, 60 aggregation switches a plane.
TEST(Fabric, CountsOfADualPlane) {
  const Cluster cluster =
      built("accelerator: \"h100\" count: 15360 scale_out { fabric: \"hpn7\" }");
  const FabricCounts counts = cluster.fabric_counts();
  EXPECT_EQ(counts.leaf_switches, 240);
  EXPECT_EQ(counts.spine_switches, 120);
  EXPECT_EQ(counts.core_switches, 0);
  EXPECT_EQ(counts.links, 2 * 15360 + 240 * 60);
  EXPECT_EQ(built("accelerator: \"h100\" count: 2048 scale_out { fabric: \"hpn7\" }")
                .fabric_counts()
                .leaf_switches,
            32);
}

long count_of(const Cluster& cluster, const std::string& item) {
  for (const BillRow& row : cluster.bill_of_materials()) {
    if (row.item == item) return row.count;
  }
  return 0;
}

TEST(Bill, CountsOfPublishedSystems) {
  const Cluster rack = built("accelerator: \"gb200\" system: \"gb200-nvl72\" count: 72");
  EXPECT_EQ(count_of(rack, "scale-up switch"), 18);
  EXPECT_EQ(count_of(rack, "scale-up link"), 72 * 18);
  EXPECT_EQ(count_of(rack, "leaf switch"), 0);
  const Cluster supernode =
      built("accelerator: \"ascend-910c\" system: \"cloudmatrix384\" count: 384");
  EXPECT_EQ(count_of(supernode, "scale-up switch"), 336);
  EXPECT_EQ(count_of(supernode, "scale-up switch, second tier"), 112);
  EXPECT_EQ(count_of(supernode, "scale-up transceiver"), 5376);
  // TPU v4: 64 cubes, 96 optical faces each, 48 switches.
  const Cluster pod = built("accelerator: \"tpu-v4\" count: 4096");
  EXPECT_EQ(count_of(pod, "optical circuit switch"), 48);
  EXPECT_EQ(count_of(pod, "torus transceiver"), 64 * 96);
  EXPECT_EQ(count_of(pod, "torus link"), 64 * 144);
}

/// Totals of the cost table of arXiv 2505.09343, adapters aside; the parts' prices were fitted to
/// it.
TEST(Bill, TotalsOfPricedFabrics) {
  const auto total = [](const std::string& fabric, int endpoints) {
    const Cluster cluster = built("accelerator: \"h100\" count: " + std::to_string(endpoints) +
                                  " scale_out { fabric: \"" + fabric + "\" }");
    double sum = 0;
    for (const BillRow& row : cluster.bill_of_materials()) {
      if (row.item != "NIC") sum += static_cast<double>(row.count) * row.price.value.si() / 1e6;
    }
    return sum;
  };
  EXPECT_NEAR(total("so-cost-ft2", 2048), 9, 0.02 * 9);
  EXPECT_NEAR(total("so-cost-mpft", 16384), 72, 0.02 * 72);
  EXPECT_NEAR(total("so-cost-ft3", 65536), 491, 0.02 * 491);
  EXPECT_NEAR(total("so-cost-dragonfly", 261632), 1522, 0.02 * 1522);
}

TEST(Fabric, ThirdTierWhereTwoDoNotReach) {
  EXPECT_EQ(FabricPlan(2048, 8, rails_of_64_ports()).tiers(), 2);
  const FabricPlan plan(16384, 8, rails_of_64_ports());
  EXPECT_EQ(plan.tiers(), 3);
  EXPECT_EQ(plan.pods(), 16);
  EXPECT_EQ(plan.counts().core_switches, 256);
  EXPECT_TRUE(FabricPlan(65536, 8, rails_of_64_ports()).within_reach());
  EXPECT_FALSE(FabricPlan(131072, 8, rails_of_64_ports()).within_reach());
}

TEST(Fabric, OneLeafNeedsNoSpine) {
  FabricShape shape;
  const FabricPlan plan(32, 8, shape);
  EXPECT_EQ(plan.counts().leaf_switches, 1);
  EXPECT_EQ(plan.counts().spine_switches, 0);
  EXPECT_EQ(plan.counts().links, 32);
}

/// Every endpoint has a port, no leaf has more endpoints than ports for them, over odd domains.
TEST(Fabric, PositionsFitTheirLeaves) {
  for (const int domain : {1, 4, 8, 16, 72, 384}) {
    for (const int domains : {1, 3, 40}) {
      const FabricPlan plan(domain * domains, domain, rails_of_64_ports());
      std::vector<int> used(static_cast<std::size_t>(plan.leaves()));
      for (int e = 0; e < plan.endpoints(); ++e) {
        const auto at = plan.position(e);
        ASSERT_LT(at.leaf, plan.leaves()) << domain << " x " << domains;
        ASSERT_LT(at.pod, plan.pods());
        ++used[static_cast<std::size_t>(at.leaf)];
      }
      for (const int endpoints : used) {
        EXPECT_GT(endpoints, 0) << domain << " x " << domains;
        EXPECT_LE(endpoints, 32) << domain << " x " << domains;
      }
    }
  }
}

TEST(Fabric, CutOfANonBlockingTreeIsItsEndpoints) {
  const FabricPlan plan(1024, 8, rails_of_64_ports());
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 512), kNdr).in(kNdr), 512);
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 1024, 2), kNdr).in(kNdr), 512);
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 24), kNdr).in(kNdr), 24);
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 1000), kNdr).in(kNdr), 24);
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 1024), kNdr).in(kNdr), 0);
}

TEST(Fabric, CutFollowsOversubscriptionOnlyAboveTheLeaf) {
  FabricShape shape = rails_of_64_ports();
  shape.oversubscription = 2;
  const FabricPlan plan(1024, 8, shape);
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 512), kNdr).in(kNdr), 256);  // two whole units of four
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 128), kNdr).in(kNdr), 128);  // half of one unit: below leaves
}

TEST(Fabric, CutBetweenPodsFollowsTheCore) {
  FabricShape shape;
  shape.tiers = 3;
  shape.endpoints_per_leaf = 16;
  shape.endpoints_per_unit = 16;
  shape.endpoints_per_pod = 3072;
  shape.switch_ports = 576;
  shape.core_oversubscription = 7;
  const FabricPlan plan(6144, 8, shape);
  ASSERT_EQ(plan.pods(), 2);
  // 192 leaves of 16 cables over spines of 504 down and 72 up: 8 spines, 576 cables to the core.
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 3072), kNdr).in(kNdr), 8 * 72);
  EXPECT_DOUBLE_EQ(plan.cut(range(0, 1536), kNdr).in(kNdr), 1536);
}

/// A cut is the same seen from either side, and never exceeds the smaller side's endpoints.
TEST(Fabric, CutsAreSymmetric) {
  constexpr std::uint64_t kSeed = 20240917;
  Random random(kSeed, "cuts");
  for (int round = 0; round < 60; ++round) {
    FabricShape shape = rails_of_64_ports();
    shape.switch_ports = 8 << random.below(3);
    shape.planes = 1 << random.below(4);
    shape.tiers = 2 + static_cast<int>(random.below(2));
    shape.oversubscription = 1.0 + static_cast<double>(random.below(3));
    shape.core_oversubscription = 1.0 + static_cast<double>(random.below(3));
    const FabricPlan plan(8 * (1 + static_cast<int>(random.below(60))), 8, shape);
    std::vector<int> here, there;
    for (int e = 0; e < plan.endpoints(); ++e) (random.below(3) == 0 ? here : there).push_back(e);
    const double cut = plan.cut(here, kNdr).in(kNdr);
    EXPECT_NEAR(cut, plan.cut(there, kNdr).in(kNdr), 1e-9)
        << "seed " << kSeed << " round " << round;
    EXPECT_LE(cut, static_cast<double>(std::min(here.size(), there.size())) + 1e-9);
  }
}

TEST(Fabric, PlanesDoNotMeet) {
  FabricShape shape = rails_of_64_ports();
  shape.planes = 8;
  const FabricPlan plan(2048, 8, shape);
  std::set<std::pair<int, int>> leaf_planes;
  for (int e = 0; e < 2048; ++e) {
    EXPECT_EQ(plan.position(e).plane, e % 8);
    leaf_planes.emplace(plan.position(e).leaf, plan.position(e).plane);
  }
  EXPECT_EQ(static_cast<int>(leaf_planes.size()), plan.leaves());
}

TEST(Fabric, GraphOf16384IsBuiltQuickly) {
  const Cluster cluster = built("accelerator: \"h100\" count: 16384");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(cluster.path(0, 16383).size(), 9U);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(took.count()));
  EXPECT_LT(took.count(), 1.0);  // some 20 ms where optimised; sanitizers are slow
}

}  // namespace
}  // namespace aisle::topology
