// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/collective.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

/// The group's shape and the machine, with the profile's shares applied.
struct Setting {
  int ranks, domains, per_domain;
  BytesPerSecond scale_up, scale_out;  ///< usable, per member and direction
  Seconds hop, network_hop;
  Seconds base;
};

Setting setting_of(const Communication& communication, const topology::Cluster& cluster,
                   const CommunicationProfile& profile) {
  const auto& group = communication.group;
  Setting setting{std::max(1, group.size),
                  std::max(1, group.domains),
                  std::max(1, group.per_domain),
                  cluster.scale_up().bandwidth.value * profile.scale_up_efficiency,
                  cluster.scale_out().bandwidth.value * profile.scale_out_efficiency,
                  profile.hop,
                  cluster.scale_out().latency,
                  profile.base};
  const bool beside = communication.beside_computation;
  if (communication.kind == CollectiveKind::dispatch) {
    setting.scale_out = cluster.scale_out().bandwidth.value *
                        (beside ? profile.dispatch_efficiency_beside : profile.dispatch_efficiency);
  } else if (communication.kind == CollectiveKind::combine) {
    setting.scale_out = cluster.scale_out().bandwidth.value *
                        (beside ? profile.combine_efficiency_beside : profile.combine_efficiency);
  }
  return setting;
}

/// Time on the wire of the tier that binds; data streams through both tiers at once.
Seconds wire_time(const CommunicationCost& cost, const Setting& setting) {
  Seconds time;
  const auto add = [&time](Bytes out, Bytes in, BytesPerSecond rate) {
    const Bytes bytes = std::max(out, in);
    if (bytes.si() <= 0) return;
    AISLE_ASSERT(rate.si() > 0, "traffic needs a link");
    time = std::max(time, bytes / rate);
  };
  add(cost.scale_up_out, cost.scale_up_in, setting.scale_up);
  add(cost.scale_out_out, cost.scale_out_in, setting.scale_out);
  return time;
}

/// Latency of `passes` trips round a ring of all ranks: steps inside domains and between them.
Seconds ring_latency(const Setting& setting, int passes) {
  const int between = setting.domains - 1;
  const int inside = setting.ranks - 1 - between;
  return static_cast<double>(passes * inside) * setting.hop +
         static_cast<double>(passes * between) * setting.network_hop;
}

/// As many parallel rings as a domain has members: each ring enters and leaves a domain through
/// another member's NIC, so that a member's NIC carries 1/per_domain of what crosses the boundary.
CommunicationCost ring(Bytes bytes, int passes, const Setting& setting) {
  CommunicationCost cost;
  const double around = static_cast<double>(passes) * (setting.ranks - 1) / setting.ranks;
  const double leaving = setting.domains > 1 ? 1.0 / setting.per_domain : 0.0;
  cost.scale_up_out = cost.scale_up_in = bytes * (around * (1 - leaving));
  cost.scale_out_out = cost.scale_out_in = bytes * (around * leaving);
  cost.hbm = bytes * (2 * around);
  cost.alone = setting.base + ring_latency(setting, passes) + wire_time(cost, setting);
  cost.algorithm = Algorithm::ring;
  return cost;
}

/// Double binary tree over domains, chains inside: NCCL's choice while latency matters. It streams
/// at 0.92 of the ring's rate (NCCL src/graph/tuning.cc).
CommunicationCost tree(Bytes bytes, const Setting& setting) {
  constexpr double kTreeShare = 0.92;
  CommunicationCost cost = ring(bytes, 2, setting);
  const double depth = std::floor(std::log2(static_cast<double>(setting.domains)));
  cost.alone = setting.base + 2.0 * (setting.per_domain - 1) * setting.hop +
               2.0 * depth * setting.network_hop + wire_time(cost, setting) / kTreeShare;
  cost.algorithm = Algorithm::tree;
  return cost;
}

CommunicationCost all_reduce(Bytes bytes, const Setting& setting) {
  CommunicationCost best = ring(bytes, 2, setting);
  if (setting.domains > 1) {
    CommunicationCost other = tree(bytes, setting);
    if (other.alone < best.alone) best = other;
  }
  return best;
}

CommunicationCost broadcast(Bytes bytes, const Setting& setting) {
  CommunicationCost cost;
  if (setting.domains > 1) cost.scale_out_out = cost.scale_out_in = bytes / setting.per_domain;
  if (setting.per_domain > 1) cost.scale_up_out = cost.scale_up_in = bytes;
  cost.hbm = bytes;
  cost.alone = setting.base + ring_latency(setting, 1) + wire_time(cost, setting);
  cost.algorithm = Algorithm::ring;
  return cost;
}

