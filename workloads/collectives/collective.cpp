// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/collective.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/collectives/nccl_tables.hpp"
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

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

/// An algorithm that was asked for and is not NCCL's ring, tree or in-switch reduction.
std::optional<CommunicationCost> asked_for(const Setting& setting) {
  switch (setting.algorithm) {
    case Algorithm::collnet_direct:
    case Algorithm::collnet_chain:
      return collnet(setting);
    case Algorithm::pat:
      return pat(setting);
    case Algorithm::copy_engine:
      return copy_engines(setting);
    case Algorithm::one_shot:
    case Algorithm::two_shot:
    case Algorithm::hierarchical:
      return forced_kernel(setting);
    default:
      return std::nullopt;
  }
}

CommunicationCost vendor_collective(const Setting& setting) {
  if (const auto cost = asked_for(setting)) return *cost;
  if (setting.domains == 1) {
    switch (setting.domain.shape) {
      case topology::DomainShape::mesh:
        if (setting.model().architecture != Architecture::volta || is_pairs(setting.kind)) {
          return mesh_collective(setting);
        }
        return nccl_collective(cube_mesh(setting));
      case topology::DomainShape::torus:
        return torus_collective(setting);
      case topology::DomainShape::pcie:
        return pcie_collective(setting);
      case topology::DomainShape::switched:
        break;
    }
  }
  if (setting.domain.shape == topology::DomainShape::torus) return torus_across(setting);
  const bool cards = setting.domain.shape == topology::DomainShape::pcie && setting.per_domain > 1;
  const Setting of = cards ? pcie_roots(setting) : setting;
  return is_pairs(of.kind) ? nccl_pairs(of) : nccl_collective(of);
}

CommunicationCost of_kind(const Communication& communication, const Setting& setting) {
  switch (communication.kind) {
    case CollectiveKind::dispatch:
    case CollectiveKind::combine:
      return expert_exchange(setting, communication);
    case CollectiveKind::barrier:
      return barrier(setting);
    default:
      break;
  }
  switch (communication.library) {
    case Library::nccl_device:
    case Library::nccl_graph:
    case Library::mscclpp:
    case Library::torchcomms:
    case Library::inference:
    case Library::tensorrt_llm:
      return other_library(setting);
    default:
      return vendor_collective(setting);
  }
}

int cores_of(const Communication& communication, const CommunicationCost& cost,
             const CommunicationProfile& profile) {
  if (cost.algorithm == Algorithm::copy_engine) return 0;
  switch (communication.kind) {
    case CollectiveKind::dispatch:
    case CollectiveKind::combine:
      return communication.cores > 0 ? communication.cores : profile.cores_expert;
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

CommunicationCost cost_of(const Communication& communication, const topology::Cluster& cluster,
                          const CommunicationProfile& profile) {
  CommunicationCost cost;
  if (communication.group.size <= 1) { return cost; }
  cost = of_kind(communication, setting_of(communication, cluster, profile));
  cost.cores = cores_of(communication, cost, profile);
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
