// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/nccl_tables.hpp"
#include "workloads/collectives/setting.hpp"

#include <fmt/format.h>

namespace aisle::workloads {

namespace {

using Reason = std::optional<std::string>;

Reason only_all_reduce(const Setting& setting) {
  if (setting.kind == CollectiveKind::all_reduce) return std::nullopt;
  return fmt::format("{} runs all-reduce only, not {}; use ring, or leave the algorithm automatic",
                     to_string(setting.algorithm), to_string(setting.kind));
}

Reason in_switch(const Setting& setting) {
  if (Reason reason = only_all_reduce(setting)) return reason;
  if (!setting.domain.in_switch_reduction) {
    return fmt::format(
        "{} needs a scale-up switch that adds and multicasts (NVSwitch of Hopper and later), which "
        "this domain has not; use ring or tree",
        to_string(setting.algorithm));
  }
  if (!setting.summable_in_switch) {
    return fmt::format("the switch does not add int8 and fp8, so {} cannot; use ring",
                       to_string(setting.algorithm));
  }
  if (setting.algorithm == Algorithm::nvls && setting.domains > 1) {
    return "NVLS ends at the domain's switch, and the group spans several; use nvls_tree";
  }
  if (setting.algorithm == Algorithm::nvls_tree && setting.domains == 1) {
    return "NVLSTree joins domains, and the group lies in one; use nvls";
  }
  if (setting.algorithm == Algorithm::nvls && !nvls_runs(setting)) {
    return "NVLS starts at 5 members of a domain; use ring";
  }
  return std::nullopt;
}

Reason in_fabric(const Setting& setting) {
  if (Reason reason = only_all_reduce(setting)) return reason;
  if (setting.domains == 1) return "CollNet joins domains, and the group lies in one; use ring";
  if (!setting.fabric.in_network_reduction) {
    return "CollNet needs a fabric whose switches add (SHARP), which this one has not; use tree";
  }
  if (!setting.summable_in_switch) return "SHARP does not add int8 and fp8; use ring";
  return std::nullopt;
}

Reason parallel_trees(const Setting& setting) {
  if (setting.kind != CollectiveKind::all_gather &&
      setting.kind != CollectiveKind::reduce_scatter) {
    return fmt::format("PAT gathers and scatters, it does not run {}; use ring",
                       to_string(setting.kind));
  }
  if (setting.per_domain > 1) {
    return fmt::format("PAT runs with one rank per domain, and here are {}; use ring",
                       setting.per_domain);
  }
  return std::nullopt;
}

Reason one_domain(const Setting& setting) {
  const bool copies = setting.algorithm == Algorithm::copy_engine;
  if (setting.domains > 1) {
    return fmt::format(
        "{} reads its peers' memory over the scale-up links, and the group spans {} "
        "domains; use {}",
        to_string(setting.algorithm), setting.domains, copies ? "ring" : "hierarchical");
  }
  if (copies && setting.reduces()) return "copy engines do not add; use ring";
  if (!copies && setting.kind != CollectiveKind::all_reduce) return only_all_reduce(setting);
  return std::nullopt;
}

/// Kernels that address every peer alike need links to every peer.
Reason equal_peers(const Setting& setting) {
  const topology::DomainShape shape = setting.domain.shape;
  if (shape == topology::DomainShape::switched || shape == topology::DomainShape::mesh ||
      setting.per_domain == 1) {
    return std::nullopt;
  }
  return fmt::format(
      "{} addresses every peer of the domain alike, and not all are joined here; "
      "use {}",
      to_string(setting.algorithm), shape == topology::DomainShape::torus ? "torus" : "ring");
}

Reason exchange(const Setting& setting) {
  if (setting.kind == CollectiveKind::dispatch || setting.kind == CollectiveKind::combine) {
    return std::nullopt;
  }
  return fmt::format("{} is an exchange of experts (dispatch, combine), not {}; use ring",
                     to_string(setting.algorithm), to_string(setting.kind));
}

Reason of_algorithm(const Setting& setting) {
  switch (setting.algorithm) {
    case Algorithm::tree:
      return only_all_reduce(setting);
    case Algorithm::nvls:
    case Algorithm::nvls_tree:
      return in_switch(setting);
    case Algorithm::collnet_direct:
    case Algorithm::collnet_chain:
      return in_fabric(setting);
    case Algorithm::pat:
      return parallel_trees(setting);
    case Algorithm::one_shot:
    case Algorithm::two_shot:
    case Algorithm::copy_engine:
      if (Reason reason = equal_peers(setting)) return reason;
      return one_domain(setting);
    case Algorithm::hierarchical:
      return equal_peers(setting);
    case Algorithm::two_hop:
    case Algorithm::low_latency:
      return exchange(setting);
    case Algorithm::recursive:
      if (setting.library == Library::torchcomms) return std::nullopt;
      return "NCCL has no recursive doubling; use ring, or the library torchcomms";
    case Algorithm::torus:
      if (setting.domain.shape == topology::DomainShape::torus) return std::nullopt;
      return "the domain is no torus; use ring";
    default:
      return std::nullopt;
  }
}

Reason of_protocol(const Setting& setting) {
  if (setting.protocol != Protocol::ll && setting.protocol != Protocol::ll128) return std::nullopt;
  switch (setting.algorithm) {
    case Algorithm::one_shot:
    case Algorithm::two_shot:
      if (setting.library == Library::nccl_device) return std::nullopt;
      [[fallthrough]];
    case Algorithm::hierarchical:
    case Algorithm::copy_engine:
    case Algorithm::torus:
      return fmt::format("{} has no protocol of NCCL's; leave the protocol automatic",
                         to_string(setting.algorithm));
    case Algorithm::nvls:
    case Algorithm::nvls_tree:
    case Algorithm::collnet_direct:
    case Algorithm::collnet_chain:
    case Algorithm::pat:
      return fmt::format("{} runs with the protocol simple only; use simple",
                         to_string(setting.algorithm));
    default:
      break;
  }
  if (setting.protocol == Protocol::ll128 && setting.domain.shape == topology::DomainShape::pcie) {
    return "LL128 needs stores of 128 bytes that arrive whole (NVLink), which PCIe does not give; "
           "use ll or simple";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> why_not(const Communication& communication,
                                   const topology::Cluster& cluster) {
  const Setting setting = setting_of(communication, cluster, CommunicationProfile());
  if (Reason reason = of_algorithm(setting)) return reason;
  return of_protocol(setting);
}

}  // namespace aisle::workloads
