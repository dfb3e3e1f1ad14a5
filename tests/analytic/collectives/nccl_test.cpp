// SPDX-License-Identifier: Apache-2.0
// NCCL's cost model as published, and the times of what it chooses.
#include "workloads/collectives/nccl_tables.hpp"
#include "workloads/collectives/setting.hpp"

#include <gtest/gtest.h>

namespace aisle::workloads {
namespace {

using namespace units;

/// `domains` nodes of 8 GPUs with NVSwitch and a 400 Gb/s NIC each; constants of Hopper.
Setting nodes(int domains, Bytes bytes, CollectiveKind kind = CollectiveKind::all_reduce) {
  Setting setting;
  setting.kind = kind;
  setting.bytes = bytes;
  setting.ranks = domains * 8;
  setting.domains = domains;
  setting.per_domain = 8;
  setting.link = 450 * GB / s;
  setting.nic = 400 * Gb / s;
  setting.base = 4.6 * us;
  setting.hop = 0.82 * us;
  setting.network_hop = 5.1 * us;
  setting.domain.in_switch_reduction = true;
  return setting;
}

Setting b200(int domains, Bytes bytes) {
  Setting setting = nodes(domains, bytes);
  setting.link = 900 * GB / s;
  setting.base = 7.6 * us;
  setting.hop = 1.28 * us;
  setting.profile.library.architecture = Architecture::blackwell;
  setting.profile.library.part_share = 0.095;
  return setting;
}

Setting force(Setting setting, Algorithm algorithm, Protocol protocol) {
  setting.algorithm = algorithm;
  setting.protocol = protocol;
  return setting;
}

double busbw(const Setting& setting) {
  const double n = setting.ranks;
  return (setting.bytes / nccl_collective(setting).alone * (2 * (n - 1) / n)).in(GB / s);
}

TEST(Nccl, ItsOwnLatencyTable) {
  const auto expected = [](int domains, Algorithm algorithm, Protocol protocol) {
    return nccl_choice(force(nodes(domains, 8 * B), algorithm, protocol)).expected.in(us);
  };
  EXPECT_NEAR(expected(1, Algorithm::ring, Protocol::ll), 6.6 + 14 * 0.6, 0.01);
  EXPECT_NEAR(expected(1, Algorithm::ring, Protocol::ll128), 14 + 14 * 1.9, 0.01);
  EXPECT_NEAR(expected(1, Algorithm::ring, Protocol::simple), 8.4 + 14 * 3.4, 0.01);
  EXPECT_NEAR(expected(2, Algorithm::tree, Protocol::ll), 25.2, 0.01);
  EXPECT_NEAR(expected(4, Algorithm::tree, Protocol::ll), 35.2, 0.01);
  EXPECT_NEAR(expected(4, Algorithm::ring, Protocol::simple), 8.4 + 56 * 3.4 + 6 * 14, 0.01);
  EXPECT_NEAR(expected(1, Algorithm::nvls, Protocol::simple), 25, 0.01);
}

TEST(Nccl, FloorsAsMeasured) {
  const auto floor = [](const Setting& setting) { return nccl_collective(setting).alone.in(us); };
  EXPECT_NEAR(floor(nodes(1, 8 * B)), 15.7, 0.8);  // H100
  EXPECT_NEAR(floor(nodes(2, 8 * B)), 25.9, 1.3);  // IB NDR
  EXPECT_NEAR(floor(nodes(4, 8 * B)), 35.8, 1.8);
  EXPECT_NEAR(floor(b200(1, 8 * B)), 25.6, 1.3);
  EXPECT_NEAR(floor(b200(2, 8 * B)), 36.7, 1.8);
}

TEST(Nccl, PicksAsObservedOnOneNode) {
  // 8 x H200, NCCL 2.27.7: Ring LL up to 1 MiB, NVLS from 2 MiB.
  for (double size = 1; size <= 1024; size *= 2) {
    const NcclChoice choice = nccl_choice(nodes(1, size * KiB));
    EXPECT_EQ(choice.algorithm, Algorithm::ring) << size;
    EXPECT_EQ(choice.protocol, Protocol::ll) << size;
  }
  for (double size = 2; size <= 8192; size *= 2) {
    EXPECT_EQ(nccl_choice(nodes(1, size * MiB)).algorithm, Algorithm::nvls) << size;
  }
  Setting four = nodes(1, 1 * GiB);
  four.ranks = four.per_domain = 4;
  EXPECT_EQ(nccl_choice(four).algorithm, Algorithm::ring);
  Setting integers = nodes(1, 1 * GiB);
  integers.summable_in_switch = false;
  EXPECT_EQ(nccl_choice(integers).algorithm, Algorithm::ring);
  EXPECT_EQ(nccl_choice(nodes(1, 1 * GiB, CollectiveKind::all_gather)).algorithm, Algorithm::ring);
}

TEST(Nccl, PicksAsObservedAcrossNodes) {
  EXPECT_EQ(nccl_choice(nodes(2, 64 * KiB)).algorithm, Algorithm::tree);
  EXPECT_EQ(nccl_choice(nodes(2, 64 * KiB)).protocol, Protocol::ll);
  EXPECT_EQ(nccl_choice(nodes(4, 1 * GiB)).algorithm, Algorithm::nvls_tree);
  Setting ampere = nodes(4, 1 * GiB);
  ampere.domain.in_switch_reduction = false;
  ampere.profile.library.architecture = Architecture::ampere;
  EXPECT_NE(nccl_choice(ampere).algorithm, Algorithm::nvls_tree);
}

TEST(Nccl, LargeMessagesOnOneNode) {
  // GB/s of bus bandwidth on 8 x H200; rings of 8 GiB and more still gain 5 % over 512 MiB.
  EXPECT_NEAR(busbw(nodes(1, 8 * GiB)), 473, 15);  // NVLS
  EXPECT_NEAR(busbw(force(nodes(1, 8 * GiB), Algorithm::ring, Protocol::simple)), 366, 22);
  const Setting gather = nodes(1, 16 * GiB, CollectiveKind::all_gather);
  EXPECT_NEAR((gather.bytes / nccl_collective(gather).alone).in(GB / s) * 7 / 8, 361, 25);
}

TEST(Nccl, RingClosedForm) {
  const Setting setting = force(nodes(1, 8 * GiB), Algorithm::ring, Protocol::simple);
  const CommunicationCost cost = nccl_collective(setting);
  const Seconds wire = 8 * GiB * (14.0 / 8) / (450 * GB / s * setting.model().simple_share);
  EXPECT_NEAR((cost.alone - cost.latency).in(ms), wire.in(ms), 1e-9);
  EXPECT_DOUBLE_EQ(cost.scale_up_out.in(GiB), 14);
  EXPECT_EQ(cost.scale_out_out.si(), 0);
  EXPECT_EQ(cost.bound_by, "scale-up link");
}

TEST(Nccl, SwitchReductionCarriesTheBufferOnce) {
  const CommunicationCost cost = nccl_collective(nodes(1, 8 * GiB));
  EXPECT_EQ(cost.algorithm, Algorithm::nvls);
  EXPECT_DOUBLE_EQ(cost.scale_up_out.in(GiB), 9);  // S + S/n
  EXPECT_EQ(cost.bound_by, "switch reduction");
}

TEST(Nccl, TwoNodesCarryTheBufferOnceMoreTwice) {
  const Setting two = nodes(2, 16 * GiB), four = nodes(4, 16 * GiB);
  EXPECT_NEAR(nccl_collective(two).scale_out_out.in(GiB), 2, 1e-9);
  EXPECT_NEAR(nccl_collective(four).scale_out_out.in(GiB), 3, 1e-9);
  EXPECT_NEAR(busbw(two), 469, 15);
  EXPECT_NEAR(busbw(four), 366, 15);
  EXPECT_LT(busbw(nodes(64, 16 * GiB)), 8 * 50);  // never above the NICs
}

TEST(Nccl, RingOverNodesSharesTheNics) {
  const Setting setting =
      force(nodes(4, 8 * GiB, CollectiveKind::reduce_scatter), Algorithm::ring, Protocol::simple);
  const CommunicationCost cost = nccl_collective(setting);
  EXPECT_NEAR(cost.scale_out_out.in(GiB), 31.0 / 32, 1e-12);
  EXPECT_NEAR(cost.scale_up_out.in(GiB), 8 * 31.0 / 32 * 7 / 8, 1e-12);
  EXPECT_EQ(cost.bound_by, "NIC");
}

TEST(Nccl, LatencyAndStreamingMakeTheTime) {
  for (const int domains : {1, 2, 16}) {
    for (double size = 64; size < 1e10; size *= 4) {
      const CommunicationCost cost = nccl_collective(nodes(domains, size * B));
      EXPECT_GE(cost.latency.si(), 0);
      EXPECT_GE((cost.alone - cost.latency).si() * 1.0000001,
                (cost.scale_out_out / (400 * Gb / s)).si());
      EXPECT_GE(cost.alone.si() * 1.0000001, (cost.scale_up_out / (450 * GB / s)).si());
    }
  }
}

// Vidur measured 339 GB/s between two H100; eight B200 in a ring pass 84 GB/s each at 32 MiB
// (Vultr).
TEST(Nccl, ALoneMessageHasTheChannelsOfItsCommunicator) {
  const auto rate = [](Setting setting, int ranks) {
    setting.kind = CollectiveKind::send_recv;
    setting.ranks = ranks;
    return (setting.bytes / nccl_pairs(setting).alone).in(GB / s);
  };
  EXPECT_NEAR(rate(nodes(1, 60 * MiB), 2), 339, 0.1 * 339);
  EXPECT_NEAR(rate(b200(1, 60 * MiB), 8), 85, 0.1 * 85);
  EXPECT_NEAR(rate(b200(1, 60 * MiB), 4) / rate(b200(1, 60 * MiB), 8), 2, 0.2);
  EXPECT_GT(rate(b200(1, 256 * MiB), 8), 3 * rate(b200(1, 60 * MiB), 8));
}

}  // namespace
}  // namespace aisle::workloads
