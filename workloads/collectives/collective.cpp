// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/collective.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/collectives/nccl_tables.hpp"
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

/// One copy of a token to each domain that needs it, over the network to the member of the same
/// local index, then copies to the ranks over the scale-up links; combine is the same in reverse.
CommunicationCost two_hop(const Communication& communication, const Setting& setting) {
  CommunicationCost cost;
  const CommunicationProfile& profile = setting.profile;
  const bool dispatch = setting.kind == CollectiveKind::dispatch;
  const bool beside = communication.beside_computation;
  const double other_domains = static_cast<double>(setting.domains - 1) / setting.domains;
  const double other_members = static_cast<double>(setting.per_domain - 1) / setting.per_domain;
  cost.scale_out_out = cost.scale_out_in =
      communication.bytes * (communication.copies_to_domains * other_domains);
  cost.scale_up_out = cost.scale_up_in =
      communication.bytes * (communication.copies_to_ranks * other_members);
  // Send buffer read, relay buffer written and read, receive buffer written.
  cost.hbm = communication.bytes *
             (2 * communication.copies_to_domains + 2 * communication.copies_to_ranks);
  const double share =
      dispatch ? (beside ? profile.dispatch_efficiency_beside : profile.dispatch_efficiency)
               : (beside ? profile.combine_efficiency_beside : profile.combine_efficiency);
  Seconds latency = setting.base + setting.hop;
  Seconds streaming = cost.scale_up_out / (setting.link * profile.scale_up_efficiency);
  const char* bound = "scale-up link";
  if (setting.domains > 1) {
    latency += setting.network_hop;
    const Seconds across = cost.scale_out_out / (setting.nic * share);
    if (across > streaming) bound = "NIC";
    streaming = std::max(streaming, across);
  }
  set_time(cost, latency + streaming, streaming, bound);
  cost.algorithm = setting.domains > 1 ? Algorithm::two_hop : Algorithm::pairwise;
  return cost;
}

/// Dissemination: every member has heard of every other after log2(n) rounds.
CommunicationCost barrier(const Setting& setting) {
  CommunicationCost cost;
  const double inside = std::ceil(std::log2(static_cast<double>(setting.per_domain)));
  const double between = std::ceil(std::log2(static_cast<double>(setting.domains)));
  set_time(cost, setting.base + inside * setting.hop + between * setting.network_hop, Seconds(),
           "latency");
  cost.algorithm = Algorithm::dissemination;
  return cost;
}

CommunicationCost of_kind(const Communication& communication, const Setting& setting) {
  switch (communication.kind) {
    case CollectiveKind::all_to_all:
    case CollectiveKind::send_recv:
      return nccl_pairs(setting);
    case CollectiveKind::dispatch:
    case CollectiveKind::combine:
      return two_hop(communication, setting);
    case CollectiveKind::barrier:
      return barrier(setting);
    default:
      return nccl_collective(setting);
  }
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

Setting setting_of(const Communication& communication, const topology::Cluster& cluster,
                   const CommunicationProfile& profile) {
  const auto& group = communication.group;
  Setting setting;
  setting.kind = communication.kind;
  setting.bytes = communication.bytes;
  setting.ranks = std::max(1, group.size);
  setting.domains = std::max(1, group.domains);
  setting.per_domain = std::max(1, group.per_domain);
  setting.link = cluster.scale_up().bandwidth.value;
  // A lone member of a domain sends nothing inside; its links bind nothing.
  if (setting.per_domain == 1) setting.link = BytesPerSecond::from_si(1e18);
  setting.nic = cluster.scale_out().bandwidth.value;
  setting.base = profile.base;
  setting.hop = profile.hop;
  setting.network_hop = cluster.scale_out().latency;
  setting.domain = cluster.domain();
  setting.fabric = cluster.fabric();
  setting.library = communication.library;
  setting.algorithm = communication.algorithm;
  setting.protocol = communication.protocol;
  setting.summable_in_switch = communication.summable_in_switch;
  setting.profile = profile;
  return setting;
}

Seconds overlapped(Seconds a, Seconds b, double exponent) {
  const Seconds longer = std::max(a, b);
  if (longer.si() <= 0) return longer;
  return longer *
         std::pow(std::pow(a / longer, exponent) + std::pow(b / longer, exponent), 1 / exponent);
}

Bytes filling(Bytes bytes, Bytes over) {
  return over * (1 - std::exp(-(bytes / over)));
}

void set_time(CommunicationCost& cost, Seconds alone, Seconds streaming, const char* bound_by) {
  cost.alone = alone;
  cost.latency = alone - streaming;
  cost.bound_by = cost.latency > streaming ? "latency" : bound_by;
}

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