CommunicationCost all_to_all(Bytes bytes, const Setting& setting) {
  CommunicationCost cost;
  const double inside = static_cast<double>(setting.per_domain - 1) / setting.ranks;
  const double outside = static_cast<double>(setting.ranks - setting.per_domain) / setting.ranks;
  cost.scale_up_out = cost.scale_up_in = bytes * inside;
  cost.scale_out_out = cost.scale_out_in = bytes * outside;
  cost.hbm = bytes * 2.0;
  cost.alone = setting.base + setting.hop + wire_time(cost, setting);
  if (setting.domains > 1) cost.alone += setting.network_hop;
  cost.algorithm = Algorithm::pairwise;
  return cost;
}

/// One copy of a token to each domain that needs it, over the network to the member of the same
/// local index, then copies to the ranks over the scale-up links; combine is the same in reverse.
CommunicationCost two_hop(const Communication& communication, const Setting& setting) {
  CommunicationCost cost;
  const double other_domains = static_cast<double>(setting.domains - 1) / setting.domains;
  const double other_members = static_cast<double>(setting.per_domain - 1) / setting.per_domain;
  cost.scale_out_out = cost.scale_out_in =
      communication.bytes * (communication.copies_to_domains * other_domains);
  cost.scale_up_out = cost.scale_up_in =
      communication.bytes * (communication.copies_to_ranks * other_members);
  // Send buffer read, relay buffer written and read, receive buffer written.
  cost.hbm = communication.bytes *
             (2 * communication.copies_to_domains + 2 * communication.copies_to_ranks);
  cost.alone = setting.base + setting.hop + wire_time(cost, setting);
  if (setting.domains > 1) cost.alone += setting.network_hop;
  cost.algorithm = setting.domains > 1 ? Algorithm::two_hop : Algorithm::pairwise;
  return cost;
}

CommunicationCost send_recv(Bytes bytes, const Setting& setting) {
  CommunicationCost cost;
  (setting.domains > 1 ? cost.scale_out_out : cost.scale_up_out) = bytes;
  (setting.domains > 1 ? cost.scale_out_in : cost.scale_up_in) = bytes;
  cost.hbm = bytes;
  cost.alone = setting.base + (setting.domains > 1 ? setting.network_hop : setting.hop) +
               wire_time(cost, setting);
  cost.algorithm = Algorithm::pairwise;
  return cost;
}

/// Dissemination: every member has heard of every other after log2(n) rounds.
CommunicationCost barrier(const Setting& setting) {
  CommunicationCost cost;
  const double inside = std::ceil(std::log2(static_cast<double>(setting.per_domain)));
  const double between = std::ceil(std::log2(static_cast<double>(setting.domains)));
  cost.alone = setting.base + inside * setting.hop + between * setting.network_hop;
  cost.algorithm = Algorithm::dissemination;
  return cost;
}

CommunicationCost of_kind(const Communication& communication, const Setting& setting) {
  switch (communication.kind) {
    case CollectiveKind::all_reduce:
      return all_reduce(communication.bytes, setting);
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
      return ring(communication.bytes, 1, setting);
    case CollectiveKind::broadcast:
    case CollectiveKind::reduce:
      return broadcast(communication.bytes, setting);
    case CollectiveKind::all_to_all:
      return all_to_all(communication.bytes, setting);
    case CollectiveKind::dispatch:
    case CollectiveKind::combine:
      return two_hop(communication, setting);
    case CollectiveKind::send_recv:
      return send_recv(communication.bytes, setting);
    case CollectiveKind::barrier:
      return barrier(setting);
  }
  return {};
}

int cores_of(CollectiveKind kind, const CommunicationProfile& profile) {
  switch (kind) {
    case CollectiveKind::dispatch:
    case CollectiveKind::combine:
      return profile.cores_expert;
    case CollectiveKind::send_recv:
      return profile.cores_send_recv;
    case CollectiveKind::barrier:
      return 0;
    default:
      return profile.cores_collective;
  }
}

}  // namespace

std::optional<std::string> why_not(const Communication& /*communication*/,
                                   const topology::Cluster& /*cluster*/) {
  return std::nullopt;
}

CommunicationCost cost_of(const Communication& communication, const topology::Cluster& cluster,
                          const CommunicationProfile& profile) {
  CommunicationCost cost;
  if (communication.group.size <= 1) { return cost; }
  cost = of_kind(communication, setting_of(communication, cluster, profile));
  cost.cores = cores_of(communication.kind, profile);
  cost.basis = profile.basis;
  if (cost.scale_up_out.si() > 0) {
    cost.basis = weakest(cost.basis, cluster.scale_up().bandwidth.basis);
  }
  if (cost.scale_out_out.si() > 0) {
    cost.basis = weakest(cost.basis, cluster.scale_out().bandwidth.basis);
  }
  return cost;
}

}  // namespace aisle::workloads
