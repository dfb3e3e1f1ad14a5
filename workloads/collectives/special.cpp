// SPDX-License-Identifier: Apache-2.0
// Algorithms that run only where asked for or where the machine has what they need.
#include "workloads/collectives/nccl_tables.hpp"
#include "workloads/collectives/setting.hpp"

#include <cmath>

namespace aisle::workloads {

namespace {
using namespace units;
}

CommunicationCost collnet(const Setting& setting) {
  // Chain inside, sum in the fabric's switches: 4 nodes of A100 (CoreWeave 2022) reach 0.30 of the
  // NICs; with NVLS in front 0.62 (vendor chart, 4 x DGX H100). The fixed 30 us are NCCL's table's.
  constexpr double kChained = 0.30, kWithNvls = 0.62;
  constexpr Seconds kNetwork = 30 * us, kSettle = 80 * us;
  constexpr Bytes kSettleOver = 256 * KiB;
  const double g = setting.per_domain;
  CommunicationCost cost;
  cost.algorithm = setting.algorithm;
  cost.protocol = Protocol::simple;
  cost.scale_out_out = cost.scale_out_in = setting.bytes / g;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (2 * (g - 1) / g);
  cost.hbm = setting.bytes * 4.0;
  const double share = setting.domain.in_switch_reduction ? kWithNvls : kChained;
  const Seconds streaming = setting.bytes / (setting.nic * (share * g));
  const Seconds latency = setting.base + 2 * (g - 1) * setting.hop + kNetwork +
                          kSettle * (setting.bytes / (setting.bytes + kSettleOver));
  set_time(cost, latency + streaming, streaming, "NIC");
  return cost;
}

CommunicationCost pat(const Setting& setting) {
  // NCCL's own figures: 0.75 of the bus, 1/3.5 of a Simple hop per level, 2.8 us per rank.
  constexpr double kShare = 0.75, kLevel = 14.0 / 5.0 / 3.5;
  constexpr Seconds kRank = 2.8 * us;
  const double n = setting.ranks;
  CommunicationCost cost;
  cost.algorithm = Algorithm::pat;
  cost.protocol = Protocol::simple;
  cost.scale_out_out = cost.scale_out_in = setting.bytes * ((n - 1) / n);
  cost.hbm = setting.bytes * 2.0;
  const Seconds streaming =
      cost.scale_out_out / (setting.nic * (setting.model().network_share * kShare));
  const Seconds latency =
      setting.base + std::floor(std::log2(n)) * kLevel * setting.network_hop + n * kRank;
  set_time(cost, latency + streaming, streaming, "NIC");
  return cost;
}

CommunicationCost copy_engines(const Setting& setting) {
  // No measurement published; the rate is that of grouped sends, the start two launches, and a
  // copy is ordered per peer.
  CommunicationCost cost;
  const double n = setting.ranks;
  cost.algorithm = Algorithm::copy_engine;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * ((n - 1) / n);
  cost.hbm = setting.bytes * 2.0;
  const Seconds streaming = cost.scale_up_out / (setting.link * setting.model().pair_share);
  const Seconds ordered = (n - 1) * setting.model().pair_peer;
  set_time(cost, 2 * setting.base + ordered + streaming, streaming, "scale-up link");
  return cost;
}

}  // namespace aisle::workloads
