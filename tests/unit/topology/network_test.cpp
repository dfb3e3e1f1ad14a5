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

}  // namespace
}  // namespace aisle::topology
