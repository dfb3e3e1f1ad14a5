// SPDX-License-Identifier: Apache-2.0
#include "topology/network.hpp"

#include "sim/base/random.hpp"
#include "tests/unit/topology/support.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace aisle::topology {
namespace {

using namespace units;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Uses = std::vector<Network::Use>;

/// The cluster of `fields`, with hashed paths where asked for; empty where a fault names a part
/// that this shape does not have.
std::optional<Cluster> variant(const std::string& fields, bool hashed) {
  pb::Scenario scenario;
  SourceMap places;
  Diagnostics diagnostics;
  EXPECT_TRUE(
      read_text("cluster {\n" + fields + "\n}\n", "test.textproto", scenario, places, diagnostics));
  if (hashed) scenario.mutable_cluster()->mutable_scale_out()->set_routing(pb::ecmp);
  auto cluster = build_cluster(scenario.cluster(), places, shipped(), diagnostics);
  for (const auto& d : diagnostics.all()) {
    EXPECT_THAT(to_string(d), HasSubstr("fault")) << fields;
  }
  return cluster;
}

/// Shapes of every kind, small enough for all pairs.
const std::vector<std::string>& shapes() {
  static const std::vector<std::string> all = {
      "accelerator: \"h100\" count: 8",
      "accelerator: \"h100\" count: 64 scale_out { what_if { switch_ports { value: \"8\" } } }",
      "accelerator: \"h100\" count: 128 scale_out { oversubscription: 2 core_oversubscription: 3 "
      "what_if { tiers { value: \"3\" } switch_ports { value: \"8\" } } }",
      "accelerator: \"h800\" count: 64 scale_out { fabric: \"mpft\" what_if { switch_ports { "
      "value: "
      "\"8\" } } }",
      "accelerator: \"h100\" count: 64 scale_up { size: 4 } scale_out { what_if { rails { value: "
      "\"2\" } switch_ports { value: \"8\" } } }",
      "accelerator: \"h100\" count: 64 scale_out { what_if { nic_ports { value: \"2\" } "
      "switch_ports { value: \"8\" } } }",
      "accelerator: \"mi300x\" count: 32 scale_out { what_if { switch_ports { value: \"8\" } rails "
      "{ value: \"1\" } } }",
      "accelerator: \"l40s\" count: 16",
      "accelerator: \"tpu-v5e\" count: 64 ",
      "accelerator: \"tpu-v5p\" count: 64",
      "accelerator: \"trainium2\" count: 64 scale_out { what_if { rails { value: \"1\" } } }",
      "accelerator: \"trainium2\" system: \"trn2-ultraserver\" count: 64",
      "accelerator: \"h100\" count: 72 scale_up { size: 2 } scale_out { what_if { family: "
      "\"dragonfly\" switch_ports { value: \"8\" } } }",
      "accelerator: \"h100\" count: 64 scale_up { size: 2 } scale_out { what_if { family: "
      "\"dragonfly_plus\" switch_ports { value: \"8\" } } }",
  };
  return all;
}

std::vector<std::string> faults_of(const std::string& shape) {
  std::vector<std::string> all = {"", "fault { part: \"nic 3\" rate: 0.5 }",
                                  "fault { part: \"nic 5\" }"};
  if (shape.find("count: 8") == std::string::npos) {
    all.push_back("fault { part: \"leaf 1\" }");
    all.push_back("fault { part: \"leaf 0\" rate: 0.25 }");
    all.push_back("fault { part: \"scale-up 2\" }");
    all.push_back("fault { part: \"spine 1\" } fault { part: \"leaf 0 - spine 0\" rate: 0.5 }");
    all.push_back("fault { part: \"core 0\" } fault { part: \"spine 0 - core 1\" }");
    all.push_back("fault { part: \"leaf 0 - leaf 1\" } fault { part: \"leaf 0 - leaf 4\" }");
    all.push_back("fault { part: \"gpu 4 - gpu 5\" } fault { part: \"nic 0 - leaf 0\" }");
    all.push_back("fault { part: \"tpu 4 - tpu 5\" }");
    all.push_back("fault { part: \"chip 0 - chip 1\" } fault { part: \"chip 5\" rate: 0.5 }");
  }
  return all;
}

/// Every pair, with and without relay and for several hashes: links exist and are live, no link
/// twice (no loop), and what leaves the source is what enters the target.
TEST(Network, RoutesAreLoopFreeAndWhole) {
  for (const std::string& shape : shapes()) {
    for (const std::string& fault : faults_of(shape)) {
      for (const bool hashed : {false, true}) {
        const auto cluster = variant(shape + "\n" + fault, hashed);
        if (!cluster) continue;
        const Network& network = cluster->network();
        Uses uses;
        for (int a = 0; a < network.endpoints(); ++a) {
          for (int b = 0; b < network.endpoints(); ++b) {
            uses.clear();
            if (!network.route(a, b, static_cast<std::uint64_t>(a + b), b % 2 == 0, uses)) {
              EXPECT_TRUE(uses.empty());
              EXPECT_FALSE(fault.empty()) << shape << " " << a << " " << b;
              continue;
            }
            std::set<std::int32_t> seen;
            for (const auto& use : uses) {
              EXPECT_TRUE(seen.insert(use.link).second)
                  << shape << fault << ": " << network.name(use.link) << " twice";
              EXPECT_GT(network.capacity(use.link).si(), 0);
              EXPECT_GT(use.share, 0);
              EXPECT_LE(use.share, 1);
            }
            EXPECT_EQ(uses.empty(), a == b);
          }
        }
      }
    }
  }
}

std::vector<std::string> names(const Network& network, int a, int b, bool relay = false) {
  Uses uses;
  std::vector<std::string> all;
  EXPECT_TRUE(network.route(a, b, 0, relay, uses));
  for (const auto& use : uses) {
    all.push_back(network.name(use.link) + (use.share < 1 ? " half" : ""));
  }
  return all;
}

std::string errors(const std::string& fields) {
  Diagnostics diagnostics;
  EXPECT_FALSE(build(fields, diagnostics).has_value()) << fields;
  std::string all;
  for (const auto& d : diagnostics.all()) all += to_string(d) + "\n";
  return all;
}

TEST(Network, NamesTheLinksOfARoute) {
  const Cluster rails = built("accelerator: \"h100\" count: 1024");
  const Network& network = rails.network();
  EXPECT_THAT(names(network, 0, 3), ElementsAre("scale-up 0 out", "scale-up 3 in"));
  EXPECT_THAT(names(network, 0, 8), ElementsAre("nic 0 -> leaf 0", "leaf 0 -> nic 8"));
  EXPECT_THAT(names(network, 0, 9), ElementsAre("nic 0 -> leaf 0", "leaf 0 -> spines",
                                                "spines -> leaf 1", "leaf 1 -> nic 9"));
  EXPECT_THAT(names(network, 0, 9, true),
              ElementsAre("scale-up 0 out", "scale-up 1 in", "nic 1 -> leaf 1", "leaf 1 -> nic 9"));
  EXPECT_NEAR(network.latency(0, 8).in(us), 5.0, 1e-9);
  EXPECT_NEAR(network.latency(0, 1023).in(us), 5.3, 1e-9);
  const Cluster planes = built("accelerator: \"h800\" count: 64 scale_out { fabric: \"mpft\" }");
  EXPECT_EQ(names(planes.network(), 0, 9).front(), "scale-up 0 out");  // planes meet in nodes only
}

TEST(Network, CapacitiesFollowOversubscription) {
  const Cluster cluster = built(
      "accelerator: \"h100\" count: 4096 scale_out { fabric: \"rail-optimised-3-tier\" "
      "oversubscription: 2 core_oversubscription: 3 }");
  const Network& network = cluster.network();
  Uses uses;
  ASSERT_TRUE(network.route(0, 4088, 0, false, uses));
  std::vector<double> rates;
  for (const auto& use : uses) rates.push_back(network.capacity(use.link).in(50.0 * GB / s));
  // 32 endpoints of a leaf on 16 uplinks; 48 of 64 ports of a spine towards leaves.
  ASSERT_EQ(rates.size(), 6U);
  EXPECT_DOUBLE_EQ(rates[1], 16);
  EXPECT_NEAR(rates[2] / rates[1], 16.0 * rates[2] / 256, 1e-9);
  EXPECT_EQ(network.kind(uses[2].link), LinkKind::spine);
}

TEST(Network, HashedPathsUseManyCables) {
  const auto cluster = variant("accelerator: \"h100\" count: 4096", true);
  const Network& network = cluster->network();
  std::set<std::int32_t> up, down;
  for (std::uint64_t hash = 0; hash < 400; ++hash) {
    Uses uses;
    ASSERT_TRUE(network.route(0, 4088, hash, false, uses));
    ASSERT_EQ(uses.size(), 6U);
    up.insert(uses[1].link);
    down.insert(uses[4].link);
    EXPECT_DOUBLE_EQ(network.capacity(uses[1].link).in(GB / s), 50);
  }
  EXPECT_EQ(up.size(), 32U);
  EXPECT_EQ(down.size(), 32U);
}

TEST(Faults, ADeadNicIsReplacedByItsNeighbour) {
  const Cluster cluster = built("accelerator: \"h100\" count: 64 fault { part: \"nic 8\" }");
  EXPECT_THAT(names(cluster.network(), 0, 8),
              ElementsAre("scale-up 0 out", "scale-up 1 in", "nic 1 -> leaf 1", "leaf 1 -> nic 9",
                          "scale-up 9 out", "scale-up 8 in"));
  EXPECT_THAT(names(cluster.network(), 1, 9), ElementsAre("nic 1 -> leaf 1", "leaf 1 -> nic 9"));
  const Cluster lone =
      built("accelerator: \"h100\" count: 4 scale_up { size: 1 } fault { part: \"nic 2\" }");
  Uses uses;
  EXPECT_FALSE(lone.network().route(0, 2, 0, true, uses));
  EXPECT_TRUE(uses.empty());
}

/// Dual plane: a dead top-of-rack switch halves the rate, no more.
TEST(Faults, ADeadSwitchOfADualPlaneHalves) {
  const std::string hpn = "accelerator: \"h100\" count: 2048 scale_out { fabric: \"hpn7\" }";
  const auto rate = [](const Cluster& cluster) {
    Uses uses;
    EXPECT_TRUE(cluster.network().route(0, 8, 0, false, uses));
    double most = 1e9;
    for (const auto& use : uses) {
      most = std::min(most, cluster.network().capacity(use.link).in(GB / s) / use.share);
    }
    return most;
  };
  EXPECT_DOUBLE_EQ(rate(built(hpn)), 50);
  EXPECT_DOUBLE_EQ(rate(built(hpn + " fault { part: \"leaf 0\" }")), 25);
}

TEST(Faults, BundlesLoseTheirShare) {
  const auto bundle = [](const std::string& fault) {
    const Cluster cluster = built("accelerator: \"h100\" count: 1024 " + fault);
    Uses uses;
    EXPECT_TRUE(cluster.network().route(0, 512, 0, false, uses));
    return cluster.network().capacity(uses.at(1).link).in(50.0 * GB / s);
  };
  EXPECT_DOUBLE_EQ(bundle(""), 32);
  EXPECT_DOUBLE_EQ(bundle("fault { part: \"spine 3\" }"), 30);
  EXPECT_DOUBLE_EQ(bundle("fault { part: \"leaf 0 - spine 3\" rate: 0.5 }"), 31);
  EXPECT_DOUBLE_EQ(bundle("fault { part: \"leaf 1 - spine 3\" }"), 32);
}

TEST(Faults, ATorusGoesTheOtherWayRound) {
  const std::string torus = "accelerator: \"trainium2\" count: 16 ";
  EXPECT_THAT(names(built(torus).network(), 0, 1), ElementsAre("chip 0 x+"));
  EXPECT_THAT(names(built(torus).network(), 0, 2),
              ElementsAre("chip 0 x+ half", "chip 1 x+ half", "chip 0 x- half", "chip 3 x- half"));
  EXPECT_THAT(names(built(torus + "fault { part: \"chip 0 - chip 1\" }").network(), 0, 1),
              ElementsAre("chip 0 x-", "chip 3 x-", "chip 2 x-"));
}

TEST(Faults, PartsThatAreNotThereAreLocated) {
  const auto text = [](const std::string& part) {
    return errors("accelerator: \"h100\" count: 64\n fault { part: \"" + part + "\" }");
  };
  EXPECT_THAT(text("nic 64"), AllOf(HasSubstr("test.textproto:3:"), HasSubstr("fault[0].part"),
                                    HasSubstr("nic 63"), HasSubstr("leaf 0-7")));
  for (const char* part : {"switch 3", "nic", "", "leaf -1", "core 0", "nic 3 - spine 0",
                           "nic 3 - leaf 4", "gpu 0 - gpu 1", "leaf 1 - leaf 1", "nic 1x"}) {
    EXPECT_THAT(text(part), HasSubstr("test.textproto:3:")) << part;
  }
  EXPECT_THAT(errors("accelerator: \"h100\" count: 64\n fault { part: \"nic 3\" rate: 1.5 }"),
              HasSubstr("fault[0].rate"));
}

TEST(Torus, SlicesFollowThePodsRules) {
  const auto dimensions = [](const std::string& fields) {
    const Domain domain = built(fields).domain();
    EXPECT_EQ(domain.shape, DomainShape::torus);
    return std::pair(domain.dimensions, domain.closed);
  };
  using Box = std::pair<std::array<int, 3>, std::array<bool, 3>>;
  EXPECT_EQ(dimensions("accelerator: \"tpu-v5p\" count: 8960"),
            Box({16, 20, 28}, {true, true, true}));
  EXPECT_EQ(dimensions("accelerator: \"tpu-v4\" count: 16"), Box({2, 2, 4}, {false, false, false}));
  EXPECT_EQ(dimensions("accelerator: \"tpu-v4\" count: 192"), Box({4, 4, 12}, {true, true, true}));
  EXPECT_EQ(dimensions("accelerator: \"tpu-v6e\" count: 256"),
            Box({16, 16, 1}, {true, true, false}));
  EXPECT_EQ(dimensions("accelerator: \"tpu-v6e\" count: 128"),
            Box({8, 16, 1}, {false, true, false}));
  EXPECT_EQ(dimensions("accelerator: \"tpu-v5p\" count: 128 scale_up { dimensions: [8, 4, 4] }"),
            Box({8, 4, 4}, {true, true, true}));
  const Domain ultra =
      built("accelerator: \"trainium2\" system: \"trn2-ultraserver\" count: 64").domain();
  EXPECT_DOUBLE_EQ(ultra.axis_bandwidth[0].in(GB / s), 128);
  EXPECT_DOUBLE_EQ(ultra.axis_bandwidth[2].in(GB / s), 64);
}

TEST(Torus, SlicesThatCannotBeAreLocated) {
  EXPECT_THAT(errors("accelerator: \"tpu-v5p\"\n count: 100"),
              AllOf(HasSubstr("test.textproto:3:"), HasSubstr("16x20x28")));
  const std::string chips = "accelerator: \"tpu-v5p\" count: 128\n scale_up { dimensions: ";
  EXPECT_THAT(errors(chips + "[4, 4, 4] }"),
              AllOf(HasSubstr("test.textproto:3:"), HasSubstr("4x4x4 is not a box of 128")));
  EXPECT_THAT(errors(chips + "[2, 2, 32] }"), HasSubstr("does not fit"));
  EXPECT_THAT(errors(chips + "[2, 4, 16] }"), HasSubstr("whole cubes"));
}

TEST(Fabrics, DescriptionsThatDoNotConnectAreRejected) {
  const auto text = [](const std::string& out) {
    return errors("accelerator: \"h100\" count: 1024\n scale_out { " + out + " }");
  };
  EXPECT_THAT(text("oversubscription: 64"),
              AllOf(HasSubstr("test.textproto:3:"), HasSubstr("less than one uplink")));
  EXPECT_THAT(text("what_if { tiers { value: \"1\" } }"), HasSubstr("one tier"));
  EXPECT_THAT(text("what_if { tiers { value: \"4\" } }"), HasSubstr("4 tiers"));
  EXPECT_THAT(text("what_if { endpoints_per_leaf { value: \"60\" } }"), HasSubstr("cannot carry"));
  EXPECT_THAT(text("what_if { family: \"ring\" }"), HasSubstr("unknown family"));
  EXPECT_THAT(text("what_if { family: \"dragonfly\" switch_ports { value: \"8\" } }"),
              HasSubstr("groups"));
  EXPECT_THAT(text("what_if { family: \"dragonfly\" global_ports { value: \"40\" } }"),
              HasSubstr("ports"));
  EXPECT_THAT(text("what_if { tiers { value: \"two\" } }"), HasSubstr("tiers"));
  EXPECT_THAT(text("queue_pairs: 0"), HasSubstr("queue_pairs"));
}

TEST(Traits, AreThoseOfTheFabricOrTheStudy) {
  using Routing = FabricTraits::Routing;
  const auto traits = [](const std::string& out) {
    return built("accelerator: \"h100\" count: 16 scale_out { " + out + " }").fabric();
  };
  EXPECT_EQ(traits("").routing, Routing::adaptive);
  EXPECT_DOUBLE_EQ(traits("").efficiency, 0.95);
  EXPECT_FALSE(traits("").in_network_reduction);
  EXPECT_TRUE(traits("what_if { in_network_reduction: true }").in_network_reduction);
  EXPECT_EQ(traits("fabric: \"so-efa-v2\"").transport, "efa");
  EXPECT_EQ(traits("fabric: \"so-efa-v2\"").routing, Routing::spray);
  EXPECT_EQ(traits("fabric: \"so-meta-24k-roce\"").queue_pairs, 16);
  EXPECT_EQ(traits("routing: ecmp queue_pairs: 4").queue_pairs, 4);
  EXPECT_TRUE(built("accelerator: \"h100\" count: 8").domain().in_switch_reduction);
  EXPECT_FALSE(built("accelerator: \"a100\" count: 8").domain().in_switch_reduction);
  EXPECT_EQ(built("accelerator: \"mi300x\" count: 2").domain().pair_bandwidth.value.in(GB / s), 64);
}

/// What makes a folded run exact for traffic among all pairs: flows between classes of endpoints,
/// told apart by the classes of the links that they use, load every link of a class alike.
void expect_equitable(const Network& network, const std::vector<std::int32_t>& given, bool relay,
                      const std::string& what) {
  const Network::Colours colours = network.symmetry(given);
  using Signature = std::vector<std::pair<int, double>>;
  std::map<std::tuple<int, int, Signature>, int> flow_classes;
  std::vector<std::map<int, int>> flows(static_cast<std::size_t>(network.links()));
  std::map<int, std::map<int, int>> of_endpoint;  // flow classes out of each endpoint
  Uses uses;
  for (int a = 0; a < network.endpoints(); ++a) {
    for (int b = 0; b < network.endpoints(); ++b) {
      uses.clear();
      if (a == b || !network.route(a, b, 0, relay, uses)) continue;
      Signature signature;
      for (const auto& use : uses) {
        signature.emplace_back(colours.link[static_cast<std::size_t>(use.link)], use.share);
      }
      std::sort(signature.begin(), signature.end());
      const auto key = std::tuple(colours.endpoint[static_cast<std::size_t>(a)],
                                  colours.endpoint[static_cast<std::size_t>(b)], signature);
      const int id =
          flow_classes.try_emplace(key, static_cast<int>(flow_classes.size())).first->second;
      for (const auto& use : uses) ++flows[static_cast<std::size_t>(use.link)][id];
      ++of_endpoint[a][id];
    }
  }
  std::map<int, int> first_link, first_endpoint;
  for (int link = 0; link < network.links(); ++link) {
    const auto l = static_cast<std::size_t>(link);
    const int like = first_link.try_emplace(colours.link[l], link).first->second;
    ASSERT_EQ(flows[l], flows[static_cast<std::size_t>(like)])
        << what << ": " << network.name(link) << " is not as " << network.name(like);
    EXPECT_NEAR(network.capacity(link).si(), network.capacity(like).si(), 1e4);
  }
  for (int e = 0; e < network.endpoints(); ++e) {
    const auto i = static_cast<std::size_t>(e);
    const int like = first_endpoint.try_emplace(colours.endpoint[i], e).first->second;
    ASSERT_EQ(of_endpoint[e], of_endpoint[like]) << what << ": endpoints " << e << ", " << like;
    EXPECT_EQ(given[i], given[static_cast<std::size_t>(like)]) << what;
  }
}

TEST(Symmetry, IsEquitableForAllPairs) {
  constexpr std::uint64_t kSeed = 20250311;
  Random random(kSeed, "symmetry");
  for (const std::string& shape : shapes()) {
    for (const std::string& fault : faults_of(shape)) {
      const auto cluster = variant(shape + "\n" + fault, false);
      if (!cluster) continue;
      const Network& network = cluster->network();
      const auto endpoints = static_cast<std::size_t>(network.endpoints());
      for (int round = 0; round < 4; ++round) {
        std::vector<std::int32_t> given(endpoints);
        for (std::size_t e = 0; e < endpoints; ++e) {
          const auto domain = e / static_cast<std::size_t>(cluster->domain_size());
          given[e] = round == 0   ? 0
                     : round == 1 ? static_cast<std::int32_t>(domain % 3 == 1)
                     : round == 2 ? static_cast<std::int32_t>(random.below(2))
                                  : static_cast<std::int32_t>(e % 4 == 0);
        }
        for (const bool relay : {false, true}) {
          expect_equitable(
              network, given, relay,
              shape + fault + " round " + std::to_string(round) + " seed " + std::to_string(kSeed));
        }
      }
    }
  }
}

TEST(Symmetry, FoldsWhatIsAlike) {
  const auto classes = [](const std::string& fields) {
    const Cluster cluster = built(fields);
    const auto colours = cluster.network().symmetry(
        std::vector<std::int32_t>(static_cast<std::size_t>(cluster.count())));
    const std::set<std::int32_t> ends(colours.endpoint.begin(), colours.endpoint.end());
    const std::set<std::int32_t> links(colours.link.begin(), colours.link.end());
    return std::pair(ends.size(), links.size());
  };
  using Counts = std::pair<std::size_t, std::size_t>;
  // Ports, NICs and bundles of leaves out and in.
  EXPECT_EQ(classes("accelerator: \"h100\" count: 1024"), Counts(1, 6));
  EXPECT_EQ(classes("accelerator: \"h100\" count: 16384"), Counts(1, 8));
  EXPECT_EQ(classes("accelerator: \"mi300x\" count: 8").first, 1U);
  // Three axes, both directions of a ring alike; NICs that nothing uses.
  EXPECT_EQ(classes("accelerator: \"tpu-v5p\" count: 4096").first, 1U);
  // 8 x 8 without wraparound: mirror images.
  EXPECT_EQ(classes("accelerator: \"tpu-v5e\" count: 64").first, 16U);
  // A slow NIC: itself, its node, its leaf's, ...: few classes, whatever the size.
  EXPECT_LE(classes("accelerator: \"h100\" count: 1024 fault { part: \"nic 3\" rate: 0.5 }").first,
            10U);
}

TEST(Network, IsBuiltQuicklyAtScale) {
  const Cluster cluster = built(
      "accelerator: \"h100\" count: 131072 scale_out { fabric: \"rail-optimised-3-tier\" what_if { "
      "switch_ports { value: \"128\" } } }");
  const auto timed = [](const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double build_s = timed([&] { EXPECT_EQ(cluster.network().endpoints(), 131072); });
  Uses uses;
  const double route_s = timed([&] {
    for (int a = 0; a < 131072; ++a) {
      uses.clear();
      EXPECT_TRUE(cluster.network().route(a, (a * 7 + 4096) % 131072, 0, true, uses));
    }
  });
  const double symmetry_s =
      timed([&] { cluster.network().symmetry(std::vector<std::int32_t>(131072)); });
  RecordProperty("build_s", std::to_string(build_s));
  RecordProperty("route_s", std::to_string(route_s));
  RecordProperty("symmetry_s", std::to_string(symmetry_s));
  EXPECT_LT(build_s, 1.0);  // some 10 ms where optimised; sanitizers are slow
  EXPECT_LT(symmetry_s, 5.0);
}

}  // namespace
}  // namespace aisle::topology
