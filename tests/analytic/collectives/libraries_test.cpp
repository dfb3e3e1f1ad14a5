// SPDX-License-Identifier: Apache-2.0
// Libraries beside NCCL, domains without a switch, and what cannot run.
#include "workloads/collectives/setting.hpp"

#include <gtest/gtest.h>

namespace aisle::workloads {
namespace {

using namespace units;

Setting group(int domains, int per_domain, BytesPerSecond link, BytesPerSecond nic) {
  Setting setting;
  setting.ranks = domains * per_domain;
  setting.domains = domains;
  setting.per_domain = per_domain;
  setting.link = link;
  setting.nic = nic;
  setting.base = 4.6 * us;
  setting.hop = 0.82 * us;
  setting.network_hop = 5.1 * us;
  return setting;
}

/// DeepSeek-V3's decoding: 128 tokens of 7,168 numbers, 8 experts each; FP8 with scales, or BF16.
Seconds low_latency(int ranks, CollectiveKind kind) {
  Setting setting = group(std::max(1, ranks / 8), 8, 200 * GB / s, 400 * Gb / s);
  setting.kind = kind;
  setting.algorithm = Algorithm::low_latency;
  setting.bytes = 128 * (kind == CollectiveKind::dispatch ? 7408.0 : 14336.0) * B;
  Communication exchange;
  exchange.kind = kind;
  exchange.copies_to_ranks = 8;
  return expert_exchange(setting, exchange).alone;
}

TEST(Libraries, DeepEpLowLatencyAsPublishedOnH800) {
  const struct {
    int ranks;
    double dispatch, combine;
  } rows[] = {{8, 77, 114},   {16, 118, 195},  {32, 155, 273},
              {64, 173, 314}, {128, 192, 369}, {256, 194, 360}};

  for (const auto& row : rows) {
    EXPECT_NEAR(low_latency(row.ranks, CollectiveKind::dispatch).in(us) / row.dispatch, 1, 0.12)
        << row.ranks;
    EXPECT_NEAR(low_latency(row.ranks, CollectiveKind::combine).in(us) / row.combine, 1, 0.12)
        << row.ranks;
  }
}

TEST(Libraries, DeepEpNormalIsBoundByCoresThenByTheNic) {
  Setting setting = group(4, 8, 450 * GB / s, 400 * Gb / s);
  setting.kind = CollectiveKind::dispatch;
  setting.profile.dispatch_efficiency = 0.92;
  setting.bytes = 4096 * 7392.0 * B;
  Communication exchange;
  exchange.copies_to_domains = expected_distinct(32, 4, 8);
  exchange.copies_to_ranks = expected_distinct(256, 32, 8);
  const auto with = [&](int cores) {
    exchange.cores = cores;
    return expert_exchange(setting, exchange);
  };
  // 4 x 8 H100, 4,096 tokens (ai-dynamo/aiconfigurator @ 095f58a): us by cores held.
  EXPECT_EQ(with(4).bound_by, "cores");
  EXPECT_EQ(with(24).bound_by, "NIC");
  EXPECT_NEAR(with(4).alone.in(us) / 4690, 1, 0.15);
  EXPECT_NEAR(with(8).alone.in(us) / 2502, 1, 0.15);
  EXPECT_NEAR(with(24).alone.in(us) / 1791, 1, 0.1);
}

TEST(Libraries, OneShotThenTwoShotThenNccl) {
  Setting setting = group(1, 8, 450 * GB / s, 400 * Gb / s);
  setting.domain.in_switch_reduction = true;
  setting.library = Library::inference;
  const auto at = [&](Bytes bytes) {
    setting.bytes = bytes;
    return other_library(setting);
  };
  EXPECT_EQ(at(4 * KiB).algorithm, Algorithm::one_shot);
  EXPECT_EQ(at(2 * MiB).algorithm, Algorithm::two_shot);
  EXPECT_EQ(at(64 * MiB).algorithm, Algorithm::nvls);
  EXPECT_NEAR(at(4 * KiB).alone.in(us), 5.5, 0.8);  // vLLM on 8 H100
  EXPECT_NEAR(at(2 * MiB).alone.in(us), 19.4, 3);
}

TEST(Libraries, MeshOwnsOneLinkPerPair) {
  Setting setting = group(1, 8, 448 * GB / s, 400 * Gb / s);
  setting.domain.shape = topology::DomainShape::mesh;
  setting.domain.pair_bandwidth = {64 * GB / s, Basis::vendor};
  setting.base = 12.3 * us;
  setting.hop = 0.1 * us;
  setting.profile.library.simple_share = 0.7;
  setting.profile.library.ll_share = 0.42;
  setting.bytes = 4 * GiB;
  const double all = (setting.bytes * (14.0 / 8) / mesh_collective(setting).alone).in(GB / s);
  EXPECT_NEAR(all, 0.7 * 448, 3);  // RCCL on MI300X: 312 to 316
  setting.ranks = setting.per_domain = 2;
  EXPECT_NEAR((setting.bytes / mesh_collective(setting).alone).in(GB / s), 0.7 * 64, 0.5);
  setting.bytes = 1 * KiB;
  EXPECT_EQ(mesh_collective(setting).protocol, Protocol::ll);
}

TEST(Libraries, CubeMeshClosesAsManyRingsAsItsLinksAllow) {
  const Setting setting = group(1, 4, 150 * GB / s, 25 * GB / s);
  EXPECT_NEAR(cube_mesh(setting).link.in(GB / s), 100, 1e-9);
  EXPECT_NEAR(cube_mesh(group(1, 8, 150 * GB / s, 25 * GB / s)).link.in(GB / s), 150, 1e-9);
}

TEST(Libraries, TorusUsesAllAxesBothWays) {
  Setting setting = group(1, 256, 180 * GB / s, 25 * GB / s);
  setting.domain.shape = topology::DomainShape::torus;
  setting.domain.dimensions = {16, 16, 1};
  setting.domain.axis_bandwidth = {90 * GB / s, 90 * GB / s, BytesPerSecond()};
  setting.profile.library.simple_share = 1;
  setting.base = setting.hop = Seconds();
  setting.kind = CollectiveKind::all_gather;
  setting.bytes = 1 * GB;
  EXPECT_NEAR(torus_collective(setting).alone.in(ms), 255.0 / 256 / 360 * 1e3, 1e-6);
  setting.kind = CollectiveKind::all_reduce;
  EXPECT_NEAR(torus_collective(setting).alone.in(ms), 2 * 255.0 / 256 / 360 * 1e3, 1e-6);
  // Each byte passes a quarter of a ring on the mean: 16/4 hops over 180 GB/s both ways.
  setting.kind = CollectiveKind::all_to_all;
  EXPECT_NEAR(torus_collective(setting).alone.in(ms), 16.0 / 4 / 180 * 1e3, 1e-6);
  setting.hop = 1 * us;
  setting.kind = CollectiveKind::all_gather;
  EXPECT_NEAR(torus_collective(setting).latency.in(us), 16, 1e-9);
}

TEST(Libraries, PcieSlowsWhereItLeavesTheSwitch) {
  const auto busbw = [](int ranks) {
    Setting setting = group(1, ranks, 63 * GB / s, 400 * Gb / s);
    setting.domain.shape = topology::DomainShape::pcie;
    setting.base = 3.5 * us;
    setting.hop = 1.5 * us;
    setting.bytes = 512 * MiB;
    const double n = ranks;
    return (setting.bytes * (2 * (n - 1) / n) / pcie_collective(setting).alone).in(GB / s);
  };
  EXPECT_NEAR(busbw(2), 38.6, 1);  // RTX PRO 6000
  EXPECT_NEAR(busbw(4), 26.4, 1.5);
  EXPECT_NEAR(busbw(8), 24.7, 1.5);
}

TEST(Libraries, AllToAllLeavesHalfOfTheNic) {
  Setting setting = group(2, 8, 900 * GB / s, 400 * Gb / s);
  setting.kind = CollectiveKind::all_to_all;
  setting.bytes = 16 * GiB;
  const auto rate = [&] { return (setting.bytes * 0.5 / nccl_pairs(setting).alone).in(GB / s); };
  EXPECT_NEAR(rate(), 22.5, 0.5);  // 2 x 8 B200, default
  setting.library = Library::nccl_tuned;
  EXPECT_NEAR(rate(), 38, 1);
  setting.library = Library::mscclpp;
  EXPECT_NEAR((setting.bytes * 0.5 / other_library(setting).alone).in(GB / s), 47.5, 0.5);
}

TEST(Libraries, CtranRingStepsAndPorts) {
  Setting setting = group(4, 1, 900 * GB / s, 800 * Gb / s);
  setting.library = Library::torchcomms;
  setting.kind = CollectiveKind::all_gather;
  setting.bytes = 16 * MiB;
  EXPECT_NEAR(other_library(setting).alone.in(us), 327, 10);  // one port of two
  setting.fabric.queue_pairs = 16;
  EXPECT_NEAR(other_library(setting).alone.in(us), 205, 12);  // interleaved over both
}

}  // namespace
}  // namespace aisle::workloads
