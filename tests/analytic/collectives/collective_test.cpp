// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/collective.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/base/random.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aisle::workloads {
namespace {

using namespace units;

topology::Cluster cluster(const std::string& text) {
  Diagnostics diagnostics;
  SourceMap places;
  pb::Cluster spec;
  EXPECT_TRUE(read_text(text, "test", spec, places, diagnostics));
  const auto catalogue = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  auto built = topology::build_cluster(spec, places, *catalogue, diagnostics);
  for (const Diagnostic& d : diagnostics.all())
    EXPECT_NE(d.severity, Severity::error) << to_string(d);
  return std::move(*built);
}

topology::Cluster h100(const std::string& bandwidth = "450 GB/s",
                       const std::string& nic = "400 Gb/s") {
  std::string text = "accelerator: \"h100-sxm\" count: 1024 scale_up { size: 8 bandwidth: \"";
  text.append(bandwidth).append("\" } scale_out { nic: \"").append(nic).append("\" }");
  return cluster(text);
}

Communication of(CollectiveKind kind, Bytes bytes, int domains, int per_domain) {
  Communication c;
  c.kind = kind;
  c.bytes = bytes;
  c.group = {domains * per_domain, domains, per_domain, 1};
  return c;
}

TEST(Collective, AllToAllSplitsByDomain) {
  const topology::Cluster machine = h100();
  const CommunicationProfile profile;
  const auto cost = cost_of(of(CollectiveKind::all_to_all, 16 * GB, 2, 8), machine, profile);
  EXPECT_NEAR(cost.scale_up_out.in(GB), 7, 1e-9);
  EXPECT_NEAR(cost.scale_out_out.in(GB), 8, 1e-9);
  EXPECT_EQ(cost.bound_by, "NIC");
  const double line = 8.0 / 50;
  EXPECT_NEAR((cost.alone - cost.latency).in(s), line / profile.library.pair_network_share, 1e-3);
}

TEST(Collective, DispatchOfDeepSeekOverEightNodes) {
  const topology::Cluster machine = cluster(
      "accelerator: \"h800-sxm\" count: 64 scale_up { size: 8 bandwidth: \"200 GB/s\" } "
      "scale_out { nic: \"400 Gb/s\" }");
  Communication c = of(CollectiveKind::dispatch, 4096.0 * 7392.0 * B, 8, 8);
  c.copies_to_domains = 3.629;
  c.copies_to_ranks = 7.359;
  CommunicationProfile profile;
  profile.dispatch_efficiency = 0.5;
  const auto cost = cost_of(c, machine, profile);
  EXPECT_NEAR(cost.scale_out_out.in(MB), 109.9 * 7 / 8, 0.1);
  EXPECT_NEAR(cost.scale_up_in.in(MB), 222.8 * 7 / 8, 0.1);
  EXPECT_NEAR((cost.alone - cost.latency).in(ms), 109.9 * 7 / 8 / 25, 0.01);
  EXPECT_EQ(cost.cores, profile.cores_expert);
  EXPECT_EQ(cost.algorithm, Algorithm::two_hop);
}

TEST(Collective, ExchangesAreFasterAlone) {
  const topology::Cluster machine = cluster(
      "accelerator: \"h800-sxm\" count: 64 scale_up { size: 8 } scale_out { nic: \"400 Gb/s\" }");
  CommunicationProfile profile;
  profile.dispatch_efficiency = 0.89;
  profile.dispatch_efficiency_beside = 0.5;
  profile.combine_efficiency = 0.875;
  profile.combine_efficiency_beside = 0.6;
  const auto wire = [&](CollectiveKind kind, bool beside, double bytes_per_token) {
    Communication c = of(kind, 4096 * bytes_per_token * B, 8, 8);
    c.copies_to_domains = 3.629;
    c.copies_to_ranks = 7.359;
    c.beside_computation = beside;
    const auto cost = cost_of(c, machine, profile);
    return (cost.alone - cost.latency).in(ms);
  };
  // The NIC binds in all four; the cores' handling of the copies adds up to 2 %.
  const double copies = 4096 * 3.629 * 7 / 8 / 50e9 * 1e3;
  EXPECT_NEAR(wire(CollectiveKind::dispatch, false, 7392) / (copies * 7392 / 0.89), 1, 0.02);
  EXPECT_NEAR(wire(CollectiveKind::dispatch, true, 7392) / (copies * 7392 / 0.5), 1, 0.02);
  EXPECT_NEAR(wire(CollectiveKind::combine, false, 14336) / (copies * 14336 / 0.875), 1, 0.02);
  EXPECT_NEAR(wire(CollectiveKind::combine, true, 14336) / (copies * 14336 / 0.6), 1, 0.02);
}

TEST(Collective, OnlyExchangesKnowWhatRunsBeside) {
  const topology::Cluster machine = h100();
  const CommunicationProfile profile;
  for (int kind = 0; kind <= static_cast<int>(CollectiveKind::barrier); ++kind) {
    Communication c = of(static_cast<CollectiveKind>(kind), 1 * GB, 4, 8);
    c.copies_to_domains = 3;
    c.copies_to_ranks = 6;
    const auto alone = cost_of(c, machine, profile);
    c.beside_computation = true;
    const auto beside = cost_of(c, machine, profile);
    const bool exchange = c.kind == CollectiveKind::dispatch || c.kind == CollectiveKind::combine;
    EXPECT_EQ(alone.alone < beside.alone, exchange) << to_string(c.kind);
    EXPECT_LE(alone.alone, beside.alone);
    EXPECT_EQ(alone.scale_out_out, beside.scale_out_out);
    EXPECT_EQ(alone.hbm, beside.hbm);
  }
}

TEST(Collective, OneMemberCostsNothing) {
  const topology::Cluster machine = h100();
  for (int kind = 0; kind <= static_cast<int>(CollectiveKind::barrier); ++kind) {
    const auto c = of(static_cast<CollectiveKind>(kind), 1 * GB, 1, 1);
    const auto cost = cost_of(c, machine, CommunicationProfile());
    EXPECT_EQ(cost.alone.si(), 0);
    EXPECT_EQ(cost.cores, 0);
  }
}

TEST(Collective, SaysWhatCannotRunAndWhatToDoInstead) {
  const topology::Cluster h = h100();
  const topology::Cluster a = cluster(
      "accelerator: \"a100-80gb-sxm\" count: 64 scale_up { size: 8 } scale_out { nic: \"200 Gb/s\" "
      "}");
  const auto reason = [](Communication c, const topology::Cluster& machine, Algorithm algorithm,
                         Protocol protocol = Protocol::automatic) {
    c.algorithm = algorithm;
    c.protocol = protocol;
    return why_not(c, machine).value_or("");
  };
  const Communication sum = of(CollectiveKind::all_reduce, 1 * GB, 1, 8);
  const Communication sums = of(CollectiveKind::all_reduce, 1 * GB, 4, 8);
  const Communication gather = of(CollectiveKind::all_gather, 1 * GB, 4, 8);
  EXPECT_EQ(reason(sum, h, Algorithm::automatic), "");
  EXPECT_EQ(reason(sum, h, Algorithm::nvls), "");
  EXPECT_EQ(reason(sums, h, Algorithm::nvls_tree), "");
  EXPECT_EQ(reason(sums, a, Algorithm::tree, Protocol::ll128), "");
  const auto says = [](const std::string& text, const char* word) {
    EXPECT_NE(text.find(word), std::string::npos) << text;
    EXPECT_NE(text.find("use "), std::string::npos) << "what to do: " << text;
  };
  says(reason(sum, a, Algorithm::nvls), "NVSwitch of Hopper");
  says(reason(sums, h, Algorithm::nvls), "nvls_tree");
  says(reason(sum, h, Algorithm::nvls_tree), "lies in one");
  says(reason(gather, h, Algorithm::tree), "all-reduce only");
  says(reason(gather, h, Algorithm::pat), "one rank per domain");
  says(reason(sums, h, Algorithm::collnet_chain), "SHARP");
  says(reason(sums, h, Algorithm::two_shot), "hierarchical");
  says(reason(sum, h, Algorithm::copy_engine), "do not add");
  says(reason(sums, h, Algorithm::low_latency), "experts");
  says(reason(sum, h, Algorithm::recursive), "torchcomms");
  says(reason(sum, h, Algorithm::torus), "no torus");
  Communication integers = sum;
  integers.summable_in_switch = false;
  says(reason(integers, h, Algorithm::nvls), "int8");
}

TEST(Collective, LawsOnRandomGroups) {
  constexpr std::uint64_t kSeed = 5;
  SCOPED_TRACE(kSeed);
  Random random(kSeed, "collectives");
  const topology::Cluster slow = h100("200 GB/s", "200 Gb/s"), fast = h100("450 GB/s", "400 Gb/s");
  for (int i = 0; i < 300; ++i) {
    const auto kind = static_cast<CollectiveKind>(random.below(9));
    Communication c =
        of(kind, static_cast<double>(1 + random.below(1u << 30)) * B,
           1 + static_cast<int>(random.below(16)), 1 + static_cast<int>(random.below(8)));
    c.copies_to_domains = 1 + random.uniform() * 3;
    c.copies_to_ranks = c.copies_to_domains + random.uniform() * 4;
    const CommunicationProfile profile;
    const auto cost = cost_of(c, slow, profile);
    SCOPED_TRACE(std::string(to_string(kind)));
    // What leaves a member arrives at its like.
    EXPECT_EQ(cost.scale_up_out, cost.scale_up_in);
    EXPECT_EQ(cost.scale_out_out, cost.scale_out_in);
    // Never faster than its wires.
    EXPECT_GE(cost.alone.si() * 1.0000001,
              (cost.scale_out_out / slow.scale_out().bandwidth.value).si());
    EXPECT_GE(cost.alone.si() * 1.0000001,
              (cost.scale_up_out / slow.scale_up().bandwidth.value).si());
  }
}

}  // namespace
}  // namespace aisle::workloads
