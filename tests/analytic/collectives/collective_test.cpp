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
  const auto catalogue =
      topology::Catalogue::read(std::string(AISLE_SOURCE_DIR) + "/scenarios", diagnostics);
  auto built = topology::build_cluster(spec, places, *catalogue, diagnostics);
  for (const Diagnostic& d : diagnostics.all())
    EXPECT_NE(d.severity, Severity::error) << to_string(d);
  return std::move(*built);
}

topology::Cluster h100(const std::string& bandwidth = "450 GB/s",
                       const std::string& nic = "400 Gb/s") {
  return cluster("accelerator: \"h100-sxm\" count: 1024 scale_up { size: 8 bandwidth: \"" +
                 bandwidth + "\" } scale_out { nic: \"" + nic + "\" }");
}

/// Wires at line rate and no latency of our own, so that only the formulas remain.
CommunicationProfile ideal() {
  CommunicationProfile profile;
  profile.scale_up_efficiency = profile.scale_out_efficiency = 1;
  profile.dispatch_efficiency = profile.combine_efficiency = 1;
  profile.base = profile.hop = Seconds();
  return profile;
}

Communication of(CollectiveKind kind, Bytes bytes, int domains, int per_domain) {
  Communication c;
  c.kind = kind;
  c.bytes = bytes;
  c.group = {domains * per_domain, domains, per_domain, 1};
  return c;
}

TEST(Collective, RingInsideOneDomain) {
  const topology::Cluster machine = h100();
  const Bytes size = 1 * GB;
  const auto reduce = cost_of(of(CollectiveKind::all_reduce, size, 1, 8), machine, ideal());
  EXPECT_NEAR(reduce.alone.in(s), 2 * 7.0 / 8 / 450, 1e-12);
  EXPECT_EQ(reduce.algorithm, Algorithm::ring);
  EXPECT_DOUBLE_EQ(reduce.scale_up_out.in(GB), 2 * 7.0 / 8);
  EXPECT_EQ(reduce.scale_out_out.si(), 0);
  for (const auto kind : {CollectiveKind::all_gather, CollectiveKind::reduce_scatter}) {
    const auto cost = cost_of(of(kind, size, 1, 8), machine, ideal());
    EXPECT_NEAR(cost.alone.in(s), 7.0 / 8 / 450, 1e-12);
  }
}

TEST(Collective, RingsOverDomainsShareTheNics) {
  const topology::Cluster machine = h100();
  const auto cost = cost_of(of(CollectiveKind::reduce_scatter, 8 * GB, 4, 8), machine, ideal());
  // Every domain's boundary is crossed by all of the ring's traffic, spread over eight NICs.
  EXPECT_NEAR(cost.scale_out_out.in(GB), 8 * 31.0 / 32 / 8, 1e-12);
  EXPECT_NEAR(cost.scale_up_out.in(GB), 8 * 31.0 / 32 * 7 / 8, 1e-12);
  const double latency = 3 * machine.scale_out().latency.in(s);
  EXPECT_NEAR(cost.alone.in(s), 31.0 / 32 / 50 + latency, 1e-12);
  EXPECT_EQ(cost.algorithm, Algorithm::ring);
}

TEST(Collective, LatencyOfSmallMessagesCountsSteps) {
  const topology::Cluster machine = h100();
  CommunicationProfile profile = ideal();
  profile.base = 4.6 * us;
  profile.hop = 0.82 * us;
  const auto ring = cost_of(of(CollectiveKind::all_reduce, 8 * B, 1, 8), machine, profile);
  EXPECT_NEAR(ring.alone.in(us), 4.6 + 14 * 0.82, 0.01);  // nccl-tests on H100: 15.7 us
  const auto far = cost_of(of(CollectiveKind::all_reduce, 8 * B, 4, 8), machine, profile);
  EXPECT_EQ(far.algorithm, Algorithm::tree);
  const double x = machine.scale_out().latency.in(us);
  EXPECT_NEAR(far.alone.in(us), 4.6 + 2 * 7 * 0.82 + 2 * 2 * x, 0.01);
}

