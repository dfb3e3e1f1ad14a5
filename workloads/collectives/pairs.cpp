// SPDX-License-Identifier: Apache-2.0
// Grouped sends and receives: all-to-all, and one message between neighbours.
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

using namespace units;

/// NCCL deals 32 channels out to the ranks of a communicator, eight parts of four channels; a
/// larger message takes a further part for every so many bytes.
constexpr Bytes kPart = 64 * MiB;
constexpr int kMostParts = 8;

/// One flow stays on one port of a NIC (GB300: two of 400 Gb/s; NVIDIA/nccl-tests issue 267).
constexpr BytesPerSecond kPort = 400 * Gb / s;

/// Of that port: NCCL with more channels per peer (2 x 8 B200, Vultr), and kernels that post to the
/// NIC themselves (microsoft/mscclpp @ 1f5f065, 16 A100 and H100: 0.93 and 0.97).
constexpr double kTunedPairShare = 0.76, kDirectPairShare = 0.95;

double come(Bytes message, Bytes half) {
  return message / (message + half);
}

Seconds latency_of(const Setting& setting, Bytes message, int peers, int remote_peers) {
  const LibraryModel& m = setting.model();
  Seconds latency =
      m.pair_base * setting.base + peers * m.pair_peer + m.pair_simple * come(message, m.pair_half);
  if (setting.domains > 1) {
    latency += m.pair_hop * setting.network_hop + remote_peers * m.pair_remote +
               m.pair_network * come(message, m.pair_network_half);
  }
  return latency;
}

CommunicationCost send_recv(const Setting& setting) {
  const LibraryModel& m = setting.model();
  CommunicationCost cost;
  const bool across = setting.domains > 1;
  (across ? cost.scale_out_out : cost.scale_up_out) = setting.bytes;
  (across ? cost.scale_out_in : cost.scale_up_in) = setting.bytes;
  cost.hbm = setting.bytes;
  const Seconds latency = latency_of(setting, setting.bytes, 1, 1);
  if (across) {
    const double share =
        setting.library == Library::nccl_tuned ? kTunedPairShare : m.send_network_share;
    const Seconds streaming = setting.bytes / (std::min(setting.nic, kPort) * share);
    set_time(cost, latency + streaming, streaming, "NIC");
    return cost;
  }
  const int dealt = std::max(1, kMostParts / std::max(1, setting.ranks));
  const double parts =
      std::clamp(std::floor(setting.bytes / kPart), double(dealt), double{kMostParts});
  const double share = std::min(m.pair_share, parts * m.part_share);
  const Seconds streaming = setting.bytes / (setting.link * share);
  set_time(cost, latency + streaming, streaming,
           share < m.pair_share ? "channels" : "scale-up link");
  return cost;
}

CommunicationCost all_to_all(const Setting& setting) {
  const LibraryModel& m = setting.model();
  const double n = setting.ranks, g = setting.per_domain;
  CommunicationCost cost;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * ((g - 1) / n);
  cost.scale_out_out = cost.scale_out_in = setting.bytes * ((n - g) / n);
  cost.hbm = setting.bytes * 2.0;
  const BytesPerSecond pairs = setting.link * m.pair_share;
  Seconds streaming = cost.scale_up_out / pairs +
                      setting.bytes / n / (setting.link * (m.own_copy * m.simple_share));
  const char* bound = "scale-up link";
  if (setting.domains > 1) {
    const double share = setting.library == Library::nccl_tuned ? kTunedPairShare
                         : setting.library == Library::mscclpp  ? kDirectPairShare
                                                                : m.pair_network_share;
    const Seconds across = cost.scale_out_out / (std::min(setting.nic, kPort) * share);
    if (across > streaming) bound = "NIC";
    streaming = overlapped(streaming, across);
  }
  const Seconds latency = latency_of(setting, setting.bytes / n, setting.ranks - 1,
                                     setting.ranks - setting.per_domain) +
                          m.pair_ramp * (filling(setting.bytes, m.pair_ramp_over) / pairs);
  set_time(cost, latency + streaming, streaming, bound);
  return cost;
}

}  // namespace

CommunicationCost nccl_pairs(const Setting& setting) {
  CommunicationCost cost =
      setting.kind == CollectiveKind::send_recv ? send_recv(setting) : all_to_all(setting);
  cost.algorithm = Algorithm::pairwise;
  cost.protocol = Protocol::simple;
  return cost;
}

}  // namespace aisle::workloads
