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