TEST(Collective, H100OrdersOfMagnitude) {
  const topology::Cluster machine = h100();
  const CommunicationProfile profile;
  const Bytes size = 1 * GiB;
  const auto busbw = [&](int domains) {
    const auto c = of(CollectiveKind::all_reduce, size, domains, 8);
    const double n = c.group.size;
    return size / cost_of(c, machine, profile).alone * (2 * (n - 1) / n);
  };
  // Measured: ring inside a node 345-367 GB/s, 4 nodes and more 316-372 GB/s.
  EXPECT_NEAR(busbw(1).in(GB / s), 355, 20);
  EXPECT_GT(busbw(4).in(GB / s), 310);
  EXPECT_LT(busbw(4).in(GB / s), 380);
}

TEST(Collective, AllToAllSplitsByDomain) {
  const topology::Cluster machine = h100();
  const auto cost = cost_of(of(CollectiveKind::all_to_all, 16 * MB, 2, 8), machine, ideal());
  EXPECT_NEAR(cost.scale_up_out.in(MB), 7, 1e-9);
  EXPECT_NEAR(cost.scale_out_out.in(MB), 8, 1e-9);
  EXPECT_NEAR((cost.alone - machine.scale_out().latency).in(us), 8e6 / 50e9 * 1e6, 1e-6);
}

TEST(Collective, DispatchOfDeepSeekOverEightNodes) {
  const topology::Cluster machine = cluster(
      "accelerator: \"h800-sxm\" count: 64 scale_up { size: 8 bandwidth: \"200 GB/s\" } "
      "scale_out { nic: \"400 Gb/s\" }");
  Communication c = of(CollectiveKind::dispatch, 4096.0 * 7392.0 * B, 8, 8);
  c.copies_to_domains = 3.629;
  c.copies_to_ranks = 7.359;
  CommunicationProfile profile = ideal();
  profile.dispatch_efficiency = 0.5;
  const auto cost = cost_of(c, machine, profile);
  EXPECT_NEAR(cost.scale_out_out.in(MB), 109.9 * 7 / 8, 0.1);
  EXPECT_NEAR(cost.scale_up_in.in(MB), 222.8 * 7 / 8, 0.1);
  EXPECT_NEAR((cost.alone - machine.scale_out().latency).in(ms), 109.9 * 7 / 8 / 25, 0.01);
  EXPECT_EQ(cost.cores, profile.cores_expert);
  EXPECT_EQ(cost.algorithm, Algorithm::two_hop);
}

TEST(Collective, ExchangesAreFasterAlone) {
  const topology::Cluster machine = cluster(
      "accelerator: \"h800-sxm\" count: 64 scale_up { size: 8 } scale_out { nic: \"400 Gb/s\" }");
  CommunicationProfile profile = ideal();
  profile.dispatch_efficiency = 0.89;
  profile.dispatch_efficiency_beside = 0.5;
  profile.combine_efficiency = 0.875;
  profile.combine_efficiency_beside = 0.6;
  const auto wire = [&](CollectiveKind kind, bool beside, double bytes_per_token) {
    Communication c = of(kind, 4096 * bytes_per_token * B, 8, 8);
    c.copies_to_domains = 3.629;
    c.copies_to_ranks = 7.359;
    c.beside_computation = beside;
    return (cost_of(c, machine, profile).alone - machine.scale_out().latency).in(ms);
  };
  // The NIC binds in all four.
  const double copies = 4096 * 3.629 * 7 / 8 / 50e9 * 1e3;
  EXPECT_NEAR(wire(CollectiveKind::dispatch, false, 7392), copies * 7392 / 0.89, 1e-6);
  EXPECT_NEAR(wire(CollectiveKind::dispatch, true, 7392), copies * 7392 / 0.5, 1e-6);
  EXPECT_NEAR(wire(CollectiveKind::combine, false, 14336), copies * 14336 / 0.875, 1e-6);
  EXPECT_NEAR(wire(CollectiveKind::combine, true, 14336), copies * 14336 / 0.6, 1e-6);
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
    EXPECT_GE(cost.alone, cost_of(c, fast, profile).alone);
    Communication larger = c;
    larger.bytes *= 2;
    EXPECT_GE(cost_of(larger, slow, profile).alone, cost.alone);
    // Never faster than its wires.
    EXPECT_GE(cost.alone.si() * 1.0000001,
              (cost.scale_out_out / slow.scale_out().bandwidth.value).si());
    EXPECT_GE(cost.alone.si() * 1.0000001,
              (cost.scale_up_out / slow.scale_up().bandwidth.value).si());
  }
}

}  // namespace
}  // namespace aisle::workloads
